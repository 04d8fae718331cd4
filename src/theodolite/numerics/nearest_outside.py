"""The nearest point that belongs to another group, of points whose lists of neighbours don't reach that far."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.neighbour_points import PointRows
from theodolite.numerics.neighbour_products import SCORES_AT_ONCE, Products

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_SLACK = 1e-12  # relative, more than distances by differences err
_CANDIDATES = 16  # for each row, on average: with more, double precision is cheaper than looking at all


def nearest_outside(rows: PointRows, places: Index, groups: Index) -> tuple[Float, Index]:
    """Find, for some points, the nearest of another group.

    Products in single precision say which points may be the nearest, and their differences in double precision which
    is; where single precision leaves too many, products in double precision are taken.

    Parameters
    ----------
    rows : PointRows
        The points.
    places : ndarray of int, shape (some,)
        Which points; of each, some other belongs to another group.
    groups : ndarray of int, shape (points,)
        Group of every point.

    Returns
    -------
    distances : ndarray, shape (some,)
        Exact.
    indices : ndarray of int, shape (some,)
        Of equally near ones the first.
    """
    distances, indices = np.empty(places.size), np.empty(places.size, np.int64)
    order = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(groups))])
    members = (order, starts)
    # Rows of one group follow each other, so that their own group is taken out at once.
    left: Index = np.argsort(groups[places], kind="stable")
    for precision in (np.float32, np.float64):
        products, doubtful = Products(rows, precision), []
        blocks = [left[start : start + products.step] for start in range(0, left.size, products.step)]
        while blocks:
            some = blocks.pop()
            found = _nearest(rows, products, places[some], groups, members)
            if found is not None:
                distances[some], indices[some] = found
            elif products.single:
                doubtful.append(some)
            else:
                blocks += np.array_split(some, 2)
        if not doubtful:
            break
        left = np.concatenate(doubtful)
    return distances, indices


def _nearest(
    rows: PointRows, products: Products, places: Index, groups: Index, members: tuple[Index, Index]
) -> tuple[Float, Index] | None:
    """Settle a block of rows; none where there are too many candidates for single precision, or for memory."""
    limits = np.full(places.size, np.inf)
    pieces: list[tuple[Index, Index]] = []
    count, most = 0, _CANDIDATES * places.size if products.single else SCORES_AT_ONCE
    for start, scores in products.scores(places):
        for run, own in _own_groups(groups[places], members):
            within = own[(own >= start) & (own < start + scores.shape[1])] - start
            scores[run, within] = np.inf
        first = scores.argmin(axis=1)
        finite = np.isfinite(scores[np.arange(places.size), first])
        limits[finite] = np.minimum(limits[finite], rows.apart(places[finite], first[finite] + start))
        reach = np.minimum(limits * rows.scale, 1e100)
        highest = reach**2 * (1 + _SLACK) - products.squares[places] + products.bound(places, reach)
        with np.errstate(over="ignore"):
            ceiling = np.nextafter(highest.astype(products.precision), products.precision(np.inf))
        row, point = np.nonzero((scores <= ceiling[:, None]) & (scores < np.inf))
        count += row.size
        if count > most and (products.single or places.size > 1):
            return None
        pieces.append((row, point + start))
    row, point = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    apart = rows.apart(places[row], point)
    order = np.lexsort((point, apart, row))
    chosen = order[np.searchsorted(row[order], np.arange(places.size))]
    return apart[chosen], point[chosen]


def _own_groups(groups: Index, members: tuple[Index, Index]) -> Iterator[tuple[slice, Index]]:
    """Give the stretches of rows of one group, with all that belong to it."""
    order, starts = members
    edges = np.concatenate([[0], np.flatnonzero(np.diff(groups)) + 1, [groups.size]])
    for start, stop in pairwise(edges):
        group = groups[start]
        yield slice(int(start), int(stop)), order[starts[group] : starts[group + 1]]
