"""Moments of one layer, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from numpy.typing import NDArray

from theodolite.core.arrays import Array
from theodolite.core.clouds import Cloud
from theodolite.core.cross_moments import CrossMoments
from theodolite.core.parameters import ParameterError

_NAME = "rows"


class Moments:
    """Count, mean and scatter of the rows of one layer, gathered in one pass in float64 about a shifted mean.

    Parameters
    ----------
    folds : int
        Into how many disjoint groups of rows the moments are kept apart.
    seed : int
        Seed of the folds.

    Attributes
    ----------
    held : CrossMoments
        The moments, of this one layer.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((100, 6))
    >>> stream = Moments()
    >>> for batch in np.split(rows, 4):
    ...     stream.update(batch)
    >>> bool(np.allclose(stream.view().scatter, 99 * np.cov(rows, rowvar=False)))
    True
    """

    def __init__(self, *, folds: int = 1, seed: int = 0) -> None:
        self.held = CrossMoments(folds=folds, seed=seed)

    @property
    def count(self) -> int:
        """How many rows were taken in."""
        return self.held.count

    def update(self, batch: Array, *, rows: NDArray[Any] | None = None, groups: NDArray[Any] | None = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        batch : array of shape (rows, width)
            Rows, of any library and on any device, where they stay.
        rows : ndarray of int, shape (rows,), optional
            Their places in the whole stream, which decide about folds; those that follow where they are not given.
        groups : ndarray of int, shape (rows,), optional
            A group for each row: rows of one group go into one fold.
        """
        self.held.update({_NAME: batch}, rows=rows, groups=groups)

    def merge(self, other: Moments) -> Self:
        """Put two streams together.

        Parameters
        ----------
        other : Moments
            Of other rows of the same layer, with the same folds.

        Returns
        -------
        Moments
            New moments; both stay as they are.
        """
        made = type(self)()
        made.held = self.held.merge(other.held)
        return made

    def state(self) -> dict[str, Array]:
        """Give everything as arrays, to be stored.

        Returns
        -------
        dict of str to array
            What `from_state` reads.
        """
        return self.held.state()

    @classmethod
    def from_state(cls, state: Mapping[str, Array]) -> Self:
        """Take up where a stored state ended.

        Parameters
        ----------
        state : mapping of str to array
            What `state` gave.

        Returns
        -------
        Moments
            The same moments.

        Raises
        ------
        ParameterError
            If they are of another number of layers than one.
        """
        made = cls()
        made.held = CrossMoments.from_state(state)
        if len(made.held.names) > 1:
            raise ParameterError(f"state: it holds {len(made.held.names)} layers; read it with CrossMoments")
        return made

    def view(self) -> Cloud:
        """Look at the layer.

        Returns
        -------
        Cloud
            It has moments, not rows.
        """
        return self.held.cloud(_NAME if not self.held.names else self.held.names[0])
