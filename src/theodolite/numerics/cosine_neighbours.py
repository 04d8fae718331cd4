"""Nearest neighbours by brute force: exact, in blocks, ties settled by the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.dissimilarity import BLOCK, distances_of

Host = NDArray[np.float64]


def nearest(points: Host, k: int) -> tuple[NDArray[np.int64], Host]:
    """Find the k nearest other rows of every row.

    Parameters
    ----------
    points : ndarray, shape (rows, features)
        Points; of length one where neighbours by cosine are wanted, near the origin in any case.
    k : int
        How many, fewer than there are rows.

    Returns
    -------
    neighbours : ndarray of int, shape (rows, k)
        The nearest first; of rows equally near, the one with the lower index.
    squared : ndarray, shape (rows, k)
        Their squared distances.

    Notes
    -----
    Inner products by blocks of rows leave a few candidates, with room for every rounding error; their distances are
    then taken from the differences, in which equal rows are equally far to the last bit.
    """
    count, width = points.shape
    squares = np.einsum("ij,ij->i", points, points)
    lengths = np.sqrt(squares)
    rounding = 4 * (width + 8) * np.finfo(np.float64).eps * (lengths + lengths.max()) ** 2
    found, squared = np.empty((count, k), dtype=np.int64), np.empty((count, k))
    step = max(1, BLOCK // count)
    for start in range(0, count, step):
        stop = min(start + step, count)
        scores = squares - 2.0 * (points[start:stop] @ points.T)
        scores[np.arange(stop - start), np.arange(start, stop)] = np.inf
        limit = np.partition(scores, k - 1, axis=1)[:, k - 1] + rounding[start:stop]
        row, column = np.nonzero(scores <= limit[:, None])
        distances = distances_of(points, row + start, column)
        order = np.lexsort((column, distances, row))
        firsts = np.searchsorted(row, np.arange(stop - start))
        chosen = order[firsts[:, None] + np.arange(k)]
        found[start:stop], squared[start:stop] = column[chosen], distances[chosen]
    return found, squared


def shared(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Find the neighbours that every row has in both of two clouds.

    Parameters
    ----------
    x, y : ndarray of int, shape (rows, k)
        Neighbours of each row, the nearest first.

    Returns
    -------
    row : ndarray of int, shape (shared,)
        The row, ascending.
    first, second : ndarray of int, shape (shared,)
        Place of the neighbour among those in `x` and in `y`, 0 for the nearest.
    """
    count, k = x.shape
    own = np.arange(count)[:, None] * count
    wanted, among = (own + x).ravel(), (own + y).ravel()
    order = np.argsort(among)
    place = np.minimum(np.searchsorted(among[order], wanted), among.size - 1)
    hit = np.flatnonzero(among[order[place]] == wanted)
    return hit // k, hit % k, order[place[hit]] % k
