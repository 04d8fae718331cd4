"""BLAS threads as a function of a matrix's shape: the last bits of a result don't depend on who else computes."""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["MANY_THREADS_FROM", "available_cores", "blas_threads", "blas_threads_for"]

MANY_THREADS_FROM = 4096
"""Shorter side from which all cores work on one matrix."""


def available_cores() -> int:
    """Count the cores that this process may use.

    Returns
    -------
    int
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def blas_threads_for(shape: tuple[int, ...]) -> int:
    """Say how many BLAS threads a matrix is decomposed with.

    Parameters
    ----------
    shape : tuple of int
        Shape of the matrix, or of a stack of matrices.

    Returns
    -------
    int
        1 where the shorter side is below 4096, else all cores: on one machine, a function of the shape alone.

    Examples
    --------
    >>> blas_threads_for((30522, 384))
    1
    """
    return available_cores() if min(shape[-2:]) >= MANY_THREADS_FROM else 1


class _Turns:
    """Lets Python threads that want the same number of BLAS threads work together, and others wait their turn.

    Most BLAS libraries have one number of threads for the whole process. Two Python threads that each set and restored
    it would undo each other's setting; here the first of a group sets it, the last restores it, and whoever wants
    another number waits for the group to finish. Turns are taken in order of arrival, so that nobody waits for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._holders = 0
        self._count = 0
        self._before: list[int] = []
        self._own = threading.local()

    @contextmanager
    def take(self, count: int) -> Iterator[int]:
        held: int | None = getattr(self._own, "count", None)
        if held is not None:  # waiting for one's own turn to end would be waiting for ever
            yield held
            return
        before = self._enter(count)
        self._own.count = count
        try:
            yield count
        finally:
            del self._own.count
            self._leave(before)

    def _enter(self, count: int) -> list[int]:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(
                    lambda: self._queue[0] is ticket and (self._holders == 0 or self._count == count)
                )
                before = [library.get_num_threads() for library in _libraries()]
                if self._holders == 0:
                    self._before, self._count = before, count
                for library in _libraries():
                    _set(library, count)
                self._holders += 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        return before

    def _leave(self, before: list[int]) -> None:
        with self._changed:
            self._holders -= 1
            for library, own, first in zip(_libraries(), before, self._before, strict=True):
                if getattr(library, "threading_layer", "") == "openmp":  # one number for each Python thread
                    _set(library, own)
                elif self._holders == 0:
                    _set(library, first)
            self._changed.notify_all()


@functools.cache
def _libraries() -> list[Any]:
    import scipy.linalg  # noqa: F401 - its BLAS can be limited only once it is loaded
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set(library: Any, count: int) -> None:
    # threadpoolctl lets one Python thread own the number and ignores the others; here they take turns already.
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(count)
    if release is not None:
        release(force=True)


_TURNS = _Turns()


@contextmanager
def blas_threads(count: int) -> Iterator[int]:
    """Limit BLAS to a number of threads, for all that runs inside.

    Several Python threads may be inside at once. Those that ask for the same number run together; one that asks for
    another number waits until they are done, and later ones queue behind it. Inside a limit, a second one in the same
    thread changes nothing: the outer one holds.

    Parameters
    ----------
    count : int
        Number of BLAS threads, at least 1.

    Yields
    ------
    int
        The number that holds inside.

    Raises
    ------
    ValueError
        If `count` is below 1.

    Examples
    --------
    >>> with blas_threads(1) as outer, blas_threads(2) as inner:
    ...     outer, inner
    (1, 1)
    """
    if count < 1:
        raise ValueError(f"count: got {count}; BLAS needs at least 1 thread")
    with _TURNS.take(count) as held:
        yield held
