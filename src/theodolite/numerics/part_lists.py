"""Nearest neighbours within a part of a cloud, from the lists of the whole where they reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from theodolite.numerics.coincident import Distinct
from theodolite.numerics.neighbours import Neighbours, nearest_neighbours

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_FEW = 0.1  # share of rows up to which those that lack neighbours are compared with the part one by one


def distances_within(known: Neighbours, part: Index, k: int, points: Float) -> tuple[Float, int]:
    """Give the distances of the nearest neighbours within a part.

    Parameters
    ----------
    known : Neighbours
        Of the whole.
    part : ndarray of int, shape (size,)
        Which points, more than k of them, none twice.
    k : int
        How many neighbours.
    points : ndarray, shape (points, features)
        The distinct points of the whole, for those whose lists hold fewer than k of the part.

    Returns
    -------
    distances : ndarray, shape (size, k)
        Ascending, exact.
    searched : int
        Points whose lists hold fewer than k of the part, and which were compared with all of it.
    """
    inside = np.zeros(known.count, bool)
    inside[part] = True
    alike = inside[known.indices[part]]
    rank = np.cumsum(alike, axis=1)
    enough = rank[:, -1] >= k
    lacking = np.flatnonzero(~enough)
    if lacking.size > _FEW * part.size:
        return nearest_neighbours(points[part], k, distinct=Distinct.all_of(part.size)).distances, int(lacking.size)
    found = np.empty((part.size, k))
    found[enough] = known.distances[part][alike & (rank <= k) & enough[:, None]].reshape(-1, k)
    if lacking.size:
        apart = cdist(points[part[lacking]], points[part])
        apart[np.arange(lacking.size), lacking] = np.inf
        found[lacking] = np.sort(np.partition(apart, k - 1, axis=1)[:, :k], axis=1)
    return found, int(lacking.size)
