"""Where a tail starts: the candidate whose fitted law is nearest to it in the distance of Kolmogorov and Smirnov.

All candidates are fitted together and their distances bounded from below on a few probe points; the most promising one
is measured in full, and what cannot beat it is dropped, in rounds of more and more probes. What is left is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.powerlaw import Sides
from theodolite.numerics.tail_laws import Family, TailSums, fit_law, normalisation, survival

__all__ = ["TailFit", "fit_tail", "law_distance", "spectral_peak"]

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]

_PROBES = (5, 13, 31)
_SLACK = 1e-12  # a bound and the distance it bounds are rounded apart
_CHUNK = 1 << 15
_LITTLE = 1 << 12
_BATCH = 8
_BINS = 100


@dataclass(frozen=True)
class TailFit:
    """A fitted tail.

    Attributes
    ----------
    family : str
        Which law.
    parameters : tuple of two float
        Of the law in units of `xmin`, as `theodolite.numerics.tail_laws.fit_law` gives them.
    pinned : tuple of two bool
        Which of them stand at the edge of their range.
    xmin : float
        Where the tail starts; an element of the sample.
    distance : float
        Kolmogorov-Smirnov distance between the tail and the law.
    tail_size : int
        How many elements are in the tail.
    """

    family: Family
    parameters: tuple[float, float]
    pinned: tuple[bool, bool]
    xmin: float
    distance: float
    tail_size: int


def spectral_peak(sample: Vector) -> float:
    """Return the left end of the fullest of 100 equal bins of the logarithms.

    Parameters
    ----------
    sample : ndarray of shape (n,)
        Positive numbers.

    Returns
    -------
    float
        The first such bin's end, in the sample's unit.

    Examples
    --------
    >>> float(spectral_peak(np.array([1.0, 9.0, 9.1, 100.0])))
    8.70...
    """
    counts, ends = np.histogram(np.log10(sample), bins=_BINS)
    return float(10.0 ** ends[int(np.argmax(counts))])


def fit_tail(
    sample: Vector,
    family: Family,
    *,
    sides: Sides = "both",
    truncated: bool = False,
    within: tuple[float, float] | None = None,
) -> TailFit | None:
    """Fit a law to the tail that it fits best.

    Parameters
    ----------
    sample : ndarray of shape (n,)
        Positive, ascending.
    family : str
        The law.
    sides : {"both", "left"}
        As for `theodolite.numerics.powerlaw.fit_power_law`.
    truncated : bool
        Whether the distance takes the law to end at the largest element; the likelihood doesn't, as in powerlaw 1.5.
    within : tuple of two float, optional
        Between which elements the start may lie; the whole sample by default. With ``sides="left"`` the largest element
        in between is no candidate, as in powerlaw 1.5.

    Returns
    -------
    TailFit or None
        The candidate with the smallest distance, the lowest start among equals; None where no candidate has a fit.

    Examples
    --------
    >>> u = (np.arange(300) + 0.5) / 300
    >>> fit = fit_tail(1.0 - np.log1p(-u) / 4.0, "exponential")
    >>> round(fit.parameters[1], 1), fit.tail_size
    (4.0, 300)
    """
    if sample.size < 2 or sample[0] == sample[-1]:
        return None
    distinct = np.concatenate([[True], np.diff(sample) > 0.0]) & (sample < sample[-1])
    if within is not None:
        distinct &= (sample >= within[0]) & (sample <= within[1])
    starts = np.flatnonzero(distinct).astype(np.int64)
    if within is not None and sides == "left":
        starts = starts[:-1]
    parameters, pinned = fit_law(family, TailSums.of(sample, starts))
    # A lognormal at infinity is a power law, and one of no law's candidates.
    usable = np.all(np.isfinite(parameters), axis=0)
    starts, parameters, pinned = starts[usable], parameters[:, usable], pinned[:, usable]
    if starts.size == 0:
        return None
    search = _Search(np.log(sample / sample[-1]), starts, parameters, family, sides, truncated)
    at, distance = search.nearest()
    first, second = (float(part) for part in parameters[:, at])
    start = int(starts[at])
    held = (bool(pinned[0, at]), bool(pinned[1, at]))
    return TailFit(family, (first, second), held, float(sample[start]), distance, sample.size - start)


def law_distance(logs: Vector, family: Family, parameters: Vector, sides: Sides = "both") -> float:
    """Return the Kolmogorov-Smirnov distance between a whole sample and a law.

    Parameters
    ----------
    logs : ndarray of shape (m,)
        Logarithms of the elements over the start of the law, ascending from 0.
    family : str
        The law.
    parameters : ndarray of shape (2,)
        Its parameters.
    sides : {"both", "left"}
        As for `fit_tail`.

    Returns
    -------
    float
        The distance.
    """
    search = _Search(logs - logs[-1], np.zeros(1, dtype=np.int64), parameters[:, None], family, sides, False)
    return float(search.distances(np.zeros(1, dtype=np.int64))[0])


class _Search:
    """Fitted candidates of one sample."""

    def __init__(
        self, logs: Vector, starts: Indices, parameters: Vector, family: Family, sides: Sides, truncated: bool
    ) -> None:
        self.logs, self.starts, self.parameters = logs, starts, parameters
        self.family, self.sides, self.truncated = family, sides, truncated
        self.norm = normalisation(family, parameters)
        self.whole = np.ones(starts.size)
        if truncated:
            self.whole = 1.0 - survival(family, parameters, -logs[starts], self.norm)

    def nearest(self) -> tuple[int, float]:
        """Return which candidate has the smallest distance, the first among equals, and that distance."""
        open_ = np.arange(self.starts.size)
        bounds, best, at = np.zeros(open_.size), np.inf, -1
        # Bounds cost more than they save where little is to be measured.
        little = int((self.logs.size - self.starts).sum()) <= _LITTLE
        for probes in () if little else _PROBES:
            bounds = np.maximum(bounds, self._bounds(open_, probes))
            leader = int(open_[np.argmin(bounds)])
            distance = float(self.distances(np.asarray([leader]))[0])
            if (distance, leader) < (best, at):
                best, at = distance, leader
            kept = bounds <= best + _SLACK
            open_, bounds = open_[kept], bounds[kept]
        order = np.argsort(bounds, kind="stable")
        batch = order.size if little else _BATCH
        for begin in range(0, order.size, batch):
            chosen = open_[order[begin : begin + batch]]
            if bounds[order[begin]] > best + _SLACK:
                break
            for candidate, distance in zip(chosen, self.distances(chosen), strict=True):
                if (distance, candidate) < (best, at):
                    best, at = float(distance), int(candidate)
        return at, best

    def distances(self, chosen: Indices) -> Vector:
        """Measure candidates in full."""
        sizes = self.logs.size - self.starts[chosen]
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        which = np.repeat(chosen, sizes)
        ranks = np.arange(sizes.sum()) - np.repeat(begins, sizes)
        gap = self._gap(which, ranks)
        low, high = np.minimum.reduceat(gap, begins), np.maximum.reduceat(gap, begins)
        return np.asarray(np.maximum(high, 1.0 / sizes - low if self.sides == "both" else -low))

    def _bounds(self, chosen: Indices, probes: int) -> Vector:
        """Return a lower bound on the distance of candidates: their gap at a few probe points."""
        found = np.empty(chosen.size)
        share = (np.arange(probes) + 0.5) / probes
        step = max(_CHUNK // probes, 1)
        for begin in range(0, chosen.size, step):
            part = chosen[begin : begin + step]
            sizes = (self.logs.size - self.starts[part])[:, None]
            ranks = (sizes * share).astype(np.int64)
            gap = self._gap(np.repeat(part, probes), ranks.ravel()).reshape(ranks.shape)
            other = 1.0 / sizes - gap if self.sides == "both" else -gap
            found[begin : begin + step] = np.maximum(gap, other).max(axis=1)
        return found

    def _gap(self, which: Indices, ranks: Indices) -> Vector:
        start = self.starts[which]
        above = self.logs[start + ranks] - self.logs[start]
        below = (1.0 - survival(self.family, self.parameters[:, which], above, self.norm[which])) / self.whole[which]
        return np.asarray(below - ranks / (self.logs.size - start))
