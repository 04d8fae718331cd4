"""Closed forms against numpy.linalg, identities between them, and their edges."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite import spectra
from theodolite.core import Outcome, ParameterError, Refusal, Spectrum
from theodolite.spectra import (
    effective_rank,
    frobenius_norm,
    log_norm,
    log_spectral_norm,
    nuclear_norm,
    numerical_rank,
    participation_ratio,
    spectral_entropy,
    spectral_norm,
    stable_rank,
)

COUNTS = (stable_rank, participation_ratio, effective_rank)
NEED_WEIGHT = (*COUNTS, numerical_rank, spectral_entropy, log_norm, log_spectral_norm)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_against_numpy(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    s = np.linalg.svd(matrix, compute_uv=False)
    p, q = s / s.sum(), s**2 / (s**2).sum()
    expected = {
        frobenius_norm: np.linalg.norm(matrix),
        spectral_norm: np.linalg.norm(matrix, 2),
        nuclear_norm: np.linalg.norm(matrix, "nuc"),
        log_norm: 2 * np.log10(np.linalg.norm(matrix)),
        log_spectral_norm: 2 * np.log10(s[0]),
        stable_rank: (s**2).sum() / s[0] ** 2,
        participation_ratio: 1 / (q**2).sum(),
        effective_rank: np.exp(-(p * np.log(p)).sum()),
        spectral_entropy: -(q * np.log(q)).sum() / np.log(s.size),
        numerical_rank: np.linalg.matrix_rank(matrix),
    }
    spectrum = Spectrum(matrix)
    for measure, value in expected.items():
        assert measure(spectrum) == pytest.approx(value, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 30), m=st.integers(2, 30), rank=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_order_of_the_counts(n, m, rank, seed):
    rng = np.random.default_rng(seed)
    rank = min(rank, n, m)
    spectrum = Spectrum(rng.standard_normal((n, rank)) @ rng.standard_normal((rank, m)))
    slack = 1 + 1e-9
    assert numerical_rank(spectrum) == rank
    of_eigenvalues = effective_rank(spectrum, of="eigenvalues")
    chain = [1, stable_rank(spectrum), participation_ratio(spectrum), of_eigenvalues, effective_rank(spectrum), rank]
    assert all(low <= high * slack for low, high in pairwise(chain))
    largest = spectral_norm(spectrum) ** 2
    assert stable_rank(spectrum) * largest == pytest.approx(frobenius_norm(spectrum) ** 2)
    assert of_eigenvalues == pytest.approx(min(n, m) ** spectral_entropy(spectrum))
    assert frobenius_norm(spectrum) <= nuclear_norm(spectrum) * slack
    assert nuclear_norm(spectrum) <= np.sqrt(rank) * frobenius_norm(spectrum) * slack


@pytest.mark.parametrize("rows", [24, 60])
def test_orthogonal(planted, rows):
    spectrum = Spectrum(planted(np.full(24, 2.25), rows=rows))
    for count in COUNTS:
        assert count(spectrum) == pytest.approx(24, rel=1e-12)
    assert numerical_rank(spectrum) == 24
    assert spectral_entropy(spectrum) == pytest.approx(1)
    assert nuclear_norm(spectrum) == pytest.approx(24 * 1.5)


def test_rank_one():
    spectrum = Spectrum(np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)))
    for count in COUNTS:
        assert count(spectrum) == pytest.approx(1, abs=1e-9)
        assert count(spectrum) >= 1
    assert numerical_rank(spectrum) == 1
    assert spectral_entropy(spectrum) == pytest.approx(0, abs=1e-9)
    assert nuclear_norm(spectrum) == pytest.approx(frobenius_norm(spectrum), rel=1e-9)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 1), (2, 3, 4)])
def test_zero(shape):
    zero = Spectrum(np.zeros(shape))
    for norm in (frobenius_norm, spectral_norm, nuclear_norm):
        assert norm(zero) == 0
    for measure in NEED_WEIGHT:
        with pytest.raises(Refusal) as caught:
            measure(zero)
        assert (caught.value.outcome, caught.value.measure) == (Outcome.ALL_ZERO, measure.__name__)


def test_one_entry():
    spectrum = Spectrum(np.array([[-3.0]]))
    assert [m(spectrum) for m in (frobenius_norm, spectral_norm, nuclear_norm)] == [3, 3, 3]
    assert [m(spectrum) for m in (stable_rank, participation_ratio, effective_rank, numerical_rank)] == [1, 1, 1, 1]
    with pytest.raises(Refusal) as caught:
        spectral_entropy(spectrum)
    assert caught.value.outcome is Outcome.TOO_FEW_EIGENVALUES


def test_a_stack_pools_its_slices():
    stack = np.random.default_rng(3).standard_normal((9, 6, 4))
    s = np.linalg.svd(stack, compute_uv=False).ravel()
    assert stable_rank(stack) == pytest.approx((s**2).sum() / (s**2).max())
    assert nuclear_norm(stack) == pytest.approx(s.sum())
    assert numerical_rank(stack) == 36


class Counting(Spectrum):
    """A spectrum that fails the test if the singular value decomposition is asked for."""

    @property
    def singular_values(self):
        raise AssertionError("the Gram matrix was enough")


@pytest.mark.parametrize("measure", [numerical_rank, nuclear_norm, effective_rank])
def test_a_well_conditioned_matrix_needs_no_decomposition_of_its_own(measure):
    measure(Counting(np.random.default_rng(0).standard_normal((60, 40))))


@pytest.mark.parametrize("measure", [numerical_rank, nuclear_norm, effective_rank])
def test_a_near_singular_matrix_gets_one(measure, planted):
    matrix = planted(np.concatenate([np.ones(3), np.full(9, 1e-16)]))
    with pytest.raises(AssertionError, match="Gram"):
        measure(Counting(matrix))


def test_singular_values_below_the_reach_of_the_gram_matrix(planted):
    singular = 10.0 ** -np.arange(0, 14)
    matrix = planted(singular**2, rows=30)
    assert numerical_rank(matrix) == 14
    assert nuclear_norm(matrix) == pytest.approx(singular.sum(), rel=1e-13)
    by_roots = np.sqrt(Spectrum(matrix).eigenvalues).sum()
    assert abs(by_roots - singular.sum()) > 1e-10  # what the guard is for


def test_rank_tolerance(planted):
    matrix = planted(np.array([1.0, 1e-2, 1e-6, 1e-12]))  # singular values 1, 0.1, 1e-3, 1e-6
    assert [int(numerical_rank(matrix, tolerance=t)) for t in (0.5, 0.05, 1e-4, 1e-7)] == [1, 2, 3, 4]
    with pytest.raises(ParameterError, match="tolerance"):
        numerical_rank(matrix, tolerance=0.0)


def test_eigenvalues_alone():
    values = np.array([4.0, 1.0, 0.0, 9.0])
    spectrum = Spectrum.from_eigenvalues(values)
    assert nuclear_norm(spectrum) == 6
    assert numerical_rank(spectrum) == 3
    assert stable_rank(spectrum) == pytest.approx(14 / 9)


def test_weightwatcher_entropy_by_hand():
    values = np.array([1.0, 2.0, 5.0, 0.0])
    p = values / 8 + 1e-10
    expected = -(p * np.log(p)).sum() / np.log(3 + 1e-10)
    assert spectral_entropy(np.diag(np.sqrt(values)), convention="weightwatcher") == pytest.approx(expected, rel=1e-13)
    assert spectral_entropy(np.diag(np.sqrt(values))) == pytest.approx(expected * np.log(3) / np.log(4), rel=1e-7)
    with pytest.raises(Refusal) as caught:
        spectral_entropy(np.ones((3, 3)), convention="weightwatcher")
    assert caught.value.outcome is Outcome.TOO_FEW_EIGENVALUES


def test_every_docstring_says_where_a_square_hides():
    for name in spectra.__dict__:
        measure = getattr(spectra, name)
        if hasattr(measure, "traits"):
            assert "Where a square hides" in measure.__doc__, name
