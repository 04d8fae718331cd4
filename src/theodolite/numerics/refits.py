"""Fitting a power law to many samples of one size at once: resamples, synthetic samples, draws of a null.

The search is the exact one of `theodolite.numerics.powerlaw`, made for all samples together. Each candidate's distance
is bounded from below on a few probe points; in every sample the most promising candidate is measured in full, and what
cannot beat it is dropped. A few rounds with more probes each leave some candidates a sample, which are all measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.powerlaw import PowerLawFit, Sides

__all__ = ["fit_power_laws"]

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]

_ROUNDS = (4, 16, 64)
"""Probes a candidate in each round."""

_SLACK = 1e-12  # a bound and the distance it bounds are rounded apart
_CHUNK = 1 << 14  # numbers at a time, so that they stay in the fastest of the processor's caches


def fit_power_laws(
    samples: Vector, ignored: Indices | None = None, *, sides: Sides = "both"
) -> list[PowerLawFit | None]:
    """Fit a power law to the tail of each sample, as `fit_power_law` does for one.

    Parameters
    ----------
    samples : array of shape (samples, n)
        Finite numbers, ascending in each row, positive where they are not ignored.
    ignored : array of shape (samples,), optional
        How many of the smallest numbers of each sample are no part of it; none by default.
    sides : {"both", "left"}
        As for `fit_power_law`.

    Returns
    -------
    list of PowerLawFit or None
        One for each sample; None where no candidate has an exponent above 1.

    Raises
    ------
    ValueError
        If a row is not ascending, or holds a number that is not positive and not ignored.

    Examples
    --------
    >>> u = (np.arange(400) + 0.5) / 400
    >>> fits = fit_power_laws(np.stack([(1 - u) ** -0.5, (1 - u) ** -1.0]))
    >>> [round(fit.alpha, 1) for fit in fits]
    [3.0, 2.0]
    """
    ordered = np.asarray(samples, dtype=np.float64)
    count, n = ordered.shape
    first = np.zeros(count, dtype=np.int64) if ignored is None else np.asarray(ignored, dtype=np.int64)
    counted = np.arange(n) >= first[:, None]
    if np.any(np.diff(ordered, axis=1) < 0) or not np.all(np.isfinite(ordered)) or np.any(ordered[counted] <= 0):
        raise ValueError("samples: each row must be ascending, finite, and positive from the first number that counts")
    search = _Search(ordered, counted, sides)
    rows, starts, distances = search.winners()
    fits: list[PowerLawFit | None] = [None] * count
    for row, start, distance in zip(rows, starts, distances, strict=True):
        xmin, rate = float(ordered[row, start]), float(search.rates[row, start])
        tail_size = n - max(int(np.searchsorted(ordered[row], xmin, side="left")), int(first[row]))
        fits[row] = PowerLawFit(1.0 + rate, xmin, float(distance), rate / (n - int(start)) ** 0.5, tail_size)
    return fits


class _Search:
    """Every start of every sample, and which of them can still be the best of its sample."""

    def __init__(self, ordered: Vector, counted: NDArray[np.bool_], sides: Sides) -> None:
        count, n = ordered.shape
        self.sides = sides
        largest = np.where(counted[:, -1:], ordered[:, -1:], 1.0)
        logs = np.log(np.where(counted, ordered, largest) / largest)
        # What is ignored may lie in a chunk beside a longer tail; as high as the tail's start it leaves no gap there.
        self.logs = np.where(counted, logs, np.where(counted, logs, 0.0).min(axis=1, keepdims=True))
        sizes = np.arange(n, 0, -1)
        totals = np.cumsum(self.logs[:, ::-1], axis=1)[:, ::-1] - sizes * self.logs
        with np.errstate(divide="ignore"):
            self.rates = sizes / np.maximum(totals, 0.0)
        candidate = counted & np.isfinite(self.rates) & (self.rates > 0)
        candidate[:, -1] = False
        if sides == "both":
            before = np.zeros_like(candidate)
            before[:, 1:] = counted[:, :-1] & (np.diff(self.logs, axis=1) <= 0)
            candidate &= ~before & (self.logs < 0)
        self.rows, self.starts = (found.astype(np.int64) for found in np.nonzero(candidate))
        self.best = np.full(count, np.inf)
        self.at = np.full(count, n, dtype=np.int64)
        self.n = n

    def winners(self) -> tuple[Indices, Indices, Vector]:
        """Return the samples that have a fit, where their tails start, and the distances there."""
        bounds = np.zeros(self.rows.size)
        for probes in _ROUNDS:
            bounds = np.maximum(bounds, self._bounds(probes))
            leading = _least(bounds, self.rows)
            self._measure(self.rows[leading], self.starts[leading])
            open_ = bounds <= self.best[self.rows] + _SLACK
            self.rows, self.starts, bounds = self.rows[open_], self.starts[open_], bounds[open_]
        self._measure(self.rows, self.starts)
        found = np.flatnonzero(np.isfinite(self.best))
        return found, self.at[found], self.best[found]

    def _bounds(self, probes: int) -> Vector:
        """Return a lower bound on each open candidate's distance: its gap at a few probe points."""
        shares = ((np.arange(probes) + 0.5) / probes)[:, None]
        bounds = np.empty(self.rows.size)
        logs, rates = self.logs.ravel(), self.rates.ravel()
        step = max(_CHUNK // probes, 1)
        for begin in range(0, self.rows.size, step):
            part = slice(begin, begin + step)
            starts = self.starts[part]
            place = self.rows[part] * self.n + starts
            sizes = self.n - starts
            ranks = (shares * sizes).astype(np.int64)  # a row for each probe: rows are long, and so is what is fast
            gap = logs.take(place + ranks)
            gap -= logs.take(place)
            gap *= -rates.take(place)
            np.expm1(gap, out=gap)
            gap += ranks / sizes  # the sample's step function above the law; its other side is a step further down
            lowest, highest = gap.min(axis=0), gap.max(axis=0)
            bounds[part] = np.maximum(-lowest, highest + 1.0 / sizes if self.sides == "both" else highest)
        return bounds

    def _measure(self, rows: Indices, starts: Indices) -> None:
        """Measure candidates in full and keep the best of each sample, the lowest start among equals."""
        order = np.argsort(starts, kind="stable")
        distances = np.empty(rows.size)
        begin = 0
        while begin < rows.size:
            lowest = int(starts[order[begin]])  # the longest tail of the chunk; others are filled up with zero gaps
            chunk = order[begin : begin + max(_CHUNK // (self.n - lowest), 1)]
            distances[chunk] = self._distances(rows[chunk], starts[chunk], lowest)
            begin += chunk.size
        for place in _least(distances, rows):
            row, start, distance = rows[place], starts[place], distances[place]
            if (distance, start) < (self.best[row], self.at[row]):
                self.best[row], self.at[row] = distance, start

    def _distances(self, rows: Indices, starts: Indices, lowest: int) -> Vector:
        sizes = (self.n - starts)[:, None]
        ranks = np.maximum(np.arange(lowest, self.n) - starts[:, None], 0)
        above = np.maximum(self.logs[rows, lowest:] - self.logs[rows, starts][:, None], 0.0)
        gap = -np.expm1(-self.rates[rows, starts][:, None] * above) - ranks / sizes
        low, high = gap.min(axis=1), gap.max(axis=1)
        return np.asarray(np.maximum(high, 1.0 / sizes[:, 0] - low if self.sides == "both" else -low))


def _least(values: Vector, rows: Indices) -> Indices:
    """Return the place of the least value of each row, the first among equals; `rows` ascend."""
    if rows.size == 0:
        return np.zeros(0, dtype=np.int64)
    begins = np.flatnonzero(np.concatenate([[True], np.diff(rows) > 0]))
    least = np.minimum.reduceat(values, begins)
    lengths = np.diff(np.append(begins, rows.size))
    equal = np.flatnonzero(values == np.repeat(least, lengths))
    return np.asarray(equal[np.concatenate([[True], np.diff(rows[equal]) > 0])])
