"""Orthonormal bases of centred features, and what two of them say to each other, from second moments alone.

A basis is given as a map: the features times the map have the unit matrix as scatter. Its directions are found on the
scatter without gradient and then normalised with it, so that derivatives are right also where eigenvalues are equal,
where those of eigenvectors are not defined. Works in any library that follows the Array API standard.
"""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

__all__ = ["inner_products", "kept_directions", "leading_map", "regularised_map", "whitening_map"]

_EPS = float(np.finfo(np.float64).eps)
_TIE = 1e-12  # a share of the variance that falls short of the one asked for by rounding alone


def whitening_map(scatter: Any, rows: int) -> Any:
    """Find an orthonormal basis of the space that the features span.

    Features are brought to equal variance first, since neither the space nor any canonical correlation depends on it.
    Features below the relative accuracy ``max(rows, width) * eps`` of the largest variance are left out, and so are
    directions below that accuracy of the largest eigenvalue of the features' correlations.

    Parameters
    ----------
    scatter : array, shape (width, width)
        Sum of products of the centred features, not zero.
    rows : int
        How many rows it sums over.

    Returns
    -------
    array, shape (width, rank)
        The centred features times this have orthonormal columns.

    Examples
    --------
    >>> whitening_map(np.diag([4.0, 0.0, 25.0]), 10)
    array([[0.5, 0. ],
           [0. , 0. ],
           [0. , 0.2]])
    """
    library = compat.array_namespace(scatter)
    held = _held(scatter)
    accuracy = max(rows, int(scatter.shape[0])) * _EPS
    variances = library.linalg.diagonal(held)
    alive = variances > accuracy * library.max(variances)
    zero, one = library.zeros_like(variances), library.ones_like(variances)
    scale = library.where(alive, 1.0 / library.sqrt(library.where(alive, variances, one)), zero)
    values, vectors = library.linalg.eigh(held * scale[:, None] * scale[None, :])
    rank = _count(library, values > accuracy * values[-1])
    found = scale[:, None] * vectors[:, -rank:] / library.sqrt(values[-rank:])[None, :]
    return _normalised(found, scatter)


def regularised_map(scatter: Any, rows: int, penalty: float) -> Any:
    """Find a basis that is orthonormal once a multiple of the unit matrix is added to the scatter.

    Parameters
    ----------
    scatter : array, shape (width, width)
        Sum of products of the centred features, not zero.
    rows : int
        How many rows it sums over.
    penalty : float
        What is added to the diagonal, above 0.

    Returns
    -------
    array, shape (width, rank)
        A map M with ``M.T @ (scatter + penalty * I) @ M = I``.

    Examples
    --------
    >>> regularised_map(np.diag([3.0, 8.0]), 10, 1.0)
    array([[0.5       , 0.        ],
           [0.        , 0.33333333]])
    """
    library = compat.array_namespace(scatter)
    width = int(scatter.shape[0])
    unit = library.eye(width, dtype=scatter.dtype, device=compat.device(scatter))
    shifted = scatter + penalty * unit
    values, vectors = library.linalg.eigh(_held(shifted))
    rank = _count(library, values > max(rows, width) * _EPS * values[-1])
    return _normalised(vectors[:, -rank:] / library.sqrt(values[-rank:])[None, :], shifted)


def kept_directions(values: Any, rows: int, *, variance: float, dimensions: int | None) -> int:
    """Count the principal components to keep.

    Parameters
    ----------
    values : array, shape (width,)
        Eigenvalues of the scatter, ascending, the last one above 0.
    rows : int
        How many rows the scatter sums over.
    variance : float
        The fewest components are kept that hold this share of the variance, in (0, 1].
    dimensions : int or None
        Keep this many instead.

    Returns
    -------
    int
        At least 1, and never more than the rank.

    Examples
    --------
    >>> kept_directions(np.array([1.0, 4.0, 5.0]), 10, variance=0.9, dimensions=None)
    2
    """
    library = compat.array_namespace(values)
    rank = _count(library, values > max(rows, int(values.shape[0])) * _EPS * values[-1])
    if dimensions is not None:
        return min(dimensions, rank)
    reached = library.cumulative_sum(library.flip(values))
    short = _count(library, reached < (variance - _TIE) * reached[-1])
    return min(short + 1, rank)


def leading_map(scatter: Any, rows: int, *, variance: float, dimensions: int | None) -> Any:
    """Find an orthonormal basis of the leading principal components.

    Parameters
    ----------
    scatter : array, shape (width, width)
        Sum of products of the centred features, not zero.
    rows : int
        How many rows it sums over.
    variance : float
        The fewest components are kept that hold this share of the variance.
    dimensions : int or None
        Keep this many instead.

    Returns
    -------
    array, shape (width, kept)
        The centred features times this have orthonormal columns.

    Examples
    --------
    >>> leading_map(np.diag([4.0, 0.01, 25.0]), 10, variance=0.99, dimensions=None)
    array([[0.5, 0. ],
           [0. , 0. ],
           [0. , 0.2]])
    """
    library = compat.array_namespace(scatter)
    held = _held(scatter)
    values, vectors = library.linalg.eigh(held)
    kept = kept_directions(values, rows, variance=variance, dimensions=dimensions)
    found = vectors[:, -kept:] / library.sqrt(values[-kept:])[None, :]
    if getattr(scatter, "requires_grad", False) and kept < int(values.shape[0]):
        # How the kept space turns towards the others, to first order; it is zero where the scatter stands.
        gaps = values[None, -kept:] - values[:-kept, None]
        gaps = library.where(gaps > 0.0, gaps, library.full_like(gaps, float("inf")))
        others = vectors[:, :-kept]
        found = found + others @ ((others.T @ (scatter - held) @ found) / gaps)
    return _normalised(found, scatter)


def inner_products(x: Any, cross: Any, y: Any) -> Any:
    """Multiply two bases over the rows.

    Parameters
    ----------
    x : array, shape (d, p)
        Map to a basis of the first features.
    cross : array, shape (d, e)
        Sum of products of the centred features of both.
    y : array, shape (e, q)
        Map to a basis of the second features.

    Returns
    -------
    array, shape (p, q)
        Its singular values are the canonical correlations.
    """
    return x.T @ cross @ y


def _held(scatter: Any) -> Any:
    return scatter.detach() if hasattr(scatter, "detach") else scatter


def _count(library: Any, which: Any) -> int:
    return int(library.sum(library.astype(which, library.int64)))


def _normalised(found: Any, scatter: Any) -> Any:
    # `found` is almost right and carries no gradient of its length and angles; the root of its scatter puts both right.
    library = compat.array_namespace(scatter)
    gram = found.T @ scatter @ found
    lower = library.linalg.cholesky((gram + gram.T) / 2.0)
    return library.linalg.solve(lower, found.T).T
