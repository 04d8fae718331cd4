"""Things put into groups within groups, by their distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, closest
from theodolite.study.arrangements.distances import distances_of

Matrix = NDArray[np.float64]
Linkage = Literal["average", "complete", "single"]


@dataclass(frozen=True, eq=False)
class Clustering:
    """Groups within groups.

    Attributes
    ----------
    names : tuple of str
        The things.
    linkage : ndarray of shape (n - 1, 4)
        The merges, as SciPy writes them: two groups, the height, the size of what they make.
    order : tuple of int
        Places of the things as the leaves of the tree stand, neighbours as near as the tree allows.
    agreement : float
        Correlation of the heights at which two things meet with their distances; far below 1, the tree misleads. 1
        where all distances are alike.
    """

    names: tuple[str, ...]
    linkage: Matrix
    order: tuple[int, ...]
    agreement: float

    def cut(self, count: int | None = None, *, height: float | None = None) -> dict[str, int]:
        """Cut the tree into groups.

        Parameters
        ----------
        count : int, optional
            How many groups.
        height : float, optional
            Or: the distance above which groups are not merged.

        Returns
        -------
        dict of str to int
            Group of each thing, counted from 0 in the order of the things.

        Raises
        ------
        ParameterError
            If not one of the two is given, or there can't be so many groups.
        """
        from scipy.cluster.hierarchy import cut_tree

        if (count is None) == (height is None):
            raise ParameterError("cut: give either count or height")
        if count is not None and not 1 <= count <= len(self.names):
            raise ParameterError(f"count is {count!r}; there are {len(self.names)} things")
        merges = self.linkage
        if height is not None:
            count = len(self.names) - int(np.sum(merges[:, 2] <= height))
        found = cut_tree(merges, n_clusters=count)[:, 0]
        first = {int(group): place for place, group in enumerate(dict.fromkeys(found.tolist()))}
        return {name: first[int(group)] for name, group in zip(self.names, found, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        merges = [[int(one), int(other), height, int(size)] for one, other, height, size in self.linkage.tolist()]
        return {
            "names": [*self.names],
            "order": [self.names[place] for place in self.order],
            "merges": merges,
            "agreement": self.agreement,
        }


def cluster(distances: Any, *, linkage: Linkage = "average") -> Clustering:
    """Group things by their distances, the nearest first.

    Parameters
    ----------
    distances : AllPairs, Distances, or array of shape (n, n)
        As for `embed`.
    linkage : {"average", "complete", "single"}
        Distance between groups: the mean, the largest or the smallest of those between their members. Ward's needs
        points, not distances.

    Returns
    -------
    Clustering
        The tree, the order of its leaves, and how well it keeps the distances.

    Raises
    ------
    ParameterError
        If these are no distances, or the linkage is unknown.

    Examples
    --------
    >>> points = np.array([0.0, 1.0, 10.0, 11.0])
    >>> cluster(np.abs(points[:, None] - points)).cut(2)
    {'1': 0, '2': 0, '3': 1, '4': 1}
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    known = distances_of(distances)
    offered = ("average", "complete", "single")
    if linkage not in offered:
        raise ParameterError(f"linkage is {linkage!r}; {closest(str(linkage), offered)}")
    flat = squareform(known.values, checks=False)
    merges = hierarchy.linkage(flat, method=linkage, optimal_ordering=True)
    heights = hierarchy.cophenet(merges)
    varies = min(np.ptp(flat), np.ptp(heights)) > 1e-12 * max(float(flat.max()), 1e-300)
    agreement = float(np.corrcoef(heights, flat)[0, 1]) if varies else 1.0
    order = tuple(int(place) for place in hierarchy.leaves_list(merges))
    return Clustering(tuple(known.names), np.asarray(merges), order, agreement)
