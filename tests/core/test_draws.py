"""Spectra drawn together are spectra, and share what is computed of them all."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core.draws import DrawnSpectrum, Draws
from theodolite.core.views import Spectrum

SAMPLES = np.sort(np.random.default_rng(0).exponential(size=(5, 40)), axis=1)
MEASURES = ("stable_rank", "effective_rank", "hill", "spectral_norm", "numerical_rank")


def fit_or_outcome(spectrum: Spectrum, parameters: dict) -> object:
    try:
        return td.spectra.power_law(spectrum, **parameters)
    except td.Refusal as refusal:
        return refusal.outcome


@pytest.mark.parametrize("name", MEASURES)
def test_a_draw_is_measured_as_the_spectrum_that_it_is(name: str):
    measure = getattr(td.spectra, name)
    alone = [Spectrum.from_eigenvalues(row, shape=(40, 60)) for row in SAMPLES]
    for drawn, spectrum in zip(Draws(SAMPLES, (40, 60)), alone, strict=True):
        assert float(measure(drawn)) == float(measure(spectrum))
        assert (drawn.shape, drawn.count, drawn.has) == (spectrum.shape, spectrum.count, spectrum.has)
        assert drawn.error_bound == spectrum.error_bound


@pytest.mark.parametrize("parameters", [{}, {"convention": "weightwatcher"}, {"truncated": True}])
def test_tails_fitted_together_are_those_fitted_alone(parameters: dict):
    samples = SAMPLES.copy()
    samples[2, :7] = 0.0
    samples[3, :35] = 0.0
    for drawn, row in zip(Draws(samples), samples, strict=True):
        spectrum = Spectrum.from_eigenvalues(row)
        assert fit_or_outcome(drawn, parameters) == fit_or_outcome(spectrum, parameters)


def test_what_all_share_is_computed_once():
    draws = Draws(SAMPLES)
    asked = []
    for _ in draws:
        assert draws.once("sum", lambda: asked.append(1) or "done") == "done"
    assert asked == [1]
    assert len(draws) == 5
    assert all(isinstance(drawn, DrawnSpectrum) and isinstance(drawn, Spectrum) for drawn in draws)
