"""Random parts of a cloud, and the nearest neighbours within them from the lists of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.neighbours import Neighbours, nearest_neighbours

Float = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Some of the points, with their neighbours among themselves.

    Attributes
    ----------
    members : ndarray of int, shape (size,)
        Which points of the whole.
    distances : ndarray, shape (size, k)
        Ascending.
    indices : ndarray of int, shape (size, k)
        Places within `members`.
    listed : bool
        Whether the lists of the whole sufficed.
    """

    members: Index
    distances: Float
    indices: Index
    listed: bool


def parts(points: Float, known: Neighbours, labels: Index, k: int) -> Iterator[Part]:
    """Find the nearest neighbours within each part of a cloud.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        The distinct points.
    known : Neighbours
        Of the whole; where all members of a part find enough others of it in their lists, these are taken.
    labels : ndarray of int, shape (points,)
        Part of each point, counted from 0.
    k : int
        How many neighbours, fewer than a part has members.

    Yields
    ------
    Part
        Of each label, in order.
    """
    alike = labels[known.indices] == labels[:, None]
    enough = alike.sum(axis=1) >= k
    place = np.empty(labels.size, np.int64)
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        if not enough[members].all():
            own = nearest_neighbours(points[members], k)
            yield Part(members, own.distances, own.indices, listed=False)
            continue
        place[members] = np.arange(members.size)
        # A stable sort keeps the nearest first.
        first = np.argsort(~alike[members], axis=1, kind="stable")[:, :k]
        distances = np.take_along_axis(known.distances[members], first, axis=1)
        indices = place[np.take_along_axis(known.indices[members], first, axis=1)]
        yield Part(members, distances, indices, listed=True)


def random_halves(count: int, halvings: int, rng: np.random.Generator) -> Index:
    """Deal points out at random to 2 ** halvings parts of equal size, or of sizes that differ by one.

    Parameters
    ----------
    count : int
        How many points.
    halvings : int
        How often they are halved; the parts of the next halving are halves of these.
    rng : numpy.random.Generator
        The same state gives the same order.

    Returns
    -------
    ndarray of int, shape (count,)
        Part of each.
    """
    labels = np.empty(count, np.int64)
    labels[rng.permutation(count)] = np.arange(count) % 2**halvings
    return labels
