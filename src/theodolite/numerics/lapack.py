"""A few routines of BLAS and LAPACK that let other threads work meanwhile.

SciPy's Python wrappers of them hold the interpreter's lock, and NumPy's eigenvalues of matrices of a few hundred rows
don't run in parallel either; surveys with several jobs live by it. SciPy publishes the routines' addresses in
`scipy.linalg.cython_blas` and `cython_lapack`; called through ctypes, they run without the lock.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas, cython_lapack

_Routine = Callable[..., None]

_PREFIXES = {np.dtype(np.float64): "d", np.dtype(np.float32): "s"}
_EITHER = "float64 or float32"


@functools.cache
def _routine(module: Any, name: str, arguments: int) -> _Routine:
    capsule = ctypes.py_object(module.__pyx_capi__[name])
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address_of = ctypes.pythonapi.PyCapsule_GetPointer
    address_of.restype, address_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
    return prototype(address_of(capsule, name_of(capsule)))


def _integer(value: int) -> ctypes.c_int64:
    # 64 bits serve builds of either width: a routine that reads 32 finds the number in the lower half.
    return ctypes.c_int64(value)


def accumulate_gram(gram: NDArray[Any], block: NDArray[Any]) -> None:
    """Add the Gram matrix of some rows to the lower triangle of a matrix, in place (dsyrk, or ssyrk).

    Parameters
    ----------
    gram : array of shape (side, side)
        In Fortran order, float64 or float32; what lies above the diagonal is left alone.
    block : array of shape (rows, side)
        Contiguous in C or in Fortran order, of the same dtype.

    Raises
    ------
    ValueError
        If the shapes, the orders or the dtypes don't fit.
    """
    rows, side = block.shape
    if gram.shape != (side, side) or not gram.flags.f_contiguous or gram.dtype not in _PREFIXES:
        raise ValueError(f"gram: got shape {gram.shape}; expected ({side}, {side}) in Fortran order, {_EITHER}")
    turned = block.flags.c_contiguous
    if not (turned or block.flags.f_contiguous) or block.dtype != gram.dtype:
        raise ValueError(f"block: expected contiguous {gram.dtype} entries, as those of `gram`")
    by = ctypes.byref
    real = ctypes.c_double if gram.dtype == np.float64 else ctypes.c_float
    one, long = real(1.0), _integer(side if turned else rows)
    n, k = _integer(side), _integer(rows)
    trans = ctypes.c_char(b"N" if turned else b"T")
    lower = ctypes.c_char(b"L")
    syrk = _routine(cython_blas, f"{_PREFIXES[gram.dtype]}syrk", 10)
    data, result = block.ctypes.data, gram.ctypes.data
    syrk(by(lower), by(trans), by(n), by(k), by(one), data, by(long), by(one), result, by(n))


def eigenvalues_of_lower(gram: NDArray[Any]) -> NDArray[np.float64]:
    """Return the eigenvalues of a symmetric matrix, ascending, from its lower triangle, which is destroyed.

    Parameters
    ----------
    gram : array of shape (side, side)
        In Fortran order, float64 (decomposed by dsyevd) or float32 (ssyevd).

    Returns
    -------
    array of shape (side,)
        The eigenvalues, in float64, as accurate as the dtype of `gram` allows.

    Raises
    ------
    ValueError
        If the matrix is not square, of one of the two dtypes and in Fortran order.
    LinAlgError
        If they don't converge.
    """
    side = gram.shape[0]
    if gram.shape != (side, side) or not gram.flags.f_contiguous or gram.dtype not in _PREFIXES:
        raise ValueError(f"gram: got shape {gram.shape}; expected a square matrix in Fortran order, {_EITHER}")
    by = ctypes.byref
    values = np.empty(side, dtype=gram.dtype)
    info, n, one = _integer(0), _integer(side), _integer(1)
    nothing, lower = ctypes.c_char(b"N"), ctypes.c_char(b"L")
    name = f"{_PREFIXES[gram.dtype]}syevd"
    syevd = _routine(cython_lapack, name, 11)

    def call(work: NDArray[Any], size: ctypes.c_int64) -> None:
        integers = np.empty(1, dtype=np.int64)
        head = (by(nothing), by(lower), by(n), gram.ctypes.data, by(n), values.ctypes.data)
        syevd(*head, work.ctypes.data, by(size), integers.ctypes.data, by(one), by(info))

    best = np.empty(1, dtype=gram.dtype)
    call(best, _integer(-1))  # asks for the workspace with which it is fastest; with the least it is half as fast
    size = max(int(best[0]), 2 * side + 1)
    call(np.empty(size, dtype=gram.dtype), _integer(size))
    if info.value != 0:
        raise np.linalg.LinAlgError(f"the eigenvalues did not converge ({name}, info {info.value})")
    return np.asarray(values, dtype=np.float64)


def eigenvectors_of_lower(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Diagonalise a symmetric matrix, given by its lower triangle, in place (dsyevd).

    Parameters
    ----------
    gram : array of shape (side, side)
        In Fortran order; its columns become the orthonormal eigenvectors.

    Returns
    -------
    array of shape (side,)
        The eigenvalues, ascending.

    Raises
    ------
    ValueError
        If the matrix is not square, float64 and in Fortran order.
    LinAlgError
        If they don't converge.
    """
    side = gram.shape[0]
    if gram.shape != (side, side) or not gram.flags.f_contiguous or gram.dtype != np.float64:
        raise ValueError(f"gram: got shape {gram.shape}; expected a square float64 matrix in Fortran order")
    by = ctypes.byref
    values = np.empty(side)
    info, n = _integer(0), _integer(side)
    both, lower = ctypes.c_char(b"V"), ctypes.c_char(b"L")
    syevd = _routine(cython_lapack, "dsyevd", 11)
    size, integers = 1 + 6 * side + 2 * side**2, 3 + 5 * side
    head = (by(both), by(lower), by(n), gram.ctypes.data, by(n), values.ctypes.data)
    work, iwork = np.empty(size), np.empty(integers, dtype=np.int64)
    syevd(*head, work.ctypes.data, by(_integer(size)), iwork.ctypes.data, by(_integer(integers)), by(info))
    if info.value != 0:
        raise np.linalg.LinAlgError(f"the eigenvectors did not converge (dsyevd, info {info.value})")
    return values
