"""Points with what surrounds them: their neighbours, and how many lie within a distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core.arrays import is_array, to_numpy
from theodolite.core.outcomes import Outcome, Refusal
from theodolite.core.views import View
from theodolite.numerics.coincident import Distinct, NonFiniteRowsError, distinct_rows
from theodolite.numerics.neighbour_devices import on_device
from theodolite.numerics.neighbour_points import gathered
from theodolite.numerics.neighbours import Neighbours, ShortListsError, SpreadError, nearest_neighbours, range_counts


class Surrounded(View):
    """A view of points, or of what is known of their neighbours."""

    points: Any
    known: Neighbours | None

    @property
    def distinct(self) -> Distinct:
        """Which rows are the same point; refused where the view has no neighbours, or rows that are not finite."""
        return self.once("distinct", self._distinct)

    def _distinct(self) -> Distinct:
        self.require(["neighbours"])
        if self.known is not None:
            return self.known.distinct
        try:
            return distinct_rows(self._searched)
        except NonFiniteRowsError as error:
            raise Refusal(Outcome.NOT_FINITE_ROWS, str(error)) from None

    @property
    def _searched(self) -> Any:
        """The points where single rows can be picked: in memory, in a file, or on a GPU that they lie on."""
        return self.once("searched", self._gathered)

    def _gathered(self) -> Any:
        points = self.points
        if isinstance(points, np.ndarray) or on_device(points):
            return points
        return to_numpy(points) if is_array(points) else gathered(points)

    @property
    def listed(self) -> int:
        """How many neighbours of each point are known by now."""
        known: Neighbours | None = self._derived.get("neighbours", self.known)
        return 0 if known is None else known.k

    def neighbours(self, k: int) -> Neighbours:
        """Find the k nearest neighbours of every distinct point.

        The largest k that was asked for is computed, and cut where fewer are wanted, so that measures share one pass;
        ask for the largest first. Points on a GPU are searched there, and points in a file stay there.

        Parameters
        ----------
        k : int
            How many neighbours, 1 or more.

        Returns
        -------
        Neighbours
            Distances and indices, exact.

        Raises
        ------
        Refusal
            If there are not more than k distinct points, if rows are not finite, or if there are only moments, or only
            fewer neighbours.
        """
        count = self.distinct.count
        if k >= count:
            raise Refusal(Outcome.TOO_FEW_POINTS, f"{count} distinct point{'s' * (count != 1)}, k = {k}")
        known: Neighbours | None = self._derived.get("neighbours", self.known)
        if self.known is not None and self.known.k < k:
            raise Refusal(Outcome.NEEDS_ROWS, f"k is {k}; {self.known.k} neighbours of each point are known")
        if known is None or known.k < k:
            try:
                known = nearest_neighbours(self._searched, k, distinct=self.distinct)
            except SpreadError as error:
                raise Refusal(Outcome.OUT_OF_RANGE, str(error)) from None
            self._derived["neighbours"] = known
        return known.nearest(k)

    def range_counts(self, radii: Any, *, inclusive: bool = False) -> NDArray[np.int64]:
        """Count how many other distinct points lie within radii of each.

        Where the neighbours that are known already reach a radius, their lists are read; points are looked at only
        beyond. A distance that differs from a radius by less than 1e-11 of it is the radius.

        Parameters
        ----------
        radii : float or ndarray, shape (points,) or (points, radii)
            One radius for all distinct points, one for each, or several for each.
        inclusive : bool
            Count points that lie at the radius itself.

        Returns
        -------
        ndarray of int, shape (points,) or (points, radii)
            The counts.

        Raises
        ------
        Refusal
            If only neighbours are known and don't reach, or what `neighbours` refuses.
        """
        known = self._derived.get("neighbours", self.known)
        known = self.neighbours(1) if known is None else known
        try:
            points = None if self.known is not None else self._searched
            return range_counts(known, radii, points=points, inclusive=inclusive)
        except ShortListsError as error:
            raise Refusal(Outcome.NEEDS_ROWS, str(error)) from None
