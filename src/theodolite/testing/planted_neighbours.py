"""Distances to neighbours whose law is known exactly, without points behind them."""

from __future__ import annotations

import numpy as np

from theodolite.numerics.coincident import Distinct
from theodolite.numerics.neighbours import Neighbours


def poisson_neighbours(count: int, k: int, dimension: float, *, rng: int | np.random.Generator = 0) -> Neighbours:
    r"""Draw the distances to the nearest neighbours in a homogeneous Poisson process, for each point anew.

    The volumes of the balls that reach the first, second, ... point are the arrival times of a Poisson process on the
    line: :math:`r_{i,j} = (\Gamma_1 + \dots + \Gamma_j)^{1/d}` with independent standard exponentials. There is no
    boundary and no curvature, and points don't share neighbours: estimators meet the law that they are derived from,
    and their naive standard errors hold.

    Parameters
    ----------
    count : int
        How many points.
    k : int
        How many neighbours of each, below `count`.
    dimension : float
        The dimension, above 0; it needn't be a whole number.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    Neighbours
        The distances; the indices are those of a ring and say nothing. `theodolite.core.Cloud.from_neighbours` makes
        a cloud of them.

    Raises
    ------
    ValueError
        If `k` is not from 1 to `count` - 1, or the dimension not above 0.

    Examples
    --------
    >>> found = poisson_neighbours(1000, 3, 2.5)
    >>> found.distances.shape, bool((found.distances[:, 1:] >= found.distances[:, :-1]).all())
    ((1000, 3), True)
    """
    if not 1 <= k < count:
        raise ValueError(f"k: expected 1 to {count - 1} neighbours of {count} points, got {k}")
    if not dimension > 0:
        raise ValueError(f"dimension: expected a number above 0, got {dimension}")
    volumes = np.random.default_rng(rng).standard_exponential((count, k)).cumsum(axis=1)
    ring = (np.arange(count)[:, None] + 1 + np.arange(k)) % count
    return Neighbours(volumes ** (1 / dimension), ring, Distinct.all_of(count))
