"""Planted data have the answers that their docstrings promise, found by NumPy alone."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from theodolite import testing


def eigenvalues(matrix):
    return np.sort(np.linalg.svd(matrix, compute_uv=False) ** 2)


def test_gaussian_fills_the_marchenko_pastur_bulk_and_no_more():
    values = eigenvalues(testing.gaussian(900, 400, sd=0.5, rng=3))
    low, high = 0.25 * (30 - 20) ** 2, 0.25 * (30 + 20) ** 2
    assert low * 0.93 < values[0] < low * 1.1
    assert high * 0.95 < values[-1] < high * 1.03
    assert np.mean(values) == pytest.approx(0.25 * 900, rel=0.01)


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9)])
def test_orthogonal_has_unit_eigenvalues(shape):
    assert testing.orthogonal(*shape).shape == shape
    np.testing.assert_allclose(eigenvalues(testing.orthogonal(*shape, rng=2)), 1.0, rtol=1e-13)


def test_orthogonal_is_square_by_default_and_unbiased():
    assert testing.orthogonal(5).shape == (5, 5)
    # Under the Haar measure the first diagonal entry has mean 0; with the raw signs of a QR it is always negative.
    corners = [testing.orthogonal(3, rng=seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(corners)) < 4 * np.std(corners) / 20


@pytest.mark.parametrize("shape", [(7, 12), (12, 7)])
def test_with_eigenvalues_has_them(shape):
    planted = np.asarray([0.5, 2.0, 9.0])
    np.testing.assert_allclose(eigenvalues(testing.with_eigenvalues(planted, *shape))[-3:], planted, rtol=1e-12)
    np.testing.assert_allclose(eigenvalues(testing.with_eigenvalues(planted, *shape))[:-3], 0.0, atol=1e-13)
    with pytest.raises(ValueError, match="a 2 x 9 matrix has 2 of them, got 3"):
        testing.with_eigenvalues(planted, 2, 9)


def test_rank_one_has_one_direction():
    values = eigenvalues(testing.rank_one(8, 5, size=3.0))
    assert values[-1] == pytest.approx(9.0)
    assert values[-2] < 1e-25


def test_low_rank_has_equal_values_that_stand_clear_of_the_noise():
    values = eigenvalues(testing.low_rank(60, 40, 4, size=2.0))
    np.testing.assert_allclose(values[-4:], 4.0)
    assert values[-5] < 1e-25
    noisy = eigenvalues(testing.low_rank(60, 40, 4, size=40.0, noise=1.0, rng=5))
    edge = (60**0.5 + 40**0.5) ** 2
    assert noisy[-4] > 5 * edge > noisy[-5] > 0.5 * edge


@pytest.mark.parametrize("alpha", [1.5, 2.5, 4.0])
def test_pareto_quantiles_are_as_close_to_the_law_as_a_sample_can_be(alpha):
    count = 250
    values = testing.pareto_eigenvalues(count, alpha, xmin=0.3)
    law = 1.0 - (values / 0.3) ** (1.0 - alpha)
    steps = np.arange(count)
    distance = max(np.max(np.abs(law - steps / count)), np.max(np.abs(law - (steps + 1) / count)))
    assert distance == pytest.approx(0.5 / count)
    assert values[0] > 0.3


def test_pareto_draws_scatter_as_their_standard_error_says():
    alpha, count = 2.5, 400
    draws = [testing.pareto_eigenvalues(count, alpha, rng=seed) for seed in range(200)]
    exponents = np.asarray([1 + count / np.sum(np.log(draw)) for draw in draws])
    error = (alpha - 1) / count**0.5
    assert np.std(exponents) == pytest.approx(error, rel=0.2)
    assert abs(np.mean(exponents) - alpha) < 4 * error / 200**0.5 + alpha / count
    assert np.all(np.diff(draws[0]) >= 0)


def test_pareto_needs_an_exponent_above_one():
    with pytest.raises(ValueError, match="alpha: expected an exponent above 1, got 1"):
        testing.pareto_eigenvalues(10, 1)


def test_heavy_tailed_matrix_has_pareto_eigenvalues():
    values = eigenvalues(testing.heavy_tailed(40, 70, 2.2, rng=4))
    np.testing.assert_allclose(values, testing.pareto_eigenvalues(40, 2.2), rtol=1e-12)


def test_heavy_entries_have_the_tail_and_lend_it_to_the_eigenvalues():
    entries = testing.heavy_entries(400, 500, 1.5, rng=1)
    beyond = np.mean(np.abs(entries) > 10)
    assert beyond == pytest.approx(10**-1.5, rel=0.05)
    assert abs(np.mean(np.sign(entries))) < 0.01
    top, largest = eigenvalues(entries)[-5:], np.sort(np.abs(entries).ravel())[-5:]
    np.testing.assert_allclose(top, largest**2, rtol=0.1)
    with pytest.raises(ValueError, match="above 0"):
        testing.heavy_entries(2, 2, 0)


def test_lattice_is_arithmetic():
    getcontext().prec = 40
    two, three, five = (Decimal(n).sqrt() for n in (2, 3, 5))
    matrix = testing.lattice(5, 4)
    for i in range(5):
        for j in range(4):
            exact = ((i + 1) * two + (j + 1) * three + (i + 1) * (j + 1) * five) % 1 - Decimal("0.5")
            assert matrix[i, j] == pytest.approx(float(exact), abs=1e-13)
    assert np.linalg.matrix_rank(testing.lattice(60, 40)) == 40


@pytest.mark.parametrize("plant", [testing.gaussian, testing.orthogonal, testing.rank_one])
def test_seeds_determine(plant):
    np.testing.assert_array_equal(plant(6, 4, rng=9), plant(6, 4, rng=np.random.default_rng(9)))
    assert not np.array_equal(plant(6, 4, rng=9), plant(6, 4, rng=10))
