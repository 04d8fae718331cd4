"""Chance levels: what a Gaussian matrix of the same shape would show.

The null is *Gaussian*: independent entries of mean zero and equal variance. Uniform entries behave alike in exponent
and distance (universality); their stable rank lies a little higher (mean percentile 54 to 58) and so does their
effective rank (60 to 66), as `studies/chance_rules.py` measures. Matrices with structure (rows of unequal scale, sparse
or orthogonal initialisations, pooled slices of a convolution) have other nulls, which these levels do not describe.

The table was made by `studies/gaussian_chance.py`. Its levels are right to about half a percentage point in the tails.
The one exception is the distance of fewer than 16 eigenvalues, which depends on their number less than smoothly: up to
four points in the middle of its law, half a point in the tails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from theodolite.numerics.nulls import QUANTITIES, gaussian_shape, simulate_chance, standardisation

__all__ = ["LEVELS", "ChanceLevel", "chance_level", "chance_levels", "quantiles_of_draws", "simulated_chance_levels"]

Vector = NDArray[np.float64]
Source = Literal["table", "interpolated", "simulated"]

_LOWER_LEVELS = (0.005, 0.01, 0.0125, 0.02, 0.025, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
LEVELS: tuple[float, ...] = (*_LOWER_LEVELS, 0.5, *(1 - p for p in reversed(_LOWER_LEVELS)))

# Their range is the central 95 % of chance. They take minutes, and decomposing one such matrix takes longer.
_DRAWS_BEYOND_TABLE = 99  # resolve the 1st and the 99th percentile, by which the rules of a report go
_SEED = 20250727
_TABLE = Path(__file__).with_name("gaussian_chance.npz")


@dataclass(frozen=True, eq=False)
class ChanceLevel:
    """The law of one quantity over Gaussian matrices of one shape.

    Attributes
    ----------
    quantity : str
        Measure and field, for example ``power_law.alpha``.
    shape : tuple of two int
        Shorter and longer side.
    source : {"table", "interpolated", "simulated"}
        Whether the shape stands in the shipped table, lies between its entries, or was simulated on the spot.
    draws : int
        How many simulated matrices of this shape would fix the outermost levels as well. (The table is smoothed over
        shapes: thousands up to a side of 512, hundreds from 4096 on for exponent and distance.)
    levels : ndarray, shape (k,)
        Probabilities at which the law is known, ascending.
    quantiles : ndarray, shape (k,)
        The quantity at those levels, ascending.

    Notes
    -----
    Between two levels the law is straight on normal probability paper. Beyond the outermost ones nothing is claimed:
    `quantile` and `percentile` stop there, so a percentile of 0.5 says "0.5 or lower".
    """

    quantity: str
    shape: tuple[int, int]
    source: Source
    draws: int
    levels: Vector
    quantiles: Vector

    @property
    def median(self) -> float:
        """The value that half of the Gaussian matrices exceed."""
        return self.quantile(0.5)

    def quantile(self, p: float) -> float:
        """Return the value that a fraction `p` of Gaussian matrices does not exceed.

        Parameters
        ----------
        p : float
            Probability in [0, 1]. Beyond the outermost known level the value at that level is returned.

        Returns
        -------
        float
            The quantile, in the unit of the quantity.

        Raises
        ------
        ValueError
            If `p` is not in [0, 1].
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p must be a probability in [0, 1], got {p!r}")
        return float(np.interp(ndtri(p), ndtri(self.levels), self.quantiles))

    def percentile(self, value: float) -> float:
        """Return the percentage of Gaussian matrices whose quantity does not exceed `value`.

        Parameters
        ----------
        value : float
            A measured value; an infinite one lies at the end of the scale.

        Returns
        -------
        float
            Percentage between the outermost known levels, never 0 or 100.

        Raises
        ------
        ValueError
            If `value` is NaN.
        """
        if np.isnan(value):
            raise ValueError(f"the percentile of a NaN {self.quantity} is not defined; pass a number")
        score = np.interp(value, self.quantiles, ndtri(self.levels))
        return round(float(100 * ndtr(score)), 9)


def chance_level(quantity: str, shape: tuple[int, int]) -> ChanceLevel:
    """Return the law of one quantity over Gaussian matrices of one shape.

    Parameters
    ----------
    quantity : str
        ``power_law.alpha``, ``power_law.distance``, ``stable_rank.value`` or ``effective_rank.value``. All four are
        free of scale, so the shape alone decides.
    shape : tuple of two int
        Rows and columns, in either order, the shorter at least 8.

    Returns
    -------
    ChanceLevel
        Median, quantiles and percentiles, and where they come from.

    Raises
    ------
    ValueError
        If the quantity has no chance level, or the shape is not two whole numbers of at least 8.

    Examples
    --------
    >>> level = chance_level("stable_rank.value", (384, 1536))
    >>> round(level.median), level.source
    (172, 'interpolated')
    >>> level.percentile(20.0) < 1
    True
    """
    levels = chance_levels(shape)
    if quantity not in levels:
        raise ValueError(f"{quantity!r} has no chance level; those that have one: {', '.join(levels)}")
    return levels[quantity]


def chance_levels(shape: tuple[int, int]) -> Mapping[str, ChanceLevel]:
    """Return the laws of all four quantities over Gaussian matrices of one shape.

    Shapes whose shorter side the shipped table covers (8 to 16384, every aspect) are read from it. Beyond, 99 spectra
    are drawn with a seed that depends on the shape alone, which takes minutes. Either way the answer is kept.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns, in either order, the shorter at least 8.

    Returns
    -------
    mapping of str to ChanceLevel
        Read-only, in the order exponent, distance, stable rank, effective rank.

    Raises
    ------
    ValueError
        If the shape is not two whole numbers of at least 8.
    """  # noqa: DOC502
    return _chance_levels(*_whole(shape))


def simulated_chance_levels(
    shape: tuple[int, int], draws: int, rng: np.random.Generator | int
) -> Mapping[str, ChanceLevel]:
    """Simulate the laws of all four quantities over Gaussian matrices of one shape.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns, in either order, the shorter at least 8.
    draws : int
        Number of spectra to draw, at least 1. A level p is known from 1/p - 1 draws on.
    rng : numpy.random.Generator or int
        The stream to draw from, or a seed.

    Returns
    -------
    mapping of str to ChanceLevel
        Read-only, in the order exponent, distance, stable rank, effective rank.

    Raises
    ------
    ValueError
        If the shape is not two whole numbers of at least 8, or `draws` is below 1.
    """  # noqa: DOC502
    sides = _whole(shape)
    sample = simulate_chance(sides, draws, rng)
    levels = np.asarray(LEVELS)
    levels = levels[_supported(levels, draws)]
    quantiles = quantiles_of_draws(sample, levels)
    return MappingProxyType(
        {
            quantity: ChanceLevel(quantity, sides, "simulated", draws, levels, quantiles[:, column])
            for column, quantity in enumerate(QUANTITIES)
        }
    )


def quantiles_of_draws(sample: Vector, levels: Vector) -> Vector:
    """Return nearly median-unbiased quantiles of each column of a sample.

    Parameters
    ----------
    sample : ndarray, shape (draws, k)
        One row per draw.
    levels : ndarray, shape (p,)
        Probabilities.

    Returns
    -------
    ndarray, shape (p, k)
        The quantiles.
    """
    found: Vector = np.quantile(sample, levels, axis=0, method="median_unbiased")
    return found


class _Table(NamedTuple):
    """The shipped laws: standardised quantiles on a grid of log₂ of the shorter side by √(shorter / longer side)."""

    sides: Vector
    roots: Vector
    levels: Vector
    draws: Vector
    standard: Vector


@lru_cache(maxsize=1)
def _table() -> _Table:
    with np.load(_TABLE, allow_pickle=False) as stored:
        if tuple(stored["quantities"]) != QUANTITIES:
            raise ValueError(
                f"{_TABLE.name} holds {stored['quantities'].tolist()}, not {list(QUANTITIES)}; reinstall theodolite"
            )
        return _Table(*(stored[name].astype(float) for name in _Table._fields))


@lru_cache(maxsize=4096)
def _chance_levels(short: int, long: int) -> Mapping[str, ChanceLevel]:
    table = _table()
    if short > table.sides[-1]:
        return simulated_chance_levels((short, long), _DRAWS_BEYOND_TABLE, np.random.default_rng([_SEED, short, long]))
    row, row_weight = _cell(np.log2(table.sides), np.log2(short))
    column, column_weight = _cell(table.roots, np.sqrt(short / long))
    corners = np.outer([1 - row_weight, row_weight], [1 - column_weight, column_weight])
    cell = np.s_[row : row + 2, column : column + 2]
    standard = np.einsum("ij,qijp->qp", corners, table.standard[:, *cell])
    draws = np.min(table.draws[:, *cell][:, corners > 0], axis=1)
    source: Source = "table" if np.max(corners) == 1 else "interpolated"
    laws = {}
    for quantity, law, worth in zip(QUANTITIES, standard, draws.astype(int), strict=True):
        known = _supported(table.levels, worth)
        quantiles = standardisation(quantity, (short, long)).backward(law[known])
        laws[quantity] = ChanceLevel(quantity, (short, long), source, int(worth), table.levels[known], quantiles)
    return MappingProxyType(laws)


def _supported(levels: Vector, draws: int) -> NDArray[np.bool_]:
    """Return which levels lie between the smallest and the largest of so many draws."""
    return np.minimum(levels, 1 - levels) * (draws + 1) >= 1 - 1e-9


def _cell(grid: Vector, at: float) -> tuple[int, float]:
    """Return the index of the grid cell that holds a point and the point's place in it, from 0 to 1."""
    index = int(np.clip(np.searchsorted(grid, at, side="right") - 1, 0, grid.size - 2))
    return index, float((at - grid[index]) / (grid[index + 1] - grid[index]))


def _whole(shape: tuple[int, int]) -> tuple[int, int]:
    short, long = gaussian_shape(shape)
    if not long.is_integer():
        raise ValueError(f"shape must be two whole numbers (rows, columns), got {shape!r}")
    return int(short), int(long)
