"""power_law: the planted exponent, the moves, the conventions, and what is refused."""

import numpy as np
import pytest

from theodolite.core import Outcome, Spectrum
from theodolite.numerics.powerlaw import alpha_interval, fit_power_law, fit_small_sample
from theodolite.spectra import alpha_hat, log_alpha_norm, power_law

WW = {"convention": "weightwatcher"}


def test_of_exact_quantiles(pareto_quantiles):
    matrix, values, alpha = pareto_quantiles
    fit = power_law(matrix)
    assert (fit.alpha, fit.xmin, fit.tail_size) == pytest.approx((alpha, values[0], values.size), rel=1e-11)
    assert fit.distance == pytest.approx(1 / values.size, rel=1e-11)  # the law is 0 at xmin, the sample's step 1 / n
    assert fit.sigma == pytest.approx((alpha - 1) / np.sqrt(values.size), rel=1e-11)
    left = power_law(matrix, **WW)
    law = 1 - (values / values[0]) ** (1 - alpha)
    assert left.alpha == pytest.approx(alpha, rel=1e-11)
    assert left.distance == pytest.approx(np.abs(law - np.arange(values.size) / values.size).max(), rel=1e-11)


def test_a_square_hides_in_the_eigenvalues(pareto_quantiles):
    _, values, alpha = pareto_quantiles
    of_singular_values = power_law(Spectrum.from_eigenvalues(np.sqrt(values)))
    assert of_singular_values.alpha == pytest.approx(2 * alpha - 1, rel=1e-11)
    assert power_law(Spectrum.from_eigenvalues(4 * values)).xmin == pytest.approx(4 * values[0], rel=1e-13)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    fit, expected = power_law(slices), fit_power_law(singular**2)
    assert (fit.alpha, fit.xmin, fit.distance) == pytest.approx((expected.alpha, expected.xmin, expected.distance))
    assert fit.tail_size == expected.tail_size


def test_finds_the_planted_exponent(pareto_matrix):
    fit = power_law(pareto_matrix)
    low, high = fit.intervals["alpha"].low, fit.intervals["alpha"].high
    assert low < 3 < high
    assert fit.alpha == pytest.approx(3, abs=0.4)
    assert fit.tail_size > 100
    assert fit.distance < 0.05
    assert fit.notes == ()


def test_is_the_search_on_the_eigenvalues(pareto_matrix):
    spectrum = Spectrum(pareto_matrix)
    for convention, sides in (("theodolite", "both"), ("weightwatcher", "left")):
        for truncated in (False, True):
            fit = power_law(spectrum, convention=convention, truncated=truncated)
            expected = fit_power_law(spectrum.eigenvalues, sides=sides, truncated=truncated)
            fields = (fit.alpha, fit.xmin, fit.distance, fit.sigma, fit.tail_size)
            names = ("alpha", "xmin", "distance", "sigma", "tail_size")
            assert fields == tuple(getattr(expected, name) for name in names)
            interval = fit.intervals["alpha"]
            assert (interval.se, interval.low, interval.high) == alpha_interval(expected.alpha, expected.sigma)
            assert interval.level == 0.95


@pytest.mark.parametrize("factor", [1e-6, 0.25, 3.0, 1e5])
def test_the_scale_only_moves_xmin(pareto_matrix, factor):
    plain, scaled = power_law(pareto_matrix), power_law(factor * pareto_matrix)
    assert (scaled.alpha, scaled.distance, scaled.sigma) == pytest.approx((plain.alpha, plain.distance, plain.sigma))
    assert scaled.tail_size == plain.tail_size
    assert scaled.xmin == pytest.approx(factor**2 * plain.xmin)


def test_the_absolute_threshold_of_the_other_convention_breaks_the_scale(planted, refusal):
    values = (200 / (2 * np.arange(100, 0, -1) - 1)) ** 0.5  # from 1 to 14
    matrix = planted(values)
    kept = 6e-6 * values[6e-6 * values > 1e-5]
    assert 20 < kept.size < 80
    cut = power_law(np.sqrt(6e-6) * matrix, **WW)
    assert (power_law(matrix, **WW).tail_size, cut.tail_size) == (100, kept.size)
    assert cut.alpha == pytest.approx(fit_power_law(kept, sides="left").alpha, rel=1e-8)
    assert refusal(power_law, 1e-4 * matrix, **WW) is Outcome.TOO_FEW_EIGENVALUES
    assert power_law(1e-4 * matrix).alpha == pytest.approx(power_law(matrix).alpha, rel=1e-8)


def test_zeros_of_a_low_rank_matrix_do_not_enter(planted):
    values = np.sort((1 - np.random.default_rng(3).random(60)) ** -0.5)
    low_rank = planted(np.concatenate([np.zeros(140), values]))
    assert power_law(low_rank).alpha == pytest.approx(power_law(planted(values)).alpha, rel=1e-9)
    assert power_law(low_rank).tail_size <= 60


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(power_law, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(power_law)


def test_failure_is_no_number_in_the_other_convention_either(refusal):
    assert refusal(power_law, np.zeros((20, 20)), **WW) is Outcome.ALL_ZERO
    assert refusal(power_law, np.eye(20), **WW) is Outcome.NO_SPREAD
    assert refusal(power_law, 1e-3 * np.eye(20), **WW) is Outcome.TOO_FEW_EIGENVALUES


def test_short_tails_are_noted(planted):
    fit = power_law(planted(np.sort((1 - np.random.default_rng(5).random(20)) ** -0.5)))
    assert fit.tail_size < 30
    assert [(note.outcome, note.field) for note in fit.notes] == [(Outcome.SHORT_TAIL, "alpha")]


def test_small_sample_path_of_the_other_convention(planted):
    values = np.sort((1 - np.random.default_rng(5).random(14)) ** -0.5)
    fit = power_law(planted(values), convention="weightwatcher")
    expected = fit_small_sample(values)
    assert (fit.alpha, fit.distance, fit.xmin, fit.sigma) == pytest.approx(
        (expected.alpha, expected.distance, expected.xmin, expected.sigma)
    )
    assert [note.outcome for note in fit.notes] == [Outcome.SMALL_SAMPLE_CONVENTION]
    assert power_law(planted(values)).alpha != pytest.approx(expected.alpha, rel=1e-3)


def test_the_small_sample_path_has_no_truncated_law(planted):
    values = np.sort((1 - np.random.default_rng(5).random(14)) ** -0.5)
    fit = power_law(planted(values), truncated=True, **WW)
    expected = fit_power_law(values, sides="left", truncated=True)
    assert (fit.alpha, fit.distance, fit.tail_size) == pytest.approx(
        (expected.alpha, expected.distance, expected.tail_size)
    )
    assert [note.outcome for note in fit.notes] == [Outcome.SHORT_TAIL]


def test_the_other_convention_fits_fewer_than_eight(planted, refusal):
    matrix = planted(2.0 ** np.arange(7))
    assert refusal(power_law, matrix) is Outcome.TOO_FEW_EIGENVALUES
    assert power_law(matrix, **WW).tail_size == 7
    assert power_law(planted(2.0 ** np.arange(8))).tail_size >= 2


def test_eigenvalues_that_crowd_at_the_top_follow_no_truncated_law(refusal):
    crowding = Spectrum.from_eigenvalues(np.exp(1 - 0.5 ** np.arange(12)))
    assert refusal(power_law, crowding, truncated=True) is Outcome.NO_POWER_LAW
    assert power_law(crowding).alpha > 1


def test_the_fit_is_made_once(pareto_matrix, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "theodolite.spectra._tail.fit_power_law", lambda *a, **k: calls.append(k) or fit_power_law(*a, **k)
    )
    spectrum = Spectrum(pareto_matrix)
    for measure in (power_law, alpha_hat, log_alpha_norm, power_law):
        measure(spectrum)
    assert len(calls) == 1
