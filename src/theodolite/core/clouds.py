"""A cloud of points: the rows of one layer, one network, one brain area over a set of stimuli."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import array_api_compat as compat
import numpy as np

from theodolite.core.arrays import Array, is_array, namespace, to_numpy
from theodolite.core.fingerprint import digest, fingerprint
from theodolite.core.outcomes import Outcome, Refusal
from theodolite.core.points import check_points
from theodolite.core.remembered import Followed, Order
from theodolite.core.surroundings import Surrounded
from theodolite.core.traits import Move
from theodolite.numerics.neighbours import Neighbours

T = TypeVar("T")

SMALLEST, LARGEST = 1e-70, 1e70
"""Range of the largest deviation from the mean in which fourth powers and their sums stay in that of float64."""

_IN_ANY_ORDER, _WITH_THE_ROWS = object(), object()


@dataclass(frozen=True, eq=False, repr=False)
class Cloud(Surrounded):
    """Points in a space of features: one row for each stimulus, one column for each unit.

    Parameters
    ----------
    points : array of shape (rows, features)
        Real numbers in any array library, or anything row-sliceable with `shape`, `dtype` and ``[start:stop]`` (stored
        features). They are upcast to float64.
    moments : tuple of (int, array, array), optional
        Count, mean and scatter where there are no rows; use `Cloud.from_moments`.
    known : Neighbours, optional
        Distances to nearest neighbours where there are no rows; use `Cloud.from_neighbours`.

    Attributes
    ----------
    rows : array of shape (rows, features)
        The points, float64.
    centred : array of shape (rows, features)
        The points about their mean.
    coordinates : array of shape (rows, min(rows, features))
        The centred points in other orthonormal coordinates: all distances and inner products are the same, and no more
        columns than rows are left.

    Examples
    --------
    >>> import numpy as np
    >>> cloud = Cloud(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> cloud.mean, cloud.total
    (array([1., 1.]), np.float64(2.0))
    """

    points: Any = None
    moments: tuple[int, Any, Any] | None = None
    known: Neighbours | None = None

    moves: ClassVar[tuple[Move, ...]] = ("scale", "translation", "rotation", "permutation", "order")

    def __post_init__(self) -> None:
        if self.moments is None and self.known is None:
            check_points(self.points, "points")

    @classmethod
    def from_moments(cls, count: int, mean: Array, scatter: Array) -> Cloud:
        """Look at a cloud of which only the moments are known.

        Parameters
        ----------
        count : int
            How many rows there were.
        mean : array of shape (features,)
            Their mean.
        scatter : array of shape (features, features)
            Sum of products about the mean.

        Returns
        -------
        Cloud
            A view that has `moments`, not `rows`.
        """
        return cls(None, (count, mean, scatter))

    @classmethod
    def from_neighbours(cls, known: Neighbours) -> Cloud:
        """Look at a cloud of which only the distances to nearest neighbours are known.

        Parameters
        ----------
        known : Neighbours
            Found elsewhere, or drawn from a law.

        Returns
        -------
        Cloud
            A view that has `neighbours`, neither `rows` nor `moments`.
        """
        return cls(None, None, known)

    @classmethod
    def coerce(cls, target: Any, *, name: str = "points") -> Cloud:
        """Make a cloud of an array of rows, of stored features, or of a cloud.

        Parameters
        ----------
        target : Cloud, array, or anything with ``.cloud()``
            What to look at.
        name : str
            Name of the argument in errors.

        Returns
        -------
        Cloud
            `target` itself where it is one. What is no array of real floats is a `TypeError`, one that is not
            2-dimensional a `ValueError`, one without entries a `Refusal`.
        """
        if isinstance(target, Cloud):
            return target
        if not is_array(target) and callable(getattr(target, "cloud", None)):
            return cls.coerce(target.cloud(), name=name)
        check_points(target, name)
        return cls(target)

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        if self.known is not None:
            return frozenset({"neighbours"})
        return frozenset({"moments"} if self.moments is not None else {"moments", "rows", "neighbours"})

    @property
    def count(self) -> int:
        """How many rows there are."""
        if self.known is not None:
            return self.known.distinct.rows
        return int(self.points.shape[0]) if self.moments is None else self.moments[0]

    @property
    def width(self) -> int:
        """How many features there are; refused where only distances are known."""
        if self.known is not None:
            self.require(["rows"])
        return int(self.points.shape[1]) if self.moments is None else int(self.moments[1].shape[0])

    @property
    def rows(self) -> Array:
        """The points, float64; refused where the view has none."""
        return self.once("rows", self._rows)

    def _rows(self) -> Array:
        self.require(["rows"])
        points = self.points if is_array(self.points) else self.points[0 : self.count]
        library = namespace(points)
        rows = library.astype(points, library.float64, copy=False)
        finite = library.isfinite(rows)
        if not bool(library.all(finite)):
            wrong = int(library.sum(library.astype(~library.all(finite, axis=1), library.int64)))
            raise Refusal(Outcome.NOT_FINITE_ROWS, f"{wrong} of {self.count} rows")
        return rows

    @property
    def mean(self) -> Array:
        """The mean of the rows."""
        return self._about_mean[0] if self.moments is None else self.moments[1]

    @property
    def centred(self) -> Array:
        """The rows about their mean; refused where the view has none."""
        return self._about_mean[1]

    @property
    def _about_mean(self) -> tuple[Array, Array]:
        return self.once("centred", self._centre)

    def _centre(self) -> tuple[Array, Array]:
        rows = self.rows
        library = namespace(rows)
        # About the first row: features that are constant become exactly zero, and large offsets cost no digits.
        centred = rows - rows[:1, :]
        mean = library.mean(centred, axis=0)
        centred -= mean
        largest = max(float(to_numpy(library.max(centred))), -float(to_numpy(library.min(centred))))
        if largest and not SMALLEST < largest < LARGEST:
            raise Refusal(Outcome.OUT_OF_RANGE, f"the largest deviation from the mean is {largest:.3g}")
        return rows[0, :] + mean, centred

    @property
    def total(self) -> Array:
        """Sum of squared distances from the mean, 0-dimensional."""
        return self.in_any_order("total", self._total)

    def _total(self) -> Array:
        if self.moments is not None:
            return namespace(self.scatter).linalg.trace(self.scatter)
        return namespace(self.squares).sum(self.squares)

    @property
    def scatter(self) -> Array:
        """Sum of products of features about the mean, of shape (features, features)."""
        if self.moments is not None:
            return self.moments[2]
        return self.in_any_order("scatter", lambda: self.centred.T @ self.centred)

    @property
    def gram(self) -> Array:
        """Inner products of the centred rows, of shape (rows, rows)."""
        return self.once("gram", lambda: self.coordinates @ self.coordinates.T)

    @property
    def squares(self) -> Array:
        """Squared distance of each row from the mean, of shape (rows,)."""
        return self.once("squares", lambda: namespace(self.centred).vecdot(self.centred, self.centred))

    @property
    def coordinates(self) -> Array:
        """The centred rows in orthonormal coordinates that are no more than the rows."""
        return self.once("coordinates", self._coordinates)

    def _coordinates(self) -> Array:
        centred = self.centred
        # The gradient of an orthogonal decomposition breaks down where the rank does, as it does after centring.
        if self.width <= self.count or getattr(centred, "requires_grad", False):
            return centred
        if isinstance(centred, np.ndarray):
            triangle: Array = np.linalg.qr(centred.T, mode="r")
            return triangle.T
        return compat.array_namespace(centred).linalg.qr(centred.T)[1].T

    def in_any_order(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something that doesn't depend on the order of the rows, and remember it for every order.

        Parameters
        ----------
        key : hashable
            What is computed, with its parameters.
        compute : callable
            Computes it.

        Returns
        -------
        object
            What `compute` gave the first time.
        """
        return self.once((_IN_ANY_ORDER, key), compute)

    def with_the_rows(self, key: Hashable, compute: Callable[[], T], moved: Callable[[T, Order], T]) -> T:
        """Compute something that the rows take along into another order, and remember it for every order.

        Parameters
        ----------
        key : hashable
            What is computed, with its parameters.
        compute : callable
            Computes it.
        moved : callable
            Gives it for rows in another order, of which it is told the indices; called when it is asked for there.

        Returns
        -------
        object
            What `compute` gave the first time, in the order of these rows.
        """
        known: Followed = self.once((_WITH_THE_ROWS, key), lambda: Followed(compute(), moved))
        return cast("T", known.here())

    def reordered(self, order: Array) -> Cloud:
        """Put the rows into another order, and keep what is known of them.

        Parameters
        ----------
        order : array of shape (rows,)
            A permutation of the indices, integers of the cloud's library.

        Returns
        -------
        Cloud
            A new cloud; of what was remembered `in_any_order` nothing is computed again, nor is the mean.
        """
        library, known = namespace(self.rows), self._derived

        def taken(rows: Array) -> Array:
            return library.take(rows, order, axis=0)

        made = Cloud(taken(self.rows))
        self._hand_on(made, order)
        made._derived["rows"] = made.points
        made._derived["centred"] = self.mean, taken(self.centred)
        if "squares" in known:
            made._derived["squares"] = taken(known["squares"])
        if "coordinates" in known:
            plain = known["coordinates"] is self.centred
            made._derived["coordinates"] = made.centred if plain else taken(known["coordinates"])
        if "gram" in known:
            made._derived["gram"] = library.take(taken(known["gram"]), order, axis=1)
        return made

    def taken(self, chosen: Array) -> Cloud:
        """Keep some of the rows.

        Parameters
        ----------
        chosen : array of shape (count,)
            Their indices, integers of the cloud's library.

        Returns
        -------
        Cloud
            Of these rows alone.
        """
        return Cloud(namespace(self.rows).take(self.rows, chosen, axis=0))

    def _hand_on(self, made: Cloud, order: Array) -> None:
        """Give the same rows in another order what is remembered for every order."""
        for key, value in self._derived.items():
            if isinstance(key, tuple) and key[0] is _IN_ANY_ORDER:
                made._derived[key] = value
            elif isinstance(key, tuple) and key[0] is _WITH_THE_ROWS:
                made._derived[key] = value.behind(to_numpy(order))

    def fingerprint(self) -> bytes | None:
        """Hash the rows (or the moments), dtype and shape included.

        Returns
        -------
        bytes
            32 bytes of SHA-256.
        """
        if self.known is not None:
            return bytes.fromhex(digest(fingerprint(self.known.distances), fingerprint(self.known.indices)))
        if self.moments is None:
            return fingerprint(self.points)
        count, mean, scatter = self.moments
        return bytes.fromhex(digest(str(count), fingerprint(mean), fingerprint(scatter)))

    def __repr__(self) -> str:
        if self.known is not None:
            return f"Cloud({self.count} rows, {self.known.k} neighbours of each only)"
        what = "" if self.moments is None else ", moments only"
        return f"Cloud({self.count} rows x {self.width} features{what})"
