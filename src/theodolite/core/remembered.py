"""What is remembered of rows, and follows them into another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Order: TypeAlias = NDArray[np.integer[Any]]
"""A permutation of the indices of rows."""


class Followed:
    """Something that follows the rows, moved when it is first asked for.

    Parameters
    ----------
    value : object
        What is remembered.
    moved : callable
        Gives it for rows in another order, of which it is told the indices.
    order : ndarray of int, shape (rows,), optional
        The order that it has still to be brought into.
    """

    def __init__(self, value: Any, moved: Callable[[Any, Order], Any], order: Order | None = None) -> None:
        self._value, self._moved, self._order = value, moved, order

    def here(self) -> Any:
        """Give it in the order of the rows.

        Returns
        -------
        object
            What is remembered.
        """
        if self._order is not None:
            self._value, self._order = self._moved(self._value, self._order), None
        return self._value

    def behind(self, order: Order) -> Followed:
        """Let it follow the rows once more.

        Parameters
        ----------
        order : ndarray of int, shape (rows,)
            The permutation.

        Returns
        -------
        Followed
            The same, to be moved when it is asked for.
        """
        return Followed(self._value, self._moved, order if self._order is None else self._order[order])
