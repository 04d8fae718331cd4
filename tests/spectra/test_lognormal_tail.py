"""lognormal_tail: the printed fits, planted parameters, where it becomes a power law, and what is refused."""

import json

import numpy as np
import pytest
from scipy.special import ndtri

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import lognormal_tail, power_law


@pytest.mark.shared
@pytest.mark.parametrize("name", ["good", "mediocre", "bad"])
def test_printed_fits(shared, name):
    values = np.load(shared / f"data/spectra/tail_{name}.npy")
    printed = json.loads((shared / "reference/ref_spectra.json").read_text())["nlp_three_ESDs"]["published_in_figure"]
    fit = lognormal_tail(Spectrum.from_eigenvalues(values), xmin="peak", convention="powerlaw")
    assert round(float(fit.sigma), 2) == printed[name]["LN_sigma"]
    assert round(float(fit.distance), 2) == printed[name]["LN_D"]


def test_finds_what_was_planted(planted):
    values = np.exp(0.7 + 1.2 * ndtri((np.arange(500) + 0.5) / 500))
    fit = lognormal_tail(planted(values))
    assert float(fit.sigma) == pytest.approx(1.2, abs=0.05)
    assert float(fit.mu) == pytest.approx(0.7, abs=0.1)
    assert int(fit.tail_size) > 450


def test_a_part_above_a_cut_tells_of_the_whole():
    # The upper 15 % alone: centre and spread of what lies below have to come from the curvature above.
    found = []
    for seed in range(30):
        draws = np.exp(np.random.default_rng(seed).normal(0.0, 1.0, 6000))
        upper = np.sort(draws)[-900:]
        fit = lognormal_tail(Spectrum.from_eigenvalues(upper))
        if int(fit.tail_size) > 800:
            found.append([float(fit.mu), float(fit.sigma)])
    assert len(found) > 5
    assert np.median(found, axis=0) == pytest.approx([0.0, 1.0], abs=0.25)


def test_scale_shifts_the_centre_alone():
    values = np.exp(1.5 * np.random.default_rng(0).normal(size=300))
    plain, scaled = (lognormal_tail(Spectrum.from_eigenvalues(size * values)) for size in (1.0, 50.0))
    assert float(scaled.mu) == pytest.approx(float(plain.mu) + np.log(50.0), rel=1e-9)
    assert float(scaled.sigma) == pytest.approx(float(plain.sigma), rel=1e-9)


def test_the_sigma_of_eigenvalues_is_twice_that_of_singular_values():
    values = np.exp(0.8 * np.random.default_rng(0).normal(size=300))
    of_eigenvalues = lognormal_tail(Spectrum.from_eigenvalues(values**2))
    of_singular_values = lognormal_tail(Spectrum.from_eigenvalues(values))
    assert float(of_eigenvalues.sigma) == pytest.approx(2 * float(of_singular_values.sigma), rel=1e-9)


def test_tails_as_heavy_as_a_power_law_have_no_lognormal(refusal):
    # The gaps of the logarithms grow upwards, so that every tail is heavier than a power law.
    values = np.exp(np.cumsum(1.25 ** np.arange(14.0)) * 0.05)
    assert power_law(Spectrum.from_eigenvalues(values)).alpha > 1
    y = np.log(values)
    for start in range(13):
        part = y[start:] - y[start]
        if np.mean(part**2) < 2 * np.mean(part) ** 2:
            break
    else:
        assert refusal(lognormal_tail, Spectrum.from_eigenvalues(values)) is Outcome.AT_BOUND
        return
    fit = lognormal_tail(Spectrum.from_eigenvalues(values))
    part = y[y >= np.log(float(fit.xmin)) - 1e-12] - np.log(float(fit.xmin))
    assert np.mean(part**2) < 2 * np.mean(part) ** 2


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(lognormal_tail, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(lognormal_tail)
