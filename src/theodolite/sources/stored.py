"""Tensors where they lie: shape and type known, rows read when asked for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.opened import SourceFile

CHUNK_BYTES = 1 << 22


class RowSource(ABC):
    """Something that is read row by row along its first axis when it is sliced.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        The type of what slicing gives.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def ndim(self) -> int:
        """Number of axes.

        Returns
        -------
        int
            The number of sides of the shape.
        """
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries.

        Returns
        -------
        int
            The product of the shape.
        """
        return math.prod(self.shape)

    @abstractmethod
    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read entries ``start:stop`` of the first axis.

        Parameters
        ----------
        start, stop : int
            Bounds with ``0 <= start <= stop <= shape[0]``.

        Returns
        -------
        numpy.ndarray
            The entries, in C order.
        """

    def __getitem__(self, key: slice) -> NDArray[np.generic]:
        start, stop, step = row_bounds(key, self.shape[0])
        return self.rows(start, stop)[::step]


class StoredTensor(RowSource):
    """A tensor that is read row by row along its first axis, in its stored type."""

    def read(self) -> NDArray[np.generic]:
        """Read the whole tensor.

        Returns
        -------
        numpy.ndarray
            The tensor in the stored type and shape.
        """
        return self.rows(0, self.shape[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({' x '.join(map(str, self.shape)) or 'scalar'}, {self.dtype})"

    def chunks(self) -> Iterator[memoryview]:
        """Go through the tensor's bytes in C order and little-endian form.

        Yields
        ------
        memoryview
            A piece of a few megabytes at most, or one row where rows are larger.
        """
        if not self.shape:
            yield as_bytes(self.read())
            return
        step = self._rows_at_once
        for start in range(0, self.shape[0], step):
            yield as_bytes(self.rows(start, min(self.shape[0], start + step)))

    @property
    def _rows_at_once(self) -> int:
        return max(1, CHUNK_BYTES * self.shape[0] // max(1, self.size * self.dtype.itemsize))


@dataclass(frozen=True, repr=False)
class FileTensor(StoredTensor):
    """A C-ordered tensor at one place of a file.

    Parameters
    ----------
    file : SourceFile
        Where it lies.
    offset : int
        Its first byte.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its stored type.
    """

    file: SourceFile
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read entries ``start:stop`` of the first axis, and no other byte.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows in the stored type.
        """
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        return self._at(self.offset + start * width, (stop - start, *self.shape[1:]))

    def read(self) -> NDArray[np.generic]:
        """Read the whole tensor.

        Returns
        -------
        numpy.ndarray
            The tensor in the stored type and shape.
        """
        return self._at(self.offset, self.shape)

    def _at(self, offset: int, shape: tuple[int, ...]) -> NDArray[np.generic]:
        block = np.empty(math.prod(shape) * self.dtype.itemsize, dtype=np.uint8)
        if block.size:
            self.file.read_into(block.data, offset)
        return block.view(self.dtype).reshape(shape)


@dataclass(frozen=True)
class RawBytes:
    """The bytes of a tensor whose element type has no NumPy form.

    Parameters
    ----------
    file : SourceFile
        Where they lie.
    offset, count : int
        Which bytes.
    """

    file: SourceFile
    offset: int
    count: int

    def chunks(self) -> Iterator[memoryview]:
        """Go through the bytes.

        Yields
        ------
        memoryview
            A piece of a few megabytes at most.
        """
        for start in range(0, self.count, CHUNK_BYTES):
            yield memoryview(self.file.read(self.offset + start, min(CHUNK_BYTES, self.count - start)))


def row_bounds(key: slice, length: int) -> tuple[int, int, int]:
    """Check a slice along the first axis.

    Parameters
    ----------
    key : slice
        A slice with a positive step.
    length : int
        Entries along the axis.

    Returns
    -------
    tuple of int
        Start, stop (not before start) and step.

    Raises
    ------
    TypeError
        If the key is not such a slice.
    """
    if not isinstance(key, slice):
        raise TypeError(f"stored tensors are sliced by rows, as in tensor[0:10]; got {type(key).__name__}")
    start, stop, step = key.indices(length)
    if step < 1:
        raise TypeError(f"rows are read forwards: the step must be positive, got {step}")
    return start, max(start, stop), step


def as_bytes(array: NDArray[np.generic]) -> memoryview:
    """View an array's elements as bytes in little-endian C order.

    Parameters
    ----------
    array : numpy.ndarray
        Any array of fixed-size elements.

    Returns
    -------
    memoryview
        Its bytes; a copy only where order or layout asks for one.
    """
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
