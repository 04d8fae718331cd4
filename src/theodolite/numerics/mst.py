r"""The Euclidean minimum spanning tree of a cloud, and of many parts of it, from lists of nearest neighbours.

Borůvka: each component of a growing forest takes the shortest edge that leaves it. A point's first neighbour outside
its component is known where its list reaches that far; where it doesn't, no edge of that point is shorter than the
list's last. So a component's shortest listed edge is the shortest of all if it is no longer than the last distance of
every one of its points whose list has run out: the lists certify the tree. Components for which they don't are left to
be taken in by others, and only where too few others go on are the points themselves looked at. The largest component
of a tree is never asked.

The lists of a cloud are lists for every part of it, with the points that are not in the part left out, so that one
pass over the cloud serves the trees of all its parts, and these grow together.

Edges of equal length may make a circle of components that take each other's; of each circle one edge is left out, which
is a minimum spanning tree whichever it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.nearest_outside import nearest_outside
from theodolite.numerics.neighbour_points import PointRows
from theodolite.numerics.neighbours import Neighbours

__all__ = ["ExhaustedListsError", "Forest", "SpanningTree", "spanning_tree", "spanning_trees"]

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_WINDOW = np.arange(4)  # places of a list that are looked at together
_PLACES_AT_ONCE = 1 << 22
_NODES_AT_ONCE = 1 << 18  # of which each takes some hundred bytes
_GOING_ON = 4  # the points are looked at where fewer than one component in so many goes on by lists


class ExhaustedListsError(ValueError):
    """A tree needs longer edges than the lists of neighbours hold, and there are no points to look at.

    Parameters
    ----------
    count : int
        Of how many points.
    k : int
        How many neighbours are known.
    """

    def __init__(self, count: int, k: int) -> None:
        self.count, self.k = count, k
        super().__init__(f"the {k} neighbours that are known of each of {count} points all lie in their own component")


@dataclass(frozen=True, eq=False)
class SpanningTree:
    """A tree of least length.

    Attributes
    ----------
    edges : ndarray of int, shape (points - 1, 2)
        Pairs of distinct points, the shortest edge first.
    lengths : ndarray, shape (points - 1,)
        Ascending: what the clusters of the cloud merge at, the bars of its homology in degree 0.
    duplicates : int
        How many edges of length 0 join rows that coincide; they aren't among the edges.
    searched : int
        How often a point had to be compared with all others, since its list ran out.
    """

    edges: Index
    lengths: Float
    duplicates: int
    searched: int


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of several parts of a cloud.

    Attributes
    ----------
    edges : ndarray of int, shape (edges, 2)
        Pairs of distinct points of the cloud, tree by tree, the shortest edge of each first.
    lengths : ndarray, shape (edges,)
        Ascending within each tree.
    tree : ndarray of int, shape (edges,)
        Which part an edge belongs to.
    searched : int
        How often a point had to be compared with all others of its part.
    """

    edges: Index
    lengths: Float
    tree: Index
    searched: int


def spanning_tree(known: Neighbours, points: Any = None) -> SpanningTree:
    """Join all distinct points at the least length.

    Parameters
    ----------
    known : Neighbours
        Their nearest neighbours; ten or so of each are mostly enough.
    points : array, shape (rows, features), optional
        The rows that `known` was found in; they are looked at where the lists run out.

    Returns
    -------
    SpanningTree
        Exact.

    Raises
    ------
    ExhaustedListsError
        If lists run out and there are no points.
    """  # noqa: DOC502 - raised by what is called
    found = spanning_trees(known, [np.arange(known.count)], points)
    return SpanningTree(found.edges, found.lengths, known.duplicates, found.searched)


def spanning_trees(known: Neighbours, parts: Sequence[Index], points: Any = None, *, ordered: bool = True) -> Forest:
    """Join the points of each of several parts of a cloud at the least length.

    Parameters
    ----------
    known : Neighbours
        Nearest neighbours in the whole cloud.
    parts : sequence of ndarray of int
        Distinct points of each part, one or more, none twice.
    points : array, shape (rows, features), optional
        The rows that `known` was found in; they are looked at where the lists run out.
    ordered : bool
        Whether edges come tree by tree and ascending, which takes a tenth of the time and is nothing to sums.

    Returns
    -------
    Forest
        The trees.

    Raises
    ------
    ExhaustedListsError
        If lists run out and there are no points.
    ValueError
        If there is no part, or one is empty, or names a point twice or one that isn't there.
    """  # noqa: DOC502 - raised by what is called
    pieces, starts, searched = [], _starts(parts, known.count), 0
    for start, stop in pairwise(starts):
        growth = _Growth(known, parts[start:stop], points)
        ends, apart, owner = growth.grown()
        pieces.append((ends, apart, owner + start))
        searched += growth.searched
        del growth  # before the next one is there
    edges, lengths, tree = (np.concatenate(column) for column in zip(*pieces, strict=True))
    if ordered:
        order = np.lexsort((lengths, tree))
        edges, lengths, tree = edges[order], lengths[order], tree[order]
    return Forest(edges, lengths, tree, searched)


def _starts(parts: Sequence[Index], count: int) -> list[int]:
    """Cut the parts where as many as fit into memory easily have been taken together."""
    starts, nodes = [0], 0
    for place, part in enumerate(parts):
        nodes += part.size
        full = nodes > _NODES_AT_ONCE or (place - starts[-1] + 1) * count > _PLACES_AT_ONCE
        if full and place > starts[-1]:
            starts.append(place)
            nodes = part.size
    return [*starts, len(parts)]


class _Growth:
    """Trees that grow together; a node is a point in a part."""

    def __init__(self, known: Neighbours, parts: Sequence[Index], points: Any) -> None:
        self.known, self.parts, self.points = known, parts, points
        sizes = np.asarray([part.size for part in parts])
        self.point = np.concatenate(parts) if sizes.size else np.empty(0, np.int64)
        if not sizes.all() or not sizes.size or self.point.min() < 0 or self.point.max() >= known.count:
            raise ValueError(f"parts: expected one or more, each of one or more of {known.count} points")
        self.tree = np.repeat(np.arange(len(parts)), sizes)
        self.first = np.concatenate([[0], np.cumsum(sizes)])
        self.row = self.tree * known.count
        self.nodes = np.full(len(parts) * known.count, -1, np.int32)
        self.nodes[self.row + self.point] = np.arange(self.point.size)
        if np.count_nonzero(self.nodes >= 0) != self.point.size:
            raise ValueError("parts: one names a point twice")
        self.listed = np.ascontiguousarray(known.indices).ravel()
        # Of each node: how far its list has been read, its nearest node outside, how far that is, and, where it isn't
        # known, a distance that nothing outside is nearer than.
        self.read = np.zeros(self.point.size, np.int64)
        self.head = np.full(self.point.size, -1)
        self.length = np.full(self.point.size, np.inf)
        self.reach = np.zeros(self.point.size)
        self.component = np.arange(self.point.size)
        self.searched = 0
        nothing = np.empty(0, np.int64)
        self.edges: list[tuple[Index, Index, Float]] = [(nothing, nothing, np.empty(0))]

    def grown(self) -> tuple[Index, Float, Index]:
        """Grow until every tree is whole."""
        while True:
            owner = self._owners()
            asked = ~self._largest(owner)
            alive = np.flatnonzero(asked[self.component])
            if not alive.size:
                break
            self._advance(alive)
            chosen, sure = self._shortest(alive, asked)
            stuck = self._stuck(asked, sure, owner)
            if stuck.any():
                self._search(alive, chosen, stuck)
                chosen, sure = self._shortest(alive, asked)
            self._join(np.where(sure, chosen, -1))
        tails, heads, lengths = (np.concatenate(column) for column in zip(*self.edges, strict=True))
        ends = self.point[tails], self.point[heads]
        pairs = np.stack([np.minimum(*ends), np.maximum(*ends)], axis=1)
        return pairs, lengths, self.tree[tails]

    def _owners(self) -> Index:
        """Give the tree of each component."""
        owner = np.empty(int(self.component.max()) + 1, np.int64)
        owner[self.component] = self.tree
        return owner

    def _largest(self, owner: Index) -> NDArray[np.bool_]:
        """Tell which components are the largest of their trees."""
        sizes = np.bincount(self.component)
        order = np.lexsort((sizes, owner))
        last = np.append(owner[order][1:] != owner[order][:-1], True)
        largest = np.zeros(owner.size, bool)
        largest[order[last]] = True
        return largest

    def _advance(self, alive: Index) -> None:
        """Read the lists on to the first node outside."""
        inside = (self.head[alive] < 0) | (self.component[self.head[alive]] == self.component[alive])
        left = alive[inside & (self.reach[alive] == 0)]
        done = alive[inside & (self.reach[alive] > 0) & (self.head[alive] >= 0)]
        # What a search found lies inside by now; what it found to be nearest still bounds the rest.
        self.reach[done], self.head[done], self.length[done] = self.length[done], -1, np.inf
        k, distances = self.known.k, self.known.distances
        while left.size:
            window = self.read[left][:, None] + _WINDOW
            np.minimum(window, k - 1, out=window)
            listed = self.nodes.take(self.listed.take(window + (self.point[left] * k)[:, None]) + self.row[left, None])
            outside = (self.component.take(listed) != self.component[left, None]) & (listed >= 0)
            place = outside.argmax(axis=1)
            place += np.arange(0, outside.size, _WINDOW.size)
            found = outside.take(place)
            hit, at = left[found], place[found]
            self.read[hit], self.head[hit] = window.take(at), listed.take(at)
            self.length[hit] = distances[self.point[hit], self.read[hit]]
            left = left[~found]
            self.read[left] += _WINDOW.size
            over = self.read[left] >= k
            out = left[over]
            self.head[out], self.length[out] = -1, np.inf
            self.reach[out] = distances[self.point[out], -1] if k < self.known.count - 1 else np.inf
            left = left[~over]

    def _shortest(self, alive: Index, asked: NDArray[np.bool_]) -> tuple[Index, NDArray[np.bool_]]:
        """Give for each component the node whose edge is its shortest (or -1), and whether that is certain."""
        owner, length = self.component[alive], self.length[alive]
        best, bound = np.full(asked.size, np.inf), np.full(asked.size, np.inf)
        np.minimum.at(best, owner, length)
        out = self.head[alive] < 0
        np.minimum.at(bound, owner[out], self.reach[alive[out]])
        chosen = np.full(asked.size, -1)
        winners = np.isfinite(length) & (length == best[owner])
        chosen[owner[winners]] = alive[winners]
        return chosen, (chosen >= 0) & (best <= bound)

    @staticmethod
    def _stuck(asked: NDArray[np.bool_], sure: NDArray[np.bool_], owner: Index) -> NDArray[np.bool_]:
        """Tell which components have to be searched for: those in doubt in trees where few others go on."""
        trees = int(owner.max()) + 1
        pending = np.bincount(owner[asked], minlength=trees)
        certain = np.bincount(owner[sure], minlength=trees)
        return np.asarray(asked & ~sure & (_GOING_ON * certain < pending)[owner])

    def _search(self, alive: Index, chosen: Index, stuck: NDArray[np.bool_]) -> None:
        """Compare the nodes that may hide a component's shortest edge with all others of their tree."""
        best = np.where(chosen >= 0, self.length[chosen], np.inf)[self.component[alive]]
        wanted = alive[stuck[self.component[alive]] & (self.head[alive] < 0) & (self.reach[alive] < best)]
        if wanted.size and self.points is None:
            raise ExhaustedListsError(int(np.unique(self.point[wanted]).size), self.known.k)
        self.searched += int(wanted.size)
        for tree in np.unique(self.tree[wanted]):
            some, start = wanted[self.tree[wanted] == tree], int(self.first[tree])
            members = slice(start, int(self.first[tree + 1]))
            groups = np.unique(self.component[members], return_inverse=True)[1]
            rows = self._rows_of(members)
            self.length[some], place = nearest_outside(rows, some - start, groups)
            self.head[some] = place + start

    def _rows_of(self, members: slice) -> PointRows:
        part = self.point[members]
        whole = part.size == self.known.count and bool((part[1:] > part[:-1]).all())
        if whole:
            return self.rows
        return self.rows.part(part)

    @cached_property
    def rows(self) -> PointRows:
        """The points of the cloud."""
        return PointRows(self.points, self.known.distinct)

    def _join(self, chosen: Index) -> None:
        """Add the chosen edges, less one of each circle, and name the components anew."""
        taken = np.flatnonzero(chosen >= 0)
        towards = np.arange(chosen.size)
        towards[taken] = self.component[self.head[chosen[taken]]]
        # In twice as many steps each time, where a component's way leads, and the smallest that it passes.
        steps, passed = towards, towards
        for _ in range(int(chosen.size).bit_length()):
            passed = np.minimum(passed, passed[steps])
            steps = steps[steps]
        roots = passed == np.arange(chosen.size)
        towards[roots] = np.flatnonzero(roots)
        tails = chosen[taken[~roots[taken]]]
        self.edges.append((tails, self.head[tails], self.length[tails]))
        for _ in range(int(chosen.size).bit_length()):
            towards = towards[towards]
        names = np.cumsum(roots) - 1
        self.component = names[towards][self.component]
