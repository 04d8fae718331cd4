"""frobenius_norm: the root of the sum of squares, of entries and of singular values alike."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Spectrum
from theodolite.spectra import frobenius_norm


def test_of_singular_values_1_to_25(ladder):
    assert frobenius_norm(ladder) == pytest.approx(sqrt(25 * 26 * 51 / 6), rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_is_the_root_of_the_sum_of_squared_entries(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    assert frobenius_norm(matrix) == pytest.approx(np.linalg.norm(matrix), rel=1e-12)


def test_is_the_norm_and_not_its_square(ladder):
    assert frobenius_norm(2 * ladder) == pytest.approx(2 * frobenius_norm(ladder), rel=1e-13)


def test_a_stack_counts_as_one(stack):
    slices, _ = stack
    assert frobenius_norm(slices) == pytest.approx(np.sqrt((slices**2).sum()), rel=1e-13)


def test_of_eigenvalues():
    assert frobenius_norm(Spectrum.from_eigenvalues(np.array([4.0, 0.0, 12.0, 9.0]))) == 5.0


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_has_norm_zero(shape):
    assert frobenius_norm(np.zeros(shape)) == 0


def test_one_entry_and_rank_one():
    assert frobenius_norm(np.array([[-3.0]])) == 3
    left, right = np.arange(1.0, 9.0), np.arange(1.0, 12.0)  # squares sum to 204 and 506
    assert frobenius_norm(np.outer(left, right)) == pytest.approx(sqrt(204 * 506), rel=1e-13)


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(frobenius_norm)
