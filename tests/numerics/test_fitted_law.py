"""The distance from a law whose parameter was fitted, and how often it is as large by chance."""

import numpy as np
import pytest
from scipy.stats import beta, gamma, kstest

from theodolite.numerics.fitted_law import (
    binomial_distance,
    chance_of_binomial_distance,
    chance_of_distance,
    even_distance,
    law_positions,
)


def test_positions_are_those_of_beta_and_gamma_laws():
    scaled = np.asarray([0.01, 0.5, 2.0, 30.0])
    np.testing.assert_allclose(law_positions(("ratio", 3, 7), scaled), beta.sf(np.exp(-scaled), 3, 4), rtol=1e-9)
    np.testing.assert_allclose(law_positions(("sum", 7), scaled), gamma.cdf(scaled, 6), rtol=1e-12)


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    drawn = np.random.default_rng(0).random(77) ** 1.2
    assert even_distance(drawn) == pytest.approx(kstest(drawn, "uniform").statistic, rel=1e-12)


def test_quantiles_of_the_exponential_law_with_fitted_rate():
    # Stephens (1974), table 1A: upper tail of (D - 0.2 / n) (sqrt(n) + 0.26 + 0.5 / sqrt(n)), here for n without end.
    for quantile, level in ((0.926, 0.15), (0.990, 0.10), (1.094, 0.05), (1.190, 0.025), (1.308, 0.01)):
        chance = chance_of_distance(quantile / 1e3, 1e6, ("ratio", 1, 2))
        assert chance == pytest.approx(level, abs=3.5 * np.sqrt(level / 4000))


def test_a_fit_from_the_same_data_is_nearer_than_a_law_given_beforehand():
    # Kolmogorov's own law has 5 percent above 1.358.
    assert chance_of_distance(1.358e-3, 1e6, ("ratio", 1, 2)) < 0.015
    for law in (("ratio", 8, 16), ("sum", 20)):
        assert 0 < chance_of_distance(1.358e-3, 1e6, law) < 0.03


@pytest.mark.parametrize("fitted_by", ["likelihood", "mean", "median"])
def test_chances_are_even_where_the_law_holds(fitted_by):
    sums = np.random.default_rng(0).gamma(9.0, size=(400, 300))
    scale = {
        "likelihood": 9.0 / sums.mean(axis=1),
        "mean": (8.0 / sums).mean(axis=1),
        "median": gamma.median(9.0) / np.median(sums, axis=1),
    }[fitted_by]
    chances = [
        chance_of_distance(even_distance(law_positions(("sum", 10), d * row)), 300, ("sum", 10), fitted_by)
        for d, row in zip(scale, sums, strict=True)
    ]
    assert kstest(chances, "uniform").pvalue > 0.001


def test_binomial_counts():
    rng = np.random.default_rng(0)
    chances = []
    for _ in range(300):
        counts = rng.binomial(12, 0.3, 400)
        distance = binomial_distance(counts, 12)
        chances.append(chance_of_binomial_distance(distance, 400, 12, counts.mean() / 12))
    assert np.mean(chances) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.asarray(chances) < 0.1) == pytest.approx(0.1, abs=0.06)
    wide = np.concatenate([rng.binomial(12, 0.1, 200), rng.binomial(12, 0.5, 200)])
    assert chance_of_binomial_distance(binomial_distance(wide, 12), 400, 12, wide.mean() / 12) < 0.001
