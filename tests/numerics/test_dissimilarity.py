"""Dissimilarities of all pairs of rows: against differences taken one by one."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.numerics import dissimilarity
from theodolite.numerics.dissimilarity import (
    cross_validated,
    differences,
    directions,
    distances_of,
    reordered,
    rows_of,
    square,
    squared_distances,
)


@pytest.fixture(params=[None, 7], ids=["one block", "many blocks"])
def rng(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(dissimilarity, "BLOCK", 33 * request.param)
    return np.random.default_rng(1)


def test_squared_distances(rng):
    points = rng.standard_normal((33, 5))
    np.testing.assert_allclose(squared_distances(points), pdist(points, "sqeuclidean"), rtol=1e-12)


def test_rows_that_are_near_keep_their_digits(rng):
    # From inner products alone, distances of 1e-7 would have no digit.
    points = rng.standard_normal((33, 5)) + 1e-7 * rng.standard_normal((33, 5))
    points[1::3] = points[::3] + 1e-7 * rng.standard_normal((11, 5))
    points[2::3] = points[::3]
    exact = pdist(points, "sqeuclidean")
    np.testing.assert_allclose(squared_distances(points), exact, rtol=1e-11)
    assert np.count_nonzero(squared_distances(points) == 0) == 11


def test_differences_of_two_looks(rng):
    a, b = rng.standard_normal((33, 4)) + 50, rng.standard_normal((33, 4)) - 20
    expected = [(a[i] - a[j]) @ (b[i] - b[j]) for i in range(33) for j in range(i + 1, 33)]
    np.testing.assert_allclose(differences(a, b), expected, rtol=1e-10, atol=1e-13)


def test_equal_rows_are_equally_far_to_the_last_bit(rng):
    points = rng.standard_normal((33, 13))
    points[20:] = points[7]
    left, right = np.repeat(np.arange(7), 13), np.tile(np.arange(20, 33), 7)
    found = distances_of(points, left, right).reshape(7, 13)
    assert np.all(found == found[:, :1])


def test_cross_validation_leaves_out_each_run_with_itself(rng):
    runs = rng.standard_normal((3, 6, 4))
    expected = [
        np.mean([(runs[m, i] - runs[m, j]) @ (runs[n, i] - runs[n, j]) for m in range(3) for n in range(3) if m != n])
        for i in range(6)
        for j in range(i + 1, 6)
    ]
    np.testing.assert_allclose(cross_validated(runs), expected, rtol=1e-12)


def test_directions_of_rows_of_any_size():
    rows = np.asarray([[3.0, 4.0], [3e200, 4e200], [0.0, 5e-324], [0.0, 0.0]])
    units, undirected = directions(rows, centre=False)
    np.testing.assert_allclose(units[:3], [[0.6, 0.8], [0.6, 0.8], [0.0, 1.0]], rtol=1e-15)
    assert undirected.tolist() == [3]


def test_a_constant_row_has_no_direction_about_its_mean_and_one_nearly_constant_has():
    rows = np.stack([np.full(7, 0.1), np.full(7, 1e9 / 3), 1.0 + 1e-9 * np.arange(7.0)])
    units, undirected = directions(rows, centre=True)
    assert undirected.tolist() == [0, 1]
    np.testing.assert_allclose(units[2], np.arange(-3.0, 4.0) / np.sqrt(28), atol=1e-6)


def test_square_and_back():
    condensed = np.arange(1.0, 11.0)
    np.testing.assert_array_equal(square(condensed), squareform(condensed))
    assert [rows_of(count * (count - 1) // 2) for count in (1, 2, 3, 1000, 100_003)] == [1, 2, 3, 1000, 100_003]
    with pytest.raises(ValueError, match="4 pairs"):
        rows_of(4)


def test_rows_in_another_order(rng):
    points, order = rng.standard_normal((33, 3)), rng.permutation(33)
    np.testing.assert_array_equal(reordered(pdist(points), order), pdist(points[order]))
    np.testing.assert_array_equal(reordered(np.arange(3), np.asarray([2, 0, 1])), [1, 2, 0])
