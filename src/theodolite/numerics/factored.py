"""Matrices that are given as a product of two tall factors, measured without being multiplied out.

The gradient of a linear layer is such a matrix: ``G = Dᵀ A`` with the inputs A (tokens x in) and the gradients D at the
outputs (tokens x out). Its rank is at most the number of tokens, and everything below works on matrices of that side.
"""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

from theodolite.numerics.blocks import NonFiniteError

__all__ = ["factored_inner", "factored_singular_values"]


def factored_singular_values(left: Any, right: Any) -> Any:
    """Singular values of ``leftᵀ right``, those that can differ from zero.

    With the QR decompositions ``leftᵀ = Q R`` and ``rightᵀ = P S`` the product is ``Q (R Sᵀ) Pᵀ``, so that its singular
    values are those of ``R Sᵀ``, of side `tokens` at most. A factor with more tokens than columns is taken as it is:
    its decomposition would not be smaller.

    Parameters
    ----------
    left : array of shape (tokens, rows)
        A factor, of any library of the Array API and any real type; computed in float64.
    right : array of shape (tokens, columns)
        The other, of the same library.

    Returns
    -------
    array of shape (min(tokens, rows, columns),)
        Descending, in float64, in the library of the factors; none where there are no tokens.

    Examples
    --------
    >>> factored_singular_values(np.array([[3.0, 0.0], [0.0, 2.0]]), np.eye(2, 5))
    array([3., 2.])
    """
    library, (left, right) = _doubles(left, right)
    _check_tokens(left, right)
    if 0 in {*left.shape, *right.shape}:
        return library.zeros((0,), dtype=library.float64, device=compat.device(left))
    core = _narrowed(library, left) @ library.matrix_transpose(_narrowed(library, right))
    values = library.linalg.svdvals(core)
    return values[: min(left.shape[0], *core.shape)]


def factored_inner(left: Any, right: Any, other_left: Any, other_right: Any) -> Any:
    r"""Frobenius inner product of two products, ``<leftᵀ right, other_leftᵀ other_right>``.

    It is the sum of all entries of ``(left other_leftᵀ) ∘ (right other_rightᵀ)``, a matrix of tokens x tokens. Where
    that has more entries than the products themselves, these are multiplied out instead.

    Parameters
    ----------
    left, right : array of shape (tokens, rows), (tokens, columns)
        Factors of the first.
    other_left, other_right : array of shape (others, rows), (others, columns)
        Factors of the second, with the same rows and columns.

    Returns
    -------
    array of shape ()
        In float64, in the library of the factors.

    Raises
    ------
    ValueError
        If the products have different shapes.

    Examples
    --------
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0]])
    >>> factored_inner(a, b, a, b) == np.sum((a.T @ b) ** 2)
    np.True_
    """
    library, (left, right, other_left, other_right) = _doubles(left, right, other_left, other_right)
    _check_tokens(left, right)
    _check_tokens(other_left, other_right)
    shape, other = ((one.shape[1], two.shape[1]) for one, two in ((left, right), (other_left, other_right)))
    if shape != other:
        raise ValueError(f"factors: got products of shapes {shape} and {other}; an inner product needs equal ones")
    turned = library.matrix_transpose
    if shape[0] * shape[1] < left.shape[0] * other_left.shape[0]:
        return library.sum((turned(left) @ right) * (turned(other_left) @ other_right))
    return library.sum((left @ turned(other_left)) * (right @ turned(other_right)))


def _doubles(*factors: Any) -> tuple[Any, list[Any]]:
    library = compat.array_namespace(*factors)
    wide = [library.astype(factor, library.float64, copy=False) for factor in factors]
    for factor in wide:
        count = int(library.sum(library.astype(~library.isfinite(factor), library.int64)))
        if count:
            raise NonFiniteError(count, int(np.prod(factor.shape)))
    return library, wide


def _check_tokens(left: Any, right: Any) -> None:
    if left.ndim != 2 or right.ndim != 2 or left.shape[0] != right.shape[0]:
        got = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"factors: got shapes {got}; expected (tokens, rows) and (tokens, columns)")


def _narrowed(library: Any, factor: Any) -> Any:
    """Give the triangle of the transposed factor's QR decomposition, or the transposed factor where it is smaller."""
    turned = library.matrix_transpose(factor)
    if factor.shape[0] >= factor.shape[1]:
        return turned
    if isinstance(turned, np.ndarray):
        return np.linalg.qr(turned, mode="r")
    return library.linalg.qr(turned)[1]
