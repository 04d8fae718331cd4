"""spectral_entropy: the entropy of the eigenvalues' shares over its largest value, in two conventions."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import spectral_entropy

WW = {"convention": "weightwatcher"}


def test_of_shares_that_are_powers_of_a_half(planted):
    values = np.array([8.0, 4.0, 2.0, 1.0, 1.0])  # shares 1/2 1/4 1/8 1/16 1/16: 15/8 bits
    assert spectral_entropy(planted(values, rows=9)) == pytest.approx(15 / 8 / np.log2(5), rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_against_numpy(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    shares = np.linalg.svd(matrix, compute_uv=False) ** 2
    shares /= shares.sum()
    expected = -(shares * np.log(shares)).sum() / np.log(min(rows, columns))
    assert spectral_entropy(matrix) == pytest.approx(expected, rel=1e-9)


def test_the_other_convention_by_hand():
    values = np.array([1.0, 2.0, 5.0, 0.0])
    shares = values / 8 + 1e-10
    expected = -(shares * np.log(shares)).sum() / np.log(3 + 1e-10)
    matrix = np.diag(np.sqrt(values))
    assert spectral_entropy(matrix, **WW) == pytest.approx(expected, rel=1e-13)
    assert spectral_entropy(matrix) == pytest.approx(expected * np.log(3) / np.log(4), rel=1e-7)


def test_the_other_convention_adds_to_every_share():
    values = np.concatenate([np.zeros(50), np.ones(2)])
    added = -50 * 1e-10 * log(1e-10)
    spectrum = Spectrum.from_eigenvalues(values)
    assert spectral_entropy(spectrum, **WW) == pytest.approx(1 + added / log(2), abs=1e-9)
    assert spectral_entropy(spectrum) == pytest.approx(log(2) / log(52), rel=1e-13)


def test_of_equal_eigenvalues_of_low_rank_the_conventions_differ(planted):
    matrix = planted(np.concatenate([np.zeros(12), np.full(4, 2.25)]), rows=20)
    assert spectral_entropy(matrix) == pytest.approx(0.5, rel=1e-12)  # ln 4 / ln 16
    assert spectral_entropy(matrix, **WW) == pytest.approx(1, rel=1e-7)


def test_is_free_of_scale(ladder):
    for factor in (2.0, 1e-70, 1e70):
        assert spectral_entropy(factor * ladder) == pytest.approx(spectral_entropy(ladder), rel=1e-13)
        assert spectral_entropy(factor * ladder, **WW) == pytest.approx(spectral_entropy(ladder, **WW), rel=1e-13)


def test_of_a_square_gaussian_matrix_is_what_the_docstring_gives():
    assert spectral_entropy(np.random.default_rng(2).standard_normal((1000, 1000))) == pytest.approx(0.93, abs=0.005)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    shares = singular**2 / (singular**2).sum()
    assert spectral_entropy(slices) == pytest.approx(-(shares * np.log(shares)).sum() / np.log(28), rel=1e-12)


@pytest.mark.parametrize("rows", [24, 60])
def test_equal_singular_values_give_one_and_not_more(planted, rows):
    assert 1 - 1e-12 <= spectral_entropy(planted(np.full(24, 2.25), rows=rows)) <= 1


def test_rounding_never_lifts_it_above_one():
    assert all(spectral_entropy(Spectrum.from_eigenvalues(np.full(n, 0.7))) <= 1 for n in range(2, 200))


@pytest.mark.parametrize("matrix", [np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)), np.ones((30, 20))])
def test_rank_one_is_zero_and_the_other_convention_refuses(matrix, refusal):
    assert 0 <= spectral_entropy(matrix) <= 1e-12
    assert refusal(spectral_entropy, matrix, **WW) is Outcome.TOO_FEW_EIGENVALUES


def test_one_eigenvalue_is_refused(refusal):
    for matrix in (np.array([[-3.0]]), np.ones((1, 9))):
        assert refusal(spectral_entropy, matrix) is Outcome.TOO_FEW_EIGENVALUES
        assert refusal(spectral_entropy, matrix, **WW) is Outcome.TOO_FEW_EIGENVALUES


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape):
    assert refusal(spectral_entropy, np.zeros(shape)) is Outcome.ALL_ZERO
    assert refusal(spectral_entropy, np.zeros(shape), **WW) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(spectral_entropy)


def test_an_unknown_convention_is_refused(ladder):
    with pytest.raises(ParameterError, match="convention"):
        spectral_entropy(ladder, convention="weightwacher")
