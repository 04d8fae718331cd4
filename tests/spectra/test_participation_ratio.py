"""participation_ratio: the inverse of the sum of squared shares of eigenvalues."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import effective_rank, numerical_rank, participation_ratio, stable_rank


def test_of_singular_values_1_to_25(ladder):
    squares = 25 * 26 * 51 / 6
    fourth_powers = 25 * 26 * 51 * (3 * 25**2 + 3 * 25 - 1) / 30
    assert participation_ratio(ladder) == pytest.approx(squares**2 / fourth_powers, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_from_traces_without_a_decomposition(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    gram = matrix @ matrix.T
    assert participation_ratio(matrix) == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-11)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(2, 30), columns=st.integers(2, 30), rank=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_its_place_among_the_ranks(rows, columns, rank, seed):
    rng = np.random.default_rng(seed)
    rank = min(rank, rows, columns)
    spectrum = Spectrum(rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns)))
    of_eigenvalues = effective_rank(spectrum, of="eigenvalues")
    chain = [1, stable_rank(spectrum), participation_ratio(spectrum), of_eigenvalues, effective_rank(spectrum), rank]
    assert all(low <= high * (1 + 1e-9) for low, high in pairwise(chain))
    if rank > 1:  # orders infinity, 2 and 1 of the Rényi entropy fall apart
        assert stable_rank(spectrum) < participation_ratio(spectrum) < of_eigenvalues < effective_rank(spectrum) < rank
    assert numerical_rank(spectrum) == rank


def test_counts_dimensions_whatever_the_scale(ladder):
    for factor in (2.0, 1e-100, 1e100):
        assert participation_ratio(factor * ladder) == pytest.approx(participation_ratio(ladder), rel=1e-13)


def test_half_the_side_of_a_square_gaussian_matrix():
    matrix = np.random.default_rng(2).standard_normal((400, 400))
    assert participation_ratio(matrix) == pytest.approx(200, rel=0.02)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    assert participation_ratio(slices) == pytest.approx((singular**2).sum() ** 2 / (singular**4).sum(), rel=1e-12)


def test_of_eigenvalues():
    values = np.array([4.0, 1.0, 0.0, 9.0])
    assert participation_ratio(Spectrum.from_eigenvalues(values)) == pytest.approx(14**2 / 98, rel=1e-15)


@pytest.mark.parametrize("rows", [24, 60])
def test_equal_singular_values(planted, rows):
    assert participation_ratio(planted(np.full(24, 2.25), rows=rows)) == pytest.approx(24, rel=1e-12)


@pytest.mark.parametrize("matrix", [np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)), np.ones((30, 20)), -np.eye(1)])
def test_rank_one_is_one_and_not_less(matrix):
    assert 1 <= participation_ratio(matrix) <= 1 + 1e-12


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(participation_ratio, np.zeros(shape)) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(participation_ratio)
