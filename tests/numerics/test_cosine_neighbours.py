"""Nearest neighbours by brute force: against a full sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from theodolite.numerics import cosine_neighbours
from theodolite.numerics.cosine_neighbours import nearest, shared


def sorted_distances(points, k):
    distances = squareform(pdist(points, "sqeuclidean"))
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(3, 60), width=st.integers(1, 9), whole=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_the_nearest_in_order(rows, width, whole, seed):
    rng = np.random.default_rng(seed)
    # Whole numbers: many rows are equally near, and some are the same.
    points = rng.integers(-2, 3, (rows, width)).astype(float) if whole else rng.standard_normal((rows, width))
    k = int(rng.integers(1, rows))
    found, squared = nearest(points, k)
    expected, distances = sorted_distances(points, k)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(squared, distances, rtol=1e-12, atol=1e-30)


def test_blocks_make_no_difference(monkeypatch):
    points = np.random.default_rng(1).standard_normal((50, 6))
    whole, _ = nearest(points, 7)
    monkeypatch.setattr(cosine_neighbours, "BLOCK", 120)
    np.testing.assert_array_equal(nearest(points, 7)[0], whole)


def test_neighbours_that_inner_products_cannot_tell_apart():
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((6, 4))
    # Distances of 1e-9 between rows of length 1: their squares are below the rounding of inner products.
    points = np.repeat(centres, 8, axis=0) + 1e-9 * rng.standard_normal((48, 4))
    found, squared = nearest(points, 5)
    expected, distances = sorted_distances(points, 5)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(squared, distances, rtol=1e-12)


def test_duplicates_stand_in_their_order():
    points = np.random.default_rng(3).standard_normal((9, 17))[np.asarray([0, 1, 0, 2, 0, 3, 0, 4, 5])]
    found, squared = nearest(points, 4)
    assert found[0, :3].tolist() == [2, 4, 6]
    assert found[4, :3].tolist() == [0, 2, 6]
    assert np.all(squared[[0, 2, 4, 6], :3] == 0)


@pytest.mark.parametrize("k", [1, 3, 11])
def test_shared_neighbours(k):
    rng = np.random.default_rng(4)
    x, y = (np.stack([rng.permutation(11)[:k] for _ in range(20)]) for _ in range(2))
    expected = [
        (i, x[i].tolist().index(j), y[i].tolist().index(j)) for i in range(20) for j in x[i].tolist() if j in y[i]
    ]
    found = list(zip(*(column.tolist() for column in shared(x, y)), strict=True))
    assert found == expected
