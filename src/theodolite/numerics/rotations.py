"""Clouds in random positions to each other: what is left of the cross-moments when one cloud is turned among the rows.

A permutation of the rows of one of two centred clouds changes nothing but their cross-moments ``XᵀPY``. Over random
permutations these have mean zero and the covariances ``(XᵀX)_ab (YᵀY)_cd / (n - 1)``; so have they, exactly, where a
random rotation of the space of centred rows takes the permutation's place, and that needs no rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Host = NDArray[np.float64]


def rotation_block(size: int, rows: int, columns: int, rng: np.random.Generator) -> Host:
    """Draw the corner of a random orthogonal matrix.

    Parameters
    ----------
    size : int
        Side of the matrix.
    rows, columns : int
        Shape of the corner, neither more than `size`.
    rng : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    ndarray, shape (rows, columns)
        Its first rows and columns under the Haar measure; no singular value exceeds 1. The cost doesn't depend on
        `size` where that is above `rows` + `columns`.
    """
    if columns > rows:
        return rotation_block(size, columns, rows, rng).T
    top = rng.standard_normal((rows, columns))
    below = size - rows
    if below < columns:
        basis, triangle = np.linalg.qr(np.concatenate([top, rng.standard_normal((below, columns))]))
        return np.asarray((basis * np.sign(np.diagonal(triangle)))[:rows])
    # Of what stands below only the Gram matrix is needed, and Bartlett's decomposition draws that.
    root = np.tril(rng.standard_normal((columns, columns)), -1)
    root[np.diag_indices(columns)] = np.sqrt(rng.chisquare(below - np.arange(columns)))
    lower = np.linalg.cholesky(top.T @ top + root @ root.T)
    # To divide by a triangular root is the step of Gram and Schmidt.
    return np.asarray(solve_triangular(lower, top.T, lower=True).T)


def scatter_root(scatter: Any, count: int) -> Host:
    """Take the root of a scatter matrix, in the directions in which anything is spread.

    Parameters
    ----------
    scatter : ndarray, shape (d, d)
        Of centred rows.
    count : int
        How many rows there are.

    Returns
    -------
    ndarray, shape (d, rank)
        ``root @ root.T`` is the scatter matrix to rounding.
    """
    values, axes = np.linalg.eigh(scatter)
    spread = values > max(count, values.size) * np.finfo(np.float64).eps * values[-1]
    kept = np.flatnonzero(spread)[::-1][: count - 1]
    return np.asarray(axes[:, kept] * np.sqrt(values[kept]))
