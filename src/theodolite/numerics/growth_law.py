r"""How a length grows with the number of points, and the dimension that says so.

The total length of a graph of neighbours (a minimum spanning tree, say), each edge to the power :math:`\alpha`, grows
with the number m of points as :math:`m^{1 - \alpha / d}`. Lengths at several sizes come from random parts of one cloud,
and err together, so that what the line leaves says nothing of how far its slope is off. The two halves of a cloud are
as independent as two clouds: half the squared difference of their slopes, over several random halvings, is the variance
of a slope from half as many points, and half of that is the variance of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.halves import T95, halves_error

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_FEWEST = 40  # points of the smallest part, where there are twice as many


@dataclass(frozen=True, eq=False)
class Growth:
    """How lengths grow.

    Attributes
    ----------
    slope : float
        Of the logarithm of the mean length in that of the size.
    error : float
        Its standard error.
    r_squared : float
        Share of the variance of the logarithms of the mean lengths that the line explains; 1 where all are equal.
    residual : float
        Root mean square of what it leaves.
    sizes : list of int
        Points of a part, ascending.
    lengths : ndarray, shape (sizes,)
        Mean length at each size.
    steps : float
        Within how many standard errors 95 percent lie.
    """

    slope: float
    error: float
    r_squared: float
    residual: float
    sizes: list[int]
    lengths: Float
    steps: float = T95


@dataclass(frozen=True, eq=False)
class Parts:
    """Random parts of several sizes, of a cloud and of its halves.

    Attributes
    ----------
    members : list of ndarray of int
        Points of each part.
    group : ndarray of int, shape (parts,)
        What each is a part of: 0 is the whole, 1 and 2 are halves, 3 and 4 other halves, and so on.
    """

    members: list[Index]
    group: Index

    def growth(self, lengths: Float) -> Growth:
        """Fit lines to the lengths.

        Parameters
        ----------
        lengths : ndarray, shape (parts,)
            Of each part, above 0.

        Returns
        -------
        Growth
            Of the whole, with the error that the halves tell.
        """
        sizes = np.asarray([part.size for part in self.members])
        slopes = []
        for group in range(int(self.group.max()) + 1):
            own = self.group == group
            several, of = np.unique(sizes[own], return_inverse=True)
            means = np.bincount(of, lengths[own]) / np.bincount(of)
            slopes.append(line(several, means)[0])
            if not group:
                whole = several, means
        halves = np.asarray(slopes[1:]).reshape(-1, 2)
        slope, r_squared, residual = line(*whole)
        return Growth(slope, halves_error(halves), r_squared, residual, whole[0].tolist(), whole[1])


def smallest_part(count: int, share: float) -> int:
    """Say how many points the smallest part has.

    Parameters
    ----------
    count : int
        Points of the whole.
    share : float
        Their share in the smallest part.

    Returns
    -------
    int
        At least 40, or half of the points where that is fewer.
    """
    return max(round(share * count), min(_FEWEST, count // 2))


def growing_parts(count: int, smallest: int, steps: int, times: tuple[int, int], rng: np.random.Generator) -> Parts:
    """Draw parts whose sizes grow in equal steps of their logarithm, up to the whole.

    Parameters
    ----------
    count : int
        Points of the whole.
    smallest : int
        Points of its smallest part; of a half, half as many.
    steps : int
        How many sizes.
    times : tuple of int
        How often all points are dealt out at each size, and how often the whole is halved.
    rng : numpy.random.Generator
        The same state gives the same parts.

    Returns
    -------
    Parts
        Of the whole and of each half.
    """
    repeats, halvings = times
    groups: list[Index] = [np.arange(count)]
    for _ in range(halvings):
        order = rng.permutation(count)
        groups += [order[: count // 2], order[count // 2 :]]
    members, group = [], []
    for number, points in enumerate(groups):
        least = smallest if not number else max(2, smallest // 2)
        for size in sorted({round(step) for step in np.geomspace(least, points.size, steps)}):
            drawn = random_parts(points, size, repeats, rng)
            members += drawn
            group += [number] * len(drawn)
    return Parts(members, np.asarray(group))


def random_parts(points: Index, size: int, repeats: int, rng: np.random.Generator) -> list[Index]:
    """Draw parts so that points come up nearly equally often.

    Parameters
    ----------
    points : ndarray of int
        What to draw from.
    size : int
        How many are in a part, at most all.
    repeats : int
        How often the points are dealt out; each time, to as many parts as they are enough for.
    rng : numpy.random.Generator
        The same state gives the same parts.

    Returns
    -------
    list of ndarray of int
        Ascending; one part where it holds all points.
    """
    if size == points.size:
        return [np.sort(points)]
    dealt = (rng.permutation(points) for _ in range(repeats))
    return [np.sort(order[at : at + size]) for order in dealt for at in range(0, points.size - size + 1, size)]


def line(sizes: Sequence[int] | Index, lengths: Sequence[float] | Float) -> tuple[float, float, float]:
    """Fit a line to logarithms by least squares.

    Parameters
    ----------
    sizes : sequence of int
        Two or more different ones.
    lengths : sequence of float
        Above 0.

    Returns
    -------
    slope, r_squared, residual : float
        As `Growth` says.
    """
    x, y = np.log(np.asarray(sizes, np.float64)), np.log(np.asarray(lengths, np.float64))
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    whole, rest = float(y @ y), float(((y - slope * x) ** 2).sum())
    return slope, 1.0 if whole == 0 else max(0.0, 1.0 - rest / whole), float(np.sqrt(rest / y.size))
