"""Reading a matrix in blocks of float64, and refusing entries that no spectrum can be computed from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK_ENTRIES",
    "SMALLEST_SQUARE",
    "MagnitudeError",
    "NonFiniteError",
    "cast",
    "check_gram",
    "check_shape",
    "finite",
    "is_complex",
    "slice_blocks",
    "tall_blocks",
    "whole",
]

BLOCK_ENTRIES = 1 << 20  # 8 MiB of float64: large enough for dsyrk, small enough that its memory is reused
SMALLEST_SQUARE = 1e-280  # below it squares lose digits to underflow


class NonFiniteError(ValueError):
    """The matrix holds NaN or Inf.

    Parameters
    ----------
    count : int
        How many entries are not finite.
    entries : int
        How many entries there are.

    Attributes
    ----------
    count : int
        How many entries are not finite.
    """

    def __init__(self, count: int, entries: int) -> None:
        self.count = count
        super().__init__(f"matrix: {count} of its {entries} entries are NaN or Inf; a spectrum needs finite entries")


class MagnitudeError(ValueError):
    """The entries are finite, but their squares leave the range of float64.

    Parameters
    ----------
    largest : float
        Largest absolute entry.

    Attributes
    ----------
    largest : float
        Largest absolute entry.
    """

    def __init__(self, largest: float) -> None:
        self.largest = largest
        super().__init__(
            f"matrix: its largest entry is {largest:.3g}, and sums of such squares leave the range of float64; "
            "divide the matrix by a power of two near that entry"
        )


def cast(stored: NDArray[Any]) -> NDArray[Any]:
    """Cast entries to float64, or to complex128 where they are complex.

    Parameters
    ----------
    stored : array
        Entries in the stored dtype.

    Returns
    -------
    array
        Contiguous; the input itself where nothing is to do.
    """
    return np.ascontiguousarray(stored, dtype=np.complex128 if stored.dtype.kind == "c" else np.float64)


def whole(matrix: Any) -> NDArray[Any]:
    """Read everything at once, in float64 or complex128.

    Parameters
    ----------
    matrix : row-sliceable object
        An array or a stored tensor.

    Returns
    -------
    array
        All entries.
    """
    return cast(np.asarray(matrix[0 : matrix.shape[0]]))


def slice_blocks(matrix: Any) -> Iterator[NDArray[Any]]:
    """Read a stack some slices at a time.

    Parameters
    ----------
    matrix : row-sliceable object of shape (slices, rows, columns)
        A stack.

    Yields
    ------
    array of shape (some slices, rows, columns)
        In float64 (complex128 if complex), at most `BLOCK_ENTRIES` entries where a slice has no more.
    """
    slices, rows, columns = matrix.shape
    step = max(1, BLOCK_ENTRIES // (rows * columns))
    for start in range(0, slices, step):
        yield cast(np.asarray(matrix[start : min(start + step, slices)]))


def tall_blocks(matrix: Any) -> Iterator[NDArray[np.float64]]:
    """Read a matrix, transposed if wide, some rows at a time.

    Parameters
    ----------
    matrix : row-sliceable object of shape (rows, columns)
        A wide one that is not in memory is read once, in its stored dtype.

    Yields
    ------
    array of shape (some rows, shorter side)
        In float64, contiguous in C or in Fortran order.
    """
    rows, columns = matrix.shape
    tall = rows > columns
    loaded = isinstance(matrix, np.ndarray)
    if loaded and matrix.dtype == np.float64 and (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
        yield matrix if tall else matrix.T
        return
    step = max(1, BLOCK_ENTRIES // min(rows, columns))
    if tall:
        for start in range(0, rows, step):
            yield cast(np.asarray(matrix[start : min(start + step, rows)]))
        return
    stored = matrix if loaded else np.asarray(matrix[0:rows])
    for start in range(0, columns, step):
        yield cast(stored[:, start : start + step]).T


def is_complex(matrix: Any) -> bool:
    """Tell whether the entries are complex.

    Parameters
    ----------
    matrix : array or row-sliceable object
        Anything with a NumPy dtype.

    Returns
    -------
    bool
        True for complex64 and complex128.
    """
    return bool(np.dtype(matrix.dtype).kind == "c")


def finite(block: NDArray[Any], source: Any) -> NDArray[Any]:
    """Pass a block through, unless it holds NaN or Inf.

    Parameters
    ----------
    block : array
        Entries.
    source : row-sliceable object
        What the block is part of; its entries are counted if there is something to report.

    Returns
    -------
    array
        The same block.

    Raises
    ------
    NonFiniteError
        With the count of what is not finite.
    """
    if not np.isfinite(block).all():
        count, entries, _ = _inspect(source)
        raise NonFiniteError(count, entries)
    return block


def check_gram(gram: NDArray[Any], source: Any) -> None:
    """Judge the entries by the diagonal of the Gram matrix, where each is squared; look again only if it is odd.

    Parameters
    ----------
    gram : array of shape (..., side, side)
        The Gram matrix, or those of a stack.
    source : row-sliceable object
        What it was computed from, or what that is part of.

    Raises
    ------
    NonFiniteError
        If entries are NaN or Inf.
    MagnitudeError
        If squares overflow or all but vanish.
    """
    squares = np.diagonal(gram, axis1=-2, axis2=-1).real
    peak = float(squares.max())  # NaN propagates
    overflows = not np.isfinite(peak * squares.shape[-1])
    if not overflows and peak > SMALLEST_SQUARE:
        return
    count, entries, largest = _inspect(source)
    if count:
        raise NonFiniteError(count, entries)
    if overflows or 0.0 < largest <= SMALLEST_SQUARE**0.5:
        raise MagnitudeError(largest)


def _inspect(source: Any) -> tuple[int, int, float]:
    """Return how many entries are not finite, how many there are, and the largest finite one's size."""
    count, entries, largest = 0, 0, 0.0
    step = max(1, BLOCK_ENTRIES // max(1, math.prod(source.shape[1:])))
    for start in range(0, source.shape[0], step):
        part = cast(np.asarray(source[start : start + step]))
        usable = np.isfinite(part)
        count += part.size - int(np.count_nonzero(usable))
        entries += part.size
        largest = max(largest, float(np.abs(part[usable]).max(initial=0.0)))
    return count, entries, largest


def check_shape(matrix: Any, dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """Check that there is a matrix (or a stack) with entries.

    Parameters
    ----------
    matrix : array or row-sliceable object
        Anything with a shape.
    dimensions : tuple of int
        How many dimensions are allowed.

    Returns
    -------
    tuple of int
        The shape.

    Raises
    ------
    ValueError
        If the number of dimensions is another or a length is 0.
    """
    shape = tuple(int(length) for length in matrix.shape)
    if len(shape) not in dimensions:
        allowed = " or ".join({2: "(rows, columns)", 3: "(slices, rows, columns)"}[count] for count in dimensions)
        raise ValueError(f"matrix: got shape {shape}; expected {allowed}")
    if 0 in shape:
        raise ValueError(f"matrix: got shape {shape}, which holds no entries; every length must be at least 1")
    return shape
