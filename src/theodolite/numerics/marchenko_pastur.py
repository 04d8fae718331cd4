r"""The Marchenko–Pastur law of the eigenvalues of a random matrix.

Of an n × m matrix (n ≤ m) with independent entries of variance σ² the n eigenvalues of the smaller Gram matrix, divided
by m σ², follow in the limit of large matrices a law that depends on the ratio c = n / m alone [1]_: with
:math:`x_\pm = (1 \pm \sqrt c)^2` the density is :math:`\sqrt{(x_+ - x)(x - x_-)} / 2 \pi c x`.

References
----------
.. [1] V. A. Marchenko and L. A. Pastur, "Distribution of eigenvalues for some sets of random matrices", Mathematics of
   the USSR-Sbornik 1 (1967) 457-483.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "marchenko_pastur_cdf",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "marchenko_pastur_quantile",
    "spike_position",
]

Vector = NDArray[np.float64]

_BISECTIONS = 60


def marchenko_pastur_edges(ratio: float) -> tuple[float, float]:
    """Return the ends of the support.

    Parameters
    ----------
    ratio : float
        Shorter over longer side, in (0, 1].

    Returns
    -------
    tuple of two float
        Lower and upper edge, in units of the longer side times the variance of the entries.

    Raises
    ------
    ValueError
        If the ratio is not in (0, 1].

    Examples
    --------
    >>> marchenko_pastur_edges(0.25)
    (0.25, 2.25)
    """
    if not 0.0 < ratio <= 1.0:
        raise ValueError(f"ratio: expected the shorter over the longer side, in (0, 1], got {ratio}")
    root = float(np.sqrt(ratio))
    return (1.0 - root) ** 2, (1.0 + root) ** 2


def marchenko_pastur_density(value: ArrayLike, ratio: float) -> Vector:
    """Return the density of the law.

    Parameters
    ----------
    value : array-like
        Eigenvalues over the longer side times the variance of the entries.
    ratio : float
        Shorter over longer side, in (0, 1].

    Returns
    -------
    ndarray
        0 outside the support (and at 0, where a square matrix's density is infinite).

    Examples
    --------
    >>> float(marchenko_pastur_density(1.0, 1.0).round(4))  # sqrt(3) / 2 pi
    0.2757
    """
    low, high = marchenko_pastur_edges(ratio)
    x = np.asarray(value, dtype=np.float64)
    inside = (x > low) & (x < high)
    at = np.where(inside, x, 1.0)
    height = np.sqrt(np.maximum((high - at) * (at - low), 0.0)) / (2.0 * np.pi * ratio * at)
    return np.asarray(np.where(inside, height, 0.0))


def marchenko_pastur_cdf(value: ArrayLike, ratio: float) -> Vector:
    """Return the distribution function of the law, in closed form.

    Parameters
    ----------
    value : array-like
        Eigenvalues over the longer side times the variance of the entries.
    ratio : float
        Shorter over longer side, in (0, 1].

    Returns
    -------
    ndarray
        Share of the eigenvalues at or below each value.

    Examples
    --------
    >>> marchenko_pastur_cdf([0.0, 2.25], 0.25)
    array([0., 1.])
    """
    low, high = marchenko_pastur_edges(ratio)
    x = np.clip(np.asarray(value, dtype=np.float64), low, high)
    # Half-angles by arctangent: an arcsine near an edge would lose half of the digits.
    above, under = np.sqrt(x - low), np.sqrt(high - x)
    first = 2.0 * np.arctan2(above, under)
    second = 2.0 * np.arctan2(np.sqrt(high) * above, np.sqrt(low) * under)
    area = above * under + 0.5 * (low + high) * first - np.sqrt(low * high) * second
    share = np.clip(area / (2.0 * np.pi * ratio), 0.0, 1.0)
    return np.asarray(np.where(x >= high, 1.0, np.where(x <= low, 0.0, share)))


def marchenko_pastur_quantile(share: ArrayLike, ratio: float) -> Vector:
    """Return the eigenvalues below which given shares of the law lie.

    Parameters
    ----------
    share : array-like
        Probabilities in [0, 1].
    ratio : float
        Shorter over longer side, in (0, 1].

    Returns
    -------
    ndarray
        The inverse of `marchenko_pastur_cdf`, by bisection.

    Raises
    ------
    ValueError
        If a share is not in [0, 1].

    Examples
    --------
    >>> float(marchenko_pastur_quantile(0.5, 1.0).round(4))
    0.6528
    """
    wanted = np.asarray(share, dtype=np.float64)
    if not np.all((wanted >= 0.0) & (wanted <= 1.0)):
        raise ValueError(f"share: expected probabilities in [0, 1], got {share!r}")
    ends = marchenko_pastur_edges(ratio)
    low, high = np.full(wanted.shape, ends[0]), np.full(wanted.shape, ends[1])
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = marchenko_pastur_cdf(middle, ratio) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    inside = np.where(wanted > 0.0, 0.5 * (low + high), ends[0])
    return np.asarray(np.where(wanted < 1.0, inside, ends[1]))


def spike_position(size: float, ratio: float) -> float:
    r"""Return where one planted direction puts an eigenvalue, in the limit of large matrices.

    A rank-one matrix of norm :math:`t \sqrt m \sigma` added to noise moves the largest eigenvalue to
    :math:`m \sigma^2 (1 + t^2)(c + t^2) / t^2`, but only if :math:`t^4 > c`; below that it is lost in the noise [1]_.

    Parameters
    ----------
    size : float
        The planted singular value t over the square root of the longer side and the entries' standard deviation.
    ratio : float
        Shorter over longer side, in (0, 1].

    Returns
    -------
    float
        Over the longer side times the variance of the entries; the upper edge where the direction is lost.

    References
    ----------
    .. [1] F. Benaych-Georges and R. R. Nadakuditi, "The singular values and vectors of low rank perturbations of large
       rectangular random matrices", Journal of Multivariate Analysis 111 (2012) 120-135.

    Examples
    --------
    >>> spike_position(2.0, 1.0)
    6.25
    """
    if size**4 <= ratio:
        return marchenko_pastur_edges(ratio)[1]
    return (1.0 + size**2) * (ratio + size**2) / size**2
