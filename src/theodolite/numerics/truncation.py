"""The best approximation of a matrix by one of lower rank, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.blocks import BLOCK_ENTRIES, check_shape, finite, tall_blocks

__all__ = ["principal_axes", "truncated_blocks"]


def principal_axes(matrix: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values, and the singular vectors on the shorter side.

    The longer side is reduced to a triangle by QR decompositions of blocks, so that small singular values keep their
    digits down to ``eps`` times the largest and no array is longer than a block.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        A NumPy array, or anything with ``shape``, ``dtype``, ``ndim`` and ``matrix[start:stop]`` that yields rows.

    Returns
    -------
    values : array of shape (side,)
        Descending, in float64.
    axes : array of shape (side, side)
        One singular vector a column: right ones of a tall matrix, left ones of a wide or square one.

    Examples
    --------
    >>> values, axes = principal_axes(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    >>> values
    array([3., 2.])
    >>> np.abs(axes)
    array([[1., 0.],
           [0., 1.]])
    """
    side = min(check_shape(matrix, dimensions=(2,)))
    step = max(side, BLOCK_ENTRIES // side)
    triangle, waiting = np.empty((0, side)), 0
    pending: list[NDArray[np.float64]] = []
    for block in tall_blocks(matrix):
        for start in range(0, block.shape[0], step):
            pending.append(finite(block[start : start + step], matrix))
            waiting += pending[-1].shape[0]
            if waiting >= step:
                triangle, pending, waiting = _reduced([triangle, *pending]), [], 0
    _, values, adjoint = np.linalg.svd(_reduced([triangle, *pending]), full_matrices=False)
    return values, adjoint.T


def _reduced(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    stacked = np.concatenate(parts)
    if stacked.shape[0] <= stacked.shape[1]:
        return stacked
    return np.asarray(np.linalg.qr(stacked, mode="r"))


def truncated_blocks(
    matrix: Any, axes: NDArray[np.float64], rank: int
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Keep the largest components of a matrix, some entries of its longer side at a time.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        As for `principal_axes`.
    axes : array of shape (side, side)
        What that gave.
    rank : int
        How many components are kept.

    Yields
    ------
    start : int
        Where the block begins along the longer side (along the columns of a square matrix).
    block : array of shape (entries, side)
        The matrix, transposed if wide or square.
    kept : array of shape (entries, side)
        The same of its best approximation of this rank.

    Examples
    --------
    >>> matrix = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    >>> [(_, _, kept)] = truncated_blocks(matrix, principal_axes(matrix)[1], 1)
    >>> kept + 0.0
    array([[3., 0.],
           [0., 0.],
           [0., 0.]])
    """
    # Whichever side of the cut is smaller costs less and rounds less.
    dropping = 2 * rank > axes.shape[1]
    chosen = np.ascontiguousarray(axes[:, rank:] if dropping else axes[:, :rank])
    start = 0
    for block in tall_blocks(matrix):
        part = (block @ chosen) @ chosen.T
        yield start, block, block - part if dropping else part
        start += block.shape[0]
