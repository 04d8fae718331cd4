"""Likelihood ratios: level and power on laws whose answer is known, and which families are left."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest, norm

from theodolite.numerics.likelihood_ratios import PAIRS, LikelihoodRatio, likelihood_ratio, not_ruled_out


def test_by_hand():
    first, second = np.array([-1.0, -2.0, -3.0, -1.0]), np.array([-2.0, -1.5, -5.0, -1.0])
    difference = first - second  # 1, -0.5, 2, 0
    found = likelihood_ratio(first, second)
    assert found.ratio == pytest.approx(2.5 / (difference.std() * 2.0))
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.ratio)))
    assert likelihood_ratio(second, first).ratio == pytest.approx(-found.ratio)
    nested = likelihood_ratio(second, first, nested=True)
    assert nested.p_value == pytest.approx(chi2.sf(2 * 2.5, 1))
    assert likelihood_ratio(first, second, nested=True).p_value == 1.0


def test_equal_laws_say_nothing():
    one = np.linspace(-3.0, -1.0, 20)
    assert likelihood_ratio(one, one) == LikelihoodRatio(0.0, 1.0)
    assert likelihood_ratio(one, one + 1e-16, nested=True) == LikelihoodRatio(0.0, 1.0)


def test_vuongs_level_holds_where_both_laws_are_equally_wrong():
    rng = np.random.default_rng(0)
    found = [
        likelihood_ratio(norm.logpdf(x, 0.3), norm.logpdf(x, -0.3)).p_value for x in rng.standard_normal((600, 200))
    ]
    assert kstest(found, "uniform").pvalue > 1e-3


def test_an_overwhelming_ratio_keeps_a_positive_p_value():
    x = np.random.default_rng(0).standard_normal(5000)
    found = likelihood_ratio(norm.logpdf(x), norm.logpdf(x, 6.0))
    assert found.ratio > 50
    assert 0 < found.p_value < 1e-300


def every(ratio, p_value):
    return dict.fromkeys(PAIRS, LikelihoodRatio(ratio, p_value))


def test_who_is_left():
    assert not_ruled_out(every(3.0, 0.01)) == ("power_law",)  # each first beats each second
    assert not_ruled_out(every(-3.0, 0.01)) == ("lognormal",)
    # Nobody beats anybody; a cut-off that adds nothing is dropped.
    assert not_ruled_out(every(3.0, 0.4)) == ("power_law", "exponential", "lognormal")
    cut = {**every(0.0, 1.0), ("power_law", "truncated_power_law"): LikelihoodRatio(-2.0, 0.001)}
    assert not_ruled_out(cut) == ("truncated_power_law", "exponential", "lognormal")
    assert not_ruled_out(cut, level=1e-4) == ("power_law", "exponential", "lognormal")


def test_families_that_were_not_compared_are_not_left():
    found = {pair: ratio for pair, ratio in every(0.5, 0.6).items() if "lognormal" not in pair}
    assert not_ruled_out(found) == ("power_law", "exponential")
