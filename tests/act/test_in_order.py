"""Results in the order of the tasks, and never more of them waiting than workers."""

import threading
import time

import pytest

from theodolite.act.in_order import in_order, workers
from theodolite.core import ParameterError


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_the_order_is_that_of_the_tasks(jobs):
    def slow_first(task):
        time.sleep(0.002 * (5 - task % 5))
        return task**2

    assert list(in_order(slow_first, range(20), jobs)) == [task**2 for task in range(20)]
    assert list(in_order(slow_first, [], jobs)) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_are_begun_than_can_wait(jobs):
    begun, taken, most = 0, 0, 0
    lock = threading.Lock()

    def work(task):
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun - taken)

    for _ in in_order(work, range(30), jobs):
        with lock:
            taken += 1
    assert most <= jobs + 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_comes_out_and_stops_the_rest(jobs):
    done = []

    def work(task):
        if task == 4:
            raise RuntimeError("task 4")
        done.append(task)

    with pytest.raises(RuntimeError, match="task 4"):
        list(in_order(work, range(1000), jobs))
    assert len(done) < 20


def test_jobs_are_counted():
    assert workers(3) == 3
    assert workers(-1) >= 1
    for wrong in (0, -2, 1.5, True):
        with pytest.raises(ParameterError, match="jobs is"):
            workers(wrong)
