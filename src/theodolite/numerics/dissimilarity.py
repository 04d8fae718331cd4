"""How unlike the rows of a matrix are, every pair once, and what prepares the rows for it."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Host = NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)

BLOCK = 1 << 21
"""Entries of a block of the square matrix that are held at a time."""

CLOSE = 1e-4
"""Squared distances below this share of the rows' squared lengths are taken again, from the rows' difference."""

LEVEL = 1e-13
"""A row whose spread is below this share of its largest entry is constant to rounding."""


def directions(rows: Host, *, centre: bool) -> tuple[Host, NDArray[Any]]:
    """Scale every row to length one.

    Parameters
    ----------
    rows : ndarray, shape (rows, features)
        Finite numbers of any size.
    centre : bool
        Whether the mean of each row's entries is taken away before.

    Returns
    -------
    units : ndarray, shape (rows, features)
        Rows of length one.
    undirected : ndarray of int
        Rows that are zero, or constant where they are centred; their place in `units` means nothing.
    """
    largest = np.abs(rows).max(axis=1, keepdims=True)
    # By the largest entry first, so that no square leaves the range.
    units = rows / np.where(largest > 0, largest, 1.0)
    if centre:
        units = units - units.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    undirected = lengths[:, 0] <= (LEVEL * np.sqrt(rows.shape[1]) if centre else 0.0)
    return units / np.where(undirected[:, None], 1.0, lengths), np.flatnonzero(undirected)


def squared_distances(points: Host) -> Host:
    """Compute the squared distance of every pair of rows.

    Parameters
    ----------
    points : ndarray, shape (rows, features)
        Points; near the origin, or digits are lost.

    Returns
    -------
    ndarray, shape (rows * (rows - 1) / 2,)
        Pairs (0, 1), (0, 2), ... (1, 2), ...; those of equal rows are exactly 0.
    """
    count = len(points)
    squares = np.einsum("ij,ij->i", points, points)
    distances = np.empty(count * (count - 1) // 2)
    for start, stop in _blocks(count):
        block = squares[start:stop, None] + squares - 2.0 * (points[start:stop] @ points.T)
        close = np.argwhere(block < CLOSE * (squares[start:stop, None] + squares))
        left, right = close[close[:, 1] > close[:, 0] + start].T
        block[left, right] = distances_of(points, left + start, right)
        _into_condensed(block, start, distances)
    return distances


def distances_of(points: Host, left: NDArray[Any], right: NDArray[Any]) -> Host:
    """Compute the squared distance of chosen pairs of rows from their difference.

    Parameters
    ----------
    points : ndarray, shape (rows, features)
        Points.
    left, right : ndarray of int, shape (pairs,)
        The rows of each pair.

    Returns
    -------
    ndarray, shape (pairs,)
        The same bits for the same two rows, wherever they stand.
    """
    distances = np.empty(len(left))
    step = max(1, BLOCK // points.shape[1])
    for start in range(0, len(left), step):
        apart = points[left[start : start + step]] - points[right[start : start + step]]
        distances[start : start + step] = np.einsum("ij,ij->i", apart, apart)
    return distances


def differences(first: Host, second: Host) -> Host:
    """Multiply the difference of every pair of rows with that of the same rows of a second matrix.

    Parameters
    ----------
    first, second : ndarray, shape (rows, features)
        Two looks at the same points.

    Returns
    -------
    ndarray, shape (rows * (rows - 1) / 2,)
        ``(aᵢ - aⱼ) · (bᵢ - bⱼ)``, in the order of `squared_distances`.
    """
    # The differences don't change by it, and less is to be taken away.
    one, other = first - first.mean(axis=0), second - second.mean(axis=0)
    count = len(one)
    squares = np.einsum("ij,ij->i", one, other)
    products = np.empty(count * (count - 1) // 2)
    for start, stop in _blocks(count):
        block = squares[start:stop, None] + squares
        block -= one[start:stop] @ other.T
        block -= other[start:stop] @ one.T
        _into_condensed(block, start, products)
    return products


def square(condensed: Host) -> Host:
    """Arrange the pairs in a symmetric matrix.

    Parameters
    ----------
    condensed : ndarray, shape (rows * (rows - 1) / 2,)
        One number for each pair.

    Returns
    -------
    ndarray, shape (rows, rows)
        With zeros on its diagonal.
    """
    count = rows_of(len(condensed))
    matrix = np.zeros((count, count))
    matrix[np.triu_indices(count, 1)] = condensed
    return matrix + matrix.T


def reordered(condensed: NDArray[Number], order: NDArray[Any]) -> NDArray[Number]:
    """Put the rows into another order.

    Parameters
    ----------
    condensed : ndarray, shape (rows * (rows - 1) / 2,)
        One number for each pair.
    order : ndarray of int, shape (rows,)
        Which row comes where.

    Returns
    -------
    ndarray, shape (rows * (rows - 1) / 2,)
        The same numbers, each where its pair is now.
    """
    moved = np.empty_like(condensed)
    count, place = order.size, 0
    starts = order * count - order * (order + 1) // 2 - order - 1
    for row in range(count - 1):
        others = order[row + 1 :]
        # Of each pair, the row that came first says where the number is.
        at = np.where(others > order[row], starts[row] + others, starts[row + 1 :] + order[row])
        moved[place : place + others.size] = condensed[at]
        place += others.size
    return moved


def rows_of(pairs: int) -> int:
    """Count the rows that have so many pairs.

    Parameters
    ----------
    pairs : int
        How many pairs.

    Returns
    -------
    int
        How many rows.

    Raises
    ------
    ValueError
        If no number of rows has so many pairs.
    """
    count = (1 + int(np.sqrt(1 + 8 * pairs))) // 2
    if count * (count - 1) // 2 != pairs:
        raise ValueError(f"no number of rows has {pairs} pairs")
    return count


def cross_validated(runs: Host) -> Host:
    """Multiply the difference of two conditions in one run with that in another, over all pairs of runs.

    Parameters
    ----------
    runs : ndarray, shape (runs, conditions, features)
        At least two runs.

    Returns
    -------
    ndarray, shape (conditions * (conditions - 1) / 2,)
        The mean over ordered pairs of different runs. Noise that is independent between runs adds nothing to it in the
        mean, so that it may fall below 0.
    """
    count = len(runs)
    total = runs.sum(axis=0)
    # A run with all the others: each pair of different runs comes up once in each order.
    return np.asarray(sum(differences(run, total - run) for run in runs)) / (count * (count - 1))


def _blocks(count: int) -> list[tuple[int, int]]:
    step = max(1, BLOCK // count)
    return [(start, min(start + step, count)) for start in range(0, count, step)]


def _into_condensed(block: Host, start: int, condensed: Host) -> None:
    """Copy what lies right of the diagonal of rows that begin at `start`."""
    count = block.shape[1]
    for row, entries in enumerate(block, start):
        place = row * count - row * (row + 1) // 2
        condensed[place : place + count - row - 1] = entries[row + 1 :]
