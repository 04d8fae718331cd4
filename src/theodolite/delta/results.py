"""What is said of two matrices together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right", "both"]


@dataclass(frozen=True, eq=False)
class WeightChange:
    """The difference of two matrices.

    Attributes
    ----------
    relative : float or None
        Frobenius norm of the difference over that of the matrix before; None where that is zero.
    relative_spectral : float or None
        The same with spectral norms.
    rank : int
        Singular values of the difference above `floor`.
    stable_rank, effective_rank : float or None
        Of the difference; None where nothing changed.
    singular_values : array
        Of the difference, descending; of a change given as factors, as many as its rank may be.
    floor : float
        What rounding alone may do to a singular value: that of the stored types, or of the computation.
    """

    relative: float | None
    relative_spectral: float | None
    rank: int
    stable_rank: float | None
    effective_rank: float | None
    singular_values: NDArray[np.float64]
    floor: float


@dataclass(frozen=True, eq=False)
class SubspaceOverlap:
    """How far the leading singular subspaces of two matrices are the same.

    Attributes
    ----------
    k : int
        Dimension of the subspaces.
    left, right : float
        Mean squared cosine of the principal angles, between 0 and 1.
    left_cosines, right_cosines : array of shape (k,)
        Cosines of the principal angles, descending.
    left_chance, right_chance : float
        Mean of the overlap for a random subspace: `k` over the dimension of the space.
    left_spread, right_spread : float
        Standard deviation of it.
    """

    k: int
    left: float
    right: float
    left_cosines: NDArray[np.float64]
    right_cosines: NDArray[np.float64]
    left_chance: float
    right_chance: float
    left_spread: float
    right_spread: float


@dataclass(frozen=True, eq=False)
class IntruderDimensions:
    """Leading singular vectors of the matrix after that resemble none of the matrix before.

    Attributes
    ----------
    side : {"left", "right", "both"}
        Which singular vectors decide; with ``"both"``, an intruder is one on both sides.
    k : int
        How many leading singular vectors were looked at.
    epsilon : float
        A vector is an intruder if its cosine with every one before is below this.
    gap : float
        Relative gap below which singular values before are one group.
    indices : tuple of int
        The intruders, counted from 0 (the largest singular value after).
    cosines : array of shape (k,)
        Largest absolute cosine of each vector with any single one before; with ``"both"``, the larger of the sides.
    block_cosines : array of shape (k,)
        The same with groups of near-degenerate singular values taken as subspaces; these decide.
    singular_values : array of shape (k,)
        Of the matrix after.
    energy : float
        Share of the intruders in the squared Frobenius norm of the matrix after.
    similarity : array of shape (k, k)
        Absolute cosines of the leading vectors before (rows) and after (columns), of the left side for ``"both"``.
    spans : bool
        Whether the vectors before span the whole space. Those of the longer side don't: a direction that no input or
        no output of the matrix before had can only be new.
    chance : float
        The cosine that a random direction reaches (its median).
    """

    side: Side
    k: int
    epsilon: float
    gap: float
    indices: tuple[int, ...]
    cosines: NDArray[np.float64]
    block_cosines: NDArray[np.float64]
    singular_values: NDArray[np.float64]
    energy: float
    similarity: NDArray[np.float64]
    spans: bool
    chance: float

    @property
    def count(self) -> int:
        """How many intruders there are."""
        return len(self.indices)

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON values.

        Returns
        -------
        dict
            Field to value; arrays as lists.
        """
        record = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in record.items()}
        return {**plain, "count": self.count, "indices": list(self.indices)}
