"""log_alpha_norm: decades of the sum of eigenvalues to the power of the exponent."""

from math import fsum, log10

import numpy as np
import pytest

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import alpha_hat, log_alpha_norm, power_law

WW = {"convention": "weightwatcher"}


@pytest.mark.parametrize("convention", ["theodolite", "weightwatcher"])
def test_of_exact_quantiles(pareto_quantiles, convention):
    matrix, values, alpha = pareto_quantiles
    expected = log10(fsum(value**alpha for value in values))
    assert log_alpha_norm(matrix, convention=convention) == pytest.approx(expected, rel=1e-11)


def test_sums_every_eigenvalue_and_not_the_tail_alone(planted):
    body = np.full(100, 0.9) + 1e-3 * np.arange(100)
    tail = (2 * 40 / (2 * np.arange(40, 0, -1) - 1)) ** 0.5
    values = np.concatenate([body, 1.5 * tail])
    matrix = planted(values)
    fit = power_law(matrix)
    assert fit.tail_size < 100
    assert log_alpha_norm(matrix) == pytest.approx(log10((values**fit.alpha).sum()), rel=1e-11)
    assert log10((values[values >= fit.xmin] ** fit.alpha).sum()) < log_alpha_norm(matrix) - 1e-3


def test_zeros_of_a_low_rank_matrix_add_nothing(planted):
    values = np.sort((1 - np.random.default_rng(3).random(60)) ** -0.5)
    low_rank = planted(np.concatenate([np.zeros(140), values]))
    assert log_alpha_norm(low_rank) == pytest.approx(log_alpha_norm(planted(values)), rel=1e-9)


def test_a_square_hides_in_the_eigenvalues(pareto_matrix):
    alpha = power_law(pareto_matrix).alpha
    moved = log_alpha_norm(2 * pareto_matrix) - log_alpha_norm(pareto_matrix)
    assert moved == pytest.approx(2 * alpha * log10(2), rel=1e-10)
    singular = np.linalg.svd(pareto_matrix, compute_uv=False)
    schatten = (singular ** (2 * alpha)).sum() ** (1 / (2 * alpha))
    assert log_alpha_norm(pareto_matrix) == pytest.approx(2 * alpha * log10(schatten), rel=1e-11)


def test_alpha_hat_is_its_largest_term(pareto_matrix):
    weighted = alpha_hat(pareto_matrix).value
    assert weighted < log_alpha_norm(pareto_matrix) < weighted + log10(400)


def test_a_huge_exponent_does_not_overflow(planted):
    values = 1e6 * (1 + 1e-3 * np.random.default_rng(6).random(50))
    matrix = planted(values)
    alpha = float(power_law(matrix).alpha)
    assert alpha > 500  # (1e6) ** 500 is far beyond float64
    top = values.max()
    expected = alpha * log10(top) + log10(fsum((value / top) ** alpha for value in values))
    assert log_alpha_norm(matrix) == pytest.approx(expected, rel=1e-9)


def test_the_convention_is_passed_on(planted):
    values = np.sort((1 - np.random.default_rng(5).random(14)) ** -0.5)
    matrix = planted(values)
    for convention in ("theodolite", "weightwatcher"):
        alpha = power_law(matrix, convention=convention).alpha
        expected = log10(fsum(value**alpha for value in values))
        assert log_alpha_norm(matrix, convention=convention) == pytest.approx(expected, rel=1e-11)
    assert abs(log_alpha_norm(matrix) - log_alpha_norm(matrix, **WW)) > 0.01


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    expected = log10((singular ** (2 * power_law(slices).alpha)).sum())
    assert log_alpha_norm(slices) == pytest.approx(expected, rel=1e-10)
    assert log_alpha_norm(Spectrum.from_eigenvalues(singular**2)) == pytest.approx(expected, rel=1e-10)


def test_refused_where_power_law_is(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(log_alpha_norm, matrix) is outcome


def test_failure_is_no_number_in_the_other_convention_either(refusal):
    assert refusal(log_alpha_norm, np.zeros((20, 20)), **WW) is Outcome.ALL_ZERO
    assert refusal(log_alpha_norm, np.eye(20), **WW) is Outcome.NO_SPREAD
    assert refusal(log_alpha_norm, 1e-3 * np.eye(20), **WW) is Outcome.TOO_FEW_EIGENVALUES


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(log_alpha_norm)


def test_an_unknown_convention_is_refused(pareto_matrix):
    with pytest.raises(ParameterError, match="convention"):
        log_alpha_norm(pareto_matrix, convention="ww")
