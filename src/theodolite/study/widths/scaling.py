"""How a quantity grows with width: a line through logarithms, and the distance between two spectra's shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

_EQUAL = 1e-7
"""Singular values over the largest that are this close count as equal: as squares they are known to 1e-14."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """The exponent g of a quantity that grows as width to the power g.

    Attributes
    ----------
    value : float
        The exponent: the slope of the logarithm on the logarithm of the width.
    low, high : float or None
        The interval; None where two models are all there is.
    se : float or None
        The standard error, likewise.
    """

    value: float
    low: float | None = None
    high: float | None = None
    se: float | None = None


def log_log_slope(widths: Sequence[float], values: Sequence[float], level: float = 0.95) -> Slope:
    """Fit ``log value = c + g log width`` by least squares.

    Parameters
    ----------
    widths : sequence of float
        Positive, at least two of them different.
    values : sequence of float
        Positive.
    level : float
        Level of the interval, which is Student's with two degrees of freedom less than there are points.

    Returns
    -------
    Slope
        The slope; of two points it has no interval.

    Examples
    --------
    >>> round(log_log_slope([64, 128, 256], [3.0, 6.0, 12.0]).value, 6)
    1.0
    """
    x, y = np.log(np.asarray(widths, dtype=np.float64)), np.log(np.asarray(values, dtype=np.float64))
    off = x - x.mean()
    spread = float(off @ off)
    slope = float(off @ y) / spread
    if x.size < 3:
        return Slope(slope)
    residual = y - y.mean() - slope * off
    error = math.sqrt(float(residual @ residual) / (x.size - 2) / spread)
    reach = float(stdtrit(x.size - 2, 0.5 + level / 2)) * error
    return Slope(slope, slope - reach, slope + reach, error)


def shape_distance(one: Vector, other: Vector) -> float:
    """Say how far two spectra are apart in shape, whatever their scales and sizes.

    With every singular value divided by the largest one, it is the Kolmogorov-Smirnov distance between the two sets:
    the largest difference, over all t, of the fractions of singular values with s_i/s_1 <= t. 0: the curves of s_i/s_1
    against i/n lie on each other, up to steps of 1/n. 1: all of one lie above all of the other.

    Parameters
    ----------
    one, other : ndarray
        Singular values, in any order; the largest is positive.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> shape_distance(np.array([4.0, 2.0]), np.array([8.0, 4.0]))
    0.0
    >>> shape_distance(np.array([1.0, 1.0]), np.array([1.0, 0.5]))
    0.5
    """
    first, second = np.sort(one / one.max()), np.sort(other / other.max())
    steps = np.concatenate([first, second]) + _EQUAL
    below = np.searchsorted(first, steps, "right") / first.size - np.searchsorted(second, steps, "right") / second.size
    return float(np.abs(below).max())


def by_width(widths: Sequence[float], values: Sequence[float]) -> dict[float, float]:
    """Take the geometric mean over models of one width.

    Parameters
    ----------
    widths : sequence of float
        One for each value.
    values : sequence of float
        Positive.

    Returns
    -------
    dict of float to float
        Ascending in width.
    """
    logs: dict[float, list[float]] = {}
    for width, value in zip(widths, values, strict=True):
        logs.setdefault(width, []).append(math.log(value))
    return {width: math.exp(math.fsum(logs[width]) / len(logs[width])) for width in sorted(logs)}


def successive_ratios(widths: Sequence[float], values: Sequence[float]) -> tuple[float, ...]:
    """Divide each width's value by that of the next smaller width.

    Parameters
    ----------
    widths : sequence of float
        One for each value.
    values : sequence of float
        Positive.

    Returns
    -------
    tuple of float
        One less than there are different widths.
    """
    means = list(by_width(widths, values).values())
    return tuple(after / before for before, after in pairwise(means))
