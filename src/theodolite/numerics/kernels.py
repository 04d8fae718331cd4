"""Kernel matrices of centred rows, some rows at a time: nothing of the size rows × rows is held.

Centring takes a constant off every kernel, so each may be shifted by the constant that keeps the digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.blocks import BLOCK_ENTRIES
from theodolite.numerics.gram_products import OffDiagonal

Array = Any
Kind = Literal["rbf", "laplace", "cosine", "polynomial", "distance"]

COINCIDENT = 64 * float(np.finfo(np.float64).eps)
"""Squared distances below this share of the squared norms are rounding: such rows coincide."""

_FEWEST_ROWS, _BINS = 32, 16


@dataclass(frozen=True)
class Points:
    """Centred rows in units of their root mean square distance from the mean.

    Parameters
    ----------
    rows : array of shape (n, d)
        The rows in any unit.
    squares : array of shape (n,)
        Their squared norms, in that unit.
    unit : array of shape ()
        The mean of the squared norms of all rows.
    gram : array of shape (n, n), optional
        Their inner products, in that unit, where they are cheaper to keep than to compute.
    """

    rows: Array
    squares: Array
    unit: Array
    gram: Array = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.rows.shape[0])

    @property
    def norms_squared(self) -> Array:
        """Squared norms of the rows; 1 on average."""
        return self.squares / self.unit

    def of(self, start: int, stop: int) -> Points:
        """Take some of the rows.

        Parameters
        ----------
        start, stop : int
            Which.

        Returns
        -------
        Points
            They stay in the unit of all.
        """
        gram = None if self.gram is None else self.gram[start:stop, start:stop]
        return Points(self.rows[start:stop, :], self.squares[start:stop], self.unit, gram)

    def inner(self, start: int, stop: int) -> Array:
        """Inner products of some rows with themselves and all later ones.

        Parameters
        ----------
        start, stop : int
            Which rows.

        Returns
        -------
        array of shape (stop - start, n - start)
            In units of the mean square.
        """
        if self.gram is not None:
            return self.gram[start:stop, start:] / self.unit
        return (self.rows[start:stop, :] / self.unit) @ self.rows[start:, :].T

    def distances_squared(self, start: int, stop: int) -> Array:
        """Squared distances of some rows from themselves and all later ones.

        Parameters
        ----------
        start, stop : int
            Which rows.

        Returns
        -------
        array of shape (stop - start, n - start)
            In units of the mean square; exactly 0 where rows coincide.
        """
        norms = self.norms_squared
        sums = norms[start:stop, None] + norms[None, start:]
        squared = sums - 2.0 * self.inner(start, stop)
        library = compat.array_namespace(squared)
        return library.where(squared > COINCIDENT * sums, squared, library.zeros_like(squared))

    def distance(self, one: int, other: int) -> Array:
        """Measure the distance of two rows by their difference.

        Parameters
        ----------
        one, other : int
            Which.

        Returns
        -------
        array of shape ()
            In units of the root mean square.
        """
        library = compat.array_namespace(self.rows)
        difference = self.rows[one, :] - self.rows[other, :]
        return library.sqrt(library.sum(difference * difference) / self.unit)


@dataclass(frozen=True)
class Kernel:
    """A function of two points, less a constant that centring takes off anyway.

    Parameters
    ----------
    kind : {"rbf", "laplace", "cosine", "polynomial", "distance"}
        ``exp(-d² / 2 s²)``, ``exp(-d / s)``, the cosine, ``(1 + <x, y>)^degree``, or ``-d``, of the distance d.
    length : array of shape (), optional
        The length s of the first two, in the points' unit.
    wide : bool
        Whether s is so long that the kernel is close to 1 and is better computed as its difference from it.
    degree : int
        Of the polynomial.
    """

    kind: Kind
    length: Array = None
    wide: bool = False
    degree: int = 2

    def block(self, points: Points, start: int, stop: int) -> Array:
        """Compute the kernel of some points with themselves and all later ones.

        Parameters
        ----------
        points : Points
            The points.
        start, stop : int
            Which.

        Returns
        -------
        array of shape (stop - start, n - start)
            What stands on and below the diagonal has no meaning.
        """
        if self.kind in {"cosine", "polynomial"}:
            inner = points.inner(start, stop)
            if self.kind == "polynomial":
                return (1.0 + inner) ** self.degree - 1.0
            norms = points.norms_squared**0.5
            return inner / (norms[start:stop, None] * norms[None, start:])
        squared = points.distances_squared(start, stop)
        if self.kind == "rbf":
            return self._decay(squared / (2.0 * self.length**2))
        distance = root(squared)
        if self.kind == "laplace":
            return self._decay(distance / self.length)
        return 2.0**0.5 - distance

    def diagonal(self, points: Points) -> Array:
        """Compute the kernel of each point with itself.

        Parameters
        ----------
        points : Points
            The points.

        Returns
        -------
        array of shape (n,)
            Less the same constant.
        """
        norms = points.norms_squared
        library = compat.array_namespace(norms)
        if self.kind == "polynomial":
            return (1.0 + norms) ** self.degree - 1.0
        same = {"cosine": 1.0, "distance": 2.0**0.5}.get(self.kind, 0.0 if self.wide else 1.0)
        return same * library.ones_like(norms)

    def _decay(self, exponent: Array) -> Array:
        library = compat.array_namespace(exponent)
        return library.expm1(-exponent) if self.wide else library.exp(-exponent)


def root(squared: Array) -> Array:
    """Square roots whose gradient at zero is zero.

    Parameters
    ----------
    squared : array
        Not negative.

    Returns
    -------
    array
        The roots.
    """
    library = compat.array_namespace(squared)
    positive = squared > 0
    safe = library.where(positive, squared, library.ones_like(squared))
    return library.where(positive, library.sqrt(safe), library.zeros_like(squared))


def row_blocks(count: int) -> Iterator[tuple[int, int]]:
    """Cut rows so that their inner products with all rows fit into the processor's reach.

    Parameters
    ----------
    count : int
        How many rows there are.

    Yields
    ------
    start, stop : int
        Of each block.
    """
    step = max(_FEWEST_ROWS, BLOCK_ENTRIES // count)
    for start in range(0, count, step):
        yield start, min(start + step, count)


def kernel_sums(x: tuple[Kernel, Points], y: tuple[Kernel, Points]) -> OffDiagonal:
    """Add up two kernel matrices of the same rows, entry by entry and row by row, in one pass over blocks.

    Parameters
    ----------
    x, y : tuple of Kernel and Points
        The kernels and their points, equally many.

    Returns
    -------
    OffDiagonal
        All that centring needs.
    """
    library = compat.array_namespace(x[1].rows)
    products: list[Array] = [0.0, 0.0, 0.0]
    rows: list[list[Array]] = [[], []]
    behind: list[Array] = [None, None]
    for start, stop in row_blocks(x[1].count):
        upper = [library.triu(kernel.block(points, start, stop), k=1) for kernel, points in (x, y)]
        for place, (one, other) in enumerate(((0, 0), (0, 1), (1, 1))):
            products[place] = products[place] + 2.0 * library.sum(upper[one] * upper[other])
        for side, block in enumerate(upper):
            # Of each row, the entries left of the block are the columns of earlier blocks.
            columns = library.sum(block, axis=0)
            below = columns if behind[side] is None else columns + behind[side]
            rows[side].append(library.sum(block, axis=1) + below[: stop - start])
            behind[side] = below[stop - start :]
    return OffDiagonal(
        (products[0], products[1], products[2]),
        (library.concat(rows[0]), library.concat(rows[1])),
        (x[0].diagonal(x[1]), y[0].diagonal(y[1])),
    )


def middle_pairs(groups: list[Points]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Find the two pairs of points in the middle of the order of all distances; the same one twice for an odd number.

    The middle is found digit by digit in the binary representation of the squared distances, so that they needn't be
    held; the number of passes doesn't depend on them.

    Parameters
    ----------
    groups : list of Points
        NumPy arrays. Only pairs within a group count.

    Returns
    -------
    tuple of two (group, row, other row)
        Pairs whose distances' mean is the median.
    """
    pairs = sum(points.count * (points.count - 1) // 2 for points in groups)
    rank = (pairs - 1) // 2
    low, span = 0, 1 << 63
    while span > 1:
        shift = max(0, span.bit_length() - 1 - _BINS)
        counts = np.zeros(span >> shift, dtype=np.int64)
        for bits, _ in _bits(groups):
            inside = bits[(bits >= low) & (bits - low < span)]
            counts += np.bincount((inside - low) >> shift, minlength=counts.size)
        sums = np.cumsum(counts)
        chosen = int(np.searchsorted(sums, rank, side="right"))
        rank -= int(sums[chosen] - counts[chosen])
        low, span = low + (chosen << shift), 1 << shift
    return _at_and_next(groups, low, last=pairs % 2 == 1 or rank + 1 < int(counts[chosen]))


def _at_and_next(groups: list[Points], value: int, *, last: bool) -> tuple[Any, Any]:
    """Find a pair with this value, and one with the next larger unless the value is that of both."""
    found, larger, smallest = None, None, np.iinfo(np.int64).max
    for bits, place in _bits(groups):
        if found is None:
            hits = np.flatnonzero(bits == value)
            found = place(int(hits[0])) if hits.size else None
        if last and found is not None:
            return found, found
        above = np.where(bits > value, bits, np.iinfo(np.int64).max)
        if above.size and above.min() < smallest:
            smallest, larger = above.min(), place(int(above.argmin()))
    return found, larger


def _bits(groups: list[Points]) -> Iterator[tuple[NDArray[np.int64], Any]]:
    """Read all squared distances as integers of the same order, with the function that tells whose they are."""
    for group, points in enumerate(groups):
        for start, stop in row_blocks(points.count):
            squared = points.distances_squared(start, stop)
            values = np.concatenate([row[place + 1 :] for place, row in enumerate(squared)])
            yield values.view(np.int64), _locate(group, start, points.count)


def _locate(group: int, start: int, count: int) -> Callable[[int], tuple[int, int, int]]:
    def place(index: int) -> tuple[int, int, int]:
        row = start
        while index >= count - 1 - row:
            index -= count - 1 - row
            row += 1
        return group, row, row + 1 + index

    return place
