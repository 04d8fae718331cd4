"""Things laid out as points, so that the distances between the points are nearly theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, closest
from theodolite.core.parameters import check_count
from theodolite.study.arrangements.distances import distances_of

Matrix = NDArray[np.float64]
Method = Literal["classical", "metric"]

_STARTS = 4
"""Random starts of the metric kind, beside the classical solution."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Points that stand for things at distances.

    Attributes
    ----------
    names : tuple of str
        The things.
    coordinates : ndarray of shape (n, dims)
        A point for each, about a common centre. Only distances between them mean anything: the picture may be turned
        and mirrored.
    method : {"classical", "metric"}
        How they were laid out.
    stress : float
        Root of the squared differences between distances in the picture and those given, over the root of those given
        squared. 0 is perfect; above 0.2 the picture misleads.
    negative_share : float
        Of the eigenvalues of the doubly centred squared distances, the share that is negative, by size: 0 where the
        distances are those of points in some flat space, whatever its dimension.
    violations : float
        Share of triples that break the triangle inequality.
    made_of : str
        What the distances are.
    """

    names: tuple[str, ...]
    coordinates: Matrix
    method: Method
    stress: float
    negative_share: float
    violations: float
    made_of: str = "distance"
    _given: Matrix = field(repr=False, default_factory=lambda: np.zeros((0, 0)))

    def place(self, distances: Any) -> Matrix:
        """Add points to the picture, from their distances to the things in it; those stay where they are.

        Classical: Gower's formula, exact for points that lie in the picture's plane. Metric: the point of least
        stress with the others fixed.

        Parameters
        ----------
        distances : array of shape (n,) or (m, n)
            Distances of the new things to those in the picture, in their order.

        Returns
        -------
        ndarray of shape (dims,) or (m, dims)
            The new points.

        Raises
        ------
        ParameterError
            If there is not one finite distance, at least 0, to each thing in the picture.
        """
        new = np.asarray(distances, dtype=np.float64)
        if new.ndim not in (1, 2) or new.shape[-1] != len(self.names):
            raise ParameterError(f"distances: got shape {new.shape}; expected ({len(self.names)},) for each new thing")
        if not np.all(np.isfinite(new)) or np.any(new < 0):
            raise ParameterError("distances: those of a new thing must be finite and at least 0")
        one = self._gower if self.method == "classical" else self._least_stress
        return np.stack([one(row) for row in new]) if new.ndim == 2 else one(new)

    def _gower(self, distances: Matrix) -> Matrix:
        points = self.coordinates
        squares = self._given**2
        to_centre = squares.mean(axis=1) - squares.mean() / 2  # the diagonal of the doubly centred squares
        lengths = np.sum(points**2, axis=0)
        lengths = np.where(lengths > 0, lengths, np.inf)
        return np.asarray((to_centre - distances**2) @ points / (2 * lengths))

    def _least_stress(self, distances: Matrix) -> Matrix:
        from scipy.optimize import least_squares

        points = self.coordinates
        near = np.argsort(distances, kind="stable")[:2]
        starts = [self._gower(distances), points[near[0]], points[near].mean(axis=0), points.mean(axis=0)]
        nudge = 1e-3 * (float(np.abs(points).max()) or 1.0)  # off the points themselves, where distances have no slope

        def apart(point: Matrix) -> Matrix:
            return np.asarray(np.linalg.norm(points - point, axis=1) - distances)

        found = [least_squares(apart, start + nudge * (k + 1), xtol=1e-12) for k, start in enumerate(starts)]
        return np.asarray(min(found, key=lambda one: one.cost).x)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return {
            "names": [*self.names],
            "coordinates": self.coordinates.tolist(),
            "method": self.method,
            "made_of": self.made_of,
            "stress": self.stress,
            "negative_share": self.negative_share,
            "violations": self.violations,
        }


def embed(distances: Any, *, method: Method = "classical", dims: int = 2, rng: int = 0) -> Embedding:
    """Lay things out as points whose distances are nearly theirs (multidimensional scaling).

    Parameters
    ----------
    distances : AllPairs, Distances, or array of shape (n, n)
        Symmetric, finite, not negative, zeros on the diagonal. `AllPairs.distances` says what it makes of similarities.
    method : {"classical", "metric"}
        ``"classical"``: principal coordinates, from the eigenvectors of the doubly centred squared distances; unique
        but for rotation, and exact for points of the plane. ``"metric"``: least squared differences of the distances
        themselves (SMACOF), from the classical solution and random starts, the best kept; truer where distances curve.
    dims : int
        Dimension of the picture.
    rng : int
        Seed of the random starts.

    Returns
    -------
    Embedding
        Points, with what the picture hides: its stress and the share of negative eigenvalues.

    Raises
    ------
    ParameterError
        If these are no distances, or a parameter doesn't fit.

    References
    ----------
    J. C. Gower, Adding a point to vector diagrams in multivariate analysis, Biometrika 55 (1968) 582-585.

    Examples
    --------
    >>> corners = np.array([[0.0, 0], [3, 0], [3, 4], [0, 4]])
    >>> apart = np.linalg.norm(corners[:, None] - corners, axis=-1)
    >>> found = embed(apart)
    >>> found.stress < 1e-12, found.negative_share < 1e-12
    (True, True)
    """
    known = distances_of(distances)
    if method not in ("classical", "metric"):
        raise ParameterError(f"method is {method!r}; {closest(str(method), ('classical', 'metric'))}")
    check_count("dims", dims, 1)
    check_count("rng", rng, 0)
    values: Matrix = known.values
    eigenvalues = np.linalg.eigvalsh(_doubly_centred(values))
    total = float(np.abs(eigenvalues).sum())
    points = _classical(values, dims, int(np.sum(eigenvalues > 1e-12 * total)))
    if method == "metric" and total > 0:
        points = _metric(values, points, rng)
    return Embedding(
        tuple(known.names),
        points,
        method,
        _stress(points, values),
        float(-eigenvalues[eigenvalues < 0].sum()) / total if total > 0 else 0.0,
        known.violations,
        known.made_of,
        values,
    )


def _doubly_centred(distances: Matrix) -> Matrix:
    squares = distances**2
    return np.asarray(-0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()))


def _classical(distances: Matrix, dims: int, positive: int) -> Matrix:
    """Principal coordinates; dimensions beyond the positive eigenvalues are flat."""
    points = np.zeros((len(distances), dims))
    if positive:
        from sklearn.manifold import ClassicalMDS

        kept = min(dims, positive)
        points[:, :kept] = ClassicalMDS(n_components=kept, metric="precomputed").fit_transform(distances)
    return points


def _metric(distances: Matrix, start: Matrix, rng: int) -> Matrix:
    from sklearn.manifold import MDS

    def laid_out(seed: int, init: Matrix | None) -> Matrix:
        scaling = MDS(
            n_components=start.shape[1],
            metric="precomputed",
            metric_mds=True,
            n_init=1,
            init="random",
            max_iter=1000,
            eps=1e-10,
            random_state=seed,
            normalized_stress=False,
        )
        return np.asarray(scaling.fit_transform(distances, init=init))

    seeds: Iterable[int] = np.random.SeedSequence(rng).generate_state(_STARTS)
    tried = [start, laid_out(0, start), *(laid_out(int(seed), None) for seed in seeds)]
    best = min(tried, key=lambda points: _stress(points, distances))
    return np.asarray(best - best.mean(axis=0))


def _stress(points: Matrix, distances: Matrix) -> float:
    shown = np.linalg.norm(points[:, None] - points, axis=-1)
    size = float(np.sum(distances**2))
    return float(np.sqrt(np.sum((shown - distances) ** 2) / size)) if size > 0 else 0.0
