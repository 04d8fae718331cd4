"""hill: the exponent of a tail whose size is given."""

from math import log

import numpy as np
import pytest

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import hill


@pytest.mark.parametrize("k", [2, 3, 11, 20, None])
def test_of_a_geometric_spectrum(planted, k):
    estimate = hill(planted(1.7 ** np.arange(22), rows=40), k=k)
    size = 11 if k is None else k
    expected = 1 + 2 / ((size - 1) * log(1.7))  # k over the sum of 0, 1, ..., k - 1 times ln 1.7
    assert estimate.value == pytest.approx(expected, rel=1e-10)
    assert estimate.interval.se == pytest.approx((expected - 1) / np.sqrt(size), rel=1e-10)


def test_against_numpy(pareto_matrix):
    x = np.sort(np.linalg.svd(pareto_matrix, compute_uv=False) ** 2)
    for k in (2, 50, 399, 400):
        expected = 1 + k / np.log(x[400 - k :] / x[400 - k]).sum()
        assert hill(pareto_matrix, k=k).value == pytest.approx(expected, rel=1e-11)


@pytest.mark.shared
def test_every_encoder_layer_of_minilm(agrees_on_minilm):
    agrees_on_minilm("hill_half", lambda spectrum: hill(spectrum).value)


def test_half_of_the_eigenvalues_unless_asked(pareto_matrix, planted):
    assert hill(pareto_matrix).value == hill(pareto_matrix, k=200).value
    odd = planted(np.arange(1.0, 10.0))
    assert hill(odd).value == hill(odd, k=4).value


def test_finds_the_planted_exponent_with_an_honest_error(planted):
    errors = []
    for seed in range(100):
        draws = (1 - np.random.default_rng(seed).random(200)) ** (-1 / 1.5)
        estimate = hill(Spectrum.from_eigenvalues(draws), k=100)
        errors.append((estimate.value - 2.5) / estimate.interval.se)
    assert abs(np.mean(errors)) < 0.35
    assert np.std(errors) == pytest.approx(1, abs=0.2)


def test_the_interval_is_of_95_percent_and_stays_above_one(pareto_matrix):
    for k in (2, 3, 200):
        estimate = hill(pareto_matrix, k=k)
        reach = 1.959963984540054 * estimate.interval.se
        assert estimate.interval.level == 0.95
        assert estimate.interval.high == pytest.approx(estimate.value + reach, rel=1e-13)
        assert estimate.interval.low == pytest.approx(max(1, estimate.value - reach), rel=1e-13)
    assert hill(pareto_matrix, k=2).interval.low == 1


def test_a_square_hides_in_the_eigenvalues(ladder):
    exponent = hill(ladder).value
    assert hill(2 * ladder).value == pytest.approx(exponent, rel=1e-12)
    of_singular_values = hill(Spectrum.from_eigenvalues(np.arange(1.0, 26.0))).value
    assert of_singular_values == pytest.approx(2 * exponent - 1, rel=1e-12)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    pooled = hill(Spectrum.from_eigenvalues(singular**2))
    assert hill(slices).value == pytest.approx(pooled.value, rel=1e-12)
    assert hill(slices, k=28).value == pytest.approx(1 + 28 / np.log((singular / singular.min()) ** 2).sum(), rel=1e-10)


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(hill, matrix) is outcome


def test_equal_eigenvalues_at_the_top_are_no_tail(refusal):
    two_levels = np.diag([1.0] * 8 + [3.0] * 8)
    assert refusal(hill, two_levels) is Outcome.NO_SPREAD
    assert hill(two_levels, k=9).value == pytest.approx(1 + 9 / (8 * log(9)), rel=1e-12)


def test_zero_eigenvalues_are_no_tail(planted, pareto_matrix, refusal):
    half_empty = planted(np.concatenate([np.zeros(15), np.arange(1.0, 6.0)]))
    for matrix, k in ((half_empty, None), (half_empty, 6), (pareto_matrix, 401)):
        assert refusal(hill, matrix, k=k) is Outcome.TOO_FEW_EIGENVALUES
    assert hill(half_empty, k=5).value == pytest.approx(1 + 5 / log(120), rel=1e-10)


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(hill)


@pytest.mark.parametrize("k", [1, 0, -3])
def test_a_tail_of_one_is_refused(pareto_matrix, k):
    with pytest.raises(ParameterError, match="k"):
        hill(pareto_matrix, k=k)


@pytest.mark.torch
def test_can_be_trained_against(torch):
    matrix = torch.from_numpy(np.random.default_rng(7).standard_normal((12, 9))).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: hill(w).value, (matrix,))
