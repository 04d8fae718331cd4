"""The Gaussian null: the bidiagonal model, and the standardisation under which its laws are interpolated."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from theodolite.numerics.nulls import (
    QUANTITIES,
    chance_statistics,
    gaussian_eigenvalues,
    marchenko_pastur_rank_shortfall,
    simulate_chance,
    standardisation,
)


def dense_eigenvalues(shape, rng):
    return np.linalg.svd(rng.standard_normal(shape), compute_uv=False)[::-1] ** 2


@pytest.mark.parametrize("shape", [(8, 8), (12, 12), (12, 40), (30, 31)])
def test_first_two_moments_of_the_trace_are_those_of_a_wishart_matrix(shape):
    # E tr W = nm and E tr W² = nm(n + m + 1) for W = G Gᵀ, G an n × m standard normal matrix.
    n, m = shape
    rng = np.random.default_rng(1)
    draws = np.stack([gaussian_eigenvalues(shape, rng) for _ in range(3000)])
    for power, expected in ((1, n * m), (2, n * m * (n + m + 1))):
        traces = np.sum(draws**power, axis=1)
        error = traces.std(ddof=1) / np.sqrt(len(traces))
        assert abs(traces.mean() - expected) < 4 * error
        assert error < 0.02 * expected


@pytest.mark.parametrize("shape", [(8, 8), (16, 24), (10, 200)])
@pytest.mark.parametrize("order", [0, 3, -1])
def test_order_statistics_agree_with_dense_matrices(shape, order):
    rng = np.random.default_rng(2)
    drawn = [gaussian_eigenvalues(shape, rng)[order] for _ in range(1500)]
    dense = [dense_eigenvalues(shape, rng)[order] for _ in range(1500)]
    assert ks_2samp(drawn, dense).pvalue > 1e-3


def test_smallest_eigenvalue_of_a_square_matrix_has_edelmans_law():
    # A. Edelman, SIAM J. Matrix Anal. Appl. 9 (1988), n λ_min of a square matrix has a distribution
    # function that tends to 1 - exp(-x/2 - √x).
    rng = np.random.default_rng(3)
    smallest = np.array([64 * gaussian_eigenvalues((64, 64), rng)[0] for _ in range(1500)])
    assert kstest(smallest, lambda x: 1 - np.exp(-x / 2 - np.sqrt(x))).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(512, 512), (512, 2048)])
def test_spectrum_fills_the_marchenko_pastur_interval(shape):
    n, m = shape
    values = gaussian_eigenvalues(shape, 4)
    edges = (np.sqrt(m) - np.sqrt(n)) ** 2, (np.sqrt(m) + np.sqrt(n)) ** 2
    width = edges[1] * (1 / np.sqrt(n)) ** (4 / 3)
    assert edges[0] - 3 * width < values[0] < edges[0] + 3 * width
    assert edges[1] - 5 * width < values[-1] < edges[1] + 3 * width
    # The law's second moment relative to its mean squared: 1 + n/m.
    assert np.mean(values**2) / np.mean(values) ** 2 == pytest.approx(1 + n / m, rel=0.01)


def test_a_matrix_and_its_transpose_have_one_law_and_seeds_repeat():
    first = gaussian_eigenvalues((20, 50), 5)
    np.testing.assert_array_equal(first, gaussian_eigenvalues((50, 20), 5))
    np.testing.assert_array_equal(first, gaussian_eigenvalues((20, 50), np.random.default_rng(5)))
    assert np.all(np.diff(first) > 0)
    assert not np.array_equal(first, gaussian_eigenvalues((20, 50), 6))


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((7, 100), "at least 8"),
        ((0, 8), "at least 8"),
        ((-8, 8), "at least 8"),
        ((8.5, 100), "whole number"),
        ((8, np.inf), "finite"),
        ((np.nan, 8), "finite"),
        ((8, 8, 8), "two finite"),
        ((8,), "two finite"),
    ],
)
def test_shapes_without_a_null_are_refused(shape, match):
    with pytest.raises(ValueError, match=match):
        gaussian_eigenvalues(shape, 0)


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="draws must be at least 1"):
        simulate_chance((8, 8), 0, 0)


def test_statistics_of_a_spectrum_known_by_hand():
    alpha, distance, stable, effective = chance_statistics(np.array([1.0, 1.0, 4.0, 4.0]))
    assert stable == pytest.approx(2.5)
    # Shares of the singular values: 1/6, 1/6, 1/3, 1/3.
    assert effective == pytest.approx(np.exp((np.log(6) + 2 * np.log(3)) / 3))
    assert alpha == pytest.approx(1 + 4 / (2 * np.log(4)))
    assert distance == pytest.approx(0.5)


def test_a_flat_spectrum_has_no_power_law():
    with pytest.raises(ValueError, match="different"):
        chance_statistics(np.ones(10))


def test_statistics_do_not_depend_on_scale():
    values = gaussian_eigenvalues((40, 60), 7)
    np.testing.assert_allclose(chance_statistics(values), chance_statistics(1e-6 * values), rtol=1e-10)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("shape", [(8, 8), (384, 1536), (4096, 11008), (64, 250000)])
def test_standardisation_is_increasing_and_inverted(quantity, shape):
    standard = np.linspace(-3.0, 3.0, 41) if quantity != "power_law.distance" else np.linspace(0.1, 0.3, 41)
    change = standardisation(quantity, shape)
    values = change.backward(standard)
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(change.forward(values), standard, rtol=1e-6, atol=1e-6)


def test_standardised_extremes_keep_their_order():
    # An orthogonal matrix has an effective rank equal to its side, and a power law can have the exponent 1.
    with np.errstate(divide="ignore"):
        assert standardisation("effective_rank.value", (16, 16)).forward(np.array([16.0]))[0] == np.inf
        assert standardisation("power_law.alpha", (16, 16)).forward(np.array([1.0]))[0] == -np.inf


def test_unknown_quantities_are_refused_by_name():
    with pytest.raises(ValueError, match=r"'alpha' has no chance level.*power_law\.alpha"):
        standardisation("alpha", (16, 16))


@pytest.mark.parametrize("shape", [(1500, 1500), (1000, 4000)])
def test_effective_rank_tends_to_its_marchenko_pastur_limit(shape):
    n, m = shape
    effective = chance_statistics(gaussian_eigenvalues(shape, 8))[3]
    assert 1 - effective / n == pytest.approx(marchenko_pastur_rank_shortfall(n / m), rel=8 / n)


@pytest.mark.parametrize("ratio", [1e-3, 1e-6])
def test_effective_rank_shortfall_of_long_matrices(ratio):
    # Singular values have the relative variance c/4 to first order, and the entropy falls short by half of it.
    assert marchenko_pastur_rank_shortfall(ratio) == pytest.approx(ratio / 8, rel=2 * np.sqrt(ratio) + 1e-4)


def test_effective_rank_shortfall_of_square_matrices():
    # Singular values over √n follow the quarter-circle law √(4 - s²)/π on (0, 2), whose mean is 8/(3π).
    s = (np.arange(1_000_000) + 0.5) / 500_000
    share = s * np.sqrt(4 - s**2)
    limit = 8 / (3 * np.pi) * np.exp(-np.sum(share * np.log(s)) / np.sum(share))
    assert marchenko_pastur_rank_shortfall(1.0) == pytest.approx(1 - limit, abs=1e-7)
