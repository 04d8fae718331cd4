"""Distinct points as a search for neighbours reads them: as they are, or about their mean and near one in size."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.coincident import Distinct, blocks_of, to_host

Float = NDArray[np.float64]
Index = NDArray[np.int64]

SMALLEST, LARGEST = 1e-70, 1e70
TINY = 1e-280  # squares below it lose digits to underflow
ENTRIES_AT_ONCE = 1 << 20
HELD_IN_MEMORY = 1 << 24  # entries of points that are no array; more of them go into a file


class SpreadError(ValueError):
    """The points are finite, but powers of their distances leave the range of float64.

    Parameters
    ----------
    largest : float
        Largest deviation of an entry from its column's mean.
    """

    def __init__(self, largest: float) -> None:
        self.largest = largest
        super().__init__(f"the largest deviation from the mean is {largest:.3g}")


class PointRows:
    """Distinct points on the host, or on disk.

    Parameters
    ----------
    points : array, shape (rows, features)
        A NumPy array (one on disk stays there); whatever else it is, is gathered.
    distinct : Distinct
        Which rows to take.

    Raises
    ------
    SpreadError
        If the points spread too little or too much.
    """

    def __init__(self, points: Any, distinct: Distinct) -> None:
        self._points = points if isinstance(points, np.ndarray) else gathered(points)
        self._first = distinct.first
        self._plain = distinct.count == len(self._points)
        self.count, self.width = distinct.count, int(points.shape[1])
        self.on_disk = _on_disk(self._points)
        """Whether the points are read from a file."""
        self.centre, largest = self._moments()
        if largest and not SMALLEST < largest < LARGEST:
            raise SpreadError(largest)
        # A power of two, so that nothing is rounded.
        self.scale = 2.0 ** -np.frexp(largest)[1] if largest else 1.0

    def _moments(self) -> tuple[Float, float]:
        base = to_host(self._points[:1])[0]
        total, low, high = np.zeros(self.width), np.zeros(self.width), np.zeros(self.width)
        for block in blocks_of(self._points):
            apart = block - base
            total += apart.sum(axis=0)
            np.minimum(low, apart.min(axis=0), out=low)
            np.maximum(high, apart.max(axis=0), out=high)
        mean = total / len(self._points)
        return np.asarray(base + mean), float(np.maximum(high - mean, mean - low).max())

    def at(self, places: Index | slice) -> Float:
        """Give some points.

        Parameters
        ----------
        places : ndarray of int, shape (some,), or slice
            Which.

        Returns
        -------
        ndarray, shape (some, features)
            As they are, float64.
        """
        return np.asarray(self._points[places if self._plain else self._first[places]], np.float64)

    def near_one(self, places: Index | slice) -> Float:
        """Give some points about the mean of all, scaled so that the largest entry of all lies between a half and 1.

        Parameters
        ----------
        places : ndarray of int, shape (some,), or slice
            Which.

        Returns
        -------
        ndarray, shape (some, features)
            A shift and a power of two away from what they are; float64.
        """
        moved = self.at(places) - self.centre
        moved *= self.scale
        return moved

    def part(self, places: Index) -> PointRows:
        """Take some of the points: into memory, unless they are read from a file.

        Parameters
        ----------
        places : ndarray of int, shape (some,)
            Which.

        Returns
        -------
        PointRows
            Those alone.
        """
        if self.on_disk:
            return PointRows(self._points, Distinct(self._first[places], np.arange(places.size)))
        return PointRows(self.at(places), Distinct.all_of(places.size))

    def stretches(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
        """Cut the points into stretches of which one fits into memory easily.

        Parameters
        ----------
        start, stop : int
            Where to begin and to end; all of them, unless said.

        Yields
        ------
        start, stop : int
            The next stretch.
        """
        end, step = self.count if stop is None else stop, max(1, ENTRIES_AT_ONCE // self.width)
        for first in range(start, end, step):
            yield first, min(first + step, end)

    @cached_property
    def whole(self) -> Float:
        """All points about their mean and near one, float64."""
        made = np.empty((self.count, self.width))
        for start, stop in self.stretches():
            made[start:stop] = self.near_one(slice(start, stop))
        return made

    def apart(self, rows: Index, others: Index) -> Float:
        """Give the distances of pairs of points by their differences.

        Parameters
        ----------
        rows, others : ndarray of int, shape (pairs,)
            Which.

        Returns
        -------
        ndarray, shape (pairs,)
            To a few units in the last place, and above 0 for points that aren't the same; the same number whichever
            other pairs are asked for, and in whichever order.
        """
        found = np.empty(rows.size)
        step = max(1, ENTRIES_AT_ONCE // (4 * self.width))
        for start in range(0, rows.size, step):
            some = slice(start, start + step)
            found[some] = lengths(self.at(others[some]) - self.at(rows[some]))
        return found

    def apart_from_each(self, start: int, others: Index) -> Float:
        """Give the distances of a stretch of points from several others each.

        Parameters
        ----------
        start : int
            The first of them.
        others : ndarray of int, shape (some, several)
            For each point of the stretch, which others.

        Returns
        -------
        ndarray, shape (some, several)
            What `apart` gives.
        """
        found = np.empty(others.shape)
        step = max(1, ENTRIES_AT_ONCE // (4 * self.width * others.shape[1]))
        for first in range(0, len(others), step):
            some = others[first : first + step]
            own = self.at(slice(start + first, start + first + len(some)))
            differences = self.at(some.ravel()).reshape(*some.shape, self.width)
            differences -= own[:, None, :]
            found[first : first + step] = lengths(differences)
        return found


def lengths(vectors: Float) -> Float:
    """Give the lengths of vectors, without underflow.

    Parameters
    ----------
    vectors : ndarray, shape (..., features)
        Finite, below 1e150.

    Returns
    -------
    ndarray, shape (...)
        Above 0 for all but zero vectors.
    """
    squares = np.einsum("...i,...i->...", vectors, vectors)
    found = np.sqrt(squares)
    tiny = squares < TINY
    if tiny.any():
        small = vectors[tiny]
        largest = np.abs(small).max(axis=-1)
        safe = np.where(largest > 0, largest, 1.0)
        scaled = small / safe[..., None]
        found[tiny] = safe * np.sqrt(np.einsum("...i,...i->...", scaled, scaled)) * (largest > 0)
    return np.asarray(found)


def gathered(points: Any) -> NDArray[Any]:
    """Bring points of another library, or stored ones, to where single rows can be picked.

    Parameters
    ----------
    points : array, shape (rows, features)
        An array of any library, or anything row-sliceable; it is read in blocks.

    Returns
    -------
    ndarray, shape (rows, features)
        In float32 where that holds them, else in float64; in memory or, where there are many, in a file without a
        name that is gone with the array.
    """
    narrow = any(name in str(points.dtype) for name in ("float32", "float16", "float8"))
    kind, shape = np.float32 if narrow else np.float64, tuple(int(side) for side in points.shape)
    if shape[0] * shape[1] > HELD_IN_MEMORY:
        with tempfile.TemporaryFile(prefix="theodolite-points-") as file:
            for block in blocks_of(points):
                file.write(block.astype(kind, copy=False).data)
            file.flush()
            return np.memmap(file, kind, "r", shape=shape)
    made, start = np.empty(shape, kind), 0
    for block in blocks_of(points):
        made[start : start + len(block)] = block
        start += len(block)
    return made


def _on_disk(array: Any) -> bool:
    # What is picked from a numpy.memmap is one by its type, and an array that looks at one isn't; the memory tells.
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return isinstance(array, mmap.mmap)
