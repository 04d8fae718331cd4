"""BLAS threads: a function of the shape, and a limit that threads can't undo for each other."""

import threading

import pytest
import scipy.linalg  # noqa: F401 - loads the BLAS that is counted below
from threadpoolctl import threadpool_info, threadpool_limits

from theodolite.numerics import threads
from theodolite.numerics.threads import blas_threads, blas_threads_for


def now():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_to_begin_with():
    with threadpool_limits(2, user_api="blas"):
        yield


def test_a_function_of_the_shorter_side(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 7)
    assert blas_threads_for((4095, 100_000)) == blas_threads_for((100_000, 4095)) == 1
    assert blas_threads_for((4096, 4096)) == blas_threads_for((9, 8192, 4096)) == 7


def test_limits_and_restores():
    with blas_threads(1) as held:
        assert (held, now()) == (1, {1})
    assert now() == {2}


def test_restores_after_an_error():
    with pytest.raises(KeyError), blas_threads(1):
        raise KeyError
    assert now() == {2}
    with blas_threads(1):
        assert now() == {1}


def test_the_outer_limit_holds_inside():
    with blas_threads(1), blas_threads(2) as inner:
        assert (inner, now()) == (1, {1})
    assert now() == {2}


def test_zero_is_no_number_of_threads():
    with pytest.raises(ValueError, match="count"), blas_threads(0):
        pass


def test_threads_that_want_the_same_share_it_and_the_last_restores():
    inside, first_left = threading.Barrier(2), threading.Event()
    seen = []

    def early():
        with blas_threads(1):
            inside.wait(10)
        first_left.set()

    def late():
        with blas_threads(1):
            inside.wait(10)
            first_left.wait(10)
            seen.append(now())

    workers = [threading.Thread(target=work) for work in (early, late)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert seen == [{1}]
    assert now() == {2}


def test_threads_that_want_another_number_wait_their_turn():
    failures, overlap = [], threading.Lock()
    active = {1: 0, 2: 0}

    def work(count):
        for _ in range(50):
            with blas_threads(count):
                with overlap:
                    active[count] += 1
                    if active[3 - count] or now() != {count}:
                        failures.append((count, dict(active), now()))
                with overlap:
                    active[count] -= 1

    workers = [threading.Thread(target=work, args=(count,)) for count in (1, 2, 1, 2, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert failures == []
    assert now() == {2}


def test_one_that_waits_is_not_overtaken():
    order, started, release = [], threading.Event(), threading.Event()

    def holder():
        with blas_threads(1):
            started.set()
            release.wait(10)

    def visitor(count):
        with blas_threads(count):
            order.append(count)

    first = threading.Thread(target=holder)
    first.start()
    started.wait(10)
    other = threading.Thread(target=visitor, args=(2,))
    other.start()
    while not threads._TURNS._queue:
        pass
    same = threading.Thread(target=visitor, args=(1,))
    same.start()
    while len(threads._TURNS._queue) < 2:
        pass
    release.set()
    for thread in (first, other, same):
        thread.join(10)
    assert order == [2, 1]
