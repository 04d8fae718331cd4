"""Tensors of a base model with a low-rank change added while they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.parts import Cut, Matrix
from theodolite.sources.stored import StoredTensor

FLOAT64: np.dtype[np.generic] = np.dtype(np.float64)


@dataclass(frozen=True, eq=False, repr=False)
class AdaptedTensor(StoredTensor):
    """A stored tensor plus a product of factors, which is added row by row and never formed whole.

    Parameters
    ----------
    base : StoredTensor
        The tensor of the base model.
    left : array of shape (rows, rank)
        One row for each entry of the tensor's first axis, the scaling in it.
    right : array of shape (rank, rest)
        One column for each entry of the other axes together.
    """

    base: StoredTensor
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[np.generic] = field(init=False, default=FLOAT64)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.base.shape)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read rows of the base and add the change.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows in float64.
        """
        block = self.base.rows(start, stop).astype(np.float64)
        block += (self.left[start:stop] @ self.right).reshape(block.shape)
        return block


def change_of(matrix: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Give the factors of what was added to a matrix.

    Parameters
    ----------
    matrix : Matrix
        A matrix of a checkpoint.

    Returns
    -------
    tuple of array or None
        Factors of shape (rows, rank) and (rank, columns); None where nothing was added, or it can only be had whole.
    """
    if not isinstance(matrix, Cut) or not isinstance(matrix.source, AdaptedTensor):
        return None
    added = matrix.source
    columns = matrix.width or added.shape[-1]
    if columns != math.prod(added.shape[1:]):
        return None
    left, right = added.left[_places(matrix.rows_of)], added.right[:, _places(matrix.columns_of)]
    return (right.T, left.T) if matrix.turned else (left, right)


def _places(ranges: tuple[range, ...]) -> NDArray[Any]:
    return np.concatenate([np.arange(r.start, r.stop, r.step) for r in ranges])
