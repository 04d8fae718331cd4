"""spectral_norm: the largest singular value, not its square."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Spectrum
from theodolite.spectra import frobenius_norm, nuclear_norm, spectral_norm


def test_of_singular_values_1_to_25(ladder):
    assert spectral_norm(ladder) == pytest.approx(25, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_against_numpy(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-12)


def test_is_the_largest_gain(ladder):
    rng = np.random.default_rng(4)
    directions = rng.standard_normal((25, 200))
    gains = np.linalg.norm(ladder @ directions, axis=0) / np.linalg.norm(directions, axis=0)
    assert gains.max() <= spectral_norm(ladder)
    _, _, right = np.linalg.svd(ladder)
    assert spectral_norm(ladder) == pytest.approx(np.linalg.norm(ladder @ right[0]), rel=1e-13)


def test_is_the_norm_and_not_its_square(ladder):
    assert spectral_norm(2 * ladder) == pytest.approx(2 * spectral_norm(ladder), rel=1e-13)


def test_lies_below_the_other_norms(ladder):
    assert spectral_norm(ladder) < frobenius_norm(ladder) < nuclear_norm(ladder)


def test_of_a_stack_is_the_largest_of_any_slice(stack):
    slices, singular = stack
    assert spectral_norm(slices) == pytest.approx(singular.max(), rel=1e-13)


def test_of_eigenvalues():
    assert spectral_norm(Spectrum.from_eigenvalues(np.array([4.0, 16.0, 1.0]))) == 4


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_has_norm_zero(shape):
    assert spectral_norm(np.zeros(shape)) == 0


def test_orthogonal_one_entry_and_rank_one(planted):
    assert spectral_norm(planted(np.full(24, 2.25), rows=60)) == pytest.approx(1.5, rel=1e-13)
    assert spectral_norm(np.array([[-3.0]])) == 3
    rank_one = np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0))
    assert spectral_norm(rank_one) == pytest.approx(frobenius_norm(rank_one), rel=1e-13)


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(spectral_norm)
