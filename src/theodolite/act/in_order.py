"""Work on several things at once, with the answers in order and no more of them in memory than workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from theodolite.core import ParameterError
from theodolite.numerics.threads import available_cores

T = TypeVar("T")
R = TypeVar("R")


def workers(jobs: int) -> int:
    """Say how many workers a number of jobs means.

    Parameters
    ----------
    jobs : int
        At least 1, or -1 for one per core.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if jobs == -1:
        return available_cores()
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ParameterError(f"jobs is {jobs!r}; it must be at least 1, or -1 for one per core")
    return jobs


def in_order(function: Callable[[T], R], tasks: Iterable[T], jobs: int) -> Generator[R, None, None]:
    """Run a function on every task and give the results in the order of the tasks.

    Parameters
    ----------
    function : callable
        Takes a task.
    tasks : iterable
        What to do.
    jobs : int
        How many at a time, which is also how many results wait to be taken.

    Yields
    ------
    result
        What the function gave.
    """
    if jobs == 1:
        yield from map(function, tasks)
        return
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="theodolite")
    waiting: deque[Future[R]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) >= jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
