"""Two clouds of points with the same rows, or what their moments say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from theodolite.core.arrays import Array, is_array, namespace
from theodolite.core.clouds import Cloud
from theodolite.core.cross_moments import CrossMoments
from theodolite.core.fingerprint import digest, fingerprint
from theodolite.core.pair_moments import PairMoments
from theodolite.core.traits import Move
from theodolite.core.views import View
from theodolite.numerics.moments import Sums


@dataclass(frozen=True, eq=False, repr=False)
class Pair(View):
    """Two clouds of points: row i of both belongs to stimulus i.

    Parameters
    ----------
    first, second : Cloud or array of shape (rows, features)
        The clouds; their features may differ in number.
    known : PairMoments, optional
        Their moments where there are no rows; use `Pair.from_moments`.
    folds : tuple of Sums
        Moments of disjoint groups of the rows, where they were gathered apart.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((20, 5))
    >>> Pair(rows, rows[:, :3])
    Pair(20 rows, 5 and 3 features)
    """

    first: Any = None
    second: Any = None
    known: PairMoments | None = None
    folds: tuple[Sums, ...] = ()

    moves: ClassVar[tuple[Move, ...]] = (
        "scale",
        "separate_scale",
        "translation",
        "rotation",
        "permutation",
        "linear",
        "order",
        "exchange",
    )

    def __post_init__(self) -> None:
        if self.known is not None:
            return
        clouds = Cloud.coerce(self.first, name="x"), Cloud.coerce(self.second, name="y")
        object.__setattr__(self, "first", clouds[0])
        object.__setattr__(self, "second", clouds[1])
        _check_library(*(cloud.points for cloud in clouds))
        counts = [cloud.count for cloud in clouds]
        if counts[0] != counts[1]:
            raise ValueError(f"y: it has {counts[1]} rows and x has {counts[0]}; row i of both must be one stimulus")
        if clouds[0].moments is not None or clouds[1].moments is not None:
            raise ValueError("x, y: the moments of each cloud alone don't say how they vary together; use CrossMoments")

    @classmethod
    def from_moments(cls, moments: PairMoments, folds: Sequence[Sums] = ()) -> Pair:
        """Look at two clouds of which only the moments are known.

        Parameters
        ----------
        moments : PairMoments
            Of all rows.
        folds : sequence of Sums
            Of disjoint groups of the rows.

        Returns
        -------
        Pair
            A view that has `moments` (and `folds`), not `rows`.
        """
        return cls(None, None, moments, tuple(folds))

    @classmethod
    def coerce(cls, target: Any, *, name: str = "pair") -> Pair:
        """Take a pair, or moments of two layers, for a pair.

        Parameters
        ----------
        target : Pair, CrossMoments or PairMoments
            What to look at.
        name : str
            Name of the argument in errors.

        Returns
        -------
        Pair
            `target` itself where it is one.

        Raises
        ------
        TypeError
            If it is none of these.
        """
        if isinstance(target, Pair):
            return target
        if isinstance(target, CrossMoments):
            return target.view()
        if isinstance(target, PairMoments):
            return cls.from_moments(target)
        raise TypeError(f"{name}: expected two clouds (x, y), a Pair or CrossMoments, got one {type(target).__name__}")

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any], *, name: str) -> tuple[Pair, int]:
        """Make a pair of one argument that is one, or of two clouds.

        Parameters
        ----------
        arguments : sequence
            What is left of the arguments; at least one.
        name : str
            Name of the argument in errors.

        Returns
        -------
        pair : Pair
            The pair.
        used : int
            1 or 2.
        """
        whole = isinstance(arguments[0], (Pair, CrossMoments, PairMoments))
        if whole or len(arguments) < 2:
            return cls.coerce(arguments[0], name=name), 1
        return cls(arguments[0], arguments[1]), 2

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        given = {"moments"} if self.known is not None else {"moments", "rows"}
        return frozenset(given | ({"folds"} if self.folds else set()))

    @property
    def x(self) -> Cloud:
        """The first cloud; refused where there are only moments."""
        self.require(["rows"])
        return self.first  # type: ignore[no-any-return]

    @property
    def y(self) -> Cloud:
        """The second cloud; refused where there are only moments."""
        self.require(["rows"])
        return self.second  # type: ignore[no-any-return]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.x.count if self.known is None else self.known.count

    @property
    def widths(self) -> tuple[int, int]:
        """How many features each cloud has."""
        if self.known is None:
            return self.x.width, self.y.width
        return int(self.known.cross.shape[0]), int(self.known.cross.shape[1])

    @property
    def moments(self) -> PairMoments:
        """The moments, in the features as they are."""
        if self.known is not None:
            return self.known
        return self.once("moments", lambda: self._moments(self.x.centred, self.y.centred))

    @property
    def isometric(self) -> PairMoments:
        """The moments, in orthonormal coordinates of each cloud that are no more than the rows.

        Whatever rotations of the features leave as it is may be computed from these, at the cost of the shorter side.
        """
        if self.known is not None or max(self.widths) <= self.count:
            return self.moments
        return self.once("isometric", lambda: self._moments(self.x.coordinates, self.y.coordinates))

    def _moments(self, x: Array, y: Array) -> PairMoments:
        clouds = (self.x, self.y)
        library = namespace(x, y)
        squares = [cloud.squares for cloud in clouds]
        sums = [library.sum(one * other) for one, other in zip(squares, squares, strict=True)]
        return PairMoments(
            self.count,
            (clouds[0].mean, clouds[1].mean),
            (_scatter(clouds[0], x), _scatter(clouds[1], y)),
            x.T @ y,
            (sums[0], library.sum(squares[0] * squares[1]), sums[1]),
        )

    @property
    def cross(self) -> Array:
        """``XcᵀYc``, of shape (features of x, features of y)."""
        return self.moments.cross

    @property
    def scatters(self) -> tuple[Array, Array]:
        """``XcᵀXc`` and ``YcᵀYc``."""
        return self.moments.scatters

    @property
    def totals(self) -> tuple[Array, Array]:
        """Sum of squared distances from the mean in each cloud."""
        if self.known is None:
            return self.x.total, self.y.total
        library = namespace(self.known.cross)
        return library.linalg.trace(self.known.scatters[0]), library.linalg.trace(self.known.scatters[1])

    @property
    def fourth(self) -> tuple[Array, Array, Array]:
        """``Σ |x|⁴``, ``Σ |x|² |y|²`` and ``Σ |y|⁴`` over the centred rows."""
        return self.moments.fourth

    def fold(self, index: int) -> Pair:
        """Look at one of the groups of rows alone.

        Parameters
        ----------
        index : int
            Which.

        Returns
        -------
        Pair
            It has moments.
        """
        return Pair.from_moments(PairMoments.of(self.folds[index]))

    def without(self, index: int) -> Pair:
        """Look at all groups of rows but one.

        Parameters
        ----------
        index : int
            Which is left out.

        Returns
        -------
        Pair
            It has moments, and the other groups.

        Raises
        ------
        ValueError
            If there are fewer than two groups.
        """
        others = [fold for place, fold in enumerate(self.folds) if place != index % len(self.folds)]
        if not others:
            raise ValueError("folds: there must be two groups at least to leave one out; CrossMoments(folds=5)")
        total = others[0].copy()
        for fold in others[1:]:
            total.add(fold)
        return Pair.from_moments(PairMoments.of(total), others)

    def exchanged(self) -> Pair:
        """Swap the clouds.

        Returns
        -------
        Pair
            The second with the first.
        """
        if self.known is None:
            return Pair(self.second, self.first)
        return Pair.from_moments(self.known.exchanged(), [fold.chosen([1, 0]) for fold in self.folds])

    def fingerprint(self) -> bytes | None:
        """Hash both clouds, or their moments.

        Returns
        -------
        bytes or None
            32 bytes of SHA-256.
        """
        if self.known is None:
            parts = [self.first.fingerprint(), self.second.fingerprint()]
        else:
            known = self.known
            arrays = (*known.means, *known.scatters, known.cross, *known.fourth)
            parts = [str(known.count).encode(), *(fingerprint(one) for one in arrays)]
        return bytes.fromhex(digest(*parts))

    def __repr__(self) -> str:
        what = "" if self.known is None else ", moments only"
        return f"Pair({self.count} rows, {self.widths[0]} and {self.widths[1]} features{what})"


def _scatter(cloud: Cloud, coordinates: Array) -> Array:
    if coordinates is cloud.centred:
        return cloud.scatter
    return cloud.in_any_order("scatter of coordinates", lambda: coordinates.T @ coordinates)


def _check_library(x: Any, y: Any) -> None:
    if is_array(x) and is_array(y) and namespace(x) is not namespace(y):
        kinds = [type(array).__module__.partition(".")[0] for array in (x, y)]
        raise TypeError(f"y: it is an array of {kinds[1]} and x one of {kinds[0]}; bring both into one library")
