"""Nearest neighbours where the points are: on the device of a library that can pick the smallest of many."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.coincident import Distinct, to_host
from theodolite.numerics.neighbour_points import PointRows
from theodolite.numerics.neighbour_products import SPARE, first_of, relative_bound, settled

Float = NDArray[np.float64]
Index = NDArray[np.int64]

SCORES_AT_ONCE = 1 << 28
DIFFERENCES_AT_ONCE = 1 << 26
SMALL = 1e-140  # below it squares may be lost


def on_device(points: Any) -> bool:
    """Tell whether points lie on an accelerator, in a library with a selection of its own (``topk``).

    Parameters
    ----------
    points : array
        The points.

    Returns
    -------
    bool
        True for tensors on a GPU.
    """
    if isinstance(points, np.ndarray) or not compat.is_torch_array(points):
        return False
    return str(compat.device(points)).startswith("cuda")


def nearest_on_device(points: Any, rows: PointRows, distinct: Distinct, k: int) -> tuple[Float, Index, int]:
    """Find neighbours in single precision on the points' device, and settle on the host what that leaves in doubt.

    Parameters
    ----------
    points : array, shape (rows, features)
        A tensor.
    rows : PointRows
        The same points on the host.
    distinct : Distinct
        Which rows to take.
    k : int
        How many neighbours, fewer than there are points.

    Returns
    -------
    distances, indices : ndarray, shape (points, k)
        Ascending; of equally near ones the first.
    uncertain : int
        How many rows were settled on the host.
    """
    search = _Search(points, rows, distinct, k)
    distances, indices, doubtful = np.empty((rows.count, k)), np.empty((rows.count, k), np.int64), []
    for start in range(0, rows.count, search.step):
        some = np.arange(start, min(start + search.step, rows.count))
        exact, candidates, surely = search.block(start, start + some.size)
        distances[some], indices[some] = first_of(exact, candidates, k)
        farthest = distances[some, -1] * rows.scale
        doubtful.append(some[~(surely - search.bound(some, farthest) > farthest**2 * (1 + 1e-12))])
    again = np.concatenate(doubtful)
    if again.size:
        distances[again], indices[again] = settled(rows, again, distances[again, -1], k)
    return distances, indices, int(again.size)


class _Search:
    """Points on a device, as they are and about their mean."""

    def __init__(self, points: Any, rows: PointRows, distinct: Distinct, k: int) -> None:
        self._library = library = compat.array_namespace(points)
        points = points.detach()
        if distinct.count < distinct.rows:
            points = library.take(points, self._there(points, distinct.first), axis=0)
        self._points, self._rows, self._k = points, rows, k
        centre = self._there(points, rows.centre)
        self._single = library.empty(tuple(points.shape), dtype=library.float32, device=compat.device(points))
        squares = library.empty(rows.count, dtype=library.float64, device=compat.device(points))
        for start, stop in rows.stretches():
            near = (library.astype(points[start:stop], library.float64) - centre) * rows.scale
            self._single[start:stop] = library.astype(near, library.float32)
            rounded = library.astype(self._single[start:stop], library.float64)
            squares[start:stop] = library.sum(rounded * rounded, axis=1)
        self._squares = library.astype(squares, library.float32)
        self._own = to_host(squares)
        self._kept = min(k + SPARE, rows.count - 1)
        self.step = max(1, SCORES_AT_ONCE // rows.count)
        limits = np.finfo(np.float32)
        self._relative = relative_bound(rows.width, float(limits.eps))
        self._absolute = 8.0 * (rows.width + 16) * float(limits.tiny)

    def _there(self, points: Any, host: NDArray[Any]) -> Any:
        return self._library.asarray(host, device=compat.device(points))

    def bound(self, rows: Index, distances: Float) -> Float:
        """Bound the error of scores of points no farther than a distance, near one."""
        own = self._own[rows]
        reach = np.minimum(self._own.max(), (np.sqrt(own) + distances) ** 2)
        return np.asarray(1.01 * self._relative * (own + reach) + self._absolute)

    def block(self, start: int, stop: int) -> tuple[Float, Index, Float]:
        """Search a stretch of points.

        Parameters
        ----------
        start, stop : int
            Which.

        Returns
        -------
        distances, candidates : ndarray, shape (stop - start, several)
            Points among which the nearest are.
        surely : ndarray, shape (stop - start,)
            What the squared distances of all other points, near one, are not below, up to the bound; minus infinity
            where a candidate's errs by more than the bound, as products of shortened mantissas (TensorFloat-32) do.
        """
        library = self._library
        scores = self._single[start:stop] @ self._single.T
        scores *= -2.0
        scores += self._squares
        own = library.arange(stop - start, device=compat.device(scores))
        scores[own, own + start] = float("inf")
        several = min(self._kept + 1, self._rows.count - 1)
        values, candidates = library.topk(scores, several, dim=1, largest=False)
        exact = self._exact(start, candidates)
        approximate, apart, places = to_host(values), to_host(exact), np.asarray(to_host(candidates), np.int64)
        rows = np.arange(start, stop)
        row, place = np.nonzero(apart < SMALL)
        apart[row, place] = self._rows.apart(rows[row], places[row, place])
        approximate += self._own[rows][:, None]
        error = np.abs(approximate - (apart * self._rows.scale) ** 2)
        allowed = 1.01 * self._relative * (self._own[rows][:, None] + self._own[places]) + self._absolute
        if several == self._rows.count - 1:
            return apart, places, np.full(rows.size, np.inf)
        surely = np.where((error <= allowed).all(axis=1), approximate[:, -1], -np.inf)
        return apart[:, :-1], places[:, :-1], surely

    def _exact(self, start: int, candidates: Any) -> Any:
        """Give the distances of candidates by differences, in double precision."""
        library, width = self._library, self._rows.width
        found = []
        step = max(1, DIFFERENCES_AT_ONCE // (width * int(candidates.shape[1])))
        for first in range(0, int(candidates.shape[0]), step):
            some = candidates[first : first + step]
            others = library.reshape(
                library.take(self._points, library.reshape(some, (-1,)), axis=0), (*some.shape, width)
            )
            own = self._points[start + first : start + first + int(some.shape[0])]
            apart = library.astype(others, library.float64) - library.astype(own, library.float64)[:, None, :]
            found.append(library.sqrt(library.sum(apart * apart, axis=2)))
        return library.concat(found, axis=0)
