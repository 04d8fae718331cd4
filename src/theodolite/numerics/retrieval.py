"""Search by cosine: for each query the nearest of a gallery, and where those of its own kind rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ENTRIES_AT_ONCE = 1 << 22

Float = NDArray[np.float64]


def retrieval_scores(queries: Float, gallery: Float, relevant: NDArray[Any], *, itself: bool) -> tuple[Float, Float]:
    """Search a gallery with each query.

    Parameters
    ----------
    queries : ndarray, shape (rows, features)
        Rows of length 1.
    gallery : ndarray, shape (rows, features)
        Rows of length 1; row i is of the same item as query i.
    relevant : ndarray, shape (rows,)
        A label for each item; those with the query's label are what it should find.
    itself : bool
        Whether a query may find its own item. Where it may not, items without another of their label give NaN.

    Returns
    -------
    first : ndarray, shape (rows,)
        1 where the nearest is relevant; among equally near ones, the share of them that is.
    precision : ndarray, shape (rows,)
        Average precision: over the relevant ones, the mean share of relevant ones up to each. Of equally near ones
        the irrelevant come first.
    """
    count = len(queries)
    first, precision = np.full(count, np.nan), np.full(count, np.nan)
    step = max(1, _ENTRIES_AT_ONCE // count)
    for start in range(0, count, step):
        places = np.arange(start, min(start + step, count))
        near = queries[places] @ gallery.T
        same = relevant[places, None] == relevant[None, :]
        if not itself:
            near[np.arange(places.size), places] = -np.inf
            same[np.arange(places.size), places] = False
        some = same.any(axis=1)
        best = near == near.max(axis=1, keepdims=True)
        first[places[some]] = ((best & same).sum(axis=1) / best.sum(axis=1))[some]
        # Sorting by nearness, then by relevance, puts the relevant ones last among equals.
        order = np.lexsort((same, -near), axis=1)
        sorted_same = np.take_along_axis(same, order, axis=1)
        shares = np.cumsum(sorted_same, axis=1) / np.arange(1, count + 1)
        found = (shares * sorted_same).sum(axis=1)
        precision[places[some]] = found[some] / same.sum(axis=1)[some]
    return first, precision
