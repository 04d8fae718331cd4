"""Rows that coincide, found by their bytes and taken together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

_ENTRIES_AT_ONCE = 1 << 20


class NonFiniteRowsError(ValueError):
    """Some rows hold NaN or Inf.

    Parameters
    ----------
    count : int
        How many rows do.
    rows : int
        How many rows there are.
    """

    def __init__(self, count: int, rows: int) -> None:
        self.count, self.rows = count, rows
        super().__init__(f"{count} of {rows} rows")


@dataclass(frozen=True, eq=False)
class Distinct:
    """Which rows are the same point.

    Attributes
    ----------
    first : ndarray of int, shape (points,)
        For each distinct point the first row that holds it, ascending.
    of : ndarray of int, shape (rows,)
        For each row the distinct point that it holds.
    """

    first: Index
    of: Index

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.of.size)

    @property
    def count(self) -> int:
        """How many distinct points there are."""
        return int(self.first.size)

    @cached_property
    def weights(self) -> Index:
        """How many rows hold each point."""
        return np.bincount(self.of, minlength=self.first.size).astype(np.int64)

    @classmethod
    def all_of(cls, rows: int) -> Distinct:
        """Say that no two rows coincide.

        Parameters
        ----------
        rows : int
            How many rows there are.

        Returns
        -------
        Distinct
            Each row a point of its own.
        """
        return cls(np.arange(rows), np.arange(rows))


def distinct_rows(points: Any) -> Distinct:
    """Find rows that coincide.

    Rows with the same hash of their bytes are compared entry by entry, so that the answer is exact; of two zeros the
    sign doesn't count.

    Parameters
    ----------
    points : array, shape (rows, features)
        An array of any library, or anything row-sliceable; it is read in blocks.

    Returns
    -------
    Distinct
        Which rows are the same.

    Raises
    ------
    NonFiniteRowsError
        If rows hold NaN or Inf.
    """
    count, wrong, hashes = int(points.shape[0]), 0, []
    for block in blocks_of(points):
        wrong += int(np.count_nonzero(~np.isfinite(block).all(axis=1)))
        hashes.append(_hashed(block))
    if wrong:
        raise NonFiniteRowsError(wrong, count)
    hashed = np.concatenate(hashes)
    order = np.argsort(hashed, kind="stable")
    same = hashed[order][1:] == hashed[order][:-1]
    leader = np.arange(count)
    # Only rows whose hash comes more than once are read again.
    for run in _runs(same):
        _settle(points, order[run], leader)
    first, of = np.unique(leader, return_inverse=True)
    return Distinct(first.astype(np.int64), of.astype(np.int64))


def _settle(points: Any, members: Index, leader: Index) -> None:
    """Name, of rows with one hash (ascending), the first that equals each."""
    left = members
    while left.size > 1:
        model = _rows(points, int(left[0]), 1)[0]
        equal = np.asarray([bool((_rows(points, int(i), 1)[0] == model).all()) for i in left])
        leader[left[equal]] = left[0]
        left = left[~equal]


def blocks_of(points: Any) -> Iterator[NDArray[np.float64]]:
    """Read rows in blocks.

    Parameters
    ----------
    points : array, shape (rows, features)
        An array of any library, or anything row-sliceable.

    Yields
    ------
    ndarray, shape (some, features)
        The next rows, float64, without negative zeros.
    """
    count, width = (int(side) for side in points.shape)
    step = max(1, _ENTRIES_AT_ONCE // width)
    for start in range(0, count, step):
        # Adding zero makes the two zeros one.
        yield _rows(points, start, step) + 0.0


def _rows(points: Any, start: int, step: int) -> NDArray[np.float64]:
    # Arrays are indexed by all their axes, as the standard asks for; what is only row-sliceable can't be.
    some = slice(start, min(start + step, int(points.shape[0])))
    return to_host(points[some, :] if compat.is_array_api_obj(points) else points[some])


def to_host(rows: Any) -> NDArray[np.float64]:
    """Bring rows to NumPy and to float64.

    Parameters
    ----------
    rows : array
        An array of any library and device.

    Returns
    -------
    ndarray
        The same numbers.
    """
    if compat.is_array_api_obj(rows) and not isinstance(rows, np.ndarray):
        library = compat.array_namespace(rows)
        rows = library.astype(rows.detach() if hasattr(rows, "detach") else rows, library.float64)
        rows = compat.to_device(rows, "cpu") if hasattr(rows, "detach") else _home(rows, library)
    return np.ascontiguousarray(rows, dtype=np.float64)


def _home(rows: Any, library: Any) -> Any:
    return compat.to_device(rows, library.__array_namespace_info__().default_device())


def _hashed(block: NDArray[np.float64]) -> NDArray[np.uint64]:
    # A sum of words times odd numbers, modulo 2**64, with the words' high halves folded down first.
    words = block.view(np.uint64)
    words = words ^ (words >> np.uint64(29))
    odd = np.random.default_rng(0).integers(0, 2**63, block.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.asarray(words @ odd)


def _runs(same: NDArray[np.bool_]) -> Iterator[slice]:
    """Give the stretches of a sorted sequence in which neighbours are equal."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(start), int(stop) + 1)
