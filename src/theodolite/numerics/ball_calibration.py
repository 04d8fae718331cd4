r"""How near neighbours are to each other and at which angles: in data, and in balls of every dimension.

Of points in many dimensions norms and angles concentrate, and how much both do tells the dimension. What they are
expected to do for so many points and neighbours isn't known in closed form, edges included; it is measured on points
that are spread evenly over balls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, i0e, i1e

from theodolite.numerics.neighbours import nearest_neighbours
from theodolite.numerics.patch_dimension import patches
from theodolite.numerics.ratio_dimension import log_ratios, ratio_fit

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_LONGEST = 0.999  # mean resultant lengths beyond, as of points at the end of a line, tell no finite concentration
_POINTS_IN_ALL = 6000
_NODES = 96


@dataclass(frozen=True)
class Concentration:
    """Three numbers of a cloud, and what each point has to say in them.

    Attributes
    ----------
    values : ndarray, shape (3,)
        The likeliest dimension by the nearest of k + 1 neighbours; the mean direction and the mean concentration of the
        angles between k neighbours.
    influence : ndarray, shape (3, points)
        Of each point on each.
    """

    values: Float
    influence: Float


def von_mises_concentration(length: Float) -> Float:
    """Find the concentration of the von Mises law of a mean resultant length.

    Parameters
    ----------
    length : ndarray
        From 0 to 1; what is above 0.999 is taken for that.

    Returns
    -------
    ndarray
        0 or more, where the ratio of the Bessel functions of order 1 and 0 is the length.
    """
    eta = np.clip(length, 0.0, _LONGEST)
    # The approximation of Best and Fisher (1981), then Newton's steps.
    tau = np.where(
        eta < 0.53,
        2.0 * eta + eta**3 + 5.0 * eta**5 / 6.0,
        np.where(
            eta < 0.85, -0.4 + 1.39 * eta + 0.43 / (1.0 - eta), 1.0 / (eta**3 - 4.0 * eta**2 + 3.0 * eta + 1e-300)
        ),
    )
    for _ in range(4):
        ratio = i1e(tau) / i0e(tau)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(tau > 0, 1.0 - ratio / tau - ratio**2, 0.5)
        tau = np.maximum(tau - (ratio - eta) / slope, 0.0)
    return np.asarray(tau)


def concentration(points: Float, distances: Float, indices: Index) -> Concentration:
    """Measure how much norms and angles concentrate.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        Where they are.
    distances : ndarray, shape (points, k + 1)
        To the neighbours of each, ascending, the first below the last.
    indices : ndarray of int, shape (points, k + 1)
        Which points these are.

    Returns
    -------
    Concentration
        The three numbers.
    """
    count, k = distances.shape[0], distances.shape[1] - 1
    near = ratio_fit(log_ratios(distances, 1, k + 1), 1, k + 1, unbiased=False)
    upper = np.triu_indices(k, 1)
    means = np.empty((2, count))
    for some, vectors in patches(points, distances[:, :k], indices[:, :k]):
        units = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
        cosines = np.clip((units @ units.swapaxes(1, 2))[:, upper[0], upper[1]], -1.0, 1.0)
        means[:, some] = cosines.mean(axis=1), np.sqrt(1.0 - cosines**2).mean(axis=1)
    direction = np.arctan2(means[1], means[0])
    strength = von_mises_concentration(np.hypot(means[0], means[1]))
    values = np.asarray([near.dimension, direction.mean(), strength.mean()])
    return Concentration(values, np.stack([near.influence, direction - values[1], strength - values[2]]))


@lru_cache(maxsize=4096)
def of_a_ball(count: int, k: int, dimension: int, seed: int) -> tuple[float, float, float]:
    """Measure the concentration of points spread evenly over a ball; the mean of several where they are few.

    Parameters
    ----------
    count : int
        How many points.
    k : int
        How many neighbours the angles are between.
    dimension : int
        Of the ball.
    seed : int
        Of the draw.

    Returns
    -------
    tuple of float
        As in `Concentration`.
    """
    drawn = []
    for number in range(balls_of(count)):
        rng = np.random.default_rng([seed, count, k, dimension, number])
        rows = rng.standard_normal((count, dimension))
        rows *= (rng.random(count) ** (1.0 / dimension) / np.linalg.norm(rows, axis=1))[:, None]
        near = nearest_neighbours(rows, k + 1)
        drawn.append(concentration(rows, near.distances, near.indices).values)
    first, second, third = np.mean(drawn, axis=0)
    return float(first), float(second), float(third)


def balls_of(count: int) -> int:
    """Say how many balls are drawn.

    Parameters
    ----------
    count : int
        Points in each.

    Returns
    -------
    int
        At least 1.
    """
    return int(np.clip(_POINTS_IN_ALL // count, 1, 16))


def divergence(of: Float, to: Float, k: int) -> float:
    """Compute the Kullback-Leibler divergence of the laws of norms and of angles with some numbers from others.

    Parameters
    ----------
    of, to : ndarray, shape (3,)
        As in `Concentration`.
    k : int
        How many neighbours.

    Returns
    -------
    float
        0 for the same numbers.
    """
    return norm_divergence(float(to[0] / of[0]), k) + angle_divergence(of[1:], to[1:])


def norm_divergence(ratio: float, k: int) -> float:
    r"""Compute the divergence of the law of :math:`r_1 / r_{k+1}` in one dimension from that in another.

    Parameters
    ----------
    ratio : float
        The other dimension over the one.
    k : int
        One fewer than the neighbours.

    Returns
    -------
    float
        0 where the ratio is 1.
    """
    # Of the closed form the terms alternate and grow like binomial coefficients, so that no digit is left at k = 40.
    u, weights = _beta_nodes(k)
    harmonic = float(digamma(k + 1) - digamma(1))
    logs = np.log(-np.expm1(ratio * np.log(u)))
    own = np.log1p(-u)
    return float(harmonic * (ratio - 1.0) - np.log(ratio) + (k - 1) * (weights @ (own - logs)))


@lru_cache(maxsize=64)
def _beta_nodes(k: int) -> tuple[Float, Float]:
    # Of the smallest of k even numbers; in cubes of the nodes the powers at zero are smooth enough.
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    x = (nodes + 1.0) / 2.0
    u = x**3
    mass = weights / 2.0 * 3.0 * x**2 * k * np.exp((k - 1) * np.log1p(-u))
    return u, mass / mass.sum()


def angle_divergence(of: Float, to: Float) -> float:
    """Compute the divergence of one von Mises law from another.

    Parameters
    ----------
    of, to : ndarray, shape (2,)
        Direction and concentration of each.

    Returns
    -------
    float
        0 for the same two numbers.
    """
    (direction, strength), (other, others) = of, to
    length = i1e(strength) / i0e(strength)
    logs = np.log(i0e(others) / i0e(strength)) + others - strength
    return float(logs + length * (strength - others * np.cos(direction - other)))
