"""Distances between named things, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, is_array, to_numpy

Matrix = NDArray[np.float64]

_ASYMMETRY = 1e-6
"""Relative to the largest distance: what rounding makes of the two directions, and no more."""


class HasDistances(Protocol):
    """What gives distances between named things, such as `AllPairs`."""

    def distances(self) -> Distances:
        """Give them."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between named things.

    Parameters
    ----------
    values : array of shape (n, n)
        Symmetric, finite, not negative, zeros on the diagonal.
    names : sequence of str, optional
        One for each; numbers from 1 where none are given.
    made_of : str
        What the distances are, for captions.

    Raises
    ------
    ParameterError
        If they are no distances; the message names the first two things that are wrong.

    Examples
    --------
    >>> Distances(np.array([[0.0, 2.0], [2.0, 0.0]]), ["a", "b"]).violations
    0.0
    """

    values: Any
    names: Sequence[str] = ()
    made_of: str = "distance"

    def __post_init__(self) -> None:
        values = np.array(to_numpy(self.values) if is_array(self.values) else self.values, dtype=np.float64)
        if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 2:
            raise ParameterError(f"distances: got shape {values.shape}; expected a square of at least 2 x 2")
        names = tuple(self.names) or tuple(str(place + 1) for place in range(len(values)))
        if len(names) != len(values):
            raise ParameterError(f"names: got {len(names)} for {len(values)} things")
        _refuse(~np.isfinite(values), values, names, "is no number; leave out what has no distances, or measure it")
        _refuse(values < 0, values, names, "is negative; a similarity is no distance, so take one that is")
        largest = float(values.max())
        off = np.abs(values - values.T) > _ASYMMETRY * largest
        _refuse(off, values, names, "differs from that back; make one of both, as their mean")
        apart = np.eye(len(values), dtype=bool) & (values > _ASYMMETRY * largest)
        _refuse(apart, values, names, "is not 0; a similarity is no distance, so take one that is")
        values = (values + values.T) / 2
        np.fill_diagonal(values, 0.0)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "names", names)

    @property
    def violations(self) -> float:
        """Share of the triples in which one side is longer than the other two together.

        Where it is not 0, these are no distances of a metric, and no picture of points shows them as they are.
        """
        values: Matrix = self.values
        count = len(values)
        if count < 3:
            return 0.0
        slack = 1e-9 * float(values.max())
        wrong = sum(int(np.sum(values > values[:, [k]] + values[[k], :] + slack)) for k in range(count))
        return wrong / (count * (count - 1) * (count - 2))


def distances_of(given: Any) -> Distances:
    """Take distances from whatever holds them.

    Parameters
    ----------
    given : array, Distances, or anything with ``.distances()``
        The distances.

    Returns
    -------
    Distances
        Checked; what is none is a `ParameterError`.
    """
    if isinstance(given, Distances):
        return given
    own = getattr(given, "distances", None)
    if callable(own):
        found: Distances = own()
        return found
    return Distances(given)


def _refuse(wrong: NDArray[np.bool_], values: Matrix, names: Sequence[str], says: str) -> None:
    if wrong.any():
        one, other = (int(place[0]) for place in np.nonzero(wrong))
        more = int(wrong.sum()) - 1
        also = f" ({more} more like it)" if more else ""
        raise ParameterError(
            f"distances: that of {names[one]!r} to {names[other]!r}, {values[one, other]:g}, {says}{also}"
        )
