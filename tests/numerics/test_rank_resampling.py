"""Permutations against full enumeration and SciPy's exact laws; resamples against rows that are really repeated."""

import itertools

import numpy as np
import pytest
import scipy.stats

from theodolite.numerics.rank_correlation import kendall, spearman
from theodolite.numerics.rank_resampling import all_orders, bootstrap, count_orders, permutation_test, random_orders


def by_chance(x, y, sizes, permutations=999, seed=0):
    return permutation_test(x, y, sizes, permutations=permutations, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("count", [4, 5, 6, 7, 8])
def test_few_rows_are_tested_exactly(count):
    rng = np.random.default_rng(count)
    x, y = rng.normal(size=(4, count)), rng.normal(size=count)
    x[0] = y
    found = by_chance(x, y, [count])
    assert found.exact
    wanted = [scipy.stats.kendalltau(a, y, method="exact").pvalue for a in x]
    np.testing.assert_allclose(found.kendall, wanted, atol=1e-12)
    # A perfect order and its reverse, of all orders.
    assert found.kendall[0] == pytest.approx(2 / count_orders([count]))


def test_ties_and_strata_are_tested_over_every_order_within_strata():
    x, y, sizes = np.array([[1.0, 2, 2, 4, 9, 7, 8]]), np.array([3.0, 1, 3, 4, 5, 5, 2]), [4, 3]
    tau, rho = kendall(x, y, sizes)[0], spearman(x, y, sizes)[0]
    at_least = np.zeros(2)
    for first in itertools.permutations(range(4)):
        for second in itertools.permutations(range(4, 7)):
            z = y[[*first, *second]]
            at_least += [
                abs(kendall(x, z, sizes)[0]) >= abs(tau) - 1e-9,
                abs(spearman(x, z, sizes)[0]) >= abs(rho) - 1e-9,
            ]
    found = by_chance(x, y, sizes)
    assert found.exact
    assert found.kendall[0] == at_least[0] / 144
    assert found.spearman[0] == at_least[1] / 144
    assert len(all_orders(sizes)) == len(np.unique(all_orders(sizes), axis=0)) == 144


def test_random_orders_stay_within_strata_and_reach_all():
    orders = random_orders([3, 2], 4000, np.random.default_rng(0))
    assert (np.sort(orders[:, :3], axis=1) == [0, 1, 2]).all()
    assert (np.sort(orders[:, 3:], axis=1) == [3, 4]).all()
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 12
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_drawn_orders_give_scipys_p_values_and_never_zero():
    rng = np.random.default_rng(5)
    y = rng.normal(size=40)
    x = np.stack([y + rng.normal(size=40) * s for s in (1.5, 4.0, 30.0)] + [y])
    found = by_chance(x, y, [40], permutations=9999)
    assert not found.exact
    np.testing.assert_allclose(found.kendall[:3], [scipy.stats.kendalltau(a, y).pvalue for a in x[:3]], atol=0.02)
    np.testing.assert_allclose(found.spearman[:3], [scipy.stats.spearmanr(a, y).pvalue for a in x[:3]], atol=0.02)
    assert found.kendall[3] == found.spearman[3] == 1 / 10_000


def test_many_rows_are_tested_by_the_normal_law():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 50, size=400).astype(float)
    x = y + rng.normal(size=(3, 400)) * 150
    found = by_chance(x, y, [400])
    assert found.normal
    np.testing.assert_allclose(
        found.kendall, [scipy.stats.kendalltau(a, y, method="asymptotic").pvalue for a in x], rtol=1e-10
    )


def test_p_values_under_the_null_are_uniform():
    rng = np.random.default_rng(7)
    p_values = [
        by_chance(rng.normal(size=(20, 15)), rng.normal(size=15), [8, 7], 199, seed).kendall for seed in range(15)
    ]
    # Tau takes few values, so that p is at least uniform: never more often below a level than the level says.
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.concatenate(p_values) <= level) < level + 3 * np.sqrt(level * (1 - level) / 300)
        assert np.mean(np.concatenate(p_values) <= level) > level / 2


def test_a_resample_is_what_repeated_rows_give():
    rng = np.random.default_rng(8)
    x, y, sizes = rng.integers(0, 7, size=(2, 15)).astype(float), rng.integers(0, 9, size=15).astype(float), [6, 9]
    tau, rho = bootstrap(x, y, sizes, resamples=50, rng=np.random.default_rng(9))
    again = np.random.default_rng(9)
    weights = np.hstack([again.multinomial(size, np.full(size, 1 / size), size=50) for size in sizes])
    for draw, counts in enumerate(weights):
        rows = np.repeat(np.arange(15), counts)
        np.testing.assert_allclose(tau[:, draw], kendall(x[:, rows], y[rows], sizes), atol=1e-12)
        np.testing.assert_allclose(rho[:, draw], spearman(x[:, rows], y[rows], sizes), atol=1e-12)
