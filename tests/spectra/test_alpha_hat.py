"""alpha_hat: the exponent times the decades of the largest eigenvalue."""

from math import log10

import numpy as np
import pytest

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import alpha_hat, power_law

WW = {"convention": "weightwatcher"}


@pytest.mark.parametrize("convention", ["theodolite", "weightwatcher"])
def test_of_exact_quantiles(pareto_quantiles, convention):
    matrix, values, alpha = pareto_quantiles
    estimate = alpha_hat(matrix, convention=convention)
    assert estimate.value == pytest.approx(alpha * log10(values[-1]), rel=1e-11)
    assert estimate.interval.se == pytest.approx(
        1.5 * (alpha - 1) / np.sqrt(values.size) * log10(values[-1]), rel=1e-10
    )


@pytest.mark.parametrize("size", [1.0, 1e-3])  # the logarithm is positive, then negative
def test_the_interval_is_that_of_alpha_in_its_units(pareto_matrix, size):
    matrix = size * pareto_matrix
    alpha = power_law(matrix)
    decades = 2 * log10(np.linalg.norm(matrix, 2))
    estimate = alpha_hat(matrix)
    ends = [alpha.intervals["alpha"].low * decades, alpha.intervals["alpha"].high * decades]
    assert estimate.value == pytest.approx(alpha.alpha * decades, rel=1e-11)
    assert [estimate.interval.low, estimate.interval.high] == pytest.approx(sorted(ends), rel=1e-11)
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert estimate.interval.se == pytest.approx(alpha.intervals["alpha"].se * abs(decades), rel=1e-11)
    assert estimate.interval.level == 0.95


def test_a_square_hides_in_the_logarithm(pareto_matrix):
    alpha = power_law(pareto_matrix).alpha
    moved = alpha_hat(2 * pareto_matrix).value - alpha_hat(pareto_matrix).value
    assert moved == pytest.approx(2 * alpha * log10(2), rel=1e-10)


def test_the_sign_turns_where_the_largest_eigenvalue_is_below_one(pareto_matrix):
    assert alpha_hat(pareto_matrix).value > 0 > alpha_hat(1e-3 * pareto_matrix).value


def test_the_convention_is_passed_on(planted):
    values = np.sort((1 - np.random.default_rng(5).random(14)) ** -0.5)
    matrix = planted(values)
    for convention in ("theodolite", "weightwatcher"):
        expected = power_law(matrix, convention=convention).alpha * log10(values[-1])
        assert alpha_hat(matrix, convention=convention).value == pytest.approx(expected, rel=1e-11)
    assert abs(alpha_hat(matrix).value - alpha_hat(matrix, **WW).value) > 0.01


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    pooled = alpha_hat(Spectrum.from_eigenvalues(singular**2))
    assert alpha_hat(slices).value == pytest.approx(pooled.value, rel=1e-10)
    assert pooled.value == pytest.approx(power_law(slices).alpha * 2 * log10(singular.max()), rel=1e-10)


def test_refused_where_power_law_is(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(alpha_hat, matrix) is outcome


def test_failure_is_no_number_in_the_other_convention_either(refusal):
    assert refusal(alpha_hat, np.zeros((20, 20)), **WW) is Outcome.ALL_ZERO
    assert refusal(alpha_hat, np.eye(20), **WW) is Outcome.NO_SPREAD
    assert refusal(alpha_hat, 1e-3 * np.eye(20), **WW) is Outcome.TOO_FEW_EIGENVALUES


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(alpha_hat)


def test_an_unknown_convention_is_refused(pareto_matrix):
    with pytest.raises(ParameterError, match="convention"):
        alpha_hat(pareto_matrix, convention="ww")
