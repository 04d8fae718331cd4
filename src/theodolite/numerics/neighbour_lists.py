"""Nearest neighbours from lists that a tree or a reduction gives, checked, sorted and made longer where they tie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from theodolite.numerics.neighbour_points import PointRows
from theodolite.numerics.neighbour_products import SPARE, Products, first_of, settled

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_SLACK = 1e-12  # relative, more than distances by differences err
_EXACT = 4e-12  # bound on the relative error up to which a squared distance isn't computed again
_SMALL = 1e-140  # below it squares may be lost
_ENTRIES_AT_ONCE = 1 << 19  # of candidates in a block of rows, for each of which some ten numbers are made
_ROWS_AT_ONCE = 1 << 14


def nearest_by_tree(rows: PointRows, k: int) -> tuple[Float, Index, int]:
    """Find neighbours in a tree of the points.

    Parameters
    ----------
    rows : PointRows
        The points, of few features.
    k : int
        How many neighbours, fewer than there are points.

    Returns
    -------
    distances, indices : ndarray, shape (points, k)
        Ascending; of equally near ones the first.
    uncertain : int
        How many rows were done again, since more points tied than were asked for or distances were too small to
        square.
    """
    # The points as they are: the tree takes differences, and those of points about their mean are less exact.
    whole, count = rows.at(np.arange(rows.count)), rows.count
    tree = cKDTree(whole, balanced_tree=False)
    distances, indices = np.empty((count, k)), np.empty((count, k), np.int64)
    left, kept, uncertain = np.arange(count), min(k + 2, count - 1), 0
    while left.size:
        doubtful, step = [], _rows_at_once(kept)
        for start in range(0, left.size, step):
            some = left[start : start + step]
            reached, found = tree.query(whole[some], kept + 1)
            candidates, rest = _without_self(some, found.astype(np.int64), reached)
            exact = rows.apart(np.repeat(some, kept), candidates.ravel()).reshape(candidates.shape)
            distances[some], indices[some] = first_of(exact, candidates, k)
            if kept < count - 1:
                doubtful.append(some[(rest <= distances[some, -1] * (1 + _SLACK)) | (reached[:, 1] < _SMALL)])
        left = np.concatenate(doubtful) if doubtful else left[:0]
        uncertain = uncertain or int(left.size)
        kept = min(4 * kept, count - 1)
    return distances, indices, uncertain


def _without_self(rows: Index, found: Index, reached: Float) -> tuple[Index, Float]:
    """Take each point out of its own list, and say how far the list reaches."""
    own = found == rows[:, None]
    # Where the point itself isn't listed, it ties with others at no distance, and the row is done again.
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(rows), -1), reached[:, -1]


def nearest_by_reduction(rows: PointRows, k: int) -> tuple[Float, Index, int]:
    """Find neighbours by scikit-learn's reduction of matrix products in double precision.

    Its squared distances are taken where they are as exact as those of differences and where no other may come between;
    the rest is computed again.

    Parameters
    ----------
    rows : PointRows
        The points.
    k : int
        How many neighbours, fewer than there are points.

    Returns
    -------
    distances, indices : ndarray, shape (points, k)
        Ascending; of equally near ones the first.
    uncertain : int
        How many rows were done again, since rounding left doubt of which points are nearest.
    """
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    whole, count = rows.whole, rows.count
    kept, double = min(k + SPARE, count - 1), Products(rows, np.float64)
    # The points were looked at before, and for some hundred of them a second look takes as long as the search.
    trusted = {"assume_finite": True, "skip_parameter_validation": True}
    with config_context(**trusted):
        search = NearestNeighbors(n_neighbors=kept + 1, algorithm="brute").fit(whole)
    distances, indices, doubtful = np.empty((count, k)), np.empty((count, k), np.int64), []
    step = _rows_at_once(max(kept, rows.width))
    for start in range(0, count, step):
        some = np.arange(start, min(start + step, count))
        with config_context(**trusted):
            reached, found = search.kneighbors(whole[start : start + step])
        own = found == some[:, None]
        own[~own.any(axis=1), -1] = True
        candidates = found[~own].reshape(some.size, kept).astype(np.int64)
        squares = reached[~own].reshape(some.size, kept) ** 2
        error = double.errors(some, candidates)
        exact = np.sqrt(squares) / rows.scale
        again = _unsure(squares, error)
        row, place = np.nonzero(again)
        exact[again] = rows.apart(some[row], candidates[row, place])
        distances[some], indices[some] = first_of(exact, candidates, k)
        if kept < count - 1:
            farthest = distances[some, -1] * rows.scale
            surely = reached[:, -1] ** 2 - double.bound(some, farthest)
            doubtful.append(some[surely <= farthest**2 * (1 + _SLACK)])
    left = np.concatenate(doubtful) if doubtful else np.empty(0, np.int64)
    if left.size:
        distances[left], indices[left] = settled(rows, left, distances[left, -1], k)
    return distances, indices, int(left.size)


def _rows_at_once(entries: int) -> int:
    """Say how many rows make a block, with so many entries each."""
    return max(1, min(_ROWS_AT_ONCE, _ENTRIES_AT_ONCE // entries))


def _unsure(squares: Float, error: Float) -> NDArray[np.bool_]:
    """Tell which of ascending squared distances aren't exact enough, or may change places."""
    unsure = error > _EXACT * squares
    error = error + _SLACK * squares
    close = squares[:, 1:] - squares[:, :-1] <= error[:, 1:] + error[:, :-1]
    unsure[:, 1:] |= close
    unsure[:, :-1] |= close
    return np.asarray(unsure)
