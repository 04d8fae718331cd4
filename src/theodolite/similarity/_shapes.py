"""Two clouds in the coordinates in which they are compared, and the distance that the best map leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from array_api_compat import device

from theodolite.core import Array, Outcome, Pair, Refusal, namespace, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.alignment import angle, best_pairing, nuclear_norms, paired_residual, root, rotated_residual

Group = Literal["rotation", "permutation", "none"]
"""What a cloud may be put through before the two are compared."""

Metric = Literal["angular", "euclidean"]
"""How the distance that is left is measured."""

NEAR = 1e-4
"""Share of the largest squared distance below which a distance is taken from the rows, where there are rows."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Two centred clouds in coordinates of their own.

    Parameters
    ----------
    cross : array of shape (d, e)
        Inner products of the coordinates.
    norms : tuple of array, shape ()
        Frobenius norms of the clouds.
    rank : int
        What the rank of `cross` can't exceed.
    rows : callable, optional
        Gives the coordinates themselves, of shape (n, d) and (n, e), where there are rows.
    """

    cross: Array
    norms: tuple[Array, Array]
    rank: int
    rows: Callable[[], tuple[Array, Array]] | None = None

    @classmethod
    def of(cls, pair: Pair, group: Group) -> Shapes:
        """Take two clouds as they are.

        Parameters
        ----------
        pair : Pair
            The clouds.
        group : {"rotation", "permutation", "none"}
            Rotations are found in coordinates that are no more than the rows.

        Returns
        -------
        Shapes
            Ready to be compared.

        Raises
        ------
        Refusal
            If features are to be compared one by one, and one cloud has more than the other.
        """
        if group == "none" and pair.widths[0] != pair.widths[1]:
            raise Refusal(Outcome.DIFFERENT_WIDTHS, f"{pair.widths[0]} and {pair.widths[1]}, with group='none'")
        norms = _roots(pair.totals)
        rank = min(*pair.widths, pair.count - 1)
        if "rows" not in pair.has:
            return cls(pair.cross, norms, rank)
        clouds = (pair.x, pair.y)
        one, other = (cloud.coordinates if group == "rotation" else cloud.centred for cloud in clouds)
        return cls(one.T @ other, norms, rank, lambda: (one, other))

    def scaled(self) -> Shapes:
        """Bring both clouds to the norm 1.

        Returns
        -------
        Shapes
            New shapes.

        Raises
        ------
        Refusal
            If a cloud is a single point.
        """
        norms, rows = self.norms, self.rows
        for norm, name in zip(norms, "xy", strict=True):
            if not bool(norm > 0):
                raise Refusal(Outcome.CONSTANT_CLOUD, name)
        one = namespace(self.cross).ones_like(norms[0])
        ones = (one, one)
        cross = self.cross / norms[0] / norms[1]
        if rows is None:
            return Shapes(cross, ones, self.rank)

        def of_norm_one() -> tuple[Array, Array]:
            one, other = rows()
            return one / norms[0], other / norms[1]

        return Shapes(cross, ones, self.rank, of_norm_one)

    def distance(self, group: Group, metric: Metric) -> Array:
        """Measure the distance between the clouds after the best map.

        Parameters
        ----------
        group : {"rotation", "permutation", "none"}
            The maps to choose from.
        metric : {"angular", "euclidean"}
            The angle between the clouds taken as vectors, or the Frobenius norm of their difference.

        Returns
        -------
        array of shape ()
            The distance.
        """
        shapes = self.scaled() if metric == "angular" else self
        one, other = shapes.norms
        fit, left_over = _best(shapes, group)
        squares = one**2 + other**2
        squared = squares - 2 * fit
        if shapes.rows is not None and bool(squared < NEAR * squares):
            squared = left_over(*shapes.rows())
        if metric == "angular":
            return angle(squared / 2)
        return root(squared)


def _best(shapes: Shapes, group: Group) -> tuple[Array, Callable[[Array, Array], Array]]:
    """Return the largest inner product that a map gives, and what computes the residual under that map."""
    cross = shapes.cross
    if group == "rotation":
        return nuclear_norms(cross, shapes.norms[0] * shapes.norms[1], shapes.rank), rotated_residual
    library = namespace(cross)
    if group == "none":
        first = second = library.arange(cross.shape[0], dtype=library.int64, device=device(cross))
    else:
        first, second = (in_library_of(side, cross) for side in best_pairing(to_numpy(cross)))
    paired = library.take(library.take(cross, first, axis=0), second, axis=1)
    return library.linalg.trace(paired), lambda one, other: paired_residual(one, other, first, second)


def refuse_two_rows(pair: Pair) -> None:
    """Refuse clouds of two rows, which are lines: rotated and brought to one size, any two are the same.

    Parameters
    ----------
    pair : Pair
        The clouds.

    Raises
    ------
    Refusal
        If there are two rows.
    """
    if pair.count == 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, "2 rows; up to rotation and size they have one shape")


def _roots(totals: tuple[Array, Array]) -> tuple[Array, Array]:
    library = namespace(*totals)
    return library.sqrt(totals[0]), library.sqrt(totals[1])
