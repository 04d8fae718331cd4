r"""Dimension from the ratios of the distances to two neighbours of each point.

Where points lie with constant density in d dimensions, :math:`(r_a / r_b)^d` of the distances to the a-th and b-th
neighbours follows the beta law of a and b - a whatever the density: everything here is a fit of that one law.

Every estimate comes with the influence of each point on it: numbers whose mean is about its error, from which its
standard error is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Float = NDArray[np.float64]
TwoNNFit = Literal["linear", "ml", "censored"]


@dataclass(frozen=True)
class DimensionFit:
    """A dimension, and how much each point has to say in it.

    Attributes
    ----------
    dimension : float
        The estimate.
    influence : ndarray, shape (points,)
        What each point has to say in the error: the estimate less its limit is about their mean.
    pointwise : ndarray, shape (points,)
        What each point says by itself, where that is defined; else empty.
    """

    dimension: float
    influence: Float
    pointwise: Float = field(default_factory=lambda: np.empty(0))

    @property
    def independent_error(self) -> float:
        """Standard error if the points were independent."""
        return float(np.sqrt(self.influence @ self.influence)) / self.influence.size


def log_ratios(distances: Float, first: int, second: int) -> Float:
    """Take the logarithm of the ratio of the distances to two neighbours.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        To the nearest neighbours, ascending, none 0.
    first, second : int
        Which two, counted from 1.

    Returns
    -------
    ndarray, shape (points,)
        None is negative.
    """
    return np.asarray(np.log(distances[:, second - 1] / distances[:, first - 1]))


def ratios_differ(logs: Float, fit: TwoNNFit, discard: float) -> bool:
    """Say whether a ratio above 1 is among those that a fit reads.

    Parameters
    ----------
    logs : ndarray, shape (points,)
        Logarithms of the ratios.
    fit : {"linear", "ml", "censored"}
        As for `two_nn_fit`.
    discard : float
        As for `two_nn_fit`.

    Returns
    -------
    bool
        Where not, no finite dimension fits.
    """
    # The line needs one point less, since the tail beyond the last is empty.
    most = logs.size - 1 if fit == "linear" else logs.size
    last = (most if fit == "ml" else min(_kept(logs.size, discard), most)) - 1
    return bool(np.partition(logs, last)[last] > 0)


def _kept(count: int, discard: float) -> int:
    return max(2, int(count * (1.0 - discard)))


def two_nn_fit(logs: Float, fit: TwoNNFit, discard: float) -> DimensionFit:
    """Fit the law of the ratio of the second distance to the first.

    Parameters
    ----------
    logs : ndarray, shape (points,)
        Logarithms of the ratios, as `ratios_differ` wants them.
    fit : {"linear", "ml", "censored"}
        A line through the origin and the logarithms of the empirical tail; the likelihood of all; the likelihood where
        of the largest ratios only is known that they are the largest.
    discard : float
        Share of the largest ratios that the line leaves out, or that are censored.

    Returns
    -------
    DimensionFit
        The dimension.
    """
    count = logs.size
    if fit == "ml":
        dimension = (count - 1) / logs.sum()
        return DimensionFit(float(dimension), dimension * (1.0 - dimension * logs))
    kept = _kept(count, discard)
    order = np.argsort(logs, kind="stable")
    ascending = logs[order]
    if fit == "censored":
        last = ascending[kept - 1]
        dimension = (kept - 1) / (ascending[:kept].sum() + (count - kept) * last)
        seen = np.zeros(count)
        seen[order[:kept]] = 1.0
        influence = dimension * (seen - dimension * np.minimum(logs, last)) * (count / kept)
        return DimensionFit(float(dimension), influence)
    return _line(ascending, order, min(kept, count - 1))


def _line(ascending: Float, order: NDArray[np.intp], kept: int) -> DimensionFit:
    count = ascending.size
    x, shares = ascending[:kept], np.arange(1, kept + 1) / count
    y = -np.log1p(-shares)
    square = x @ x
    dimension = x @ y / square
    # Slope and squares are integrals of the quantiles; a point lifts the quantiles above it and lowers those below.
    steps = (y[:-1] - dimension * (x[1:] + x[:-1])) * np.diff(x)
    above = np.zeros(count)
    above[order[: kept - 1]] = np.cumsum(steps[::-1])[::-1]
    return DimensionFit(float(dimension), (steps @ shares[:-1] - above) / (square / count))


def ratio_score(scaled: Float, first: int, second: int) -> Float:
    """Compute by how much the logarithm of each ratio's likelihood grows with that of the dimension.

    Parameters
    ----------
    scaled : ndarray
        Logarithms of ratios times the dimension; none negative.
    first, second : int
        Which neighbours the ratio is of.

    Returns
    -------
    ndarray
        Of mean 0 at the true dimension.
    """
    between = second - first - 1
    return np.asarray(1.0 + between * _over_rise(scaled) - (second - 1) * scaled)


def _over_rise(scaled: Float) -> Float:
    """Compute x / (1 - exp(-x)), which is 1 at 0."""
    safe = np.where(scaled > 0, scaled, 1.0)
    return np.where(scaled > 0, safe / -np.expm1(-safe), 1.0)


def _curvature(scaled: Float) -> Float:
    """Compute (x / (2 sinh(x / 2)))², which is 1 at 0."""
    half = np.minimum(np.where(scaled > 0, scaled / 2, 1.0), 300.0)
    return np.where(scaled > 0, (half / np.sinh(half)) ** 2, 1.0)


def ratio_fit(logs: Float, first: int, second: int, *, unbiased: bool = True) -> DimensionFit:
    """Find the dimension at which the ratios of two distances are likeliest.

    The likelihood has one maximum, since its logarithm is concave; the root of its slope is bracketed by doubling.

    Parameters
    ----------
    logs : ndarray, shape (points,)
        Logarithms of the ratios; not all 0.
    first, second : int
        Which neighbours the ratios are of.
    unbiased : bool
        Take one point less for the dimension's own sake, which makes the estimate from neighbours that follow each
        other unbiased.

    Returns
    -------
    DimensionFit
        The dimension, with influences by the observed information.
    """
    count, between = logs.size, second - first - 1
    own = count - 1 if unbiased else count

    def slope(dimension: float) -> float:
        scaled = dimension * logs
        return float(own + between * _over_rise(scaled).sum() - (second - 1) * scaled.sum())

    if between == 0:
        dimension = own / (first * logs.sum())
    else:
        high = low = 1.0 / logs.mean()
        while slope(high) > 0:
            high *= 2.0
        while slope(low) < 0:
            low /= 2.0
        dimension = low if high == low else brentq(slope, low, high, xtol=1e-14 * low, rtol=1e-14)
    scaled = dimension * logs
    information = count + between * _curvature(scaled).sum()
    return DimensionFit(float(dimension), dimension * ratio_score(scaled, first, second) * (count / information))


def ratio_likelihood(logs: Float, first: int, second: int, dimension: float) -> float:
    """Compute the logarithm of the likelihood of the ratios, but for what doesn't depend on the dimension.

    Parameters
    ----------
    logs : ndarray, shape (points,)
        Logarithms of the ratios, none 0.
    first, second : int
        Which neighbours they are of.
    dimension : float
        At which.

    Returns
    -------
    float
        The sum over points.
    """
    scaled = dimension * logs
    between = second - first - 1
    # With t the ratio of volumes, t**first * (1 - t)**between, and the dimension for the logarithm of the ratio.
    inner = between * np.log(-np.expm1(-scaled)).sum() if between else 0.0
    return float(logs.size * np.log(dimension) + inner - first * scaled.sum())
