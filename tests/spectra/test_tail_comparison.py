"""tail_comparison: which family was planted, likelihoods from definitions, and edges."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest, lognorm

from theodolite.core import Missing, Outcome, Spectrum
from theodolite.core.results import field_readings
from theodolite.spectra import power_law, tail_comparison

UNIFORM = (np.arange(600) + 0.5) / 600


@pytest.fixture(scope="module")
def cut_off():
    grid = np.linspace(0.0, 7.0, 200_001)
    below = np.cumsum(np.exp(-0.5 * grid - 0.03 * np.exp(grid)))
    return np.exp(np.interp(UNIFORM, below / below[-1], grid))


def test_planted_families_are_never_ruled_out_and_others_are(cut_off):
    exponential = Spectrum.from_eigenvalues(2.0 - np.log1p(-UNIFORM) / 0.3)
    pareto = Spectrum.from_eigenvalues((1 - UNIFORM) ** (-1 / 1.4))
    lognormal = Spectrum.from_eigenvalues(np.exp(1.2 * ndtri(UNIFORM)))
    found = tail_comparison(exponential, xmin="exponential").not_ruled_out
    assert "exponential" in found
    assert "power_law" not in found
    assert "exponential" not in tail_comparison(pareto).not_ruled_out
    assert "power_law" in tail_comparison(pareto).not_ruled_out
    assert "truncated_power_law" not in tail_comparison(pareto).not_ruled_out
    assert tail_comparison(lognormal, xmin="lognormal").preferred == "lognormal"
    left = tail_comparison(Spectrum.from_eigenvalues(cut_off), xmin="truncated_power_law").not_ruled_out
    assert "truncated_power_law" in left
    assert not {"power_law", "exponential"} & set(left)


@pytest.mark.shared
def test_the_printed_spectra(shared):
    good, bad = (
        Spectrum.from_eigenvalues(np.load(shared / f"data/spectra/tail_{name}.npy")) for name in ("good", "bad")
    )
    assert tail_comparison(good).preferred == "truncated_power_law"
    start = tail_comparison(bad, xmin="exponential")
    assert "exponential" in start.not_ruled_out
    assert "power_law" not in start.not_ruled_out


def test_numbers_from_definitions():
    values = np.sort(np.exp(np.random.default_rng(3).normal(0.0, 1.1, 400)))
    found = tail_comparison(Spectrum.from_eigenvalues(values), xmin="lognormal")
    tail = values[values >= float(found.xmin)]
    assert tail.size == int(found.tail_size)
    rate = 1 / (tail.mean() - tail[0])
    alpha = 1 + tail.size / np.log(tail / tail[0]).sum()
    power = np.log((alpha - 1) / tail[0]) - alpha * np.log(tail / tail[0])
    exponential = np.log(rate) - rate * (tail - tail[0])
    difference = power - exponential
    assert float(found.power_law_over_exponential) == pytest.approx(
        difference.sum() / (difference.std() * np.sqrt(tail.size)), rel=1e-9
    )
    assert float(found.exponential_distance) == pytest.approx(
        kstest(tail, lambda x: 1 - np.exp(-rate * (x - tail[0]))).statistic, rel=1e-9
    )
    from theodolite.spectra import lognormal_tail

    law = lognormal_tail(Spectrum.from_eigenvalues(values))
    whole = lognorm(float(law.sigma), scale=np.exp(float(law.mu)))
    cut = whole.logpdf(tail) - whole.logsf(tail[0])
    difference = power - cut
    assert float(found.power_law_over_lognormal) == pytest.approx(
        difference.sum() / (difference.std() * np.sqrt(tail.size)), rel=1e-6
    )
    assert float(found.lognormal_distance) == pytest.approx(float(law.distance), rel=1e-9)


def test_each_start_is_its_familys_own(cut_off):
    spectrum = Spectrum.from_eigenvalues(cut_off)
    assert float(tail_comparison(spectrum).xmin) == float(power_law(spectrum).xmin)
    assert float(tail_comparison(spectrum).power_law_distance) == pytest.approx(float(power_law(spectrum).distance))


def test_ratios_carry_their_p_values_into_the_rows(cut_off):
    found = tail_comparison(Spectrum.from_eigenvalues(cut_off))
    rows = {row.field: row for row in field_readings(found, tail_comparison.traits.fields)}
    ratios = [name for name in rows if "_over_" in name]
    assert len(ratios) == 6
    for name in ratios:
        assert 0 < rows[name].p_value <= 1
    assert rows["power_law_distance"].p_value is None


def test_where_the_lognormal_is_a_power_law_it_is_missing():
    # The logarithms are more spread out than the exponential ones of a power law.
    values = np.exp(0.5 * np.random.default_rng(0).exponential(1.0, 400) ** 1.1)
    found = tail_comparison(Spectrum.from_eigenvalues(values))
    assert isinstance(found.lognormal_distance, Missing)
    assert found.power_law_over_lognormal.outcome is Outcome.AT_BOUND
    assert found.preferred == "power_law"
    assert float(found.power_law_over_truncated_power_law) == 0.0


def test_a_short_tail_tells_nothing():
    found = tail_comparison(Spectrum.from_eigenvalues((1 - np.random.default_rng(1).random(14)) ** -0.5))
    assert found.preferred == ""
    assert [(note.outcome, note.field) for note in found.notes] == [(Outcome.SHORT_TAIL, "tail_size")]


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(tail_comparison, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(tail_comparison)
