r"""Chance levels of shape metrics beyond those of `theodolite.numerics.chance`, from smooth surfaces or closed forms.

Spectra of Gaussian matrices were drawn at a design of shapes, with 800 spectra at the shortest side of 8 and 12 at the
longest of 1024, for each of five aspects (`studies/shape_chance.py`). Each quantity is turned into a variable whose law
hardly depends on the shape, mostly its deviation from the limit under Marchenko and Pastur's law, and each level of
that law is a sum of powers of the shorter side times polynomials of :math:`\sqrt{n / m}`, fitted over all shapes. What
is shipped are the coefficients.

Five numbers need no draws. A Gaussian matrix has full rank; nothing stands out of its bulk but once in a thousand, so
that the bulk's standard deviation is 1 and its spikes are 0; its trace-log rank is that of the limiting law but for
one; and its soft rank is the stable rank in other units. The laws that
smooth surfaces miss stand in tables (`theodolite.numerics.tail_chance`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from theodolite.numerics.chance import ChanceLevel, chance_level
from theodolite.numerics.nulls import Standardisation, gaussian_shape

__all__ = [
    "FIXED",
    "LARGEST_SIDE",
    "SHAPE_LEVELS",
    "SHAPE_QUANTITIES",
    "SOFT_RANK",
    "fixed_chance",
    "shape_chance_level",
    "shape_standardisation",
    "surface_terms",
]

Vector = NDArray[np.float64]

SHAPE_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)

_LIMITED = ("hill.value", "spectral_entropy.value", "participation_ratio.value")
_SEARCHED = (
    "marchenko_pastur.distance",
    "random_distance.value",
    "truncated_power_law.distance",
    "lognormal_tail.distance",
)
SHAPE_QUANTITIES = (*_LIMITED, *_SEARCHED)
"""What was drawn."""

FIXED = ("numerical_rank.value", "marchenko_pastur.sigma", "marchenko_pastur.spikes", "trace_log_rank.rank")
"""What is the same for (almost) every Gaussian matrix of a shape: it has a median, and no percentile."""

SOFT_RANK = "marchenko_pastur.soft_rank"
"""The stable rank of noise in other units."""

LARGEST_SIDE = {
    **dict.fromkeys(_LIMITED, 16384),
    **dict.fromkeys(_SEARCHED, 1024),
    "truncated_power_law.distance": 512,
}
"""Up to which shorter side a level is given. Laws that converge are carried on beyond the sides drawn; the surface of
the truncated power law's distance strays from the law before it comes to the largest of them."""

_ANGLES = 8192
_TABLE = Path(__file__).with_name("shape_chance.npz")


@dataclass(frozen=True)
class _Surfaces:
    coefficients: dict[str, Vector]
    draws: dict[str, int]


def surface_terms(quantity: str, sides: Vector, roots: Vector) -> Vector:
    """Return the terms of a quantity's surfaces at some shapes.

    Parameters
    ----------
    quantity : str
        One of `SHAPE_QUANTITIES`.
    sides, roots : ndarray of shape (k,)
        Shorter side, and root of the shorter over the longer one.

    Returns
    -------
    ndarray of shape (k, terms)
        One row a shape.
    """
    scale = sides / 8.0
    sizes = [(np.ones_like(scale), 3), (scale**-0.5, 3), (scale**-1.0, 2), (scale**-1.5, 1)]
    if quantity in _SEARCHED:
        sizes.append((np.log(scale), 2))
    return np.concatenate([size[:, None] * chebvander(2.0 * roots - 1.0, degree) for size, degree in sizes], axis=1)


def shape_standardisation(quantity: str, shape: tuple[float, float]) -> Standardisation:
    r"""Return the map under which the null of a quantity is smooth over shapes.

    With n the shorter and m the longer side and c = n / m, entropy, participation ratio and Hill's exponent become n
    times the logarithm of their shortfall over its limit (c / 2, c / (1 + c) and Hill's exponent of the limiting law),
    distances and the rest their logarithm.

    Parameters
    ----------
    quantity : str
        One of `SHAPE_QUANTITIES`.
    shape : tuple of two numbers
        Rows and columns, in either order.

    Returns
    -------
    Standardisation
        The map and its inverse.
    """
    n, m = gaussian_shape(shape)
    ratio = n / m
    if quantity == "hill.value":
        limit = _hill_limit(int(n), ratio)
        return _relative(lambda x: x - 1.0, lambda y: 1.0 + y, limit, n)
    if quantity == "spectral_entropy.value":
        return _relative(lambda x: (1.0 - x) * np.log(n), lambda y: 1.0 - y / np.log(n), ratio / 2.0, -n)
    if quantity == "participation_ratio.value":
        return _relative(lambda x: 1.0 - x / n, lambda y: n * (1.0 - y), ratio / (1.0 + ratio), -n)
    # The longer the matrix, the stiffer its spectrum: two of them differ by the root of the aspect.
    factor = {"marchenko_pastur.distance": n, "random_distance.value": n / np.sqrt(ratio)}.get(quantity, 1.0)
    return Standardisation(lambda x: np.log(np.maximum(x, 1e-300) * factor), lambda t: np.exp(t) / factor)


def shape_chance_level(quantity: str, shape: tuple[int, int]) -> ChanceLevel | None:
    """Return the law of a quantity over Gaussian matrices of one shape.

    Parameters
    ----------
    quantity : str
        One of `SHAPE_QUANTITIES`, or ``marchenko_pastur.soft_rank``.
    shape : tuple of two int
        Rows and columns, in either order, the shorter at least 8.

    Returns
    -------
    ChanceLevel or None
        None where the shorter side is beyond what the law is known for.

    Raises
    ------
    ValueError
        If the quantity is unknown.

    Examples
    --------
    >>> level = shape_chance_level("spectral_entropy.value", (384, 1536))
    >>> round(level.median, 3)
    0.979
    """
    short, long = sorted(shape)
    if quantity == SOFT_RANK:
        known = chance_level("stable_rank.value", (short, long))
        factor = (np.sqrt(short) + np.sqrt(long)) ** 2 / (short * long)
        return ChanceLevel(quantity, known.shape, known.source, known.draws, known.levels, known.quantiles * factor)
    if quantity not in SHAPE_QUANTITIES:
        raise ValueError(f"{quantity!r} has no chance level; those that have: {', '.join(SHAPE_QUANTITIES)}")
    return _law(quantity, short, long) if short <= LARGEST_SIDE[quantity] else None


def fixed_chance(quantity: str, shape: tuple[int, int]) -> float:
    """Return what (almost) every Gaussian matrix of a shape shows.

    Parameters
    ----------
    quantity : str
        One of `FIXED`.
    shape : tuple of two int
        Rows and columns, in either order.

    Returns
    -------
    float
        The shorter side for the rank, 1 for the bulk's standard deviation, 0 for its spikes, and the trace-log rank of
        the limiting law.

    Examples
    --------
    >>> fixed_chance("numerical_rank.value", (64, 30))
    30.0
    """
    short, long = sorted(shape)
    if quantity == "trace_log_rank.rank":
        return float(np.ceil(short * _trace_log_limit(short / long)))
    return {"numerical_rank.value": float(short), "marchenko_pastur.sigma": 1.0}.get(quantity, 0.0)


@lru_cache(maxsize=4096)
def _law(quantity: str, short: int, long: int) -> ChanceLevel:
    surfaces = _surfaces()
    terms = surface_terms(quantity, np.asarray([float(short)]), np.asarray([np.sqrt(short / long)]))
    standard = np.sort((terms @ surfaces.coefficients[quantity])[0])
    quantiles = shape_standardisation(quantity, (short, long)).backward(standard)
    levels = np.asarray(SHAPE_LEVELS)
    return ChanceLevel(quantity, (short, long), "interpolated", surfaces.draws[quantity], levels, quantiles)


@lru_cache(maxsize=1)
def _surfaces() -> _Surfaces:
    with np.load(_TABLE, allow_pickle=False) as stored:
        coefficients = {name: stored[name].astype(np.float64) for name in SHAPE_QUANTITIES}
        return _Surfaces(coefficients, dict(zip(SHAPE_QUANTITIES, stored["draws"].tolist(), strict=True)))


def _relative(
    forward: Callable[[Vector], Vector], backward: Callable[[Vector], Vector], limit: float, factor: float
) -> Standardisation:
    return Standardisation(
        lambda x: factor * np.log(np.maximum(forward(x), 1e-300) / limit),
        lambda t: backward(limit * np.exp(t / factor)),
    )


@lru_cache(maxsize=4096)
def _hill_limit(n: int, ratio: float) -> float:
    """Return Hill's exponent less 1 of the larger half of n eigenvalues, placed as the limiting law has them."""
    size = n // 2
    share = (size - 0.5) / n
    shares, totals, logs = _from_the_top(ratio)
    lowest = float(np.interp(share, shares, logs))
    return float(size / (n * (float(np.interp(share, shares, totals)) - share * lowest)))


@lru_cache(maxsize=4096)
def _trace_log_limit(ratio: float) -> float:
    """Return the share of eigenvalues, largest first, whose logarithms in units of the mean add up to zero."""
    shares, totals, _ = _from_the_top(ratio)
    top = int(np.argmax(totals))
    # From its highest point on the sum falls to the negative mean of the logarithms.
    return float(np.interp(0.0, -totals[top:], shares[top:]))


def _from_the_top(ratio: float) -> tuple[Vector, Vector, Vector]:
    """Return, from the largest eigenvalue down, shares of the limiting law, their sums of logarithms, and these."""
    # In units of the mean the eigenvalue at the angle t is 1 + c + 2 sqrt(c) cos t, with the density
    # (2 / pi) sin(t)^2 / eigenvalue.
    angle = np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES
    value = 1.0 + ratio + 2.0 * np.sqrt(ratio) * np.cos(angle)
    mass = 2.0 * np.sin(angle) ** 2 / value / _ANGLES
    logs = np.log(value)
    # Sums up to the middle of each cell, where the logarithm is taken.
    return np.cumsum(mass) - 0.5 * mass, np.cumsum(mass * logs) - 0.5 * mass * logs, logs
