"""nuclear_norm: the sum of singular values, exact however small they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Spectrum
from theodolite.spectra import frobenius_norm, nuclear_norm


def test_of_singular_values_1_to_25(ladder):
    assert nuclear_norm(ladder) == pytest.approx(25 * 26 / 2, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_against_numpy(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    assert nuclear_norm(matrix) == pytest.approx(np.linalg.norm(matrix, "nuc"), rel=1e-9)


@pytest.mark.shared
def test_every_encoder_layer_of_minilm(agrees_on_minilm):
    agrees_on_minilm("nuclear_norm", nuclear_norm)


def test_no_square_hides(ladder):
    assert nuclear_norm(2 * ladder) == pytest.approx(2 * nuclear_norm(ladder), rel=1e-13)


@pytest.mark.parametrize("rank", [1, 5, 25])
def test_bounds_by_the_frobenius_norm(planted, rank):
    equal = planted(np.concatenate([np.full(rank, 2.25), np.zeros(25 - rank)]), rows=40)
    assert nuclear_norm(equal) == pytest.approx(np.sqrt(rank) * frobenius_norm(equal), rel=1e-12)
    assert nuclear_norm(equal) == pytest.approx(1.5 * rank, rel=1e-12)


def test_of_a_symmetric_positive_matrix_is_the_trace():
    factor = np.random.default_rng(5).standard_normal((30, 12))
    assert nuclear_norm(factor @ factor.T) == pytest.approx((factor**2).sum(), rel=1e-12)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    assert nuclear_norm(slices) == pytest.approx(singular.sum(), rel=1e-12)


def test_of_eigenvalues_is_the_sum_of_their_roots():
    assert nuclear_norm(Spectrum.from_eigenvalues(np.array([4.0, 1.0, 0.0, 9.0]))) == 6
    assert nuclear_norm(Spectrum.from_eigenvalues(np.array([4.0, 0.0, 9.0]), shape=(3, 700))) == 5


def test_singular_values_below_the_reach_of_the_gram_matrix(planted):
    singular = 10.0 ** -np.arange(0, 14)
    matrix = planted(singular**2, rows=30)
    assert nuclear_norm(matrix) == pytest.approx(singular.sum(), rel=1e-13)
    by_roots = np.sqrt(Spectrum(matrix).eigenvalues).sum()
    assert abs(by_roots - singular.sum()) > 1e-10  # what the decomposition is for


def test_a_decomposition_of_its_own_only_where_it_is_needed(planted, undecomposed):
    undecomposed(nuclear_norm, np.random.default_rng(0).standard_normal((60, 40)))
    with pytest.raises(AssertionError, match="Gram"):
        undecomposed(nuclear_norm, planted(np.concatenate([np.ones(3), np.full(9, 1e-16)])))


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_has_norm_zero(shape):
    assert nuclear_norm(np.zeros(shape)) == 0


def test_one_entry():
    assert nuclear_norm(np.array([[-3.0]])) == 3


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(nuclear_norm)
