"""The closed forms that the metrics end in: numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Outcome, Refusal
from theodolite.generalization.noise import EPSILON
from theodolite.generalization.settings import Convention

_SLACK = 10.0
"""The constant that the bounds carry instead of a term in the confidence."""


def tenth_percentile(margins: NDArray[np.float64], convention: Convention = "theodolite") -> float:
    """Find the margin that a tenth of the positions don't exceed.

    Parameters
    ----------
    margins : numpy.ndarray of shape (n,)
        All margins.
    convention : {"theodolite", "authors"}
        ``"theodolite"``: between the two nearest, in proportion. ``"authors"``: the ⌊n/10⌋-th smallest.

    Returns
    -------
    float
        The margin, with its sign.

    Examples
    --------
    >>> round(tenth_percentile(np.arange(40.0)), 6), tenth_percentile(np.arange(40.0), "authors")
    (3.9, 3.0)
    """
    if convention == "authors":
        rank = max(1, margins.size // 10) - 1
        return float(np.partition(margins, rank)[rank])
    return float(np.percentile(margins, 10))


def log_over_margin(squares: Sequence[float], margin: float) -> float:
    """Sum the logarithms of squared norms, less that of the squared margin.

    Parameters
    ----------
    squares : sequence of float
        Squared norms of the layers.
    margin : float
        The margin γ, above 0.

    Returns
    -------
    float
        Σ ln s − 2 ln γ.

    Raises
    ------
    Refusal
        If a layer is zero.
    """
    if not min(squares) > 0.0:
        raise Refusal(Outcome.ALL_ZERO, f"{sum(not square > 0.0 for square in squares)} of {len(squares)} layers")
    return math.fsum(math.log(square) for square in squares) - 2.0 * math.log(margin)


def log_sum(log_product: float, layers: int) -> float:
    """Turn the logarithm of a product over layers into that of a sum of as many equal terms.

    Parameters
    ----------
    log_product : float
        The logarithm.
    layers : int
        How many.

    Returns
    -------
    float
        ln d + P/d.
    """
    return math.log(layers) + log_product / layers


def pacbayes(square: float, sigma: float, samples: int) -> float:
    """Bound by a prior of noise sigma around a reference.

    Parameters
    ----------
    square : float
        Squared distance of the weights from the reference.
    sigma : float
        The noise.
    samples : int
        The number m.

    Returns
    -------
    float
        The bound.
    """
    return square / (4.0 * sigma**2) + math.log(samples / sigma) + _SLACK


def pacbayes_by_magnitude(
    square: float, ways: Iterable[NDArray[np.float64]], weights: int, sigma: float, samples: int
) -> float:
    """Bound by noise that goes by the size of each weight.

    Parameters
    ----------
    square : float
        Squared distance of the weights from the reference.
    ways : iterable of numpy.ndarray
        How far each weight has come from where it started, layer by layer.
    weights : int
        How many there are.
    sigma : float
        The noise.
    samples : int
        The number m.

    Returns
    -------
    float
        The bound.
    """
    above = math.log(EPSILON**2 + (sigma**2 + 1.0) * square / weights)
    below = math.fsum(float(np.log(EPSILON**2 + sigma**2 * way**2).sum()) for way in ways)
    return (weights * above - below) / 4.0 + math.log(samples / sigma) + _SLACK


def adjusted(value: float, samples: int, *, logarithmic: bool) -> float:
    """Adjust a metric to the number of samples.

    Parameters
    ----------
    value : float
        The metric.
    samples : int
        The number m.
    logarithmic : bool
        Whether the metric is a logarithm.

    Returns
    -------
    float
        (v − ln m)/2 of a logarithm, else √(v/m).

    Raises
    ------
    Refusal
        If a value that is no logarithm is negative.

    Examples
    --------
    >>> adjusted(200.0, 2, logarithmic=False)
    10.0
    """
    if logarithmic:
        return 0.5 * (value - math.log(samples))
    if value < 0.0:
        raise Refusal(Outcome.NEGATIVE_BOUND, f"{value:.4g}")
    return math.sqrt(value / samples)
