"""Rank correlations against SciPy's, within strata against sums over strata, and their errors against brute force."""

import itertools

import numpy as np
import pytest
import scipy.stats

from theodolite.numerics.rank_correlation import (
    centred_ranks,
    kendall,
    kendall_error,
    kendall_spread,
    spearman,
)


@pytest.mark.parametrize("values", [3, 8, 10**6], ids=["many ties", "ties", "no ties"])
@pytest.mark.parametrize("count", [4, 7, 40])
def test_one_stratum_is_scipys_tau_b_and_rho(values, count):
    rng = np.random.default_rng(count)
    x = rng.integers(0, values, size=(5, count)).astype(float)
    y = rng.integers(0, values, size=count).astype(float)
    y[0], x[:, 0] = values + 1.0, -1.0
    np.testing.assert_allclose(kendall(x, y, [count]), [scipy.stats.kendalltau(a, y).statistic for a in x], atol=1e-12)
    np.testing.assert_allclose(spearman(x, y, [count]), [scipy.stats.spearmanr(a, y).statistic for a in x], atol=1e-12)


def test_within_strata_only_pairs_of_one_stratum_count():
    rng = np.random.default_rng(1)
    sizes = [6, 9, 1, 5]
    x, y = rng.integers(0, 5, size=(1, 21)).astype(float), rng.integers(0, 5, size=21).astype(float)
    stratum = np.repeat(np.arange(4), sizes)
    score = apart_x = apart_y = 0
    for i, j in itertools.combinations(range(21), 2):
        if stratum[i] == stratum[j]:
            a, b = np.sign(x[0, i] - x[0, j]), np.sign(y[i] - y[j])
            score, apart_x, apart_y = score + a * b, apart_x + abs(a), apart_y + abs(b)
    assert kendall(x, y, sizes)[0] == pytest.approx(score / np.sqrt(apart_x * apart_y), abs=1e-12)
    # Lifting whole strata changes the order of all models and nothing within.
    lifted = x + 100.0 * stratum
    assert kendall(lifted, y, sizes) == pytest.approx(kendall(x, y, sizes), abs=1e-12)
    assert spearman(lifted, y, sizes) == pytest.approx(spearman(x, y, sizes), abs=1e-12)
    assert abs(kendall(lifted, y, [21])[0] - kendall(x, y, [21])[0]) > 0.1


def test_ranks_of_every_stratum_are_centred_and_on_one_scale():
    ranks = centred_ranks(np.array([[5.0, 1.0, 1.0, 9.0, 7.0, 8.0]]), [3, 3])
    np.testing.assert_allclose(ranks, [[3 / 4 - 0.5, 1.5 / 4 - 0.5, 1.5 / 4 - 0.5, 0.25, -0.25, 0.0]])


def test_a_column_of_one_value_has_no_correlation():
    x, y = np.array([[1.0, 1, 1, 1], [1, 2, 3, 4]]), np.array([1.0, 2, 3, 4])
    for correlation in (kendall, spearman):
        found = correlation(x, y, [4])
        assert np.isnan(found[0])
        assert found[1] == 1
        assert np.isnan(correlation(x, np.ones(4), [4])).all()


@pytest.mark.parametrize("ties", [False, True])
def test_the_spread_is_that_over_all_orders(ties):
    x = np.array([[1.0, 2, 2, 3, 5, 4]]) if ties else np.array([[1.0, 2, 6, 3, 5, 4]])
    y = np.array([2.0, 1, 1, 1, 3, 3]) if ties else np.array([2.0, 1, 4, 3, 5, 6])
    scores = [
        sum(np.sign(x[0, i] - x[0, j]) * np.sign(z[i] - z[j]) for i, j in itertools.combinations(range(6), 2))
        for z in (y[list(order)] for order in itertools.permutations(range(6)))
    ]
    assert kendall_spread(x, y, [6])[0] == pytest.approx(np.std(scores), abs=1e-12)


def test_the_jackknife_leaves_out_one_row_at_a_time():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 9, size=(1, 12)).astype(float), rng.normal(size=12)
    left = [scipy.stats.kendalltau(np.delete(x[0], i), np.delete(y, i)).statistic for i in range(12)]
    assert kendall_error(x, y, [12])[0] == pytest.approx(np.sqrt(11 / 12 * np.sum((left - np.mean(left)) ** 2)))
