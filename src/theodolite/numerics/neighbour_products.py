"""Nearest neighbours by matrix products, with a bound on what rounding can have done to them.

The squared distance of two points about the mean is |x|² + |y|² - 2 x·y. In floating point of unit roundoff u, with
points of `width` features, what comes out differs from it by at most c u (|x|² + |y|²), where c is twice the number of
features and a few more (over 1 - c u / 2, which tells from a hundred thousand features on): once for the products and
sums (in any order, Higham 2002, (3.5)), whose terms add up to at most |y|² + 2|x||y|, and little for rounding the
points. A point nearer to x than r is no longer than |x| + r, so that the bound needs no longest point of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.neighbour_points import PointRows

Float = NDArray[np.float64]
Index = NDArray[np.int64]

SPARE = 8  # candidates beyond k, so that a row is certain unless its neighbours all but tie
GROUP = 16
SCORES_AT_ONCE = 1 << 22
ENTRIES_MADE = 1 << 22
ROWS_FOR_A_STRETCH = 512
POINTS_AT_ONCE = 1 << 17  # more of them, and a block of scores would have too few rows
_AMBIGUOUS = 64  # points that single precision may leave in doubt before a row is counted in double


class Products:
    """All points against all, in one precision.

    Parameters
    ----------
    rows : PointRows
        The points.
    precision : type
        ``numpy.float32`` or ``numpy.float64``.
    """

    def __init__(self, rows: PointRows, precision: type[np.floating[Any]]) -> None:
        self._rows, self.precision = rows, precision
        self.single = precision is np.float32
        limits = np.finfo(precision)
        self._relative = relative_bound(rows.width, float(limits.eps))
        self._absolute = 8.0 * (rows.width + 16) * float(limits.tiny)
        self.squares = np.empty(rows.count)
        # What is asked in double precision is asked of few rows, and a copy of all points isn't worth its memory.
        keep = self.single and not rows.on_disk
        self._held = np.empty((rows.count, rows.width + 1), precision) if keep else None
        for start, stop in rows.stretches():
            made = np.empty((stop - start, rows.width + 1), precision) if self._held is None else self._held[start:stop]
            self.squares[start:stop] = self._fill(made, slice(start, stop))
        self._longest = float(self.squares.max())
        if keep:
            self._across = min(rows.count, POINTS_AT_ONCE)
            self.step = max(1, SCORES_AT_ONCE // self._across)
        else:
            # A stretch is made anew for each block of rows, of which there are to be enough that it pays.
            most = max(1, ENTRIES_MADE // (rows.width + 1))
            self._across = min(rows.count, most, max(1, SCORES_AT_ONCE // ROWS_FOR_A_STRETCH))
            self.step = max(1, min(most, SCORES_AT_ONCE // self._across))

    def _fill(self, made: NDArray[Any], places: Index | slice) -> Float:
        """Round some points, with their squares beside them."""
        made[:, :-1] = self._rows.near_one(places)
        squares = np.einsum("ij,ij->i", made[:, :-1], made[:, :-1], dtype=np.float64)
        made[:, -1] = squares
        return np.asarray(squares)

    def _stretch(self, start: int, stop: int) -> NDArray[Any]:
        if self._held is not None:
            return self._held[start:stop]
        made = np.empty((stop - start, self._rows.width + 1), self.precision)
        for first, last in self._rows.stretches(start, stop):
            self._fill(made[first - start : last - start], slice(first, last))
        return made

    def _picked(self, places: Index) -> NDArray[Any]:
        if self._held is not None:
            return np.asarray(self._held[places])
        made = np.empty((places.size, self._rows.width + 1), self.precision)
        for first, last in self._rows.stretches(0, places.size):
            self._fill(made[first:last], places[first:last])
        return made

    def scores(self, rows: Index) -> Iterator[tuple[int, NDArray[Any]]]:
        """Give squared distances less the row's own square, of some rows from a stretch of points at a time.

        Parameters
        ----------
        rows : ndarray of int, shape (some,)
            Which rows.

        Yields
        ------
        start : int
            The first point of the stretch.
        scores : ndarray, shape (some, stretch)
            Infinite for a point and itself.
        """
        left = self._picked(rows)
        left *= self.precision(-2)
        left[:, -1] = 1
        for start in range(0, self._rows.count, self._across):
            stop = min(start + self._across, self._rows.count)
            found = left @ self._stretch(start, stop).T
            own = np.flatnonzero((rows >= start) & (rows < stop))
            found[own, rows[own] - start] = np.inf
            yield start, found

    def bound(self, rows: Index, distances: Float) -> Float:
        """Bound the error of scores of points that are no farther than a distance.

        Parameters
        ----------
        rows : ndarray of int, shape (some,)
            Which rows.
        distances : ndarray, shape (some,)
            The distance for each, in units of the points near one.

        Returns
        -------
        ndarray, shape (some,)
            The bound.
        """
        own = self.squares[rows]
        reach = np.minimum(self._longest, (np.sqrt(own) + distances) ** 2)
        return np.asarray(1.01 * self._relative * (own + reach) + self._absolute)

    def errors(self, rows: Index, others: Index) -> Float:
        """Bound the error of the scores of certain pairs.

        Parameters
        ----------
        rows : ndarray of int, shape (some,)
            Which rows.
        others : ndarray of int, shape (some, several)
            Which points for each.

        Returns
        -------
        ndarray, shape (some, several)
            The bounds.
        """
        return np.asarray(self._relative * (self.squares[rows][:, None] + self.squares[others]) + self._absolute)


def relative_bound(width: int, epsilon: float) -> float:
    """Bound the error of squared distances by products, over the sum of both points' squares.

    Parameters
    ----------
    width : int
        How many features there are.
    epsilon : float
        Of the precision: the distance from 1 to the next number.

    Returns
    -------
    float
        The bound.
    """
    share = (width + 16) * epsilon / 2
    return 2.0 * share / max(1.0 - share, 1e-3)


def nearest_by_products(rows: PointRows, k: int) -> tuple[Float, Index, int]:
    """Find neighbours in single precision, and in double precision where that leaves doubt.

    Parameters
    ----------
    rows : PointRows
        The points.
    k : int
        How many neighbours, fewer than there are points.

    Returns
    -------
    distances : ndarray, shape (points, k)
        Ascending.
    indices : ndarray of int, shape (points, k)
        Of equally near ones the first.
    uncertain : int
        How many rows double precision had to settle.
    """
    single, count = Products(rows, np.float32), rows.count
    kept = min(k + SPARE, count - 1)
    distances, indices, doubtful = np.empty((count, k)), np.empty((count, k), np.int64), []
    for start in range(0, count, single.step):
        some = np.arange(start, min(start + single.step, count))
        candidates, rest = _candidates(single, some, kept)
        exact = rows.apart_from_each(start, candidates)
        distances[some], indices[some] = first_of(exact, candidates, k)
        if kept < count - 1:
            farthest = distances[some, -1] * rows.scale
            surely = rest + single.squares[some] - single.bound(some, farthest)
            doubtful.append(some[surely <= farthest**2 * (1 + 1e-12)])
    again = np.concatenate(doubtful) if doubtful else np.empty(0, np.int64)
    if again.size:
        distances[again], indices[again] = settled(rows, again, distances[again, -1], k)
    return distances, indices, int(again.size)


def _candidates(products: Products, rows: Index, kept: int) -> tuple[Index, Float]:
    """Give the points with the smallest scores, and a number that no other point's score is below."""
    places, values = np.empty((rows.size, 0), np.int64), np.empty((rows.size, 0), np.float32)
    rest = np.full(rows.size, np.inf)
    for start, scores in products.scores(rows):
        found, next_score = _smallest(scores, min(kept, scores.shape[1]))
        rest = np.minimum(rest, next_score)
        if not places.size and scores.shape[1] >= products.squares.size:
            return found, rest
        places = np.concatenate([places, found + start], axis=1)
        values = np.concatenate([values, np.take_along_axis(scores, found, axis=1)], axis=1)
        if places.shape[1] > kept:
            order = np.argpartition(values, kept, axis=1)
            rest = np.minimum(rest, np.take_along_axis(values, order[:, kept : kept + 1], axis=1)[:, 0])
            places = np.take_along_axis(places, order[:, :kept], axis=1)
            values = np.take_along_axis(values, order[:, :kept], axis=1)
    return places, rest


def _smallest(scores: NDArray[Any], kept: int) -> tuple[Index, Float]:
    """Give the places of the smallest entries of each row, and a number that no other entry is below."""
    rows, count = scores.shape
    if kept == count:
        return np.broadcast_to(np.arange(count), scores.shape).copy(), np.full(rows, np.inf)
    groups = count // GROUP
    if groups < 2 * kept:
        places = np.argpartition(scores, kept, axis=1)
        rest = np.take_along_axis(scores, places[:, kept : kept + 1], axis=1)[:, 0]
        return places[:, :kept], rest.astype(np.float64)
    # The smallest entries lie in the groups with the smallest minima, of which there are no more than entries wanted.
    whole = scores[:, : groups * GROUP].reshape(rows, GROUP, groups)
    minima = whole.min(axis=1)
    chosen = np.argpartition(minima, kept, axis=1)[:, : kept + 1]
    inside = (np.arange(GROUP)[:, None] * groups + chosen[:, None, :]).reshape(rows, -1)
    tail = np.broadcast_to(np.arange(groups * GROUP, count), (rows, count - groups * GROUP))
    inside = np.concatenate([inside, tail], axis=1)
    values = np.take_along_axis(scores, inside, axis=1)
    order = np.argpartition(values, kept, axis=1)
    # The next smallest entry lies in one of the chosen groups too, since one more was chosen than entries are kept.
    rest = np.take_along_axis(values, order[:, kept : kept + 1], axis=1)[:, 0]
    return np.take_along_axis(inside, order[:, :kept], axis=1), rest.astype(np.float64)


def first_of(distances: Float, indices: Index, k: int) -> tuple[Float, Index]:
    """Sort candidates by distance, then by index, and keep the first.

    Parameters
    ----------
    distances, indices : ndarray, shape (rows, candidates)
        The candidates.
    k : int
        How many to keep.

    Returns
    -------
    distances, indices : ndarray, shape (rows, k)
        The first k.
    """
    order = np.lexsort((indices, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)


def settled(rows: PointRows, doubtful: Index, limits: Float, k: int) -> tuple[Float, Index]:
    """Look, in double precision, at every point that may be as near as a limit, and keep the nearest.

    Parameters
    ----------
    rows : PointRows
        The points.
    doubtful : ndarray of int, shape (some,)
        Which rows.
    limits : ndarray, shape (some,)
        A distance within which at least k others of each lie.
    k : int
        How many neighbours.

    Returns
    -------
    distances, indices : ndarray, shape (some, k)
        The neighbours.
    """
    double = Products(rows, np.float64)
    distances, indices = np.empty((doubtful.size, k)), np.empty((doubtful.size, k), np.int64)
    left: list[Index] = [
        np.arange(at, min(at + double.step, doubtful.size)) for at in range(0, doubtful.size, double.step)
    ]
    while left:
        some = left.pop()
        found = _within(double, doubtful[some], limits[some] * rows.scale)
        if found is None:
            left += np.array_split(some, 2)
            continue
        row, point = found
        apart = rows.apart(doubtful[some][row], point)
        order = np.lexsort((point, apart, row))
        firsts = np.searchsorted(row[order], np.arange(some.size))
        chosen = order[firsts[:, None] + np.arange(k)]
        distances[some], indices[some] = apart[chosen], point[chosen]
    return distances, indices


def _within(products: Products, places: Index, limits: Float) -> tuple[Index, Index] | None:
    """Give the pairs of rows and points that may be as near as limits; none where several rows have too many."""
    highest = limits**2 * (1 + 1e-12) - products.squares[places] + products.bound(places, limits)
    pieces, count = [], 0
    for start, scores in products.scores(places):
        row, point = np.nonzero(scores <= highest[:, None])
        count += row.size
        if count > SCORES_AT_ONCE and places.size > 1:
            return None
        pieces.append((row, point + start))
    rows, points = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return rows, points


def counted(rows: PointRows, places: Index, radii: Float) -> Index:
    """Count how many others lie within radii of some points.

    Parameters
    ----------
    rows : PointRows
        The points.
    places : ndarray of int, shape (some,)
        Which points.
    radii : ndarray, shape (some, radii)
        The radii of each.

    Returns
    -------
    ndarray of int, shape (some, radii)
        How many distances by differences are below each, exactly.
    """
    found = np.zeros(radii.shape, np.int64)
    doubtful: Index = np.arange(places.size)
    for precision in (np.float32, np.float64):
        products = Products(rows, precision)
        left = []
        for start in range(0, doubtful.size, products.step):
            some = doubtful[start : start + products.step]
            counts, settled_here = _counted(rows, products, places[some], radii[some])
            found[some] = counts
            left.append(some[~settled_here])
        doubtful = np.concatenate(left)
        if not doubtful.size:
            break
    return found


def _counted(rows: PointRows, products: Products, places: Index, radii: Float) -> tuple[Index, NDArray[np.bool_]]:
    """Count those surely within, and look at those in doubt unless single precision leaves too many."""
    scaled = np.minimum(radii * rows.scale, 1e100)
    bounds = np.stack([products.bound(places, column) for column in scaled.T], axis=1)
    middle = scaled**2 - products.squares[places][:, None]
    slack = bounds + 1e-12 * scaled**2
    counts, ambiguous = np.zeros(radii.shape, np.int64), np.zeros(places.size, np.int64)
    most = _AMBIGUOUS if products.single else rows.count * radii.shape[1]
    # Limits in the precision of the scores, so that comparing copies nothing, and rounded outwards.
    low, high = (
        np.nextafter((middle + way * slack).astype(products.precision), products.precision(way * np.inf))
        for way in (-1, 1)
    )
    for start, scores in products.scores(places):
        for j in range(radii.shape[1]):
            below = scores < low[:, j, None]
            counts[:, j] += np.count_nonzero(below, axis=1)
            doubtful = (scores <= high[:, j, None]) ^ below
            ambiguous += np.count_nonzero(doubtful, axis=1)
            row, point = np.nonzero(doubtful & (ambiguous <= most)[:, None])
            within = rows.apart(places[row], point + start) < radii[row, j]
            counts[:, j] += np.bincount(row[within], minlength=places.size)
    return counts, ambiguous <= most
