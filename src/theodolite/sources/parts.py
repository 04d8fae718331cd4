"""Matrices that are read from stored tensors when they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.relaid import Relaid
from theodolite.sources.stored import CHUNK_BYTES, RowSource, StoredTensor

if TYPE_CHECKING:
    from theodolite.core.views import Spectrum

View = Literal["matrix", "unfold", "slices", "fft"]


class Matrix(RowSource):
    """A matrix (or a stack of matrices) of a weight, out x in, read row by row.

    It has what `Spectrum` asks of a matrix: `shape`, `dtype`, `ndim` and ``matrix[start:stop]``, all of them in the
    layout out x in whatever the stored one is. ``numpy.asarray(matrix)`` reads it whole.

    Attributes
    ----------
    shape : tuple of int
        Out x in, or slices x out x in for a stack.
    dtype : numpy.dtype
        The type of what slicing gives.
    role : str
        What the matrix does in its network.
    view : str
        ``"matrix"``, or how a convolution's kernel became one: ``"unfold"``, ``"slices"``, ``"fft"``.
    positions : int
        Kernel positions side by side in each row of an unfolded convolution; 1 for everything else.
    """

    role: str
    view: View

    @property
    def positions(self) -> int:
        """Number of kernel positions that stand side by side in each row, the innermost running fastest.

        Returns
        -------
        int
            1 but for an unfolded convolution.
        """
        source = getattr(self, "source", None)
        return 1 if source is None or self.view != "unfold" else math.prod(source.shape[2:])

    def put_back(self, values: NDArray[Any], stored: NDArray[Any]) -> None:
        """Write a matrix of this shape into an array of the tensor's shape, where this one lies in it.

        It undoes reading: what was read and put back leaves the array as it was. Values are cast to the array's type.

        Parameters
        ----------
        values : numpy.ndarray
            The matrix, out x in.
        stored : numpy.ndarray
            An array in the tensor's stored layout, which is changed; C-ordered.

        Raises
        ------
        ValueError
            If this way of looking at the tensor cannot be undone, or a shape is wrong.
        """
        if values.shape != self.shape:
            raise ValueError(f"values: got shape {values.shape}; the matrix has {self.shape}")
        if not stored.flags.c_contiguous:
            raise ValueError("stored: expected a C-ordered array")
        source = getattr(self, "source", None)
        if isinstance(source, Relaid):
            kernel = source.channels_first(stored)
            self._put_back(values, kernel)
            stored[...] = source.channels_last(kernel)
        else:
            self._put_back(values, stored)

    def _put_back(self, values: NDArray[Any], stored: NDArray[Any]) -> None:  # noqa: ARG002 - for those that can
        raise ValueError(f"the view {self.view!r} of a {self.role} cannot be turned back into the tensor")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("copy=False: a stored matrix is always read into a new array")
        array = np.asarray(self.rows(0, self.shape[0]), dtype=dtype)
        # Rows of a live tensor are looked at where they are, and cannot be written to.
        return array.copy() if copy and not array.flags.writeable else array

    def __repr__(self) -> str:
        return f"Matrix({' x '.join(map(str, self.shape))}, {self.dtype}, {self.role}, {self.view})"

    def spectrum(self) -> Spectrum:
        """Look at the matrix's spectrum.

        Returns
        -------
        Spectrum
            A view that reads the matrix when it is first asked for something.
        """
        from theodolite.core.views import Spectrum

        return Spectrum(self)


@dataclass(frozen=True, eq=False, repr=False)
class Cut(Matrix):
    """Rows and columns of a stored tensor seen as a table, turned where it is stored in x out.

    Parameters
    ----------
    source : StoredTensor
        The tensor.
    rows_of, columns_of : tuple of range
        Which rows and columns of the table, in the order wanted; the table has ``source.shape[-1]`` columns unless
        `width` says otherwise.
    turned : bool
        Whether the table is stored in x out.
    role : str
        What the matrix does.
    view : str
        See `Matrix`.
    width : int, optional
        Columns of the table.
    """

    source: StoredTensor
    rows_of: tuple[range, ...]
    columns_of: tuple[range, ...]
    turned: bool = False
    role: str = "other"
    view: View = "matrix"
    width: int = 0
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[np.generic] = field(init=False)

    def __post_init__(self) -> None:
        sides = (sum(map(len, self.rows_of)), sum(map(len, self.columns_of)))
        object.__setattr__(self, "shape", sides[::-1] if self.turned else sides)
        object.__setattr__(self, "dtype", self.source.dtype)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read rows of the matrix.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows in the stored type.
        """
        if not self.turned:
            return self._table(_within(self.rows_of, start, stop), self.columns_of)
        columns = _within(self.columns_of, start, stop)
        total = sum(map(len, self.rows_of))
        block = np.empty((stop - start, total), dtype=self.dtype)
        step = max(1, CHUNK_BYTES // (self._columns * self.dtype.itemsize))
        for first in range(0, total, step):
            last = min(total, first + step)
            block[:, first:last] = self._table(_within(self.rows_of, first, last), columns).T
        return block

    def _put_back(self, values: NDArray[Any], stored: NDArray[Any]) -> None:
        table = stored.reshape(-1, self._columns)
        values = values.T if self.turned else values
        first = 0
        for rows in self.rows_of:
            block, begin = values[first : first + len(rows)], 0
            for columns in self.columns_of:
                table[_slice(rows), _slice(columns)] = block[:, begin : begin + len(columns)]
                begin += len(columns)
            first += len(rows)

    @property
    def _columns(self) -> int:
        return self.width or self.source.shape[-1]

    def _table(self, rows: tuple[range, ...], columns: tuple[range, ...]) -> NDArray[np.generic]:
        blocks = [table_rows(self.source, self._columns, wanted) for wanted in rows]
        whole = len(columns) == 1 and columns[0] == range(self._columns)
        if not whole:
            blocks = [np.concatenate([block[:, _slice(c)] for c in columns], axis=1) for block in blocks]
        return (
            blocks[0]
            if len(blocks) == 1
            else np.concatenate([np.empty((0, sum(map(len, columns))), self.dtype), *blocks])
        )


@dataclass(frozen=True, eq=False, repr=False)
class Rearranged(Matrix):
    """A matrix that has to be computed from the whole stored tensor.

    Parameters
    ----------
    source : StoredTensor
        The tensor.
    rearrange : callable
        Module-level function (or `functools.partial` of one) from the tensor to the matrix.
    shape : tuple of int
        The shape of what it gives.
    dtype : numpy.dtype
        The type of what it gives.
    role : str
        What the matrix does.
    view : str
        See `Matrix`.
    restore : callable, optional
        Module-level function (or `functools.partial` of one) from the matrix back to the tensor.
    """

    source: StoredTensor
    rearrange: Callable[[NDArray[Any]], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    role: str = "other"
    view: View = "matrix"
    restore: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read the tensor, rearrange it and take rows.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows.
        """
        return self.rearrange(self.source.read())[start:stop]

    def _put_back(self, values: NDArray[Any], stored: NDArray[Any]) -> None:
        if self.restore is None:
            super()._put_back(values, stored)
        else:
            stored[...] = self.restore(values).reshape(stored.shape)


def table_rows(source: StoredTensor, columns: int, wanted: range) -> NDArray[np.generic]:
    """Read rows of a tensor seen as a table.

    Parameters
    ----------
    source : StoredTensor
        The tensor, whose trailing axes multiply to a multiple of `columns`.
    columns : int
        Columns of the table.
    wanted : range
        Which rows of the table.

    Returns
    -------
    numpy.ndarray
        An array of shape (len(wanted), columns).
    """
    if not len(wanted):
        return np.empty((0, columns), dtype=source.dtype)
    first, last = wanted.start, wanted[-1] + 1
    each = math.prod(source.shape[1:]) // columns
    low, high = first // each, -(-last // each)
    block = source.rows(low, high).reshape(-1, columns)
    return block[first - low * each : last - low * each : wanted.step]


def _within(ranges: tuple[range, ...], start: int, stop: int) -> tuple[range, ...]:
    """Entries ``start:stop`` of the ranges laid end to end."""
    taken, before = [], 0
    for each in ranges:
        part = each[max(0, start - before) : max(0, stop - before)]
        before += len(each)
        if len(part):
            taken.append(part)
    return tuple(taken)


def _slice(wanted: range) -> slice:
    return slice(wanted.start, wanted.stop, wanted.step)
