"""Standard errors over a graph: the sum as it is written, and the spread that repeated draws show."""

import math

import numpy as np
import pytest

from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.neighbours import nearest_neighbours
from theodolite.testing import poisson_neighbours


def naive(influence):
    return float(np.std(influence)) / math.sqrt(len(influence))


def as_written(influence, indices, weights):
    """Sum over all ordered pairs of which one is among the other's neighbours, one by one."""
    count = len(influence)
    shares = weights / weights.sum()
    parts = shares * (influence - (shares * influence).sum())
    total = sum(part**2 for part in parts)
    alone = total
    for i in range(count):
        for j in range(count):
            if i != j and (j in indices[i] or i in indices[j]):
                total += parts[i] * parts[j]
    return math.sqrt(max(total, alone))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weighted", [False, True])
def test_the_sum_as_it_is_written(seed, weighted):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 3))
    indices = nearest_neighbours(points, 4).indices
    influence = points[:, 0] + 0.5 * rng.normal(size=60) + 3.0
    weights = rng.integers(1, 4, 60) if weighted else np.ones(60)
    found = graph_standard_error(influence, indices, weights=weights if weighted else None)
    np.testing.assert_allclose(found, as_written(influence, indices, weights), rtol=1e-12)
    # Neighbours are alike here, so that the naive one is too small.
    assert weighted or found > 1.3 * naive(influence)


def test_never_below_that_of_independent_points():
    ring = (np.arange(100)[:, None] + 1) % 100
    signs = np.where(np.arange(100) % 2 == 0, 1.0, -1.0)
    assert graph_standard_error(signs, ring) == pytest.approx(naive(signs))


def test_units_and_a_constant_added():
    rng = np.random.default_rng(0)
    indices = nearest_neighbours(rng.normal(size=(80, 2)), 3).indices
    influence = rng.normal(size=80)
    plain = graph_standard_error(influence, indices)
    assert graph_standard_error(-7 * influence + 5, indices) == pytest.approx(7 * plain)
    assert graph_standard_error(np.ones(80), indices) == pytest.approx(0, abs=1e-12)
    order = rng.permutation(80)
    back = np.argsort(order)
    assert graph_standard_error(influence[order], back[indices[order]]) == pytest.approx(plain)


def test_a_weight_of_zero_leaves_a_point_out():
    rng = np.random.default_rng(3)
    indices = np.concatenate([nearest_neighbours(rng.normal(size=(50, 2)), 3).indices, [[0, 1, 2]]])
    influence = rng.normal(size=51)
    found = graph_standard_error(influence, indices, weights=np.r_[np.ones(50), 0.0])
    assert found == pytest.approx(graph_standard_error(influence[:50], indices[:50]))


def estimates(known):
    """Give TwoNN and Levina and Bickel's estimate by MacKay and Ghahramani, with their influences."""
    logs = np.log(known.distances[:, -1:] / known.distances[:, :-1]).mean(axis=1)
    ratios = np.log(known.distances[:, 1] / known.distances[:, 0])
    for values, among in ((logs, known.k), (ratios, 5)):
        dimension = 1 / values.mean()
        yield dimension, -(dimension**2) * (values - values.mean()), known.indices[:, :among]


def ball(rng):
    points = rng.normal(size=(2000, 5))
    return points / np.linalg.norm(points, axis=1, keepdims=True) * rng.random((2000, 1)) ** 0.2


def sphere(rng):
    points = rng.normal(size=(2000, 11))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("cloud", "mle", "two_nn"),
    [
        (ball, (0.0294, 0.0236, 0.0367), (0.131, 0.1065, 0.1311)),
        (sphere, (0.0594, 0.0459, 0.0665), (0.2358, 0.211, 0.2565)),
        (lambda rng: rng.random((2000, 3)), (0.0194, 0.0146, 0.0247), (0.0815, 0.066, 0.0823)),
    ],
    ids=["5-ball", "10-sphere", "3-cube"],
)
def test_the_spread_over_draws_is_covered(cloud, mle, two_nn):
    """Over 60 draws in the reference: the spread of the estimates, the naive error and this one."""
    found = {0: [], 1: []}
    for seed in range(12):
        known = nearest_neighbours(cloud(np.random.default_rng(seed)), 20)
        for which, (_, influence, indices) in enumerate(estimates(known)):
            found[which].append((naive(influence), graph_standard_error(influence, indices)))
    for which, (spread, plain, graph) in enumerate((mle, two_nn)):
        mean = np.mean(found[which], axis=0)
        np.testing.assert_allclose(mean, (plain, graph), rtol=0.06)
        assert mean[1] > 0.97 * spread > 0.97 * mean[0]


def test_where_points_share_nothing_the_naive_error_holds():
    for _, influence, indices in estimates(poisson_neighbours(20_000, 20, 7.5, rng=1)):
        assert graph_standard_error(influence, indices) == pytest.approx(naive(influence), rel=0.1)


def test_bad_input():
    ring = (np.arange(5)[:, None] + 1) % 5
    for arguments in ((np.ones(4), ring), (np.ones(5), ring[:, 0]), (np.ones((5, 1)), ring)):
        with pytest.raises(ValueError, match="influence, indices, weights: expected"):
            graph_standard_error(*arguments)
    with pytest.raises(ValueError, match="expected 5 of each"):
        graph_standard_error(np.ones(5), ring, weights=np.ones(4))
    for weights in (np.zeros(5), -np.ones(5)):
        with pytest.raises(ValueError, match="weights: expected numbers of 0 or more"):
            graph_standard_error(np.ones(5), ring, weights=weights)
