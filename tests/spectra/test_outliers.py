"""outliers: right as often as its level says, planted directions found, and nothing that unequal kernels make."""

import numpy as np
import pytest

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.tracy_widom import edge_law, tracy_widom_survival
from theodolite.spectra import marchenko_pastur, outliers
from theodolite.testing import gaussian

SHAPES = [(8, 64), (16, 16), (64, 64), (64, 576), (128, 128), (10, 3000), (96, 384), (256, 256)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_noise_has_none(shape):
    spectra = [Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, seed), shape) for seed in range(100)]
    found = [outliers(spectrum) for spectrum in spectra]
    assert sum(one.count == 0 for one in found) >= 95
    for one in found:
        assert (one.count == 0) == (one.p_value >= 0.01) or one.p_value == pytest.approx(0.01, rel=0.5)


def test_the_p_value_is_uniform_in_noise():
    values = [
        float(outliers(Spectrum.from_eigenvalues(gaussian_eigenvalues((24, 60), seed), (24, 60)), level=0.001).p_value)
        for seed in range(600)
    ]
    steps = np.arange(601) / 600
    ordered = np.sort(values)
    assert max(np.max(ordered - steps[:-1]), np.max(steps[1:] - ordered)) < 0.1


def test_a_looser_level_finds_more_noise():
    spectra = [Spectrum.from_eigenvalues(gaussian_eigenvalues((32, 50), seed), (32, 50)) for seed in range(300)]
    share = np.mean([outliers(spectrum, level=0.2).count > 0 for spectrum in spectra])
    assert share == pytest.approx(0.2, abs=0.07)


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("shape", [(128, 128), (300, 150), (100, 900)], ids=str)
def test_planted_directions_are_found(shape, count):
    """Singular values of 1.15 to 3 times that of the noise."""
    rng = np.random.default_rng(count)
    left = np.linalg.qr(rng.standard_normal((shape[0], count)))[0]
    right = np.linalg.qr(rng.standard_normal((shape[1], count)))[0]
    sizes = np.linspace(1.15, 3.0, count) * (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    matrix = rng.standard_normal(shape) + left * sizes @ right.T
    found = outliers(matrix)
    assert found.count == count
    assert found.p_value < 1e-6
    assert np.sum(Spectrum(matrix).eigenvalues > found.edge) == count


def test_statistic_and_p_value_are_those_of_the_largest_eigenvalue():
    spectrum = Spectrum(gaussian(50, 80, sd=0.1, rng=2))
    found, bulk = outliers(spectrum), marchenko_pastur(spectrum)
    assert found.count == bulk.spikes == 0
    expected = edge_law(50, 80).statistic(float(spectrum.eigenvalues[-1] / bulk.variance))
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(tracy_widom_survival(expected))
    assert found.edge == pytest.approx(edge_law(50, 80).threshold(0.01) * bulk.variance)


def test_far_beyond_the_edge_the_p_value_is_zero_and_not_less():
    assert outliers(gaussian(60, 40, rng=1) + 100.0).p_value == 0.0


def test_a_stack_is_tested_as_a_whole():
    noise = [
        gaussian(9 * 32, 32, rng=seed).reshape(9, 32, 32) * np.arange(1.0, 10)[:, None, None] for seed in range(60)
    ]
    found = [outliers(stack) for stack in noise]
    assert sum(one.count == 0 for one in found) >= 56
    assert np.mean([one.p_value < 0.2 for one in found]) == pytest.approx(0.2, abs=0.15)
    noise[0][3] += 3.0
    one = outliers(noise[0])
    alone = outliers(noise[0][3])
    assert one.count == 1
    assert one.statistic == pytest.approx(alone.statistic)
    assert one.p_value == pytest.approx(9 * alone.p_value, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("level", [0.0, 0.5, -1.0])
def test_a_level_is_a_small_probability(level):
    with pytest.raises(ParameterError, match="outliers: parameter 'level'"):
        outliers(gaussian(20, 20), level=level)


@pytest.mark.parametrize(
    ("matrix", "outcome"),
    [
        (np.zeros((20, 20)), Outcome.ALL_ZERO),
        (np.ones((20, 20)), Outcome.TOO_FEW_EIGENVALUES),
        (3.0 * np.eye(20), Outcome.NO_SPREAD),
        (np.diag(10.0 ** np.arange(12.0)), Outcome.NO_BULK),
    ],
    ids=["zero", "constant", "equal", "geometric"],
)
def test_refusals(refusal, matrix, outcome):
    assert refusal(outliers, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(outliers)
