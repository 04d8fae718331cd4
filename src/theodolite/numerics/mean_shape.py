"""The mean of several clouds of points up to rotations: generalised Procrustes analysis, flat and on the sphere.

References
----------
.. [1] J. C. Gower, Generalized Procrustes analysis, Psychometrika 40 (1975) 33-51.
.. [2] X. Pennec, Intrinsic statistics on Riemannian manifolds: Basic tools for geometric measurements, Journal of
   Mathematical Imaging and Vision 25 (2006) 127-154.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.alignment import rotation_onto

__all__ = ["MeanShape", "flat_mean", "principal_tangents", "spherical_mean", "tangents_at"]

Rows = NDArray[np.float64]

TOLERANCE = 1e-13
"""Relative decrease of the objective below which it is taken to stand still."""

MOST_STEPS = 1000
_SMALLEST_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class MeanShape:
    """A mean of clouds.

    Attributes
    ----------
    centre : array of shape (n, d)
        The mean, in coordinates of its own.
    aligned : array of shape (k, n, d)
        The clouds, each turned onto the mean.
    objectives : array of shape (steps,)
        Sum of the squared distances from the mean, after each step; rising by rounding at most.
    settled : bool
        Whether the objective stood still before the steps ran out.
    """

    centre: Rows
    aligned: Rows
    objectives: Rows
    settled: bool

    @property
    def objective(self) -> float:
        """Sum of the squared distances from the mean."""
        return float(self.objectives[-1])


def flat_mean(clouds: Sequence[Rows], start: Rows, most: int = MOST_STEPS) -> MeanShape:
    r"""Minimise :math:`\sum_i \|X_i T_i - M\|_F^2` over orthogonal maps and the mean, each in turn.

    Parameters
    ----------
    clouds : sequence of array, shape (n, d)
        Centred clouds of one shape.
    start : array of shape (n, d)
        The first mean.
    most : int
        How many steps to take at most.

    Returns
    -------
    MeanShape
        Where the steps ended: a local minimum.

    Examples
    --------
    >>> cloud = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
    >>> found = flat_mean([cloud, cloud[:, ::-1]], cloud)
    >>> found.objective < 1e-28
    True
    """
    aligned, centre = np.stack(clouds), start
    least = TOLERANCE * float((aligned**2).sum()) * float(np.finfo(np.float64).eps)
    objectives: list[float] = []
    while len(objectives) < most:
        aligned = np.stack([rotation_onto(rows, centre) for rows in aligned])
        centre = aligned.mean(axis=0)
        objectives.append(float(((aligned - centre) ** 2).sum()))
        if _stands_still(objectives, least):
            break
    return MeanShape(centre, aligned, np.asarray(objectives), _stands_still(objectives, least))


def spherical_mean(clouds: Sequence[Rows], start: Rows, most: int = MOST_STEPS) -> MeanShape:
    r"""Minimise the sum of squared angles between clouds of norm 1 and a mean of norm 1, by steps along geodesics.

    Parameters
    ----------
    clouds : sequence of array, shape (n, d)
        Centred clouds of one shape and of norm 1.
    start : array of shape (n, d)
        The first mean, of norm 1.
    most : int
        How many steps to take at most.

    Returns
    -------
    MeanShape
        Where the steps ended: a local minimum, whose tangent vectors have the mean 0.

    Examples
    --------
    >>> one, other = np.array([[1.0], [-1.0], [0.0]]) / 2**0.5, np.array([[0.0], [1.0], [-1.0]]) / 2**0.5
    >>> found = spherical_mean([one, other], one)
    >>> round(found.objective, 12) == round(2 * (np.pi / 6) ** 2, 12)
    True
    """
    centre, step = start, 1.0
    aligned = np.stack([rotation_onto(rows, centre) for rows in clouds])
    vectors = tangents_at(centre, aligned)
    objectives = [float((vectors**2).sum())]
    while len(objectives) < most:
        mean = vectors.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if length < float(np.finfo(np.float64).eps):
            break
        tried = np.cos(step * length) * centre + np.sin(step * length) / length * mean
        tried /= np.linalg.norm(tried)
        turned = np.stack([rotation_onto(rows, tried) for rows in aligned])
        logs = tangents_at(tried, turned)
        objective = float((logs**2).sum())
        if objective > objectives[-1] and step > _SMALLEST_STEP:
            step /= 2
            continue
        if objective >= objectives[-1]:
            break
        centre, aligned, vectors = tried, turned, logs
        objectives.append(objective)
        if _stands_still(objectives, 0.0):
            break
    return MeanShape(centre, aligned, np.asarray(objectives), len(objectives) < most)


def _stands_still(objectives: list[float], least: float) -> bool:
    if len(objectives) < 2:
        return objectives[-1] <= least
    return objectives[-2] - objectives[-1] <= max(TOLERANCE * objectives[-1], least)


def tangents_at(centre: Rows, aligned: Rows) -> Rows:
    """Give the vectors on the sphere that lead from a mean to clouds along geodesics.

    Parameters
    ----------
    centre : array of shape (n, d)
        The mean, of norm 1.
    aligned : array of shape (k, n, d)
        Clouds of norm 1, turned onto it.

    Returns
    -------
    array of shape (k, n, d)
        At right angles to the mean; their norms are the angles.

    Examples
    --------
    >>> vectors = tangents_at(np.array([[1.0, 0.0]]), np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    >>> bool(np.allclose(vectors, [[[0.0, np.pi / 2]], [[0.0, 0.0]]]))
    True
    """
    cosines = np.einsum("nd,knd->k", centre, aligned)[:, None, None]
    across = aligned - cosines * centre
    sines = np.sqrt((across**2).sum(axis=(1, 2), keepdims=True))
    angles = np.arctan2(sines, cosines)
    vectors: Rows = across * np.divide(angles, sines, out=np.ones_like(sines), where=sines > 0)
    return vectors


def principal_tangents(vectors: Rows) -> tuple[Rows, Rows, Rows]:
    """Decompose vectors at a mean into uncorrelated directions.

    Parameters
    ----------
    vectors : array of shape (k, n, d)
        Tangent vectors.

    Returns
    -------
    variances : array of shape (k - 1,)
        Mean squares along the directions, descending, none negative.
    scores : array of shape (k, k - 1)
        Coordinates of the vectors.
    directions : array of shape (k - 1, n, d)
        Of norm 1; zero where the variance is zero to working precision.

    Examples
    --------
    >>> vectors = np.array([[[3.0, 0.0]], [[-3.0, 0.0]], [[0.0, 1.0]], [[0.0, -1.0]]])
    >>> principal_tangents(vectors)[0].round(12)
    array([4.5, 0.5, 0. ])
    """
    count = len(vectors)
    flat = vectors.reshape(count, -1)
    flat = flat - flat.mean(axis=0)
    squares, mixing = np.linalg.eigh(flat @ flat.T)
    squares, mixing = np.maximum(squares[::-1], 0.0)[: count - 1], mixing[:, ::-1][:, : count - 1]
    sizes = np.sqrt(squares)
    some = squares > count * float(np.finfo(np.float64).eps) * max(float(squares.max(initial=0.0)), 1e-300)
    directions = (mixing / np.where(some, sizes, np.inf)).T @ flat
    return squares / count, mixing * sizes, directions.reshape(-1, *vectors.shape[1:])
