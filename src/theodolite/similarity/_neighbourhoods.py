"""The nearest neighbours of every row of a cloud, and where those of two clouds are the same."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Estimate, Note, Outcome, Pair, Refusal, like, to_numpy
from theodolite.numerics.cosine_neighbours import nearest, shared
from theodolite.numerics.dissimilarity import directions, distances_of

Host = NDArray[np.float64]
Metric = Literal["cosine", "centred_cosine", "euclidean"]

_EQUAL = 1e-12
"""Rows nearer than this, in units of the longest, are the same."""


@dataclass(frozen=True)
class Neighbourhoods:
    """The neighbours of every row in both clouds of a pair.

    Parameters
    ----------
    x, y : ndarray of int, shape (rows, k)
        Neighbours, the nearest first.
    duplicates : int
        How many rows have an equal one in one of the clouds.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    duplicates: int

    def shared(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Find the neighbours that a row has in both clouds.

        Returns
        -------
        tuple of ndarray of int, shape (shared,)
            The row; the neighbour's place among those in x, and in y, 0 for the nearest.
        """
        return shared(self.x, self.y)

    def counts(self) -> NDArray[Any]:
        """Count the shared neighbours of each row.

        Returns
        -------
        ndarray of int, shape (rows,)
            Between 0 and k.
        """
        return np.bincount(self.shared()[0], minlength=len(self.x))

    def answer(self, value: float, pair: Pair) -> Estimate:
        """Give a number back in the caller's library, with the doubt that duplicates cast on it.

        Parameters
        ----------
        value : float
            The number.
        pair : Pair
            What was measured.

        Returns
        -------
        Estimate
            The number.
        """
        notes = (Note(Outcome.DUPLICATE_ROWS, f"{self.duplicates} rows"),) if self.duplicates else ()
        return Estimate(like(value, pair.x.rows), notes=notes)


def neighbourhoods(pair: Pair, k: int, metric: Metric) -> Neighbourhoods:
    """Find the neighbours of every row in both clouds.

    Parameters
    ----------
    pair : Pair
        Has rows.
    k : int
        How many neighbours.
    metric : {"cosine", "centred_cosine", "euclidean"}
        What is near.

    Returns
    -------
    Neighbourhoods
        Each cloud's are found once, whatever it is paired with.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, or a cloud has no directions or no extent.
    """
    if k >= pair.count:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"k is {k}, and there are {pair.count} rows")
    (x, twins_x), (y, twins_y) = (_neighbours(cloud, k, metric) for cloud in (pair.x, pair.y))
    return Neighbourhoods(x, y, int(np.count_nonzero(twins_x | twins_y)))


def points_of(cloud: Cloud, metric: Metric) -> Host:
    """Put the rows so that what is near by a metric is near by distance.

    Parameters
    ----------
    cloud : Cloud
        Has rows.
    metric : {"cosine", "centred_cosine", "euclidean"}
        What is near.

    Returns
    -------
    ndarray, shape (rows, features)
        Rows of length one for the cosines.
    """
    return cloud.with_the_rows(("points", metric), lambda: _points(cloud, metric), lambda points, order: points[order])


def separations(points: Host, left: NDArray[Any], right: NDArray[Any], metric: Metric) -> Host:
    """Compute the distance of pairs of rows by a metric.

    Parameters
    ----------
    points : ndarray, shape (rows, features)
        From `points_of`.
    left, right : ndarray of int, shape (pairs,)
        The rows.
    metric : {"cosine", "centred_cosine", "euclidean"}
        One less the cosine, or the distance.

    Returns
    -------
    ndarray, shape (pairs,)
        The distances.
    """
    squared = distances_of(points, left, right)
    return np.sqrt(squared) if metric == "euclidean" else squared / 2


def hits(count: int, k: int) -> Host:
    """Compute the law of the number of neighbours that two random neighbourhoods share.

    Parameters
    ----------
    count : int
        How many rows there are, more than `k`.
    k : int
        How many neighbours each has.

    Returns
    -------
    ndarray, shape (k + 1,)
        Probability of 0, 1, ... k: hypergeometric.
    """
    others, every = count - 1, comb(count - 1, k)
    return np.asarray([comb(k, h) * comb(others - k, k - h) / every for h in range(k + 1)])


def _points(cloud: Cloud, metric: Metric) -> Host:
    if metric == "euclidean":
        points = to_numpy(cloud.centred)
    else:
        points, undirected = directions(to_numpy(cloud.rows if metric == "cosine" else cloud.centred), centre=False)
        if undirected.size:
            raise Refusal(Outcome.ROW_WITHOUT_DIRECTION, f"{undirected.size} of {cloud.count} rows")
    if np.abs(points - points[0]).max() <= _EQUAL * np.abs(points).max():
        raise Refusal(Outcome.CONSTANT_CLOUD)
    return points


def _neighbours(cloud: Cloud, k: int, metric: Metric) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    return cloud.with_the_rows(("neighbours", metric, k), lambda: _found(cloud, k, metric), _moved)


def _moved(
    found: tuple[NDArray[Any], NDArray[np.bool_]], order: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Call the neighbours by where they are in another order; those equally near stay as they were chosen."""
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return place[found[0][order]], found[1][order]


def _found(cloud: Cloud, k: int, metric: Metric) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    points = points_of(cloud, metric)
    neighbours, squared = nearest(points, k)
    longest = np.einsum("ij,ij->i", points, points).max()
    return neighbours, squared[:, 0] <= _EQUAL**2 * longest
