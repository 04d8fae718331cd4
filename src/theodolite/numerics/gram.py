"""Eigenvalues of the smaller Gram matrix, and singular values, of one matrix or of a stack of slices.

Two inputs take two paths. NumPy arrays and anything sliced lazily by rows (a stored tensor) are cast to float64 and
accumulated block by block, so that no whole float64 copy exists. Arrays of other libraries stay in their library, on
their device, and differentiable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from theodolite.numerics.blocks import (
    BLOCK_ENTRIES,
    SMALLEST_SQUARE,
    MagnitudeError,
    NonFiniteError,
    check_gram,
    check_shape,
    finite,
    is_complex,
    slice_blocks,
    tall_blocks,
    whole,
)
from theodolite.numerics.lapack import accumulate_gram, eigenvalues_of_lower

__all__ = [
    "MagnitudeError",
    "NonFiniteError",
    "gram_eigenvalues",
    "gram_error_bound",
    "singular_values",
    "smaller_gram",
]

STACKED_SIDE = 96  # above it LAPACK outweighs the loop over slices, and its workspace is better chosen by hand


def smaller_gram(matrix: Any) -> Any:
    """Gram matrix of the smaller side, in float64.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        An array of any library of the Array API, or an object with ``shape``, ``dtype``, ``ndim`` and
        ``matrix[start:stop]`` that yields rows as a NumPy array; the entries may be bfloat16 or float8 of ml_dtypes.

    Returns
    -------
    array of shape (side, side)
        ``Wᵀ W`` of a tall matrix, ``W Wᵀ`` of a wide one, symmetric and complete, in the input's library.

    Examples
    --------
    >>> smaller_gram(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 1.0]]))
    array([[9., 0.],
           [0., 5.]])
    """
    rows, columns = check_shape(matrix, dimensions=(2,))
    library = _library(matrix)
    if library is not None:
        return _library_gram(matrix, library)
    if is_complex(matrix):
        block = whole(matrix)
        gram = block @ block.conj().T if rows <= columns else block.conj().T @ block
        check_gram(gram, matrix)
        return gram
    gram = _lower_gram(matrix, matrix)
    return gram + np.tril(gram, -1).T


def gram_eigenvalues(matrix: Any) -> tuple[Any, Any]:
    """Eigenvalues of the smaller Gram matrix (squared singular values) and a bound on their error.

    Parameters
    ----------
    matrix : array of shape (rows, columns) or (slices, rows, columns)
        As for `smaller_gram`. The eigenvalues of the slices of a stack are pooled. NaN and Inf raise `NonFiniteError`,
        entries whose squares leave the range of float64 raise `MagnitudeError`.

    Returns
    -------
    eigenvalues : array of shape (count,)
        Ascending, in float64, never below 0. `count` is the smaller side times the number of slices.
    error_bound : float or zero-dimensional array
        Absolute bound on the error of each eigenvalue, see `gram_error_bound`; an array where the input's library
        is not NumPy.

    Examples
    --------
    >>> eigenvalues, bound = gram_eigenvalues(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 1.0]]))
    >>> eigenvalues
    array([5., 9.])
    >>> bound < 1e-12
    True
    """
    shape = check_shape(matrix, dimensions=(2, 3))
    library = _library(matrix)
    if library is not None:
        return _library_eigenvalues(matrix, library)
    if len(shape) == 2 and not is_complex(matrix):
        eigenvalues = eigenvalues_of_lower(_lower_gram(matrix, matrix))
    else:
        eigenvalues = np.sort(np.concatenate(list(_slice_eigenvalues(matrix))))
    np.maximum(eigenvalues, 0.0, out=eigenvalues)
    return eigenvalues, gram_error_bound(shape, float(eigenvalues[-1]))


def gram_error_bound(shape: tuple[int, ...], largest: Any) -> Any:
    """Bound the absolute error of an eigenvalue of the smaller Gram matrix in float64.

    Two errors add, and by Weyl's inequality no eigenvalue moves further than the norm of their sum. Accumulating inner
    products of length `long` perturbs an entry by at most about ``sqrt(long) eps`` times the same product of absolute
    values (rounding errors add up like a random walk [1]_); for entries of one sign the norm of that is
    ``sqrt(long) eps largest``, for entries of mixed sign the perturbation is itself of mixed sign and falls under the
    second term. Reduction to tridiagonal form and its solution are backward stable, with an error of a modest multiple
    of ``eps largest`` that grows no faster than the side [2]_. Matrices of one constant, whose rounding errors all
    have one sign, are the hardest: against exact rational arithmetic they reach 0.6 of the bound, others 0.1.

    Parameters
    ----------
    shape : tuple of int
        Shape of the matrix, or of the stack.
    largest : float or array
        The largest eigenvalue.

    Returns
    -------
    float or array
        ``2 eps (side + sqrt(long)) largest``.

    References
    ----------
    .. [1] N. J. Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41
       (2019) A2815-A2835, theorem 2.4.
    .. [2] E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999), section 4.7.

    Examples
    --------
    >>> gram_error_bound((100, 64), 1.0)
    3.2862601528904634e-14
    """
    side, long = sorted(shape[-2:])
    return 2.0 * float(np.finfo(np.float64).eps) * (side + long**0.5) * largest


def singular_values(matrix: Any) -> Any:
    """Singular values by the singular value decomposition itself, not through the Gram matrix.

    Small singular values keep their digits down to ``eps`` times the largest, where the Gram matrix stops at
    ``sqrt(eps)`` times the largest. Much longer matrices are first reduced to a triangle, block by block.

    Parameters
    ----------
    matrix : array of shape (rows, columns) or (slices, rows, columns)
        As for `smaller_gram`. The singular values of the slices of a stack are pooled.

    Returns
    -------
    array of shape (count,)
        Descending, in float64.

    Raises
    ------
    LinAlgError
        If LAPACK doesn't converge.

    Examples
    --------
    >>> singular_values(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    array([3., 2.])
    """
    shape = check_shape(matrix, dimensions=(2, 3))
    library = _library(matrix)
    if library is not None:
        wide = _as_float64(matrix, library)
        _check_finite(wide, library)
        values = library.linalg.svdvals(wide)
        return library.flip(library.sort(library.reshape(values, (-1,))))
    if len(shape) == 3:
        parts = [np.linalg.svd(finite(block, matrix), compute_uv=False).ravel() for block in slice_blocks(matrix)]
        return np.sort(np.concatenate(parts))[::-1].copy()
    if is_complex(matrix):
        return np.linalg.svd(finite(whole(matrix), matrix), compute_uv=False)
    side, long = sorted(shape)
    reduced = long > 2 * side and side * long > 2 * BLOCK_ENTRIES
    core = _triangle(matrix, side) if reduced else finite(_oriented(matrix), matrix)
    work, _ = lapack.dgesdd_lwork(*core.shape, compute_uv=0)
    _, values, _, info = lapack.dgesdd(core, compute_uv=0, lwork=int(work), overwrite_a=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"the singular value decomposition did not converge (dgesdd, info {info})")
    return values


def _lower_gram(matrix: Any, source: Any) -> NDArray[np.float64]:
    """Return the lower triangle (Fortran order) of the smaller Gram matrix, checked."""
    side = min(matrix.shape)
    gram = np.zeros((side, side), order="F")
    with np.errstate(over="ignore", invalid="ignore"):
        for block in tall_blocks(matrix):
            accumulate_gram(gram, block)
    check_gram(gram, source)
    return gram


def _slice_eigenvalues(matrix: Any) -> Iterator[NDArray[np.float64]]:
    for block in slice_blocks(matrix) if matrix.ndim == 3 else [whole(matrix)[None]]:
        rows, columns = block.shape[-2:]
        if min(rows, columns) > STACKED_SIDE and block.dtype.kind != "c":
            yield from (eigenvalues_of_lower(_lower_gram(part, matrix)) for part in block)
            continue
        adjoint = np.swapaxes(block, -1, -2).conj()
        with np.errstate(over="ignore", invalid="ignore"):
            gram = block @ adjoint if rows <= columns else adjoint @ block
        check_gram(gram, matrix)
        yield np.linalg.eigvalsh(gram).ravel()


def _triangle(matrix: Any, side: int) -> NDArray[np.float64]:
    # of the tall orientation, by a chain of QR decompositions of blocks of rows
    step = max(side, BLOCK_ENTRIES // side)
    work = int(lapack.dgeqrf_lwork(side + step, side)[0])
    triangle = np.zeros((side, side), order="F")
    for block in tall_blocks(matrix):
        for start in range(0, block.shape[0], step):
            part = block[start : start + step]
            stacked = np.empty((side + part.shape[0], side), order="F")
            stacked[:side], stacked[side:] = triangle, finite(part, matrix)
            factored, _, _, info = lapack.dgeqrf(stacked, lwork=work, overwrite_a=1)
            if info != 0:
                raise np.linalg.LinAlgError(f"the QR decomposition failed (dgeqrf, info {info})")
            triangle = np.asfortranarray(np.triu(factored[:side]))
    return triangle


def _oriented(matrix: Any) -> NDArray[np.float64]:
    # a copy of its own in Fortran order, for LAPACK to overwrite; transposed where that saves a reordering
    stored = np.asarray(matrix[0 : matrix.shape[0]])
    return np.array(stored.T if stored.flags.c_contiguous else stored, dtype=np.float64, order="F", copy=True)


def _library(matrix: Any) -> Any:
    """Return the namespace of an array that is not NumPy's; None for NumPy and for lazily sliced objects."""
    if isinstance(matrix, np.ndarray) or not compat.is_array_api_obj(matrix):
        return None
    return compat.array_namespace(matrix)


def _as_float64(matrix: Any, library: Any) -> Any:
    target = library.complex128 if library.isdtype(matrix.dtype, "complex floating") else library.float64
    return library.astype(matrix, target, copy=False)


def _check_finite(matrix: Any, library: Any) -> None:
    count = int(library.sum(library.astype(~library.isfinite(matrix), library.int64)))
    if count:
        raise NonFiniteError(count, int(np.prod(matrix.shape)))


def _library_gram(matrix: Any, library: Any) -> Any:
    wide = _as_float64(matrix, library)
    _check_finite(wide, library)
    adjoint = library.matrix_transpose(wide)
    if library.isdtype(wide.dtype, "complex floating"):
        adjoint = library.conj(adjoint)
    with np.errstate(over="ignore", invalid="ignore"):  # a library that stands on NumPy warns of what is checked below
        gram = library.matmul(wide, adjoint) if wide.shape[-2] <= wide.shape[-1] else library.matmul(adjoint, wide)
    peak = library.max(library.abs(gram))
    if not bool(library.isfinite(peak)) or (bool(peak < SMALLEST_SQUARE) and bool(library.any(wide != 0))):
        raise MagnitudeError(float(library.max(library.abs(wide))))
    return gram


def _library_eigenvalues(matrix: Any, library: Any) -> tuple[Any, Any]:
    eigenvalues = library.linalg.eigvalsh(_library_gram(matrix, library))
    ordered = library.sort(library.reshape(eigenvalues, (-1,)))
    clipped = library.clip(ordered, min=0.0)
    return clipped, gram_error_bound(tuple(matrix.shape), clipped[-1])
