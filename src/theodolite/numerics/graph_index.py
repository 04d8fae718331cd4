"""Nearest neighbours by a graph that is walked greedily (HNSW), which finds most of them without looking at all points.

References
----------
Y. A. Malkov and D. A. Yashunin, Efficient and robust approximate nearest neighbor search using hierarchical navigable
small world graphs, IEEE Transactions on Pattern Analysis and Machine Intelligence 42 (2020) 824-836.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GraphSettings", "found_by_graph"]


@dataclass(frozen=True)
class GraphSettings:
    """How a graph is built and walked.

    Attributes
    ----------
    links : int
        Links of a point (M).
    build_width : int
        Candidates that are kept while points are linked (ef_construction).
    search_width : int
        Candidates that are kept while one is searched for (ef); the number searched for, where that is more.
    seed : int
        Draws the level of each point.
    """

    links: int
    build_width: int
    search_width: int
    seed: int


def found_by_graph(
    points: NDArray[np.float64],
    order: NDArray[np.int64],
    queries: NDArray[np.int64],
    k: int,
    settings: GraphSettings,
) -> NDArray[np.int64]:
    """Insert points in an order, and search for the neighbours of some of them, on one thread.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        Distinct; they are stored in single precision, about their mean and in the unit of their largest deviation.
    order : ndarray of int, shape (points,)
        Which point is inserted when.
    queries : ndarray of int, shape (queries,)
        Which points' neighbours are wanted.
    k : int
        How many, without the point itself.
    settings : GraphSettings
        Of the graph.

    Returns
    -------
    ndarray of int, shape (queries, k)
        What was found, the nearest first; -1 where there was no more. Without hnswlib its import fails.
    """
    hnswlib = importlib.import_module("hnswlib")
    about = points - points.mean(axis=0)
    stored = (about / np.abs(about).max()).astype(np.float32)
    graph = hnswlib.Index(space="l2", dim=points.shape[1])
    graph.init_index(
        max_elements=len(points),
        M=settings.links,
        ef_construction=settings.build_width,
        random_seed=settings.seed,
    )
    graph.set_num_threads(1)
    graph.add_items(stored[order], order, num_threads=1)
    graph.set_ef(max(settings.search_width, k + 1))
    found = np.full((len(queries), k + 1), -1, np.int64)
    try:
        found[:] = graph.knn_query(stored[queries], k=k + 1, num_threads=1)[0]
    except RuntimeError:
        # What is not linked can't be reached, and a walk that ends early fails for all queries of a call.
        for row, query in zip(found, queries, strict=True):
            _walk(graph, stored[query], row)
    return _others(found, queries)


def _walk(graph: Any, place: NDArray[np.float32], row: NDArray[np.int64]) -> None:
    for wanted in range(row.size, 0, -1):
        try:
            row[:wanted] = graph.knn_query(place, k=wanted, num_threads=1)[0][0]
        except RuntimeError:
            continue
        return


def _others(found: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.int64]:
    # The point itself goes to the end of its row and is cut off there, and if it wasn't found, the farthest is.
    last = np.argsort(found == queries[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, last, axis=1)[:, :-1]
