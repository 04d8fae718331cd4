"""The difference of two Gram matrices that nearly agree, with the digits that their inner products would lose."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat

from theodolite.numerics.alignment import polar_factors

Array = Any


def gram_difference(one: Array, other: Array, *, unbiased: bool) -> Array:
    """Square the norm of the difference of two centred Gram matrices.

    Parameters
    ----------
    one, other : array of shape (n, n)
        Gram matrices of centred rows.
    unbiased : bool
        Whether the norm is that after U-centring.

    Returns
    -------
    array of shape ()
        The squared norm.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[1.0], [0.0], [-1.0]])
    >>> float(gram_difference(rows @ rows.T, 2 * rows @ rows.T, unbiased=False))
    4.0
    """
    library = compat.array_namespace(one, other)
    difference = one - other
    square = library.sum(difference * difference)
    return _u_centred(square, library.linalg.diagonal(difference)) if unbiased else square


def gram_difference_of_rows(one: Array, other: Array, *, unbiased: bool) -> Array:
    """Square the norm of the difference of the Gram matrices of two clouds without making either.

    The narrower cloud is turned onto the other, which leaves its Gram matrix as it is. With the difference D and the
    mean M of the clouds, that of their Gram matrices is then ``D Mᵀ + M Dᵀ``, in which only small numbers are added up.

    Parameters
    ----------
    one : array of shape (n, d)
    other : array of shape (n, e)
        Centred rows.
    unbiased : bool
        Whether the norm is that after U-centring.

    Returns
    -------
    array of shape ()
        The squared norm.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> float(gram_difference_of_rows(rows, rows[:, ::-1], unbiased=False)) < 1e-25
    True
    """
    if one.shape[1] < other.shape[1]:
        one, other = other, one
    left, right = polar_factors(one.T @ other)
    turned = (other @ right) @ left.T
    difference, mean = one - turned, (one + turned) / 2.0
    library = compat.array_namespace(one, other)
    mixed = difference.T @ mean
    straight = library.sum((difference.T @ difference) * (mean.T @ mean))
    square = 2.0 * (straight + library.sum(mixed * mixed.T))
    return _u_centred(square, 2.0 * library.sum(difference * mean, axis=1)) if unbiased else square


def _u_centred(square: Array, diagonal: Array) -> Array:
    """Norm after U-centring of a matrix whose rows sum to zero, from its square and its diagonal."""
    total = compat.array_namespace(diagonal).sum
    count = int(diagonal.shape[0])
    constant = total(diagonal) ** 2 / ((count - 1) * (count - 2))
    return square + constant - count / (count - 2) * total(diagonal * diagonal)
