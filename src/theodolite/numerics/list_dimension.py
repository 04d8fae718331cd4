r"""Dimension from the whole list of distances to the nearest neighbours of each point.

Where points lie with constant density in d dimensions, given the distance to the k-th neighbour the volumes within the
other k - 1 distances, :math:`(r_j / r_k)^d`, are those many independent uniform numbers in order. Expectations of all
that is done here are therefore known for every k, and what they differ from the dimension by is taken out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import betaln, gammaincinv

from theodolite.numerics.ratio_dimension import DimensionFit, log_ratios

Float = NDArray[np.float64]
Combination = Literal["mackay_ghahramani", "levina_bickel", "median"]

_NODES = 48
_REACH = 8.0  # standard deviations of the noise within which its density is integrated
_ENTRIES_AT_ONCE = 1 << 21


def log_sums(distances: Float) -> Float:
    r"""Sum the logarithms of how much farther the last neighbour is than the others.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        Ascending, none 0.

    Returns
    -------
    ndarray, shape (points,)
        :math:`\sum_{j<k} \ln(r_k / r_j)`.
    """
    return np.asarray(np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1))


def noisy_log_sums(distances: Float, noise: float) -> Float:
    r"""Sum the same logarithms in expectation over the true distances, where the given ones hold noise.

    A distance s stands for all r below :math:`r_k` with the weight :math:`e^{-(s - r)^2 / 2 \sigma^2}`.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        Ascending, none 0.
    noise : float
        Standard deviation of the noise of a distance, above 0.

    Returns
    -------
    ndarray, shape (points,)
        The expected sums.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    sums = np.empty(distances.shape[0])
    step = max(1, _ENTRIES_AT_ONCE // (distances.shape[1] * _NODES))
    for start in range(0, sums.size, step):
        block = distances[start : start + step]
        last, own = block[:, -1:], block[:, :-1]
        low = np.maximum(own - _REACH * noise, 0.0)
        width = np.minimum(own + _REACH * noise, last) - low
        # In the square of the node the logarithm at zero is tamed.
        shares = ((nodes + 1.0) / 2.0) ** 2
        at = low[..., None] + width[..., None] * shares
        mass = np.exp(-(((own[..., None] - at) / noise) ** 2) / 2.0) * (weights * (nodes + 1.0))
        logs = np.log(last[..., None] / np.maximum(at, np.finfo(np.float64).tiny))
        sums[start : start + step] = ((mass * logs).sum(axis=2) / mass.sum(axis=2)).sum(axis=1)
    return sums


def likelihood_fit(sums: Float, k: int, combine: Combination, *, corrected: bool = True) -> DimensionFit:
    """Put together the likelihood estimates of all points.

    Parameters
    ----------
    sums : ndarray, shape (points,)
        From `log_sums`; none 0 for the mean, and not their median for the median.
    k : int
        How many neighbours they are of.
    combine : {"mackay_ghahramani", "levina_bickel", "median"}
        The inverse of the mean of the inverses, the mean, or the median.
    corrected : bool
        Whether to take out by how much the mean and the median of finitely many neighbours exceed the dimension.

    Returns
    -------
    DimensionFit
        With the estimate of each point, infinite where its sum is 0: the unbiased one where corrected.
    """
    others = k - 1
    with np.errstate(divide="ignore"):
        pointwise = (k - 2 if corrected else others) / sums
    if combine == "mackay_ghahramani":
        dimension = others / sums.mean()
        influence = dimension * (1.0 - dimension * sums / others)
    elif combine == "levina_bickel":
        dimension = pointwise.mean()
        influence = pointwise - dimension
    else:
        middle = float(np.median(sums))
        dimension = (float(gammaincinv(others, 0.5)) if corrected else others) / middle
        influence = dimension / middle * (np.sign(middle - sums) / 2.0) / _density_at_median(sums)
    return DimensionFit(float(dimension), np.asarray(influence), pointwise)


def _density_at_median(values: Float) -> float:
    reach = min(0.25, 0.5 * values.size**-0.2)
    low, high = np.quantile(values, [0.5 - reach, 0.5 + reach])
    return float(2.0 * reach / max(high - low, np.finfo(np.float64).tiny))


def moment_fit(distances: Float, *, corrected: bool = True) -> DimensionFit:
    """Compare the mean distance to the neighbours with the distance to the last of them.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        Ascending, none 0.
    corrected : bool
        Whether to leave the last distance out of the mean and to average over points before the dimension is taken, so
        that the number of neighbours adds no bias.

    Returns
    -------
    DimensionFit
        With the estimate of each point.
    """
    if corrected:
        means = (distances[:, :-1] / distances[:, -1:]).mean(axis=1)
        mean = means.mean()
        with np.errstate(divide="ignore"):
            single = means / (1.0 - means)
        return DimensionFit(float(mean / (1.0 - mean)), (means - mean) / (1.0 - mean) ** 2, single)
    means = distances.mean(axis=1)
    single = means / (distances[:, -1] - means)
    return DimensionFit(float(single.mean()), single - single.mean(), single)


def doubling_fit(distances: Float, *, corrected: bool = True) -> DimensionFit:
    """Compare the radii that hold all neighbours and half of them.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        Ascending, none 0, the last above the middle one.
    corrected : bool
        Whether to divide by the exact expectation for this k, instead of taking the logarithm of 2 for the growth.

    Returns
    -------
    DimensionFit
        The mean over points, with the estimate of each.
    """
    k = distances.shape[1]
    growth = 1.0 / inverse_growth(k // 2, k) if corrected else np.log(2.0)
    single = growth / log_ratios(distances, k // 2, k)
    return DimensionFit(float(single.mean()), single - single.mean(), single)


@lru_cache(maxsize=256)
def inverse_growth(first: int, second: int) -> float:
    r"""Compute the expectation of :math:`1 / \ln(v_b / v_a)` of the volumes within the distances to two neighbours.

    The logarithm is a sum of exponential numbers with the rates a, ..., b - 1, whose Laplace transform is a product;
    the integral of that is the expectation.

    Parameters
    ----------
    first, second : int
        a and b; there is no expectation unless they differ by 2 at least.

    Returns
    -------
    float
        The expectation.
    """
    between = second - first

    def transform(s: float) -> float:
        return float(np.exp(betaln(first + s, between) - betaln(first, between)))

    return float(quad(transform, 0.0, np.inf, epsabs=0.0, epsrel=1e-11, limit=400)[0])


def within_share(distances: Float, ratio: float) -> NDArray[np.int64]:
    """Count the neighbours within a share of the distance to the last one.

    Parameters
    ----------
    distances : ndarray, shape (points, k)
        Ascending.
    ratio : float
        The share, between 0 and 1.

    Returns
    -------
    ndarray of int, shape (points,)
        From 0 to k - 1.
    """
    # Of coarse features many distances are equal, and rounding must not choose among them.
    reach = (1.0 + 1e-11) * ratio * distances[:, -1:]
    return np.asarray(np.count_nonzero(distances[:, :-1] <= reach, axis=1), np.int64)


def binomial_fit(counts: NDArray[np.int64], k: int, ratio: float) -> DimensionFit:
    """Find the dimension at which so many neighbours on average lie within a share of the distance to the k-th.

    Parameters
    ----------
    counts : ndarray of int, shape (points,)
        From `within_share`, not all 0.
    k : int
        How many neighbours they were counted among.
    ratio : float
        The share.

    Returns
    -------
    DimensionFit
        The dimension.
    """
    share = counts.mean() / (k - 1)
    dimension = np.log(share) / np.log(ratio)
    influence = (counts / (k - 1) - share) / (share * np.log(ratio))
    return DimensionFit(float(dimension), np.asarray(influence))
