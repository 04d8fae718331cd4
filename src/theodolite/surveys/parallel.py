"""Running tasks side by side, each with the BLAS threads that its shape asks for."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from theodolite.numerics.threads import blas_threads


class Work(Protocol):
    """What can be run: something with a cost and a number of BLAS threads."""

    @property
    def cost(self) -> float:
        """Estimated work."""

    @property
    def threads(self) -> int:
        """BLAS threads that it runs with."""


T = TypeVar("T", bound=Work)
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], tasks: Iterable[T], jobs: int) -> Generator[R, None, None]:
    """Run a function on every task and give the results as they come, the largest tasks first.

    Tasks that ask for the same number of BLAS threads run together, since a BLAS library has one such number for the
    whole process. At most `jobs` tasks are under way at a time.

    Parameters
    ----------
    function : callable
        Takes a task; handles its own errors.
    tasks : iterable of Work
        What to do.
    jobs : int
        How many at a time, as joblib counts them. Joblib's threads are used, or the backend that
        ``joblib.parallel_config`` has set.

    Yields
    ------
    result
        What the function gave, in no promised order.
    """
    groups: dict[int, list[T]] = {}
    for task in tasks:
        groups.setdefault(task.threads, []).append(task)
    for threads in sorted(groups, reverse=True):
        with blas_threads(threads):
            yield from _together(function, sorted(groups[threads], key=lambda task: -task.cost), jobs, threads)


def _together(function: Callable[[T], R], tasks: list[T], jobs: int, threads: int) -> Generator[R, None, None]:
    if jobs == 1 and "joblib" not in sys.modules:  # only one who has imported it can have chosen a backend
        yield from map(function, tasks)
        return
    import joblib
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    alone = threads > 1 and getattr(backend, "uses_threads", False)  # BLAS itself takes the cores
    pool = joblib.Parallel(
        n_jobs=1 if alone else None if jobs == 1 else jobs,
        prefer="threads",
        return_as="generator_unordered",
        pre_dispatch="n_jobs",
        batch_size=1,
    )
    yield from _drained(pool, function, tasks)


def _drained(pool: Any, function: Callable[[T], R], tasks: list[T]) -> Generator[R, None, None]:
    import joblib

    stopped = False

    def feed() -> Iterator[Any]:
        for task in tasks:
            if stopped:
                return
            yield joblib.delayed(function)(task)

    results = pool(feed())
    try:
        for result in results:  # noqa: UP028 - delegating would close it before the warning is silenced
            yield result
    finally:
        stopped = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()
