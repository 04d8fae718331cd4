"""The positive eigenvalues of a matrix, or of each slice of a stack, to an accuracy that tells them from zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.blocks import slice_blocks
from theodolite.numerics.gram import gram_eigenvalues, gram_error_bound, singular_values

__all__ = ["positive_eigenvalues"]

Vector = NDArray[np.float64]


def positive_eigenvalues(matrix: Any, values: Vector | None = None) -> list[Vector]:
    """Return the eigenvalues of the smaller Gram matrix that are not zero, slice by slice.

    Where an eigenvalue is not above the error of the Gram matrix, the singular values are found instead, which
    tell zero from small down to the square of that accuracy.

    Parameters
    ----------
    matrix : array of shape (rows, columns) or (slices, rows, columns)
        As for `gram_eigenvalues`, of NumPy or row-sliceable.
    values : ndarray, optional
        Eigenvalues of a single matrix where they are known already.

    Returns
    -------
    list of ndarray
        Ascending, one for each slice; empty for a slice of zeros.
    """
    if matrix.ndim == 2:
        return [_positive(matrix, values)]
    return [_positive(part, None) for block in slice_blocks(matrix) for part in block]


def _positive(matrix: Any, values: Vector | None) -> Vector:
    if values is None:
        if not isinstance(matrix, np.ndarray) or matrix.any():
            values = np.asarray(gram_eigenvalues(matrix)[0])
        else:
            return np.empty(0)
    largest = float(values[-1])
    if values[0] > gram_error_bound(matrix.shape, largest):
        return values
    if largest == 0.0:
        return np.empty(0)
    singular = singular_values(matrix)[::-1]
    zero = max(matrix.shape) * float(np.finfo(np.float64).eps) * singular[-1]
    return np.asarray(singular[singular > zero] ** 2)
