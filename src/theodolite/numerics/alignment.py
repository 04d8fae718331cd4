"""One cloud of points turned onto another: how well the best rotation or permutation does, and what is left over.

All of it starts from the matrix of inner products between the features of two clouds with the same rows. The best
orthogonal map makes its trace the sum of its singular values [1]_, the best permutation is an assignment problem.

References
----------
.. [1] P. H. Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31 (1966) 1-10.
"""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from theodolite.numerics.gram import gram_error_bound
from theodolite.numerics.lapack import accumulate_gram, eigenvalues_of_lower

__all__ = [
    "angle",
    "best_pairing",
    "nuclear_norms",
    "paired_residual",
    "polar_factors",
    "root",
    "rotated_residual",
    "rotation_onto",
]

ACCURACY = 1e-9
"""Largest error of a nuclear norm, in units of its distance from the largest that it could be.

It is guaranteed. In random, graded and nearly singular matrices errors reached 4 % of the bound at side 8, 0.3 % at 64
and 0.03 % at 256; below that side as much less is allowed, so that sums keep twelve digits in fact.
"""

_FULL_SIDE = 256

_LEAST = 1e-300


def nuclear_norms(matrix: Any, largest: Any, rank: int) -> Any:
    """Sum the singular values of a matrix, or of each matrix of a stack.

    In NumPy the singular values are roots of the eigenvalues of the smaller Gram matrix, which takes half the time,
    wherever a bound on their error shows that ``largest`` less the sum keeps at least nine digits; elsewhere the
    singular value decomposition gives them. Other libraries always take the latter, whose gradient is the polar factor.

    Parameters
    ----------
    matrix : array of shape (..., d, e)
        Inner products, float64.
    largest : array of shape ()
        What no sum can exceed: the product of the norms of the two clouds.
    rank : int
        What no rank can exceed; smaller singular values are rounding, and left out.

    Returns
    -------
    array of shape (...)
        The sums.

    Examples
    --------
    >>> round(float(nuclear_norms(np.array([[3.0, 0.0], [0.0, -4.0]]), 25.0, 2)), 12)
    7.0
    """
    if not isinstance(matrix, np.ndarray):
        library = compat.array_namespace(matrix)
        return library.sum(library.linalg.svdvals(matrix)[..., :rank], axis=-1)
    unit = max(float(largest), _LEAST)
    scaled = matrix / unit
    found = _sums_by_gram(scaled.reshape(-1, *matrix.shape[-2:]), rank)
    doubtful = np.isnan(found)
    if doubtful.any():
        left = scaled.reshape(-1, *matrix.shape[-2:])[doubtful]
        found[doubtful] = np.linalg.svd(left, compute_uv=False)[:, :rank].sum(axis=1)
    return (unit * found).reshape(matrix.shape[:-2])[()]


def _sums_by_gram(stack: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Sum roots of eigenvalues; NaN where that isn't certain to be accurate enough. The largest sum possible is 1."""
    count, rows, columns = stack.shape
    side = min(rows, columns)
    if count == 1:
        gram = np.zeros((side, side), order="F")
        accumulate_gram(gram, np.ascontiguousarray(stack[0] if columns == side else stack[0].T))
        values = eigenvalues_of_lower(gram)[None, :]
    else:
        turned = np.swapaxes(stack, 1, 2)
        grams = turned @ stack if columns == side else stack @ turned
        values = np.asarray(np.linalg.eigvalsh(grams), dtype=np.float64)
    values = values[:, max(0, side - rank) :]
    bound = gram_error_bound((rows, columns), np.abs(values).max(axis=1, initial=0.0))[:, None]
    roots = np.sqrt(np.maximum(values, 0.0))
    # The root of what lies within `bound` of an eigenvalue is off by most at the lower end, near zero at the upper.
    lower = roots - np.sqrt(np.maximum(values - bound, 0.0))
    upper = np.sqrt(np.maximum(values, 0.0) + bound) - roots
    sums = roots.sum(axis=1)
    error = np.maximum(lower, upper).sum(axis=1)
    allowed = ACCURACY * min(1.0, side / _FULL_SIDE) ** 2
    return np.where(error <= allowed * np.maximum(1.0 - sums, 0.0), sums, np.nan)


def best_pairing(matrix: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair features one to one so that their inner products have the largest sum.

    Parameters
    ----------
    matrix : array of shape (d, e)
        Inner products, on the host.

    Returns
    -------
    first, second : array of shape (min(d, e),)
        Features of the one and of the other cloud that go together.

    Examples
    --------
    >>> best_pairing(np.array([[1.0, 5.0, 0.0], [2.0, 4.0, 1.0]]))
    (array([0, 1]), array([1, 0]))
    """
    first, second = linear_sum_assignment(matrix, maximize=True)
    return first, second


def polar_factors(matrix: Any) -> tuple[Any, Any]:
    """Give the two bases whose product turns one cloud onto another, without gradient.

    Parameters
    ----------
    matrix : array of shape (d, e)
        Inner products of the features of both.

    Returns
    -------
    left : array of shape (d, min(d, e))
        Orthonormal columns in the coordinates of the one cloud.
    right : array of shape (e, min(d, e))
        Orthonormal columns in those of the other: rows times `left` and rows times `right` fit best.
    """
    detach = getattr(matrix, "detach", None)  # the best fit doesn't change to first order with the map it is made by
    still = matrix if detach is None else detach()
    left, _, right = compat.array_namespace(still).linalg.svd(still, full_matrices=False)
    return left, right.T


def rotation_onto(rows: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a cloud onto another of the same shape.

    Parameters
    ----------
    rows, target : array of shape (n, d)
        The clouds.

    Returns
    -------
    array of shape (n, d)
        `rows` after the orthogonal map that brings them nearest to `target`.

    Examples
    --------
    >>> rotation_onto(np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """
    left, right = polar_factors(rows.T @ target)
    turned: NDArray[np.float64] = (rows @ left) @ right.T
    return turned


def rotated_residual(one: Any, other: Any) -> Any:
    """Square the distance that the best orthogonal map leaves between two clouds, from the rows themselves.

    Where the clouds nearly agree, the difference of squares loses the digits that this keeps.

    Parameters
    ----------
    one : array of shape (n, d)
    other : array of shape (n, e)
        The clouds; the narrower counts as filled up with zeros.

    Returns
    -------
    array of shape ()
        The square of the distance.

    Examples
    --------
    >>> cloud = np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    >>> float(rotated_residual(cloud, cloud[:, ::-1] + 1e-9)) < 1e-17
    True
    """
    library = compat.array_namespace(one, other)
    left, right = polar_factors(one.T @ other)
    seen, found = one @ left, other @ right
    beside = library.sum((one - seen @ left.T) ** 2) + library.sum((other - found @ right.T) ** 2)
    return library.sum((seen - found) ** 2) + beside


def paired_residual(one: Any, other: Any, first: Any, second: Any) -> Any:
    """Square the distance between two clouds whose features are paired, from the rows themselves.

    Parameters
    ----------
    one : array of shape (n, d)
    other : array of shape (n, e)
        The clouds; features that are in no pair count against zero.
    first, second : array of shape (pairs,)
        Features that go together, each once.

    Returns
    -------
    array of shape ()
        The square of the distance.

    Examples
    --------
    >>> one, other = np.array([[1.0, 5.0], [0.0, 2.0]]), np.array([[5.0], [2.5]])
    >>> float(paired_residual(one, other, np.array([1]), np.array([0])))
    1.25
    """
    library = compat.array_namespace(one, other)
    mine, theirs = library.take(one, first, axis=1), library.take(other, second, axis=1)
    beside = sum(
        library.sum(library.sum(rows**2, axis=0) * _alone(library, rows, chosen))
        for rows, chosen in ((one, first), (other, second))
    )
    return library.sum((mine - theirs) ** 2) + beside


def _alone(library: Any, rows: Any, chosen: Any) -> Any:
    features = library.arange(rows.shape[1], dtype=chosen.dtype, device=compat.device(rows))
    used = library.any(features[:, None] == chosen[None, :], axis=1)
    return library.astype(~used, rows.dtype)


def angle(gap: Any) -> Any:
    """Give the angle of which the cosine falls short of 1 by a given amount, without loss at either end.

    Parameters
    ----------
    gap : array
        One less the cosine, from 0 to 2; rounding beyond is cut off.

    Returns
    -------
    array
        From 0 to pi.

    Examples
    --------
    >>> round(float(angle(np.float64(5e-17))), 20)
    1e-08
    """
    library = compat.array_namespace(gap)
    short = library.clip(gap, min=0.0, max=2.0)
    return 2.0 * library.atan2(root(short), root(2.0 - short))


def root(square: Any) -> Any:
    """Take the root of a squared distance; its gradient at zero, where there is none, is zero.

    Parameters
    ----------
    square : array
        Rounding below zero is cut off.

    Returns
    -------
    array
        At least 0.

    Examples
    --------
    >>> root(np.array([4.0, 0.0, -1e-17]))
    array([2., 0., 0.])
    """
    library = compat.array_namespace(square)
    none = square <= 0.0
    roots = library.sqrt(library.where(none, library.ones_like(square), square))
    return library.where(none, library.zeros_like(square), roots)
