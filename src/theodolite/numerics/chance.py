"""Chance levels: what a Gaussian matrix of the same shape would show.

The null is *Gaussian*: independent entries of equal variance and mean zero. Uniform entries behave alike (universality).
Matrices with structure (rows of unequal scale, sparse or orthogonal initialisations, pooled slices of a convolution)
have other nulls, which these levels do not describe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from theodolite.numerics.nulls import QUANTITIES, gaussian_shape, simulate_chance, standardisation

__all__ = ["ChanceLevel", "chance_level", "chance_levels"]

Vector = NDArray[np.float64]
Source = Literal["table", "interpolated", "simulated"]

_TABLE = Path(__file__).with_name("gaussian_chance.npz")


@dataclass(frozen=True, eq=False)
class ChanceLevel:
    """Law of one quantity over Gaussian matrices of one shape.

    Attributes
    ----------
    quantity : str
        ``measure.field``, for example ``power_law.alpha``.
    shape : tuple of two int
        Shorter and longer side.
    source : {"table", "interpolated", "simulated"}
        Whether the shape stands in the shipped table, between its entries, or was simulated now.
    draws : int
        How many independent simulated matrices the law is worth. For the table, which is smoothed over neighbouring
        shapes, the number that would give a quantile the same standard error.
    levels : ndarray, shape (k,)
        Probabilities at which the law is known, ascending, between 0 and 1.
    quantiles : ndarray, shape (k,)
        The quantity's values at those levels, ascending.

    Notes
    -----
    Between two levels the law is taken as straight on normal probability paper. Beyond the outermost ones nothing is
    claimed: `quantile` and `percentile` stop there, so that a percentile of 0.5 means "0.5 or lower".
    """

    quantity: str
    shape: tuple[int, int]
    source: Source
    draws: int
    levels: Vector
    quantiles: Vector

    @property
    def median(self) -> float:
        """The value that half of the Gaussian matrices of this shape exceed."""
        return self.quantile(0.5)

    def quantile(self, p: float) -> float:
        """Return the value below which a fraction `p` of Gaussian matrices falls.

        Parameters
        ----------
        p : float
            Probability in [0, 1]; beyond the outermost known level the value at that level is returned.

        Returns
        -------
        float
            The quantile, in the unit of the quantity.

        Raises
        ------
        ValueError
            If `p` is outside [0, 1].
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p must be a probability in [0, 1], got {p!r}")
        return float(np.interp(ndtri(p), ndtri(self.levels), self._standard(self.quantiles), left=None, right=None))

    def percentile(self, value: float) -> float:
        """Return the percentage of Gaussian matrices whose quantity is at most `value`.

        Parameters
        ----------
        value : float
            A measured value; infinities are allowed.

        Returns
        -------
        float
            Percentage in (0, 100), never beyond the outermost known level.

        Raises
        ------
        ValueError
            If `value` is not a number.
        """
        if np.isnan(value):
            raise ValueError(f"value of {self.quantity} must be a number, got nan")
        ...
