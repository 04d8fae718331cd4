"""log_spectral_norm: decades of the largest eigenvalue."""

from math import log10

import numpy as np
import pytest

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import log_norm, log_spectral_norm, spectral_norm, stable_rank


def test_of_singular_values_1_to_25(ladder):
    assert log_spectral_norm(ladder) == pytest.approx(2 * log10(25), rel=1e-13)


@pytest.mark.parametrize("size", [1e-60, 1e-3, 1.0, 1e60])
def test_against_numpy(size):
    matrix = np.random.default_rng(1).standard_normal((30, 50))
    expected = 2 * log10(size) + 2 * log10(np.linalg.norm(matrix, 2))
    assert log_spectral_norm(size * matrix) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_a_square_hides_in_the_logarithm(ladder):
    assert log_spectral_norm(2 * ladder) - log_spectral_norm(ladder) == pytest.approx(2 * log10(2), rel=1e-12)
    assert log_spectral_norm(ladder) == pytest.approx(2 * log10(spectral_norm(ladder)), rel=1e-13)


def test_scaling_of_convolutions_takes_off_what_the_docstring_says(ladder):
    halved = np.sqrt(0.5) * ladder
    assert log_spectral_norm(ladder) - log_spectral_norm(halved) == pytest.approx(log10(2), rel=1e-12)
    assert round(log10(2), 3) == 0.301


def test_differs_from_log_norm_by_the_stable_rank(ladder):
    difference = log_norm(ladder) - log_spectral_norm(ladder)
    assert difference == pytest.approx(log10(stable_rank(ladder)), rel=1e-12)


def test_of_a_stack_is_that_of_the_largest_slice(stack):
    slices, singular = stack
    assert log_spectral_norm(slices) == pytest.approx(2 * log10(singular.max()), rel=1e-13)


def test_of_eigenvalues():
    assert log_spectral_norm(Spectrum.from_eigenvalues(np.array([3.0, 1000.0, 999.0]))) == pytest.approx(3, rel=1e-15)


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(log_spectral_norm, np.zeros(shape)) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(log_spectral_norm)
