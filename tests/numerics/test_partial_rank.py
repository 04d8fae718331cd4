"""Partial rank correlations against the textbook recursion and regressions; corrections against SciPy and by hand."""

import numpy as np
import pytest
import scipy.stats

from theodolite.numerics.partial_rank import benjamini_hochberg, holm, partial_kendall, partial_spearman


def recursion(xy, xz, yz):
    return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))


def test_one_baseline_is_the_textbook_formula():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 25)) + rng.normal(size=25)
    for correlation, found in (
        (scipy.stats.spearmanr, partial_spearman(x, y, z[None], [25])[0]),
        (scipy.stats.kendalltau, partial_kendall(x, y, z[None], [25])),
    ):
        wanted = recursion(*(correlation(a, b).statistic for a, b in ((x, y), (x, z), (y, z))))
        assert found == pytest.approx(wanted, abs=1e-12)


def test_two_baselines_are_the_recursion_twice_and_students_law():
    rng = np.random.default_rng(1)
    x, y, z, u = rng.normal(size=(4, 30)) + rng.normal(size=30)
    rho = lambda a, b: scipy.stats.spearmanr(a, b).statistic  # noqa: E731
    given_z = lambda a, b: recursion(rho(a, b), rho(a, z), rho(b, z))  # noqa: E731
    wanted = recursion(given_z(x, y), given_z(x, u), given_z(y, u))
    found, p_value, freedom = partial_spearman(x, y, np.stack([z, u]), [30])
    assert found == pytest.approx(wanted, abs=1e-12)
    assert freedom == 26
    assert p_value == pytest.approx(2 * scipy.stats.t.sf(abs(wanted) * np.sqrt(26 / (1 - wanted**2)), 26))


def test_without_a_true_rest_p_values_are_uniform():
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(400):
        z = rng.normal(size=24)
        x, y = z + rng.normal(size=24), z + rng.normal(size=24)
        p_values.append(partial_spearman(x, y, z[None], [24])[1])
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_within_strata_the_baseline_is_held_within_strata():
    rng = np.random.default_rng(3)
    z = rng.normal(size=20)
    x, y = z + 0.3 * rng.normal(size=20), z + 0.3 * rng.normal(size=20)
    plain = partial_spearman(x, y, z[None], [10, 10])
    lift = np.repeat([0.0, 50.0], 10)
    assert partial_spearman(x + lift, y - lift, (z + lift)[None], [10, 10]) == pytest.approx(plain)
    assert plain[2] == 20 - 2 - 1 - 1


def test_a_baseline_in_the_same_order_leaves_nothing():
    x, y = np.arange(8.0), np.array([1.0, 0, 3, 2, 5, 4, 7, 6])
    rho, p_value, freedom = partial_spearman(x, y, np.exp(x)[None], [8])
    assert np.isnan(rho)
    assert np.isnan(p_value)
    assert freedom == 5
    assert np.isnan(partial_kendall(x, y, np.exp(x)[None], [8]))
    # Two baselines in one order hold no more than one of them.
    z = np.array([3.0, 1, 2, 5, 4, 8, 6, 7])
    assert partial_spearman(x, y, np.stack([z, z**3]), [8]) == pytest.approx(partial_spearman(x, y, z[None], [8]))


def test_holm_by_hand_and_by_brute_force():
    np.testing.assert_allclose(holm(np.array([0.01, 0.02, 0.03, 0.9])), [0.04, 0.06, 0.06, 0.9])
    rng = np.random.default_rng(4)
    p_values = rng.random(12) ** 3
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(np.argsort(p_values)):
            if p_values[index] > level / (12 - step):
                break
            rejected.add(index)
        assert set(np.flatnonzero(holm(p_values) <= level)) == rejected


def test_benjamini_hochberg_is_scipys():
    p_values = np.random.default_rng(5).random(30) ** 2
    np.testing.assert_allclose(benjamini_hochberg(p_values), scipy.stats.false_discovery_control(p_values))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_missing_p_values_are_no_tests(adjust):
    with_gap = adjust(np.array([0.01, np.nan, 0.03]))
    np.testing.assert_allclose(with_gap[[0, 2]], adjust(np.array([0.01, 0.03])))
    assert np.isnan(with_gap[1])
    assert adjust(np.array([])).size == 0
