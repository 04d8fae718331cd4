"""The nearest two points of different classes, exact over all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClassGap", "class_gap"]

_BLOCK = 1024
_PAIRS = 1 << 20  # entries of both points of the pairs that are looked at again together
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ClassGap:
    """The nearest two points of different classes.

    Attributes
    ----------
    distance : float
        Between them, from the difference of the two.
    first, second : int
        Their rows.
    """

    distance: float
    first: int
    second: int


def class_gap(points: NDArray[np.float64], codes: NDArray[np.int64], *, block: int = _BLOCK) -> ClassGap:
    """Find the nearest two points of different classes.

    Products of blocks give all squared distances within a bound on their error; whatever could be the smallest by that
    bound is computed again from the difference of the points.

    Parameters
    ----------
    points : ndarray, shape (rows, features)
        About their mean.
    codes : ndarray of int, shape (rows,)
        Class of each row; two classes or more.
    block : int
        Rows of a block.

    Returns
    -------
    ClassGap
        Exact but for the rounding of one difference.

    Examples
    --------
    >>> class_gap(np.asarray([[0.0], [3.0], [5.0]]), np.asarray([0, 0, 1]))
    ClassGap(distance=2.0, first=1, second=2)
    """
    order = np.argsort(codes, kind="stable")
    rows, labels = points[order], codes[order]
    squares = np.einsum("ij,ij->i", rows, rows)
    slack = 4.0 * (points.shape[1] + 8) * _EPS
    best, pair = np.inf, (0, 0)
    starts = range(0, len(rows), block)
    for here in starts:
        mine = slice(here, here + block)
        for there in starts[here // block :]:
            theirs = slice(there, there + block)
            if labels[mine][0] == labels[theirs][-1]:
                continue  # sorted: all rows of both blocks are of one class
            approximate = squares[mine, None] + squares[None, theirs] - 2.0 * (rows[mine] @ rows[theirs].T)
            approximate[labels[mine, None] == labels[None, theirs]] = np.inf
            error = slack * (squares[mine].max() + squares[theirs].max())
            best, pair = _smallest(rows, approximate, (here, there), error, (best, pair))
    first, second = sorted(int(order[place]) for place in pair)
    return ClassGap(float(np.sqrt(best)), first, second)


def _smallest(
    rows: NDArray[np.float64],
    approximate: NDArray[np.float64],
    corner: tuple[int, int],
    error: float,
    known: tuple[float, tuple[int, int]],
) -> tuple[float, tuple[int, int]]:
    """Look at the pairs of a block that may be nearer than the nearest so far."""
    best, pair = known
    limit = min(best, float(approximate.min()) + 2.0 * error)
    if not np.isfinite(limit):
        return known
    first, second = np.nonzero(approximate <= limit + error)
    step = max(1, _PAIRS // rows.shape[1])
    for start in range(0, first.size, step):
        one, other = first[start : start + step] + corner[0], second[start : start + step] + corner[1]
        gaps = rows[one] - rows[other]
        exact = np.einsum("ij,ij->i", gaps, gaps)
        place = int(exact.argmin())
        if exact[place] < best:
            best, pair = float(exact[place]), (int(one[place]), int(other[place]))
    return best, pair
