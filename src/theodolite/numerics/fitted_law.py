r"""How far data are from a law whose parameter was fitted to them, and how often they would be so by chance.

A law fits the data that its parameter was chosen by better than others, so that Kolmogorov's law of the distance says
too little. The limit of the process is known: a Brownian bridge less what the fit takes out of it. It is drawn some
thousand times with one seed, for each law once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainc, betaincinv, gammainc, gammaincinv

from theodolite.numerics.ratio_dimension import ratio_score

Float = NDArray[np.float64]
Law = tuple[Literal["ratio"], int, int] | tuple[Literal["sum"], int]
"""The ratio of the distances to two neighbours, or the sum of logarithms over the neighbours before the k-th."""

FittedBy = Literal["likelihood", "mean", "median", "moments"]
"""How the dimension was found: by likelihood, by the mean or the median of the points' own, by the first moment."""

_CELLS = 400
_DRAWS = 4000
_STEP_EXCESS = 0.5826  # standard deviations of a step by which a path exceeds its values at the steps


def law_positions(law: Law, scaled: Float) -> Float:
    """Say where in the law each number stands.

    Parameters
    ----------
    law : tuple
        ``("ratio", a, b)`` or ``("sum", k)``.
    scaled : ndarray
        Logarithms, or sums of them, times the dimension.

    Returns
    -------
    ndarray
        Between 0 and 1; evenly spread where the law holds.
    """
    if law[0] == "ratio":
        return np.asarray(betainc(law[2] - law[1], law[1], -np.expm1(-scaled)))
    return np.asarray(gammainc(law[1] - 1, scaled))


def _quantiles(law: Law, positions: Float) -> Float:
    if law[0] == "ratio":
        return np.asarray(-np.log1p(-betaincinv(law[2] - law[1], law[1], positions)))
    return np.asarray(gammaincinv(law[1] - 1, positions))


def even_distance(positions: Float) -> float:
    """Compute the largest distance between the empirical law of numbers and the uniform one.

    Parameters
    ----------
    positions : ndarray
        Between 0 and 1.

    Returns
    -------
    float
        The Kolmogorov-Smirnov distance.
    """
    ascending = np.sort(positions, axis=None)
    places = np.arange(ascending.size + 1) / ascending.size
    return float(max((places[1:] - ascending).max(), (ascending - places[:-1]).max()))


def chance_of_distance(
    distance: float, count: float, law: Law, fitted_by: FittedBy = "likelihood", dimension: float = 0.0
) -> float:
    """Say how often so large a distance comes by chance where the law holds.

    Parameters
    ----------
    distance : float
        From `even_distance`.
    count : float
        How many independent numbers the data are worth.
    law : tuple
        The law.
    fitted_by : str
        How the dimension was found.
    dimension : float
        The dimension, where it was found by moments.

    Returns
    -------
    float
        The p-value, above 0.
    """
    # Two digits of the dimension settle the law, so that it is drawn once for all that are near.
    settled = float(f"{dimension:.2g}") if fitted_by == "moments" else 0.0
    drawn = _suprema(law, fitted_by, settled)
    return float((1 + np.count_nonzero(drawn >= distance * np.sqrt(count))) / (1 + drawn.size))


@lru_cache(maxsize=64)
def _suprema(law: Law, fitted_by: FittedBy, dimension: float) -> Float:
    x = _quantiles(law, (np.arange(_CELLS) + 0.5) / _CELLS)
    score = (law[1] - 1) - x if law[0] == "sum" else ratio_score(x, law[1], law[2])
    score -= score.mean()
    if fitted_by == "likelihood":
        influence = score / (score @ score / _CELLS)
    elif fitted_by == "mean":
        influence = 1.0 / x
        influence = influence / influence.mean() - 1.0
    elif fitted_by == "median":
        below = (np.arange(_CELLS) < _CELLS // 2) - 0.5
        influence = below / abs(score @ below / _CELLS)
    else:
        volumes = np.exp(-x / dimension)
        influence = (volumes - volumes.mean()) * (1.0 + dimension) ** 2 / dimension
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((_DRAWS, _CELLS)) / np.sqrt(_CELLS)
    steps -= steps.mean(axis=1, keepdims=True)
    steps -= (steps @ influence)[:, None] * (score / _CELLS)
    return np.asarray(np.abs(np.cumsum(steps, axis=1)).max(axis=1) + _STEP_EXCESS / np.sqrt(_CELLS))


def binomial_distance(counts: NDArray[np.int64], trials: int) -> float:
    """Compute the largest distance between the law of counts and the binomial one of their mean.

    Parameters
    ----------
    counts : ndarray of int
        From 0 to `trials`.
    trials : int
        The largest possible count.

    Returns
    -------
    float
        The distance between the cumulative laws.
    """
    share = counts.mean() / trials
    empirical = np.cumsum(np.bincount(counts, minlength=trials + 1)) / counts.size
    return float(np.abs(empirical - bdtr(np.arange(trials + 1), trials, share)).max())


def chance_of_binomial_distance(distance: float, count: float, trials: int, share: float) -> float:
    """Say how often so large a distance comes by chance where counts are binomial.

    Parameters
    ----------
    distance : float
        From `binomial_distance`.
    count : float
        How many independent counts the data are worth.
    trials : int
        The largest possible count.
    share : float
        Their mean as a share of it, between 0 and 1.

    Returns
    -------
    float
        The p-value, above 0.
    """
    cumulative = bdtr(np.arange(trials + 1), trials, share)
    mass = np.diff(np.concatenate([[0.0], cumulative]))
    score = np.arange(trials + 1) - trials * share
    steps = np.random.default_rng(0).standard_normal((_DRAWS, trials + 1)) * np.sqrt(mass)
    steps -= steps.sum(axis=1, keepdims=True) * mass
    steps -= (steps @ score)[:, None] * (mass * score / (mass @ score**2))
    drawn = np.abs(np.cumsum(steps, axis=1)).max(axis=1)
    return float((1 + np.count_nonzero(drawn >= distance * np.sqrt(count))) / (1 + drawn.size))
