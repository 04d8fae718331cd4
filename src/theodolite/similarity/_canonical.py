"""What the measures of canonical correlation share: two bases, their inner products, and when these mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from theodolite.core import Array, Cloud, Note, Outcome, Pair, PairMoments, Refusal, namespace, to_numpy
from theodolite.numerics.canonical import inner_products, leading_map, whitening_map


@dataclass(frozen=True, eq=False)
class Bases:
    """Orthonormal bases of (parts of) two clouds.

    Parameters
    ----------
    x, y : array, shapes (d, p) and (e, q)
        Maps from the features to the bases.
    products : array, shape (p, q)
        Inner products of the bases; the singular values are the canonical correlations.
    rows : int
        How many rows the clouds have.
    """

    x: Array
    y: Array
    products: Array
    rows: int

    @property
    def sizes(self) -> tuple[int, int]:
        """How many directions each basis has."""
        return int(self.products.shape[0]), int(self.products.shape[1])

    @property
    def count(self) -> int:
        """How many canonical correlations there are."""
        return min(self.sizes)

    @property
    def correlations(self) -> Array:
        """The canonical correlations, descending."""
        library = namespace(self.products)
        return library.clip(library.linalg.svdvals(self.products), min=0.0, max=1.0)

    @property
    def mean_square(self) -> Array:
        """Mean of the squared correlations."""
        library = namespace(self.products)
        return library.clip(library.sum(self.products * self.products) / self.count, max=1.0)

    @property
    def chance(self) -> float:
        """The mean of the squared correlations when the rows of one cloud are in random order, exactly."""
        return max(self.sizes) / (self.rows - 1)

    def notes(self, *fields: str) -> tuple[Note, ...]:
        """Say so where some correlations are 1 whatever the clouds.

        Parameters
        ----------
        *fields : str
            The fields that rest on the correlations.

        Returns
        -------
        tuple of Note
            Empty where there are rows enough for both bases.
        """
        certain = sum(self.sizes) - (self.rows - 1)
        if certain <= 0:
            return ()
        detail = f"{certain} of {self.count}"
        return tuple(Note(Outcome.CERTAIN_CORRELATIONS, detail, field) for field in fields)


def refuse_constant(pair: Pair) -> None:
    """Refuse clouds that have no variance.

    Parameters
    ----------
    pair : Pair
        The clouds.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same.
    """
    for name, total in zip("xy", pair.totals, strict=True):
        if not float(to_numpy(total)) > 0.0:
            raise Refusal(Outcome.CONSTANT_CLOUD, name)


def whole_bases(pair: Pair, *, as_given: bool = False) -> Bases:
    """Find bases of the spaces that the clouds span.

    Parameters
    ----------
    pair : Pair
        The clouds.
    as_given : bool
        Whether the maps must be from the features as they are, not from rotated ones.

    Returns
    -------
    Bases
        Of ranks below the number of rows less one; clouds of higher rank, or of none, are refused.
    """
    rotated = not as_given and max(pair.widths) > pair.count

    def find() -> Bases:
        refuse_constant(pair)
        moments = pair.isometric if rotated else pair.moments
        return _checked(*maps(pair, "whitening map", whitening_map, rotated=rotated), moments)

    return pair.once(("bases", rotated), find)


def leading_bases(pair: Pair, *, variance: float, dimensions: int | None) -> Bases:
    """Find bases of the leading principal components of each cloud.

    Parameters
    ----------
    pair : Pair
        The clouds.
    variance : float
        The share of the variance to keep.
    dimensions : int or None
        Keep this many components instead.

    Returns
    -------
    Bases
        Of fewer directions than the number of rows less one; more are refused, and so are clouds without variance.
    """

    def leading(scatter: Array, rows: int) -> Array:
        return leading_map(scatter, rows, variance=variance, dimensions=dimensions)

    def find() -> Bases:
        refuse_constant(pair)
        return _checked(*maps(pair, ("leading map", variance, dimensions), leading), pair.isometric)

    return pair.once(("leading bases", variance, dimensions), find)


def maps(
    pair: Pair, key: Hashable, find: Callable[[Array, int], Array], *, rotated: bool = True
) -> tuple[Array, Array]:
    """Find the map of each cloud, once for all the pairs that a cloud is part of.

    Parameters
    ----------
    pair : Pair
        The clouds.
    key : hashable
        What is found, with its parameters.
    find : callable
        Finds the map from a scatter matrix and the number of rows.
    rotated : bool
        Whether the coordinates of a cloud with more features than rows are rotated ones.

    Returns
    -------
    tuple of array
        The maps of x and y.
    """
    scatters = (pair.isometric if rotated else pair.moments).scatters
    if pair.known is not None:
        return find(scatters[0], pair.count), find(scatters[1], pair.count)

    def once(cloud: Cloud, scatter: Array) -> Array:
        own = (key, rotated and cloud.width > cloud.count)
        return cloud.once(own, lambda: find(scatter, pair.count))

    return once(pair.x, scatters[0]), once(pair.y, scatters[1])


def _checked(x: Array, y: Array, moments: PairMoments) -> Bases:
    for name, found in (("x", x), ("y", y)):
        rank = int(found.shape[1])
        if rank >= moments.count - 1:
            raise Refusal(Outcome.TOO_FEW_ROWS, f"{moments.count} rows, and {name} spans {rank} dimensions")
    return Bases(x, y, inner_products(x, moments.cross, y), moments.count)
