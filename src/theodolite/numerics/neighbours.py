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
_LAST_PLACES = 1e-11  # relative, more than any two ways to a distance differ
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
        Finite numbers. A NumPy array on disk (`numpy.memmap`) is read in blocks, a tensor on a GPU is searched there,
        and anything else with `shape` and ``[start:stop]`` is brought to memory.
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
        If there are not more than k distinct points.
    """
    distinct = distinct_rows(points) if distinct is None else distinct
    count = distinct.first.size
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
        The counts of distinct points; one that lies at a radius to the last digit of its distance may fall on either
        side.

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
    counts = np.stack([_listed(known.distances, column, inclusive) for column in each.T], axis=1)
    longest = each.max(axis=1)
    beyond = longest >= known.distances[:, -1] if inclusive else longest > known.distances[:, -1]
    unreached = np.flatnonzero(beyond & (known.k < known.count - 1))
    if unreached.size:
        if points is None:
            raise ShortListsError(int(unreached.size), known.k)
        rows = PointRows(points, known.distinct)
        counts[unreached] = counted(rows, unreached, each[unreached], inclusive=inclusive)
        counts[unreached] += _listed_otherwise(known, rows, unreached, each[unreached], inclusive)
    return np.asarray(counts if given.ndim == 2 else counts[:, 0])


def _listed_otherwise(known: Neighbours, rows: PointRows, places: Index, radii: Float, inclusive: bool) -> Index:
    """Say how many more the lists count than the points, whose distances may differ in the last place."""
    # A radius that is a listed distance itself is to count as its list says.
    listed, more = known.distances[places], np.zeros(radii.shape, np.int64)
    for j, radius in enumerate(radii.T):
        row, place = np.nonzero(np.abs(listed - radius[:, None]) <= _LAST_PLACES * radius[:, None])
        apart = rows.apart(places[row], known.indices[places][row, place])
        for distances, way in ((listed[row, place], 1), (apart, -1)):
            within = distances <= radius[row] if inclusive else distances < radius[row]
            more[:, j] += way * np.bincount(row[within], minlength=places.size)
    return np.asarray(more)


def _listed(distances: Float, radii: Float, inclusive: bool) -> Index:
    within = distances <= radii[:, None] if inclusive else distances < radii[:, None]
    return np.asarray(np.count_nonzero(within, axis=1), np.int64)
