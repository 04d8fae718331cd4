"""numerical_rank: singular values above a relative threshold, certified or decomposed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import numerical_rank

EPSILON = 2.0**-52


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 30), columns=st.integers(1, 30), rank=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_of_a_product_of_factors(rows, columns, rank, seed):
    rng = np.random.default_rng(seed)
    rank = min(rank, rows, columns)
    assert numerical_rank(rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))) == rank


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 30), decades=st.floats(0, 25), seed=st.integers(0, 2**32 - 1))
def test_against_numpy_at_any_condition(n, decades, seed):
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((30, 30)))[0][:, :n] for _ in range(2))
    matrix = left * 10 ** -(decades * rng.random(n)) @ right.T
    singular = np.linalg.svd(matrix, compute_uv=False)
    threshold = singular[0] * 30 * EPSILON
    if np.all(np.abs(singular - threshold) > 0.5 * threshold):  # nearer, rounding decides in either library
        assert numerical_rank(matrix) == np.linalg.matrix_rank(matrix)


def test_singular_values_below_the_reach_of_the_gram_matrix_count(planted):
    singular = 10.0 ** -np.arange(0, 14)
    matrix = planted(singular**2, rows=30)
    assert numerical_rank(matrix) == 14
    eigenvalues = Spectrum(matrix).eigenvalues
    assert np.count_nonzero(eigenvalues > 1e-15 * eigenvalues[-1]) < 14  # what the decomposition is for


def test_the_threshold_is_on_singular_values(planted):
    matrix = planted(np.array([1.0, 1e-2, 1e-6, 1e-12]))  # singular values 1, 0.1, 1e-3, 1e-6
    found = [int(numerical_rank(matrix, tolerance=tolerance)) for tolerance in (0.5, 0.05, 1e-2, 1e-4, 1e-5, 1e-7)]
    assert found == [1, 2, 2, 3, 3, 4]
    assert numerical_rank(3e4 * matrix, tolerance=1e-4) == 3


def test_the_threshold_itself_is_not_above_it():
    assert numerical_rank(np.diag([1.0, 0.25, 0.25, 0.5]), tolerance=0.25) == 2
    assert numerical_rank(Spectrum.from_eigenvalues(np.array([1.0, 0.0625, 0.25])), tolerance=0.25) == 2


def test_the_default_threshold_grows_with_the_longer_side():
    tiny = np.diag([1.0, 100 * EPSILON])
    assert numerical_rank(tiny) == 2
    for long in (50, 200):
        padded = np.zeros((2, long))
        padded[:, :2] = tiny
        assert numerical_rank(padded) == (2 if long < 100 else 1)


def test_of_eigenvalues_their_roots_decide():
    values = np.array([4.0, 1.0, 0.0, 9.0])
    assert numerical_rank(Spectrum.from_eigenvalues(values)) == 3
    assert numerical_rank(Spectrum.from_eigenvalues(values), tolerance=0.5) == 2
    values = np.array([1.0, (100 * EPSILON) ** 2])
    assert numerical_rank(Spectrum.from_eigenvalues(values)) == 2
    assert numerical_rank(Spectrum.from_eigenvalues(values, shape=(2, 200))) == 1
    assert numerical_rank(Spectrum.from_eigenvalues(np.append(np.ones(199), values[1]))) == 199


def test_of_a_stack_against_the_largest_of_any_slice(stack):
    slices, singular = stack
    assert numerical_rank(slices) == 28
    for tolerance in (0.5, 0.1, 0.05):
        assert numerical_rank(slices, tolerance=tolerance) == np.count_nonzero(singular > tolerance * singular.max())


def test_a_decomposition_of_its_own_only_where_it_is_needed(planted, undecomposed):
    undecomposed(numerical_rank, np.random.default_rng(0).standard_normal((60, 40)))
    near_singular = planted(np.concatenate([np.ones(3), np.full(9, 1e-16)]))
    with pytest.raises(AssertionError, match="Gram"):
        undecomposed(numerical_rank, near_singular)
    undecomposed(lambda spectrum: numerical_rank(spectrum, tolerance=1e-3), near_singular)


def test_is_a_whole_number(ladder):
    rank = numerical_rank(ladder)
    assert rank == 25
    assert rank.dtype == np.int64
    assert numerical_rank(2 * ladder) == 25


@pytest.mark.parametrize("matrix", [np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)), np.ones((30, 20)), -np.eye(1)])
def test_rank_one(matrix):
    assert numerical_rank(matrix) == 1


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(numerical_rank, np.zeros(shape)) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(numerical_rank)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -0.1, float("nan")])
def test_a_tolerance_outside_its_range_is_refused(ladder, tolerance):
    with pytest.raises(ParameterError, match="tolerance"):
        numerical_rank(ladder, tolerance=tolerance)
