"""The k nearest neighbours of every point: exact, certified, in blocks, by whichever way is fastest.

Few features: a tree of the points. Few neighbours of many points: matrix products in single precision find candidates
with a few to spare. Many neighbours: a reduction in double precision. On a GPU: products there. Whichever way finds the
candidates, distances are those of the differences of the points in double precision (or as exact), and a row is certain
only if by a bound on all rounding no point that was left out is as near as those that were kept; rows that aren't
certain are done again.

Points that coincide are one point with a weight: distances of zero say nothing of dimension, and one pair of them is
enough to break what divides by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.coincident import Distinct, distinct_rows
from theodolite.numerics.neighbour_devices import nearest_on_device, on_device
from theodolite.numerics.neighbour_lists import nearest_by_reduction, nearest_by_tree
from theodolite.numerics.neighbour_points import PointRows, SpreadError
from theodolite.numerics.neighbour_products import counted, nearest_by_products

__all__ = ["Neighbours", "ShortListsError", "SpreadError", "nearest_neighbours", "range_counts"]

Float = NDArray[np.float64]
Index = NDArray[np.int64]

FEATURES_OF_A_TREE = 6
_AT_THE_RADIUS = 1e-11  # relative, more than any two ways to a distance differ
POINTS_FOR_EACH_NEIGHBOUR = 150  # fewer, and finding candidates is cheaper in double precision than refining them


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest neighbours of distinct points.

    Attributes
    ----------
    distances : ndarray, shape (points, k)
        Ascending, float64, never 0.
    indices : ndarray of int, shape (points, k)
        Which points; of equally near ones the first.
    distinct : Distinct
        Which rows these points stand for.
    uncertain : int
        How many rows had to be done again, since rounding left doubt of which points are nearest.
    """

    distances: Float
    indices: Index
    distinct: Distinct
    uncertain: int = 0

    @property
    def count(self) -> int:
        """How many distinct points there are."""
        return int(self.distances.shape[0])

    @property
    def k(self) -> int:
        """How many neighbours of each are known."""
        return int(self.distances.shape[1])

    @property
    def duplicates(self) -> int:
        """How many rows coincide with an earlier one."""
        return self.distinct.rows - self.count

    @cached_property
    def weights(self) -> Index:
        """How many rows each point stands for."""
        return self.distinct.weights

    def nearest(self, k: int) -> Neighbours:
        """Keep the nearest of them.

        Parameters
        ----------
        k : int
            How many, at most those that are known.

        Returns
        -------
        Neighbours
            The same points with k neighbours each.

        Raises
        ------
        ValueError
            If k is more than are known, or below 1.
        """
        if not 1 <= k <= self.k:
            raise ValueError(f"k is {k}; {self.k} neighbours of each point are known")
        return Neighbours(self.distances[:, :k], self.indices[:, :k], self.distinct, self.uncertain)


class ShortListsError(ValueError):
    """A radius reaches beyond the neighbours that are known, and there are no points to look at.

    Parameters
    ----------
    count : int
        Of how many points.
    k : int
        How many neighbours are known.
    """

    def __init__(self, count: int, k: int) -> None:
        self.count, self.k = count, k
        super().__init__(f"the radii of {count} points reach beyond the {k} neighbours that are known of each")


def nearest_neighbours(points: Any, k: int, *, distinct: Distinct | None = None) -> Neighbours:
    """Find the k nearest neighbours of every distinct point.

    Parameters
    ----------
    points : array, shape (rows, features)
        Finite numbers. A NumPy array on disk (`numpy.memmap`) stays there and is read in blocks, a tensor on a GPU is
        searched there, and anything else with `shape` and ``[start:stop]`` is gathered block by block: in memory, or
        in a temporary file where it has more than 2**24 entries.
    k : int
        How many neighbours, fewer than there are distinct points.
    distinct : Distinct, optional
        Which rows are distinct, where that is known; finite rows are taken for granted then.

    Returns
    -------
    Neighbours
        Distances and indices.

    Raises
    ------
    ValueError
        If there are not more than k distinct points, or k is below 1.
    """
    distinct = distinct_rows(points) if distinct is None else distinct
    count = distinct.first.size
    if count < 2:
        raise ValueError(f"k is {k}; all rows are one point, which has no neighbours")
    if not 1 <= k < count:
        raise ValueError(f"k is {k}; there are {count} distinct points, so it must be from 1 to {count - 1}")
    rows = PointRows(points, distinct)
    if on_device(points):
        found = nearest_on_device(points, rows, distinct, k)
    elif rows.width <= FEATURES_OF_A_TREE and not rows.on_disk:
        found = nearest_by_tree(rows, k)
    elif k > count // POINTS_FOR_EACH_NEIGHBOUR and not rows.on_disk:
        found = nearest_by_reduction(rows, k)
    else:
        found = nearest_by_products(rows, k)
    distances, indices, uncertain = found
    return Neighbours(distances, indices, distinct, uncertain)


def range_counts(known: Neighbours, radii: Any, *, points: Any = None, inclusive: bool = False) -> Index:
    """Count how many others lie within radii of each point.

    A distance that differs from a radius by less than 1e-11 of it is the radius: rounding doesn't decide where points
    of coarse features lie.

    Parameters
    ----------
    known : Neighbours
        Where its lists reach a radius they are read.
    radii : float or ndarray, shape (points,) or (points, radii)
        One radius for all, one for each point, or several for each.
    points : array, shape (rows, features), optional
        The rows that `known` was found in; they are looked at for points whose lists don't reach.
    inclusive : bool
        Count what lies at the radius itself.

    Returns
    -------
    ndarray of int, shape (points,) or (points, radii)
        The counts of distinct points, the same whether lists or points were looked at.

    Raises
    ------
    ShortListsError
        If lists don't reach and there are no points.
    ValueError
        If radii have another shape, are negative, or NaN.
    """
    given = np.asarray(radii, np.float64)
    if given.ndim > 2 or (given.ndim and len(given) != known.count) or not (given >= 0).all():
        raise ValueError(f"radii: expected numbers of 0 or more, one or a row for each of {known.count} points")
    columns = given.shape[1] if given.ndim == 2 else 1
    each = np.broadcast_to(given if given.ndim == 2 else given.reshape(-1, 1), (known.count, columns))
    each = each * (1.0 + _AT_THE_RADIUS if inclusive else 1.0 - _AT_THE_RADIUS)
    counts = np.stack([np.count_nonzero(known.distances < column[:, None], axis=1) for column in each.T], axis=1)
    beyond = each.max(axis=1) > known.distances[:, -1]
    unreached = np.flatnonzero(beyond & (known.k < known.count - 1))
    if unreached.size:
        if points is None:
            raise ShortListsError(int(unreached.size), known.k)
        counts[unreached] = counted(PointRows(points, known.distinct), unreached, each[unreached])
    return np.asarray(counts if given.ndim == 2 else counts[:, 0], np.int64)
