"""stable_rank: all eigenvalues in units of the largest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import frobenius_norm, spectral_norm, stable_rank


def test_of_singular_values_1_to_25(ladder):
    assert stable_rank(ladder) == pytest.approx(25 * 26 * 51 / 6 / 25**2, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_is_the_ratio_of_the_squared_norms(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    expected = (np.linalg.norm(matrix) / np.linalg.norm(matrix, 2)) ** 2
    assert stable_rank(matrix) == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
def test_every_encoder_layer_of_minilm(agrees_on_minilm):
    agrees_on_minilm("stable_rank", stable_rank)


def test_gives_back_the_frobenius_norm(ladder):
    assert np.sqrt(stable_rank(ladder)) * spectral_norm(ladder) == pytest.approx(frobenius_norm(ladder), rel=1e-13)


def test_counts_dimensions_whatever_the_scale(ladder):
    for factor in (2.0, 1e-70, 1e70):
        assert stable_rank(factor * ladder) == pytest.approx(stable_rank(ladder), rel=1e-13)


def test_is_the_value_of_a_gaussian_matrix_that_the_docstring_gives():
    rows, columns = 600, 300
    expected = rows * columns / (np.sqrt(rows) + np.sqrt(columns)) ** 2
    assert stable_rank(np.random.default_rng(2).standard_normal((rows, columns))) == pytest.approx(expected, rel=0.03)


def test_of_a_stack_is_over_the_largest_of_any_slice(stack):
    slices, singular = stack
    assert stable_rank(slices) == pytest.approx((singular**2).sum() / (singular**2).max(), rel=1e-12)


def test_of_eigenvalues():
    assert stable_rank(Spectrum.from_eigenvalues(np.array([4.0, 1.0, 0.0, 9.0]))) == pytest.approx(14 / 9, rel=1e-15)


@pytest.mark.parametrize("rows", [24, 60])
def test_equal_singular_values(planted, rows):
    assert stable_rank(planted(np.full(24, 2.25), rows=rows)) == pytest.approx(24, rel=1e-12)


@pytest.mark.parametrize("matrix", [np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)), np.ones((30, 20)), -np.eye(1)])
def test_rank_one_is_one_and_not_less(matrix):
    assert 1 <= stable_rank(matrix) <= 1 + 1e-12


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(stable_rank, np.zeros(shape)) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(stable_rank)
