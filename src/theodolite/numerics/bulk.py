"""What of a spectrum is noise: the variance of a random bulk, where it ends, and how many eigenvalues lie beyond."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fmin

from theodolite.numerics.marchenko_pastur import (
    marchenko_pastur_cdf,
    marchenko_pastur_quantile,
)
from theodolite.numerics.tracy_widom import edge_law

__all__ = [
    "SMALLEST_BULK",
    "Bulk",
    "bulk_distance",
    "distance_within",
    "fit_bulk",
    "fit_weightwatcher_bulk",
    "triangular_density",
]

Vector = NDArray[np.float64]

SMALLEST_BULK = 4
"""Fewest eigenvalues that a bulk holds."""

_CLEARLY_CLOSER = 0.5
_MOST_TAKEN = 0.05
_BANDWIDTH, _GRID, _LEAST_DENSITY = 0.1, 1000, 0.01
_IMPOSSIBLE = 1e6 * _GRID  # the residual where the peak lies outside the law, or the law beyond the sample


@dataclass(frozen=True)
class Bulk:
    """A random bulk fitted to eigenvalues.

    Attributes
    ----------
    variance : float
        Variance of the entries of the noise.
    threshold : float
        Eigenvalue beyond which nothing is noise.
    spikes : int
        How many eigenvalues lie beyond it.
    """

    variance: float
    threshold: float
    spikes: int


def fit_bulk(values: Vector, long: int, level: float) -> Bulk | None:
    r"""Fit a random bulk to the eigenvalues of one matrix, by its mean, with the eigenvalues beyond it left out.

    A bulk from which k strong directions stand out is that of a matrix of :math:`(n - k) \times (m - k)`, whose
    variance is the sum of its eigenvalues over :math:`(n - k)(m - k)`; a direction of norm :math:`t \sqrt m \sigma`
    takes :math:`n / t^2` more from that count, since it stands where noise would have been. An eigenvalue is beyond the
    bulk where the largest one of a Gaussian matrix of that size and variance would be with probability `level` at most
    (`edge_law`). Starting from none, eigenvalues are left out until the two statements agree.

    Where many strong directions raise the first mean above all of them, this stops too soon. It is therefore also done
    from the count that the median gives, and that answer is taken if its bulk is at most half as far from the law.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Positive eigenvalues of the smaller Gram matrix, ascending.
    long : int
        The longer side m.
    level : float
        Probability, for a matrix of noise alone, of finding anything beyond.

    Returns
    -------
    Bulk or None
        None where fewer than 4 of the eigenvalues would be left in it.
    """
    sums = np.cumsum(values)
    below = _settled(values, sums, long, level, 0)
    guess = float(np.median(values)) / (long * _median_of_law(values.size / long))
    cut = guess * edge_law(values.size, long).threshold(level)
    above = _settled(values, sums, long, level, int(values.size - np.searchsorted(values, cut, side="right")))
    if above is None or below is None or below == above:
        return below
    closer = distance_within(values, long, above) < _CLEARLY_CLOSER * distance_within(values, long, below)
    return above if closer else below


def _settled(values: Vector, sums: Vector, long: int, level: float, spikes: int) -> Bulk | None:
    """Leave eigenvalues out, or take them back, until variance and count agree."""
    seen: set[int] = set()
    while spikes not in seen:
        left = values.size - spikes
        if left < SMALLEST_BULK:
            return None
        seen.add(spikes)
        variance = _variance(values, float(sums[left - 1]), long, spikes)
        threshold = variance * edge_law(left, long - spikes).threshold(level)
        spikes = int(values.size - np.searchsorted(values, threshold, side="right"))
    # A circle of counts that lead to each other is settled at the one that was reached last.
    return Bulk(variance, threshold, values.size - left)


def _variance(values: Vector, within: float, long: int, spikes: int) -> float:
    """Estimate the variance of a bulk with a sum of eigenvalues, below some spikes."""
    size = (values.size - spikes) * (long - spikes)
    variance = within / size
    ratio = values.size / long
    for _ in range(3 if spikes else 0):
        # What the spikes took, from where they stand. The theory is that of few spikes, and so is what they may take.
        half = (values[values.size - spikes :] / (long * variance) - 1.0 - ratio) / 2.0
        squares = half + np.sqrt(np.maximum(half**2 - ratio, 0.0))
        taken = values.size * float(np.sum(1.0 / np.maximum(squares, np.sqrt(ratio))))
        variance = within / (size - min(taken, _MOST_TAKEN * size))
    return variance


@lru_cache(maxsize=256)
def _median_of_law(ratio: float) -> float:
    return float(marchenko_pastur_quantile(0.5, ratio))


def distance_within(values: Vector, long: int, bulk: Bulk) -> float:
    """Return how far the eigenvalues of a bulk lie from the law of noise of its size and variance.

    Parameters
    ----------
    values : ndarray, shape (n,)
        All eigenvalues, ascending.
    long : int
        The longer side.
    bulk : Bulk
        What was fitted to them.

    Returns
    -------
    float
        Between 0 and 1.
    """
    left, width = values.size - bulk.spikes, long - bulk.spikes
    return bulk_distance(values[:left], left / width, width * bulk.variance)


def bulk_distance(values: Vector, ratio: float, scale: float) -> float:
    """Return the Kolmogorov–Smirnov distance of eigenvalues from the Marchenko–Pastur law.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Eigenvalues of the bulk, ascending.
    ratio : float
        Shorter over longer side.
    scale : float
        Longer side times the variance of the entries.

    Returns
    -------
    float
        Between 0 and 1.
    """
    law = marchenko_pastur_cdf(values / scale, ratio)
    steps = np.arange(values.size + 1) / values.size
    return float(max(np.max(law - steps[:-1]), np.max(steps[1:] - law)))


def triangular_density(values: Vector, grid: Vector, bandwidth: float) -> Vector:
    """Estimate a density with a triangular kernel, exactly, by prefix sums.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The sample, ascending.
    grid : ndarray, shape (points,)
        Where the density is wanted.
    bandwidth : float
        Half the width of the kernel.

    Returns
    -------
    ndarray, shape (points,)
        The density.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low = np.searchsorted(values, grid - bandwidth, side="right")
    middle = np.searchsorted(values, grid, side="right")
    high = np.searchsorted(values, grid + bandwidth, side="left")
    rising = (middle - low) * (1.0 - grid / bandwidth) + (sums[middle] - sums[low]) / bandwidth
    falling = (high - middle) * (1.0 + grid / bandwidth) - (sums[high] - sums[middle]) / bandwidth
    return np.asarray((rising + falling) / (values.size * bandwidth))


def fit_weightwatcher_bulk(values: Vector, short: int, long: int) -> Bulk:
    r"""Fit a bulk as WeightWatcher 0.7.7 does: the law's density to that of the sample, by least squares.

    In units of the mean eigenvalue the density is estimated with a triangular kernel of half-width 0.1 on 1000 points,
    and points below 0.01 are left out. The standard deviation is searched for on a grid, then by Nelder and Mead's
    method. Of a square matrix the roots of the eigenvalues are compared with a quarter circle of fixed radius, so that
    the standard deviation found is that of the height alone. The threshold lies
    :math:`\sqrt{Q^{-1/2} x_+^{2/3} n^{-2/3}}` above the edge :math:`x_+`, with :math:`Q = m / n`.

    Parameters
    ----------
    values : ndarray, shape (count,)
        Eigenvalues, pooled over slices, ascending, not all zero.
    short, long : int
        Sides of one matrix.

    Returns
    -------
    Bulk
        In the units of `values`.
    """
    mean = float(np.mean(values))
    scaled = values / mean
    aspect = long / short
    widest = 1.0 + aspect**-0.5
    sample = np.sqrt(scaled) if short == long else scaled
    grid = np.linspace(0.0, float(sample[-1]) + 0.5, _GRID)
    density = triangular_density(sample, grid, _BANDWIDTH)
    kept = density > _LEAST_DENSITY
    residual = _Residual(grid[kept], density[kept], aspect)
    start = float(np.sqrt(scaled[-1])) / widest
    trials = np.mgrid[0.05 * start : 2.0 * start : 0.01 * start]
    best = trials[int(np.argmin(residual.of_many(trials)))]
    sigma = float(fmin(residual, best, disp=False)[0])
    edge = (sigma * widest) ** 2
    margin = np.sqrt(aspect**-0.5 * edge ** (2.0 / 3.0) * short ** (-2.0 / 3.0))
    spikes = int(np.sum(scaled > edge + margin))
    return Bulk(sigma**2 * mean / long, float(edge + margin) * mean, spikes)


class _Residual:
    """Sum of squared differences between the law's density and the sample's, as a function of sigma."""

    def __init__(self, grid: Vector, density: Vector, aspect: float) -> None:
        self.grid, self.density, self.aspect = grid, density, aspect
        self.peak = float(grid[np.argmax(density)])
        with np.errstate(invalid="ignore"):
            self.circle = np.nan_to_num(np.sqrt(4.0 - grid * grid))

    def __call__(self, trial: float | Vector) -> float:
        sigma = float(np.asarray(trial).item())
        low, high = ((sigma * side) ** 2 for side in (1.0 - self.aspect**-0.5, 1.0 + self.aspect**-0.5))
        if self.aspect == 1.0:
            law = self.circle / (np.pi * sigma**2)
        elif high < self.peak or high > self.grid[-1] or low > self.peak:
            return _IMPOSSIBLE
        else:
            law = self._law(sigma, low, high)
        return float(np.sum((law - self.density) ** 2))

    def of_many(self, trials: Vector) -> Vector:
        """Return it for several values of sigma."""
        sigmas = trials[:, None]
        if self.aspect == 1.0:
            laws = self.circle / (np.pi * sigmas**2)
            return np.asarray(np.sum((laws - self.density) ** 2, axis=1))
        low, high = ((sigmas * side) ** 2 for side in (1.0 - self.aspect**-0.5, 1.0 + self.aspect**-0.5))
        found = np.full(trials.size, _IMPOSSIBLE)
        possible = ((high >= self.peak) & (high <= self.grid[-1]) & (low <= self.peak))[:, 0]
        laws = self._law(sigmas[possible], low[possible], high[possible])
        found[possible] = np.sum((laws - self.density) ** 2, axis=1)
        return found

    def _law(self, sigma: float | Vector, low: float | Vector, high: float | Vector) -> Vector:
        with np.errstate(divide="ignore", invalid="ignore"):
            height = self.aspect / (2.0 * np.pi * sigma**2 * self.grid)
            return np.asarray(np.nan_to_num(height * np.sqrt((high - self.grid) * (self.grid - low))))
