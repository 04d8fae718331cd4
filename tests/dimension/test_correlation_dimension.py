"""correlation_dimension: the dimension from how the number of near pairs grows with the distance."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Cloud, Outcome, ParameterError, Refusal
from theodolite.dimension import correlation_dimension


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize(("k", "start"), [(20, 10), (12, 2), (30, 29)])
def test_of_the_poisson_law(poisson, k, start, dimension):
    found = correlation_dimension(poisson(dimension), k=k, start=start)
    error = float(found.intervals["dimension"].se)
    assert 0 < error < 0.05 * dimension * (6 if start == 29 else 1)
    assert abs(float(found.dimension) - dimension) < 3 * error
    assert float(found.goodness_of_fit) < 0.01


@pytest.mark.shared
def test_against_scikit_dimension(agrees):
    at_the_radius = ("hyperBall d5 n2000 in R10", "M5a_Helix1d")
    assert agrees(correlation_dimension, "skdim.CorrInt(10,20)", "CorrInt", but=at_the_radius) == 16


@pytest.mark.shared
@pytest.mark.parametrize(("data", "more"), [("hyperBall d5 n2000 in R10", (0, 2)), ("M5a_Helix1d", (2, 0))])
def test_a_pair_at_the_radius_is_not_within(known, data, more):
    """Where scikit-dimension's distances, by products, put the pair that a radius is the distance of within it."""
    cloud, given = known[data]
    found = correlation_dimension(cloud)
    inner, outer = found.extra["counts"][:, [0, -1]].sum(axis=0)
    reach = np.log(outer / inner) / float(found.dimension)
    theirs = given["CorrInt"] if "CorrInt" in given else given["skdim.CorrInt(10,20)"]
    assert np.log((outer + more[1]) / (inner + more[0])) / reach == pytest.approx(theirs, rel=1e-9)


def test_against_all_pairs():
    rows = np.random.default_rng(0).standard_normal((180, 3)) * np.linspace(0.1, 2, 180)[:, None]
    apart = squareform(pdist(rows))
    lists = np.sort(apart, axis=1)
    small, large = np.median(lists[:, 5]), np.median(lists[:, 12])
    inner, outer = ((apart > 0) & (apart < small)).astype(float), ((apart > 0) & (apart < large)).astype(float)
    found = correlation_dimension(rows, k=12, start=5)
    expected = np.log(outer.sum() / inner.sum()) / np.log(large / small)
    assert float(found.dimension) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(found.extra["counts"][:, [0, -1]], np.stack([inner.sum(1), outer.sum(1)], 1))
    assert float(found.pairs) == outer.sum() / 2
    # The variance of a U-statistic, from all pairs of pairs that share a point.
    pairs = outer / outer.sum() - inner / inner.sum()
    squares = (pairs**2).sum()
    shared = (pairs.sum(1) ** 2).sum() - squares
    assert shared > 0
    error = np.sqrt(4 * shared + 2 * squares) / np.log(large / small)
    assert float(found.intervals["dimension"].se) == pytest.approx(error, rel=1e-10)


def test_the_slopes_in_between_make_up_the_whole():
    found = correlation_dimension(np.random.default_rng(1).random((300, 4)))
    assert found.extra["dimensions"].shape == found.extra["radii"].shape == found.extra["standard_errors"].shape == (4,)
    assert found.extra["dimensions"].mean() == pytest.approx(float(found.dimension), rel=1e-12)


def test_intervals_cover(covers):
    covers(correlation_dimension, k=10, start=5)


def test_the_fit_is_bad_where_the_slope_bends():
    rng = np.random.default_rng(2)
    line = np.pad(rng.random((2000, 1)), ((0, 0), (0, 2))) + 0.001 * rng.standard_normal((2000, 3))
    bent = correlation_dimension(line, k=80, start=1)
    straight = correlation_dimension(np.random.default_rng(3).random((2000, 2)), k=80, start=1)
    assert float(bent.goodness_of_fit) > 3 * float(straight.goodness_of_fit)
    assert bent.extra["dimensions"][0] > 1.5 * bent.extra["dimensions"][-1]


def test_bad_parameters_and_equal_radii_are_refused():
    with pytest.raises(ParameterError, match="start"):
        correlation_dimension(np.random.default_rng(4).random((40, 2)), k=5, start=5)
    with pytest.raises(Refusal) as refused:
        correlation_dimension(np.eye(30))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_known_neighbours_that_do_not_reach_are_refused():
    near = Cloud(np.random.default_rng(5).random((200, 2))).neighbours(20)
    with pytest.raises(Refusal) as refused:
        correlation_dimension(Cloud.from_neighbours(near))
    assert refused.value.outcome is Outcome.NEEDS_ROWS


def test_the_curve_and_the_fit_against_all_pairs():
    rows = np.random.default_rng(6).standard_normal((150, 3)) * np.linspace(0.1, 2, 150)[:, None]
    found = correlation_dimension(rows, k=30, start=6)
    apart = squareform(pdist(rows))
    np.fill_diagonal(apart, np.inf)
    lists = np.sort(apart, axis=1)
    small, large = np.median(lists[:, 5]), np.median(lists[:, 29])
    radii = small * (large / small) ** (np.arange(5) / 4)
    within = [(apart < radius).astype(float) for radius in radii]
    for step in range(4):
        reach = np.log(radii[step + 1] / radii[step])
        inner, outer = within[step], within[step + 1]
        pairs = outer / outer.sum() - inner / inner.sum()
        # All pairs of pairs that share a point, one by one.
        shared = max(0.0, sum(np.outer(row, row).sum() - (row**2).sum() for row in pairs))
        error = np.sqrt(4 * shared + 2 * (pairs**2).sum()) / reach
        assert found.extra["standard_errors"][step] == pytest.approx(error, rel=1e-9)
        slope = np.log(outer.sum() / inner.sum()) / reach
        assert found.extra["dimensions"][step] == pytest.approx(slope, rel=1e-9)
        assert found.extra["radii"][step] == pytest.approx(np.sqrt(radii[step] * radii[step + 1]), rel=1e-12)
    shares = np.asarray([one.sum() for one in within]) / within[-1].sum()
    misfit = np.abs(shares - (radii / large) ** float(found.dimension)).max()
    assert misfit > 1e-3
    assert float(found.goodness_of_fit) == pytest.approx(misfit, rel=1e-9)
