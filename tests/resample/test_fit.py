"""The goodness of fit: uniform where the law is true, small where it is not."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome
from theodolite.resample import with_null, with_p_value

DRAWS = 99


def p_value(values: np.ndarray, seed: int, **parameters) -> float:
    spectrum = td.Spectrum.from_eigenvalues(values)
    fit = with_p_value(td.spectra.power_law, draws=DRAWS)(spectrum, rng=seed, **parameters)
    return fit.chances["distance"].p_value


def from_uniform(p_values: list[float]) -> float:
    """Kolmogorov-Smirnov distance from the uniform law, in units of one over the root of their number."""
    ordered = np.sort(p_values)
    steps = np.arange(1, ordered.size + 1) / ordered.size
    return float(np.max(np.maximum(steps - ordered, ordered - steps + 1 / ordered.size))) * ordered.size**0.5


def test_p_values_are_nearly_uniform_where_the_law_is_true():
    # The fitted law stands for the true one, so that they are a little too large: a mean of 0.55 over many seeds.
    p_values = []
    for seed in range(100):
        rng = np.random.default_rng([seed, 11])
        p_values.append(p_value((1 - rng.random(200)) ** (-1 / 1.5), seed))
    assert from_uniform(p_values) < 1.36  # 5 % of uniform samples lie beyond
    assert np.mean(np.asarray(p_values) <= 0.1) <= 0.12


def test_exponential_data_are_no_power_law():
    # Not in every draw: the search may retreat to a tail too short to speak against any law.
    p_values = [p_value(np.random.default_rng([seed, 1]).exponential(size=3000), seed) for seed in range(12)]
    assert np.sum(np.asarray(p_values) < 0.1) >= 6  # of uniform ones, in 5 of 10,000 cases


def test_a_lognormal_of_long_tail_is_told_from_a_power_law():
    values = np.exp(0.3 * np.random.default_rng(0).standard_normal(3000))
    assert p_value(values, 0) < 0.1


@pytest.mark.parametrize("parameters", [{"convention": "weightwatcher"}, {"truncated": True}])
def test_every_way_to_fit_has_its_own_test(parameters: dict):
    p_values = []
    for seed in range(40):
        u = np.random.default_rng([seed, 12]).random(150)
        reach = 1 - 50.0**-1.5 if "truncated" in parameters else 1.0
        p_values.append(p_value((1 - u * reach) ** (-1 / 1.5), seed, **parameters))
    assert from_uniform(p_values) < 1.63


def test_synthetic_samples_keep_the_body_and_follow_the_law_above():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.random(300), (1 - rng.random(300)) ** (-1 / 1.5)])
    spectrum = td.Spectrum.from_eigenvalues(values)
    fit = td.spectra.power_law(spectrum)
    synthetic = td.spectra.power_law.traits.synthetic
    drawn = synthetic(spectrum, fit, {"convention": "theodolite", "truncated": False}, 400, np.random.default_rng(0))
    tail = drawn[drawn >= float(fit.xmin)]
    assert set(drawn[drawn < float(fit.xmin)]) <= set(values)
    assert tail.size / drawn.size == pytest.approx(float(fit.tail_size) / 600, rel=0.02)
    rate = 1 / np.mean(np.log(tail / float(fit.xmin)))
    assert 1 + rate == pytest.approx(float(fit.alpha), rel=0.02)


def test_only_a_fit_can_be_tested():
    with pytest.raises(TypeError, match=r"with_p_value: marchenko_pastur declares no law to draw from"):
        with_p_value(td.spectra.marchenko_pastur)
    with pytest.raises(TypeError, match=r"with_p_value: hill declares no law"):
        with_p_value(td.spectra.hill)


def test_beside_a_null_the_distance_keeps_the_p_value_of_the_fit():
    matrix = np.random.default_rng(0).standard_normal((40, 50))
    alone = with_p_value(td.spectra.power_law, draws=19)(matrix, rng=0)
    both = with_null(with_p_value(td.spectra.power_law, draws=19), draws=19)(matrix, rng=0)
    assert both.chances["distance"].p_value == alone.chances["distance"].p_value
    assert both.chances["distance"].percentile is not None
    assert both.chances["alpha"].p_value is not None


def test_synthetic_samples_without_a_fit_are_counted():
    few = td.Spectrum.from_eigenvalues(np.concatenate([np.full(6, 1e-12), [1.0, 3.0]]))
    result = with_p_value(td.spectra.power_law, draws=19)(few, rng=0)
    p_value_ = result.chances.get("distance")
    noted = [note for note in result.notes if note.outcome is Outcome.NO_NULL]
    assert (p_value_ is None) == bool(noted)
