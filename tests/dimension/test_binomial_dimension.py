"""binomial_dimension: the dimension from how many neighbours lie within a share of the distance to the last."""

import numpy as np
import pytest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import binomial_dimension
from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize(("k", "share"), [(10, None), (50, None), (50, 0.8), (50, 0.95), (3, 0.9)])
def test_of_the_poisson_law(holds, k, share, dimension):
    holds(binomial_dimension, dimension, k=k, share=share)


@pytest.mark.shared
def test_against_dadapy(agrees, known):
    assert agrees(binomial_dimension, "dadapy.binomial_k(50,r=.8,mle)", k=50, share=0.8) == 6
    for cloud, given in known.without_duplicates().values():
        if "dadapy.binomial_k.err" in given:
            found = binomial_dimension(cloud, k=50, share=0.8)
            assert float(found.cramer_rao) == pytest.approx(given["dadapy.binomial_k.err"], rel=1e-6)
            assert float(found.intervals["dimension"].se) > float(found.cramer_rao)


def test_the_fit_is_good_for_the_law_and_bad_for_a_mixture():
    p_values = [
        binomial_dimension(Cloud.from_neighbours(poisson_neighbours(200, 20, 4.0, rng=seed)), k=20)
        .chances["goodness_of_fit"]
        .p_value
        for seed in range(100)
    ]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    one, other = (poisson_neighbours(300, 20, dimension, rng=1).distances for dimension in (2.0, 6.0))
    near = poisson_neighbours(600, 20, 1.0)
    mixed = type(near)(np.concatenate([one, other]), near.indices, near.distinct)
    assert binomial_dimension(Cloud.from_neighbours(mixed), k=20).chances["goodness_of_fit"].p_value < 0.001


def test_the_error_of_independent_counts_is_the_smallest(poisson):
    found = binomial_dimension(poisson(7.5), k=20)
    assert float(found.cramer_rao) == pytest.approx(float(found.intervals["dimension"].se), rel=0.05)


def test_the_share_that_is_chosen_has_the_least_error(poisson):
    for dimension in (2.5, 20):
        chosen = binomial_dimension(poisson(dimension), k=20)
        share = float(chosen.extra["share"][0])
        assert share == pytest.approx(0.2 ** (1 / dimension), rel=0.01)
        for other in (share**0.3, share**2.5):
            worse = binomial_dimension(poisson(dimension), k=20, share=other)
            assert float(worse.cramer_rao) > 1.05 * float(chosen.cramer_rao)
    assert float(binomial_dimension(np.random.default_rng(0).random((300, 300))).dimension) > 20


def test_distances_at_the_share_count():
    rows = np.asarray([[0.0], [1.0], [2.0], [4.0], [5.0]])
    found = binomial_dimension(rows, k=4, share=0.5)
    apart = np.sort(np.abs(rows - rows.T), axis=1)[:, 1:]
    np.testing.assert_array_equal(found.extra["counts"], (apart[:, :3] <= 0.5 * apart[:, 3:]).sum(axis=1))


def test_intervals_cover(covers):
    covers(binomial_dimension, k=10)


def test_no_neighbour_within_and_all_within_are_refused():
    with pytest.raises(Refusal) as refused:
        binomial_dimension(np.eye(12))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
    clump = 1e-6 * np.random.default_rng(0).random((10, 3))
    with pytest.raises(Refusal) as refused:
        binomial_dimension(np.concatenate([clump, clump + 1.0]), share=0.8)
    assert refused.value.outcome is Outcome.NO_DIMENSION
