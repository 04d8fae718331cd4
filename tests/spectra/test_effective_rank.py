"""effective_rank: the exponential of the entropy of singular values, or of eigenvalues."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import effective_rank, spectral_entropy

OF = ("singular_values", "eigenvalues")


def entropy_of_a_geometric_series(q, n):
    """Return the entropy of n shares that fall by the factor q each, in closed form."""
    mean_place = q / (1 - q) - n * q**n / (1 - q**n)
    return -log((1 - q) / (1 - q**n)) - mean_place * log(q)


@pytest.mark.parametrize(("of", "power"), [("singular_values", 1), ("eigenvalues", 2)])
def test_of_a_geometric_spectrum(planted, of, power):
    matrix = planted(0.81 ** np.arange(20), rows=33)  # singular values fall by 0.9
    expected = exp(entropy_of_a_geometric_series(0.9**power, 20))
    assert effective_rank(matrix, of=of) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), size=st.floats(1e-6, 1e6))
def test_against_numpy(rows, columns, seed, size):
    matrix = size * np.random.default_rng(seed).standard_normal((rows, columns))
    singular = np.linalg.svd(matrix, compute_uv=False)
    for of, values in zip(OF, (singular, singular**2), strict=True):
        shares = values / values.sum()
        assert effective_rank(matrix, of=of) == pytest.approx(np.prod(shares**-shares), rel=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize(("of", "column"), [("singular_values", "erank_sigma"), ("eigenvalues", "erank_sigma2")])
def test_every_encoder_layer_of_minilm(agrees_on_minilm, of, column):
    agrees_on_minilm(column, lambda spectrum: effective_rank(spectrum, of=of))


def test_shares_are_of_singular_values_unless_asked(ladder):
    assert effective_rank(ladder) == effective_rank(ladder, of="singular_values")
    assert effective_rank(ladder) > 1.05 * effective_rank(ladder, of="eigenvalues")


def test_a_square_hides_in_what_the_shares_are_of(ladder):
    symmetric = ladder.T @ ladder  # its singular values are the eigenvalues of the other
    assert effective_rank(symmetric) == pytest.approx(effective_rank(ladder, of="eigenvalues"), rel=1e-11)


@pytest.mark.parametrize("of", OF)
def test_counts_dimensions_whatever_the_scale(ladder, of):
    for factor in (2.0, 1e-70, 1e70):
        assert effective_rank(factor * ladder, of=of) == pytest.approx(effective_rank(ladder, of=of), rel=1e-12)


def test_of_eigenvalues_is_a_power_of_the_spectral_entropy(ladder):
    assert effective_rank(ladder, of="eigenvalues") == pytest.approx(25 ** spectral_entropy(ladder), rel=1e-12)


def test_of_a_square_gaussian_matrix_is_the_share_that_the_docstring_gives():
    matrix = np.random.default_rng(2).standard_normal((500, 500))
    assert effective_rank(matrix) / 500 == pytest.approx(0.81, abs=0.01)
    assert effective_rank(matrix, of="eigenvalues") / 500 == pytest.approx(0.61, abs=0.01)


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    shares = singular / singular.sum()
    assert effective_rank(slices) == pytest.approx(np.prod(shares**-shares), rel=1e-12)


def test_of_eigenvalues_alone():
    spectrum = Spectrum.from_eigenvalues(np.array([0.0, 9.0, 9.0, 36.0]))  # shares 1/4 1/4 1/2, and 1/6 1/6 2/3
    assert effective_rank(spectrum) == pytest.approx(2**1.5, rel=1e-14)
    assert effective_rank(spectrum, of="eigenvalues") == pytest.approx(6 / 4 ** (2 / 3), rel=1e-14)


def test_singular_values_below_the_reach_of_the_gram_matrix(planted):
    singular = np.concatenate([[1.0], np.full(199, 1e-10)])
    shares = singular / singular.sum()
    matrix = planted(singular**2)
    excess = -np.sum(shares * np.log(shares))
    assert np.log(effective_rank(matrix)) == pytest.approx(excess, rel=1e-5)
    roots = np.sqrt(Spectrum(matrix).eigenvalues)
    shares = roots[roots > 0] / roots.sum()
    assert -np.sum(shares * np.log(shares)) > 5 * excess  # what the decomposition is for


def test_a_decomposition_of_its_own_only_where_it_is_needed(planted, undecomposed):
    undecomposed(effective_rank, np.random.default_rng(0).standard_normal((60, 40)))
    near_singular = planted(np.concatenate([np.ones(3), np.full(9, 1e-16)]))
    with pytest.raises(AssertionError, match="Gram"):
        undecomposed(effective_rank, near_singular)
    undecomposed(lambda spectrum: effective_rank(spectrum, of="eigenvalues"), near_singular)


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("rows", [24, 60])
def test_equal_singular_values(planted, rows, of):
    assert effective_rank(planted(np.full(24, 2.25), rows=rows), of=of) == pytest.approx(24, rel=1e-12)


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("matrix", [np.outer(np.arange(1.0, 9.0), np.arange(1.0, 12.0)), np.ones((30, 20)), -np.eye(1)])
def test_rank_one_is_one_and_not_less(matrix, of):
    assert 1 <= effective_rank(matrix, of=of) <= 1 + 1e-9


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (2, 3, 4)])
def test_zero_is_refused(refusal, shape, of):
    assert refusal(effective_rank, np.zeros(shape), of=of) is Outcome.ALL_ZERO


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(effective_rank)


def test_an_unknown_choice_is_refused(ladder):
    with pytest.raises(ParameterError, match="of"):
        effective_rank(ladder, of="entries")
