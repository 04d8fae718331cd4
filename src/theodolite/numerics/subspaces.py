"""Leading singular subspaces, the angles between them, and what chance makes of those."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas
from scipy.special import ndtri

from theodolite.numerics.lapack import eigenvectors_of_lower

__all__ = [
    "block_cosines",
    "chance_cosine",
    "chance_overlap",
    "leading_eigenvectors",
    "near_degenerate",
    "principal_cosines",
]

Matrix = NDArray[np.float64]

_FEW = 256  # below this side LAPACK has all eigenvectors before ARPACK has a few
_LARGEST_SHARE = 8  # ARPACK pays for at most this fraction of the eigenvectors


def leading_eigenvectors(gram: Matrix, k: int) -> tuple[Matrix, Matrix]:
    """Find the largest eigenvalues of a symmetric matrix and their eigenvectors.

    Parameters
    ----------
    gram : array of shape (side, side)
        In Fortran order; the lower triangle counts. It is left as it is.
    k : int
        How many, at most `side`.

    Returns
    -------
    values : array of shape (k,)
        Descending.
    vectors : array of shape (side, k)
        Orthonormal columns.

    Examples
    --------
    >>> values, vectors = leading_eigenvectors(np.asfortranarray(np.diag([1.0, 3.0, 2.0])), 2)
    >>> values
    array([3., 2.])
    >>> np.abs(vectors)
    array([[0., 0.],
           [1., 0.],
           [0., 1.]])
    """
    side = gram.shape[0]
    if side > _FEW and k * _LARGEST_SHARE <= side:
        found = _iterated(gram, k)
        if found is not None:
            return found
    vectors = np.array(gram, order="F", copy=True)
    values = eigenvectors_of_lower(vectors)
    return values[: -k - 1 : -1].copy(), np.ascontiguousarray(vectors[:, : -k - 1 : -1])


def _iterated(gram: Matrix, k: int) -> tuple[Matrix, Matrix] | None:
    """Iterate by Lanczos (ARPACK) from a start that is always the same; None where it doesn't converge."""
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    side = gram.shape[0]
    product = LinearOperator(gram.shape, matvec=lambda x: blas.dsymv(1.0, gram, x, lower=1), dtype=np.float64)
    start = np.random.default_rng(side).standard_normal(side)
    try:
        values, vectors = eigsh(product, k, which="LA", v0=start, ncv=min(side, max(4 * k, 40)))
    except ArpackError:  # no convergence, or a matrix that sends the start to zero
        return None
    order = np.argsort(-values, kind="stable")
    return values[order], np.ascontiguousarray(vectors[:, order])


def principal_cosines(cosines: NDArray[Any]) -> Matrix:
    """Turn the inner products of two orthonormal bases into the cosines of the principal angles.

    Parameters
    ----------
    cosines : array of shape (p, q)
        Inner products: one basis in rows, the other in columns.

    Returns
    -------
    array of shape (min(p, q),)
        Descending, between 0 and 1.

    Examples
    --------
    >>> principal_cosines(np.array([[0.0, 1.0], [1.0, 0.0]]))
    array([1., 1.])
    """
    return np.minimum(np.linalg.svd(np.asarray(cosines, dtype=np.float64), compute_uv=False), 1.0)


def chance_overlap(k: int, n: int) -> tuple[float, float]:
    r"""Say how far two random subspaces overlap.

    For a fixed and a uniformly random subspace of dimension `k` in `n` dimensions, with orthonormal bases :math:`U`
    and :math:`V`, the overlap :math:`\|U^T V\|_F^2 / k` has mean :math:`k/n` and variance
    :math:`2 (n-k)^2 / (n^2 (n-1) (n+2))`, the second moments of a Haar-distributed projection.

    Parameters
    ----------
    k : int
        Dimension of both subspaces, from 1 to `n`.
    n : int
        Dimension of the space.

    Returns
    -------
    mean, spread : float
        Mean and standard deviation.

    Raises
    ------
    ValueError
        If there is no such subspace.

    Examples
    --------
    >>> mean, spread = chance_overlap(10, 384)
    >>> round(mean, 4), round(spread, 4)
    (0.026, 0.0036)
    """
    if not 1 <= k <= n:
        raise ValueError(f"k: got {k}; subspaces of {n} dimensions have from 1 to {n} of them")
    spread = 0.0 if k == n else math.sqrt(2.0 / ((n - 1) * (n + 2))) * (n - k) / n
    return k / n, spread


def chance_cosine(count: int, n: int) -> float:
    """Say how near a random direction comes to the nearest of some orthonormal vectors.

    Parameters
    ----------
    count : int
        How many vectors.
    n : int
        Dimension of the space, at least `count`.

    Returns
    -------
    float
        The median of the largest absolute cosine, for coordinates that are taken as independent and normal, which
        they are up to terms of order 1/n.

    Examples
    --------
    >>> round(chance_cosine(384, 384), 3)
    0.159
    """
    return min(1.0, float(ndtri((1.0 + 0.5 ** (1.0 / count)) / 2.0)) / math.sqrt(n))


def near_degenerate(values: NDArray[Any], gap: float) -> NDArray[np.intp]:
    """Group singular values that follow each other so closely that their vectors mean nothing one by one.

    Parameters
    ----------
    values : array of shape (count,)
        Descending, none negative.
    gap : float
        Neighbours are in one group where they differ by at most this fraction of the larger.

    Returns
    -------
    array of int
        Where each group starts.

    Examples
    --------
    >>> near_degenerate(np.array([5.0, 3.0, 3.0, 1.0]), 1e-4)
    array([0, 1, 3])
    """
    apart = values[:-1] - values[1:] > gap * values[:-1]
    return np.flatnonzero(np.concatenate([[True], apart]))


def block_cosines(cosines: Matrix, starts: NDArray[np.intp]) -> Matrix:
    """Say how near each vector comes to the nearest of some subspaces.

    Parameters
    ----------
    cosines : array of shape (count, k)
        Inner products with an orthonormal basis, in rows.
    starts : array of int
        The row with which the basis of each subspace begins, ascending from 0.

    Returns
    -------
    array of shape (k,)
        The largest length of a projection on one of the subspaces; with subspaces of one dimension, the largest
        absolute cosine.

    Examples
    --------
    >>> block_cosines(np.array([[0.6], [0.8]]), np.array([0, 1]))
    array([0.8])
    >>> block_cosines(np.array([[0.6], [0.8]]), np.array([0]))
    array([1.])
    """
    lengths: Matrix = np.sqrt(np.add.reduceat(cosines**2, starts, axis=0).max(axis=0))
    return np.minimum(lengths, 1.0)
