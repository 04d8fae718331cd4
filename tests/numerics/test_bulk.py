"""The fitted bulk: consistent with its own count, not masked by what stands out, and WeightWatcher's density exact."""

import numpy as np
import pytest

from theodolite.numerics.bulk import bulk_distance, fit_bulk, fit_weightwatcher_bulk, triangular_density
from theodolite.numerics.marchenko_pastur import marchenko_pastur_quantile
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.shuffling import shuffles
from theodolite.numerics.slices import positive_eigenvalues


def eigenvalues_of_a_spiked_matrix(rows, columns, spikes, size, seed):
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.standard_normal((rows, spikes)))[0]
    right = np.linalg.qr(rng.standard_normal((columns, spikes)))[0]
    noise = rng.standard_normal((rows, columns))
    return np.linalg.svd(noise + size * left @ right.T, compute_uv=False)[::-1] ** 2


@pytest.mark.parametrize("spikes", [80, 100])
def test_many_equal_directions_don_t_hide_each_other(spikes):
    """Their sum raises the mean above all of them, so that leaving out from the top alone finds none."""
    values = eigenvalues_of_a_spiked_matrix(250, 250, spikes, 4 * np.sqrt(250), 0)
    naive = values.sum() / 250**2
    assert values[-1] < naive * 4 * 250
    bulk = fit_bulk(values, 250, 0.001)
    assert bulk.spikes == spikes
    assert bulk.variance == pytest.approx(1.0, rel=0.08)


def test_count_and_threshold_agree():
    for seed in range(5):
        values = np.sort(np.random.default_rng(seed).pareto(1.5, 120) + 0.1)
        bulk = fit_bulk(values, 300, 0.01)
        assert bulk is not None
        assert np.sum(values > bulk.threshold) == bulk.spikes


def test_none_where_next_to_nothing_is_left():
    assert fit_bulk(100.0 ** np.arange(12.0), 12, 0.01) is None


def test_the_scale_is_that_of_the_values():
    values = gaussian_eigenvalues((40, 60), 1)
    plain, scaled = fit_bulk(values, 60, 0.01), fit_bulk(1e-6 * values, 60, 0.01)
    assert scaled.variance == pytest.approx(1e-6 * plain.variance)
    assert scaled.spikes == plain.spikes == 0


def test_the_distance_of_exact_quantiles_is_half_a_step():
    values = marchenko_pastur_quantile((np.arange(80) + 0.5) / 80, 0.4)
    assert bulk_distance(3.0 * values, 0.4, 3.0) == pytest.approx(0.5 / 80, abs=1e-9)


def test_the_triangular_density_is_the_sum_of_its_triangles():
    rng = np.random.default_rng(2)
    values, grid = np.sort(rng.random(50)), np.linspace(-0.2, 1.2, 97)
    brute = np.maximum(1 - np.abs(grid[:, None] - values) / 0.1, 0).sum(axis=1) / (50 * 0.1)
    assert triangular_density(values, grid, 0.1) == pytest.approx(brute, abs=1e-12)


def test_weightwatcher_s_square_fit_moves_the_height_only():
    """The defect that the documentation speaks of: planted directions inflate sigma where the truth is 1."""
    values = eigenvalues_of_a_spiked_matrix(200, 200, 10, 60.0, 3)
    noise = 200 * 200 / values.sum()  # variance of the noise in units of the mean eigenvalue
    theirs = fit_weightwatcher_bulk(values, 200, 200)
    ours = fit_bulk(values, 200, 0.001)
    assert ours.variance == pytest.approx(1.0, rel=0.02)
    assert ours.spikes == 10
    assert np.sqrt(theirs.variance * 200 * 200 / values.sum()) > 1.1 * np.sqrt(noise)


def test_zeros_are_told_from_small_eigenvalues():
    factors = np.random.default_rng(4).standard_normal((30, 12)) @ np.random.default_rng(5).standard_normal((12, 20))
    (found,) = positive_eigenvalues(factors)
    assert found.size == 12
    graded = np.diag(10.0 ** -np.arange(0.0, 12.0))
    (found,) = positive_eigenvalues(graded)
    assert found == pytest.approx(10.0 ** (-2 * np.arange(11.0, -1, -1)), rel=1e-3)
    empty, full = positive_eigenvalues(np.stack([np.zeros((9, 9)), np.eye(9)]))
    assert (empty.size, full.size) == (0, 9)


def test_shuffles_keep_the_entries_of_every_slice():
    stack = np.arange(60.0).reshape(3, 4, 5)
    orders = shuffles(stack, np.random.default_rng(0))
    first, second = next(orders).copy(), next(orders).copy()
    for order in (first, second):
        assert order.shape == stack.shape
        assert np.array_equal(np.sort(order.reshape(3, -1), axis=1), stack.reshape(3, -1))
    assert not np.array_equal(first, second)
    assert np.array_equal(stack, np.arange(60.0).reshape(3, 4, 5))


def test_every_place_is_equally_likely():
    matrix = np.zeros((4, 6))
    matrix[0, 0] = 1.0
    orders = shuffles(matrix, np.random.default_rng(1))
    counts = sum(next(orders) for _ in range(4800))
    assert counts.min() > 140
    assert counts.max() < 260
