"""log_norm: decades of the squared Frobenius norm."""

from math import log10

import numpy as np
import pytest

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import frobenius_norm, log_norm


def test_of_singular_values_1_to_25(ladder):
    assert log_norm(ladder) == pytest.approx(log10(25 * 26 * 51 / 6), rel=1e-13)


@pytest.mark.parametrize("size", [1e-60, 1e-3, 1.0, 1e60])
def test_is_the_logarithm_of_the_sum_of_squared_entries(size):
    matrix = np.random.default_rng(1).standard_normal((30, 50))
    assert log_norm(size * matrix) == pytest.approx(2 * log10(size) + log10((matrix**2).sum()), rel=1e-13, abs=1e-13)


def test_a_square_hides_in_the_logarithm(ladder):
    assert log_norm(2 * ladder) - log_norm(ladder) == pytest.approx(2 * log10(2), rel=1e-12)
    assert log_norm(ladder) == pytest.approx(2 * log10(frobenius_norm(ladder)), rel=1e-13)


def test_a_stack_counts_as_one(stack):
    slices, _ = stack
    assert log_norm(slices) == pytest.approx(log10((slices**2).sum()), rel=1e-13)


def test_of_eigenvalues():
    assert log_norm(Spectrum.from_eigenvalues(np.array([40.0, 0.0, 960.0]))) == 3


def test_norm_one_is_zero_decades():
    assert log_norm(np.array([[0.6, 0.0], [0.0, -0.8]])) == pytest.approx(0, abs=1e-15)
    assert log_norm(np.array([[-1.0]])) == 0


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(log_norm, np.zeros(shape)) is Outcome.ALL_ZERO
    assert refusal(log_norm, Spectrum.from_eigenvalues(np.zeros(4))) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(log_norm)
