"""power_law, hill, alpha_hat and log_alpha_norm: what they find, how they move, and what they refuse."""

import numpy as np
import pytest

from theodolite.core import Missing, Outcome, ParameterError, Refusal, Spectrum
from theodolite.core.results import field_readings
from theodolite.numerics.powerlaw import alpha_interval, fit_power_law, fit_small_sample
from theodolite.numerics.powerlaw import hill as hill_of_sample
from theodolite.spectra import PowerLaw, alpha_hat, hill, log_alpha_norm, log_spectral_norm, power_law

FITS = (power_law, alpha_hat, log_alpha_norm)


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
    assert hill(factor * pareto_matrix).value == pytest.approx(hill(pareto_matrix).value)


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


@pytest.mark.parametrize(
    ("matrix", "outcome"),
    [
        (np.zeros((20, 20)), Outcome.ALL_ZERO),
        (np.ones((20, 20)), Outcome.TOO_FEW_EIGENVALUES),
        (np.outer(np.arange(1.0, 21), np.arange(1.0, 31)), Outcome.TOO_FEW_EIGENVALUES),
        (np.random.default_rng(0).standard_normal((7, 40)), Outcome.TOO_FEW_EIGENVALUES),
        (3.0 * np.eye(20), Outcome.NO_SPREAD),
        (np.linalg.qr(np.random.default_rng(0).standard_normal((40, 40)))[0], Outcome.NO_SPREAD),
    ],
)
def test_refusals(matrix, outcome):
    for measure in FITS:
        with pytest.raises(Refusal) as caught:
            measure(matrix)
        assert (caught.value.outcome, caught.value.measure) == (outcome, measure.__name__)
    if outcome is not Outcome.NO_SPREAD:
        with pytest.raises(Refusal) as caught:
            hill(matrix)
        assert caught.value.outcome is outcome


@pytest.mark.parametrize("convention", ["theodolite", "weightwatcher"])
def test_failure_is_never_a_number(convention):
    for matrix in (np.zeros((20, 20)), np.eye(20), np.full((3, 3), 1e-9)):
        for measure in FITS:
            with pytest.raises(Refusal):
                measure(matrix, convention=convention)


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


def test_alpha_hat_and_its_interval(pareto_matrix):
    for size in (1.0, 1e-3):  # the logarithm of the largest eigenvalue is positive, then negative
        spectrum = Spectrum(size * pareto_matrix)
        fit, weight = power_law(spectrum), log_spectral_norm(spectrum)
        estimate = alpha_hat(spectrum)
        assert estimate.value == pytest.approx(fit.alpha * weight)
        ends = sorted((fit.intervals["alpha"].low * weight, fit.intervals["alpha"].high * weight))
        assert [estimate.interval.low, estimate.interval.high] == pytest.approx(ends)
        assert estimate.interval.se == pytest.approx(abs(weight) * fit.intervals["alpha"].se)


def test_log_alpha_norm(pareto_matrix):
    spectrum = Spectrum(pareto_matrix)
    alpha = power_law(spectrum).alpha
    assert log_alpha_norm(spectrum) == pytest.approx(np.log10((spectrum.eigenvalues**alpha).sum()))


def test_log_alpha_norm_of_a_huge_exponent_does_not_overflow(planted):
    values = 1e6 * (1 + 1e-3 * np.random.default_rng(6).random(50))
    spectrum = Spectrum(planted(values))
    alpha = float(power_law(spectrum).alpha)
    assert alpha > 500
    assert alpha * 6 < float(log_alpha_norm(spectrum)) < alpha * np.log10(1.001e6) + np.log10(50)


def test_the_fit_is_made_once(pareto_matrix, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "theodolite.spectra._tail.fit_power_law", lambda *a, **k: calls.append(k) or fit_power_law(*a, **k)
    )
    spectrum = Spectrum(pareto_matrix)
    for measure in (*FITS, *FITS):
        measure(spectrum)
    assert len(calls) == 1


def test_hill(pareto_matrix):
    spectrum = Spectrum(pareto_matrix)
    for k in (2, 50, 400):
        estimate = hill(spectrum, k=k)
        assert estimate.value == pytest.approx(hill_of_sample(spectrum.eigenvalues, k))
        assert estimate.interval.se == pytest.approx((estimate.value - 1) / np.sqrt(k))
        assert estimate.interval.low >= 1
    assert hill(spectrum).value == hill(spectrum, k=200).value
    assert hill(spectrum).interval.low < 3 < hill(spectrum).interval.high


def test_hill_refuses(planted, pareto_matrix):
    half_empty = planted(np.concatenate([np.zeros(15), np.arange(1.0, 6.0)]))
    for matrix, k in ((half_empty, None), (half_empty, 6), (pareto_matrix, 401)):
        with pytest.raises(Refusal, match="k is") as caught:
            hill(matrix, k=k)
        assert caught.value.outcome is Outcome.TOO_FEW_EIGENVALUES
    assert hill(half_empty, k=5).value > 1
    with pytest.raises(Refusal) as caught:
        hill(np.eye(10))
    assert caught.value.outcome is Outcome.NO_SPREAD
    with pytest.raises(ParameterError, match="k"):
        hill(pareto_matrix, k=1)


@pytest.mark.torch
def test_hill_can_be_trained_against(torch):
    matrix = torch.from_numpy(np.random.default_rng(7).standard_normal((12, 9))).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: hill(w).value, (matrix,))
