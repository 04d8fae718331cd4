"""truncated_power_law: the printed fits of three real spectra, planted parameters, edges, and what is refused."""

import json

import numpy as np
import pytest

from theodolite.core import Missing, Outcome, ParameterError, Refusal, Spectrum
from theodolite.spectra import power_law, truncated_power_law

PRINTED = {"xmin": "peak", "convention": "powerlaw"}


@pytest.fixture(scope="module")
def cut_off():
    """800 quantiles of the law above 1 with exponent 1.6 and rate 0.02, from its definition on a grid."""
    grid = np.linspace(0.0, 8.0, 400_001)
    density = np.exp(-0.6 * grid - 0.02 * np.exp(grid))
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.exp(np.interp((np.arange(800) + 0.5) / 800, below / below[-1], grid))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["good", "mediocre", "bad"])
def test_printed_fits(shared, name):
    values = np.load(shared / f"data/spectra/tail_{name}.npy")
    numbers = json.loads((shared / "reference/ref_spectra.json").read_text())["nlp_three_ESDs"]
    printed, again = numbers["published_in_figure"][name], numbers["powerlaw_1.5_recomputed"][name]
    fit = truncated_power_law(Spectrum.from_eigenvalues(values), **PRINTED)
    assert round(float(fit.rate), 2) == printed["E_TPL_lambda"]
    assert round(float(fit.distance), 2) == printed["E_TPL_D"]
    assert float(fit.rate) == pytest.approx(again["TPL_lambda"], abs=1e-3)
    assert float(fit.distance) == pytest.approx(again["D"], abs=3e-4)
    if name == "bad":
        # The peer ends at 1.00002, just inside its bound; the likelihood's maximum is at the bound.
        assert printed["E_TPL_beta"] == 1.0
        assert again["TPL_beta"] == pytest.approx(1.0, abs=1e-4)
        assert fit.beta == Missing(Outcome.AT_BOUND, "beta = 1")
        assert {(note.outcome, note.field) for note in fit.notes} >= {(Outcome.BESIDE_BOUND, "rate")}
        return
    assert float(fit.beta) == pytest.approx(again["TPL_beta"], abs=3e-4)
    assert float(fit.xmin) == pytest.approx(again["xmin"], rel=1e-12)
    assert fit.notes == ()


@pytest.mark.shared
def test_without_an_end_of_the_law_the_distance_is_the_other_one(shared):
    values = np.load(shared / "data/spectra/tail_good.npy")
    kept = Spectrum.from_eigenvalues(values[values > 1e-5])
    # As powerlaw 1.5 gives it without xmax at the start 1.92982; both sides of each step add at most 1 / n.
    fit = truncated_power_law(kept, xmin="peak")
    assert float(fit.distance) == pytest.approx(0.01936, abs=0.003)


def test_finds_what_was_planted(planted, cut_off):
    fit = truncated_power_law(planted(cut_off))
    assert float(fit.beta) == pytest.approx(1.6, abs=0.01)
    assert float(fit.rate) == pytest.approx(0.02, rel=0.02)
    assert float(fit.xmin) == pytest.approx(cut_off[0], rel=1e-9)
    assert int(fit.tail_size) == 800
    assert float(fit.distance) < 2e-3
    assert fit.notes == ()
    # A power law without the cut-off is steeper: it has to explain the cut-off, too.
    assert power_law(planted(cut_off)).alpha > float(fit.beta) + 0.1


def test_rate_falls_with_the_square_of_the_scale(cut_off):
    plain, scaled = (truncated_power_law(np.diag(size * np.sqrt(cut_off))) for size in (1.0, 10.0))
    assert float(scaled.rate) == pytest.approx(float(plain.rate) / 100, rel=1e-9)
    assert float(scaled.beta) == pytest.approx(float(plain.beta), rel=1e-9)


def test_no_cut_off_is_an_edge_and_no_fit(planted):
    values = (2 * 300 / (2 * np.arange(300, 0, -1) - 1)) ** (1 / 2.5)
    heavier = np.concatenate([values, values[-1] * np.array([3.0, 9.0])])  # two outliers: no exponential cuts them off
    fit = truncated_power_law(planted(heavier))
    assert fit.rate == Missing(Outcome.AT_BOUND, "rate = 0")
    assert float(fit.beta) == pytest.approx(3.4, abs=0.2)
    assert {(note.outcome, note.field) for note in fit.notes} == {
        (Outcome.BESIDE_BOUND, "beta"),
        (Outcome.BESIDE_BOUND, "distance"),
    }


def test_noise_has_no_heavy_part():
    pinned = 0
    for seed in range(10):
        fit = truncated_power_law(np.random.default_rng(seed).standard_normal((96, 160)))
        pinned += isinstance(fit.beta, Missing)
    assert pinned >= 9


def test_the_peak_is_taken_in_eigenvalues_and_not_in_logarithms():
    rng = np.random.default_rng(2)
    values = np.sort(0.3 * np.exp(1.0 * rng.normal(size=900)))
    values = values[values > 1e-5]
    counts, ends = np.histogram(np.log10(values), bins=100)
    peak = 10 ** ends[np.argmax(counts)]
    ours = truncated_power_law(Spectrum.from_eigenvalues(values), xmin="peak")
    assert 0.95 * peak <= float(ours.xmin) <= 1.05 * peak
    # Below 1 / 0.95 the logarithm is negative, and every small eigenvalue is a candidate there.
    assert peak < 1
    theirs = truncated_power_law(Spectrum.from_eigenvalues(values), xmin="peak", convention="weightwatcher")
    assert float(theirs.xmin) <= 1.5 * peak
    assert not 0.95 * peak <= float(theirs.xmin) <= 1.05 * peak


def test_the_other_conventions_cut_at_an_absolute_threshold(cut_off):
    small = Spectrum.from_eigenvalues(cut_off * 5e-6)
    kept = int(np.sum(cut_off * 5e-6 > 1e-5))
    assert 100 < kept < 700
    assert int(truncated_power_law(small, convention="weightwatcher").tail_size) <= kept
    assert int(truncated_power_law(small).tail_size) == 800


def test_the_fit_is_made_once(cut_off, monkeypatch):
    from theodolite.numerics.tail_search import fit_tail

    calls = []
    monkeypatch.setattr(
        "theodolite.spectra._tail_families.fit_tail", lambda *a, **k: calls.append(a[1]) or fit_tail(*a, **k)
    )
    spectrum = Spectrum.from_eigenvalues(cut_off)
    for _ in range(2):
        truncated_power_law(spectrum)
    assert calls == ["truncated_power_law"]


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    pooled = truncated_power_law(Spectrum.from_eigenvalues(singular**2))
    assert float(truncated_power_law(slices).distance) == pytest.approx(float(pooled.distance), rel=1e-9)


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(truncated_power_law, matrix) is outcome
    assert refusal(truncated_power_law, matrix, xmin="peak") is outcome


def test_a_peak_without_candidates_is_refused():
    lonely = Spectrum.from_eigenvalues(10.0 ** np.linspace(0.0, 9.0, 12))
    with pytest.raises(Refusal, match="near the peak") as caught:
        truncated_power_law(lonely, xmin="peak", convention="powerlaw")
    assert caught.value.outcome is Outcome.TOO_FEW_EIGENVALUES


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(truncated_power_law)


def test_unknown_starts_are_refused(cut_off):
    with pytest.raises(ParameterError, match="xmin"):
        truncated_power_law(np.diag(cut_off), xmin="top")
