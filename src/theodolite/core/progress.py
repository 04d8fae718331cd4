"""How far a long piece of work is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a survey, or the writing of a checkpoint, is; passed to the callback after every target.

    Attributes
    ----------
    done, total : int
        Targets that are finished, and all of them.
    target : str
        The target that was finished last; empty before the first.
    seconds_left : float or None
        Estimate from the work left, counting m²n + m³ for a matrix with sides m ≤ n; None before anything was
        computed.
    failed : int
        Readings that failed so far.
    computed, reused : int
        Of the finished targets, those that something was computed of, and those that stored readings answered alone.
    """

    done: int
    total: int
    target: str
    seconds_left: float | None
    failed: int
    computed: int = 0
    reused: int = 0


class Clock:
    """Counts finished work and tells a callback about it.

    Parameters
    ----------
    total : int
        How many targets there are.
    cost : float
        Their work together.
    report : callable, optional
        Called with `Progress` from the thread that runs the work.
    """

    def __init__(self, total: int, cost: float, report: Callable[[Progress], None] | None) -> None:
        self._total, self._left, self._report = total, cost, report
        self._done = self._failed = self._reused = 0
        self._computed = 0.0
        self._started = time.perf_counter()
        self._tell("")

    def finished(self, target: str, cost: float, *, computed: bool, failed: int) -> None:
        """Count one target.

        Parameters
        ----------
        target : str
            Its id.
        cost : float
            Its work.
        computed : bool
            False where stored readings answered everything, which says nothing about speed.
        failed : int
            How many of its readings failed.
        """
        self._done += 1
        self._failed += failed
        self._left -= cost
        self._computed += cost if computed else 0.0
        self._reused += not computed
        self._tell(target)

    def _tell(self, target: str) -> None:
        if self._report is None:
            return
        elapsed = time.perf_counter() - self._started
        left = max(self._left, 0.0) * elapsed / self._computed if self._computed else None
        done, reused = self._done, self._reused
        self._report(Progress(done, self._total, target, left, self._failed, done - reused, reused))
