"""Which layer of one network is most like which of another, one by one and in the order of depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Places = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class BestMatch:
    """The best match of every row among the columns, of every column among the rows, and the best in order.

    Attributes
    ----------
    quantity : str
        By which number.
    rows, columns : tuple of str
        What was compared.
    best : tuple of (int or None)
        For each row the column that is most like it; None where there is no number.
    back : tuple of (int or None)
        For each column the row that is most like it.
    path : tuple of (int or None)
        For each row a column, so that columns never go back and the sum over the rows is the best there is; empty where
        rows and columns are the same clouds, or no such path avoids the gaps.
    values : ndarray of shape (rows, columns)
        The numbers.
    """

    quantity: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    best: Places
    back: Places
    path: Places
    values: Matrix

    @property
    def in_order(self) -> int:
        """How many rows have their best match on the path."""
        return sum(one is not None and one == other for one, other in zip(self.best, self.path, strict=False))

    @property
    def mutual(self) -> int:
        """How many rows are also the best match of their best match."""
        return sum(place is not None and self.back[place] == row for row, place in enumerate(self.best))

    def value(self, row: int) -> float | None:
        """Give the number of a row's best match.

        Parameters
        ----------
        row : int
            Which.

        Returns
        -------
        float or None
            The number.
        """
        place = self.best[row]
        return None if place is None else float(self.values[row, place])

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Names in the place of numbers.
        """

        def named(places: Places, among: Sequence[str]) -> list[str | None]:
            return [None if place is None else among[place] for place in places]

        return {
            "best": named(self.best, self.columns),
            "back": named(self.back, self.rows),
            "path": named(self.path, self.columns),
            "in_order": self.in_order,
            "mutual": self.mutual,
        }


def best_places(values: Matrix, *, lowest: bool) -> Places:
    """Find the best column of every row.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
        Numbers; NaN where there is none.
    lowest : bool
        Whether the least is best.

    Returns
    -------
    tuple of (int or None)
        The first of the best; None where the row has no number.
    """
    scores = _scores(values, lowest=lowest)
    return tuple(int(np.argmax(row)) if np.isfinite(row).any() else None for row in scores)


def ordered_path(values: Matrix, *, lowest: bool) -> Places:
    """Find a column for every row, so that columns never go back and the sum over the rows is best.

    Every path has one number for each row, so that none is better for being long. It is found by dynamic programming.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
        Numbers; NaN where there is none. Rows without any are passed over.
    lowest : bool
        Whether the least is best.

    Returns
    -------
    tuple of (int or None)
        The path; empty where none avoids the gaps.

    Examples
    --------
    >>> ordered_path(np.array([[0.1, 0.9], [0.8, 0.7]]), lowest=False)
    (1, 1)
    """
    scores = _scores(values, lowest=lowest)
    kept = [row for row in range(len(scores)) if np.isfinite(scores[row]).any()]
    if not kept:
        return ()
    reached = np.zeros(scores.shape[1])
    came_from: list[NDArray[np.intp]] = []
    for row in kept:
        # The best place at or before each column, the first of equals.
        before = np.maximum.accumulate(reached)
        fresh = np.concatenate([[True], reached[1:] > before[:-1]])
        came_from.append(np.maximum.accumulate(np.where(fresh, np.arange(len(reached)), 0)))
        reached = before + scores[row]
    if not np.isfinite(reached).any():
        return ()
    place = int(np.argmax(reached))
    path: list[int | None] = [None] * len(scores)
    for row, origin in zip(reversed(kept), reversed(came_from), strict=True):
        path[row] = place
        place = int(origin[place])
    return tuple(path)


def _scores(values: Matrix, *, lowest: bool) -> Matrix:
    scores = -values if lowest else values
    return np.where(np.isnan(scores), -np.inf, scores)
