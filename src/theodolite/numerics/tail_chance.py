r"""Chance levels of tail fits whose laws no smooth surface over shapes follows: tables of quantiles, and lines between.

Spectra of Gaussian matrices were drawn at a grid of 99 shapes, with 500 spectra at the shortest side of 8 and 40 at the
longest of 1024, for each of eleven aspects (`studies/tail_chance.py`). Between the shapes of the grid every level is
interpolated straight in the logarithm of the shorter side and in :math:`\sqrt{n / m}`; beyond its sides nothing is
claimed.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.chance import ChanceLevel, Source
from theodolite.numerics.nulls import gaussian_shape
from theodolite.numerics.shape_chance import SHAPE_LEVELS

__all__ = ["ROOTS", "SIDES", "TAIL_QUANTITIES", "standard", "tail_chance_level"]

Vector = NDArray[np.float64]

SIDES = (8, 12, 20, 32, 64, 128, 256, 512, 1024)
"""Shorter sides at which spectra were drawn."""

ROOTS = (1 / 16, 0.15, 0.25, 0.5, 0.65, 0.725, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Roots of the shorter over the longer side at which spectra were drawn."""

TAIL_QUANTITIES = (
    "power_law.tail_size",
    "exponential_tail.distance",
    "lognormal_tail.sigma",
    "lognormal_tail.tail_size",
    "truncated_power_law.tail_size",
)
"""What was drawn."""

_TABLE = Path(__file__).with_name("tail_chance.npz")


def standard(quantity: str, values: Vector, shape: tuple[int, int]) -> Vector:
    """Return numbers on the scale on which they are interpolated.

    Parameters
    ----------
    quantity : str
        One of `TAIL_QUANTITIES`.
    values : ndarray
        Its values.
    shape : tuple of two int
        The shorter and the longer side.

    Returns
    -------
    ndarray
        The share of the eigenvalues for the size of a tail, every whole number spread evenly over a unit about it so
        that equal sizes count half as smaller; else the logarithm, for sigma in units of the root of the aspect.
    """
    if not quantity.endswith(".tail_size"):
        return np.log(values / _unit(quantity, *shape))
    order = np.argsort(values, kind="stable")
    spread = np.empty(values.size)
    _, counts = np.unique(values, return_counts=True)
    spread[order] = np.concatenate([(np.arange(count) + 0.5) / count - 0.5 for count in counts])
    return (values + spread) / shape[0]


def _unit(quantity: str, short: int, long: int) -> float:
    # The spread of the logarithms of all eigenvalues is about that root.
    return float(np.sqrt(short / long)) if quantity == "lognormal_tail.sigma" else 1.0


def tail_chance_level(quantity: str, shape: tuple[int, int]) -> ChanceLevel | None:
    """Return the law of a tail's number over Gaussian matrices of one shape.

    Parameters
    ----------
    quantity : str
        One of `TAIL_QUANTITIES`.
    shape : tuple of two int
        Rows and columns, in either order, the shorter at least 8.

    Returns
    -------
    ChanceLevel or None
        None where the shorter side is beyond the grid. A longer side of more than 256 times the shorter counts as that.

    Raises
    ------
    ValueError
        If the quantity is unknown.

    Examples
    --------
    >>> level = tail_chance_level("exponential_tail.distance", (384, 1536))
    >>> round(level.median, 2)
    0.09
    """
    if quantity not in TAIL_QUANTITIES:
        raise ValueError(f"{quantity!r} has no chance level here; those that have: {', '.join(TAIL_QUANTITIES)}")
    short, long = sorted(shape)
    gaussian_shape((short, long))
    return _law(quantity, short, long) if short <= SIDES[-1] else None


@lru_cache(maxsize=4096)
def _law(quantity: str, short: int, long: int) -> ChanceLevel:
    table, draws = _tables()
    levels = table[TAIL_QUANTITIES.index(quantity)]
    upper = int(np.clip(np.searchsorted(SIDES, short), 1, len(SIDES) - 1))
    low, high = np.log(SIDES[upper - 1]), np.log(SIDES[upper])
    share = (np.log(short) - low) / (high - low)
    between = (1.0 - share) * levels[upper - 1] + share * levels[upper]
    root = np.sqrt(short / long)
    row = np.asarray([np.interp(root, ROOTS, column) for column in between.T])
    quantiles = row * short if quantity.endswith(".tail_size") else _unit(quantity, short, long) * np.exp(row)
    # Where many spectra agree, levels coincide but for rounding; a percentile needs them apart.
    quantiles = np.maximum.accumulate(quantiles) * (1.0 + 1e-9 * np.arange(row.size))
    known = int(draws[upper - 1] if share < 1.0 else draws[upper])
    source: Source = "table" if short in SIDES and root in ROOTS else "interpolated"
    return ChanceLevel(quantity, (short, long), source, known, np.asarray(SHAPE_LEVELS), quantiles)


@lru_cache(maxsize=1)
def _tables() -> tuple[Vector, Vector]:
    with np.load(_TABLE, allow_pickle=False) as stored:
        return stored["quantiles"].astype(np.float64), stored["draws"].astype(np.float64)
