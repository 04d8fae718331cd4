"""power_law: the planted exponent, the moves, the conventions, and what is refused."""

import numpy as np
import pytest

from theodolite.core import Missing, Outcome, ParameterError, Refusal, Spectrum
from theodolite.core.results import field_readings
from theodolite.numerics.powerlaw import alpha_interval, fit_power_law, fit_small_sample
from theodolite.spectra import PowerLaw, alpha_hat, log_alpha_norm, power_law

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


def test_the_absolute_threshold_of_the_other_convention_breaks_the_scale(planted):
    matrix = planted(np.random.default_rng(1).exponential(1, 100))
    small = 1e-3 * matrix  # eigenvalues about 1e-6, below 1e-5
    assert power_law(small).alpha == pytest.approx(power_law(matrix).alpha)
    with pytest.raises(Refusal) as caught:
        power_law(1e-4 * matrix, convention="weightwatcher")
    assert caught.value.outcome is Outcome.TOO_FEW_EIGENVALUES


def test_rows_columns_and_rotations_are_irrelevant(pareto_matrix):
    rng = np.random.default_rng(2)
    plain = power_law(pareto_matrix)
    turned = np.linalg.qr(rng.standard_normal((500, 500)))[0] @ pareto_matrix
    for other in (rng.permutation(pareto_matrix), pareto_matrix[:, ::-1], pareto_matrix.T, turned):
        again = power_law(other)
        assert (again.alpha, again.xmin, again.distance) == pytest.approx((plain.alpha, plain.xmin, plain.distance))


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


def test_every_field_is_a_finite_number(pareto_matrix):
    fit = power_law(pareto_matrix)
    assert isinstance(fit, PowerLaw)
    readings = list(field_readings(fit, power_law.traits.fields))
    assert [r.field for r in readings] == ["alpha", "xmin", "distance", "sigma", "tail_size"]
    assert all(r.value is not None and not isinstance(r.missing, Missing) for r in readings)
    assert readings[0].low < readings[0].value < readings[0].high


def test_the_fit_is_made_once(pareto_matrix, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "theodolite.spectra._tail.fit_power_law", lambda *a, **k: calls.append(k) or fit_power_law(*a, **k)
    )
    spectrum = Spectrum(pareto_matrix)
    for measure in (power_law, alpha_hat, log_alpha_norm, power_law):
        measure(spectrum)
    assert len(calls) == 1
