"""Medians of distances that are never held together, and sums over kernel matrices, against the matrices."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.numerics import kernels
from theodolite.numerics.kernels import Kernel, Points, kernel_sums, middle_pairs


def points(rows, *, with_gram=False):
    rows = rows - rows.mean(axis=0)
    squares = (rows * rows).sum(axis=1)
    return Points(rows, squares, squares.mean(), rows @ rows.T if with_gram else None)


def median(groups):
    (group, one, other), (group_, one_, other_) = middle_pairs(groups)
    return (groups[group].distance(one, other) + groups[group_].distance(one_, other_)) / 2


@pytest.fixture(params=[1 << 20, 1], ids=["one block", "many blocks"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK_ENTRIES", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("with_gram", [False, True])
@pytest.mark.parametrize("count", [3, 4, 5, 70, 71])
@pytest.mark.parametrize("kind", ["continuous", "ties", "twins", "far apart"])
def test_the_middle_of_all_distances(kind, count, with_gram):
    rng = np.random.default_rng(count)
    rows = {
        "continuous": rng.standard_normal((count, 3)),
        "ties": rng.integers(0, 3, (count, 2)).astype(float) + np.arange(count)[:, None] // 50,
        "twins": np.repeat(rng.standard_normal(((count + 1) // 2, 3)), 2, axis=0)[:count],
        "far apart": np.exp(3 * rng.standard_normal((count, 1))),
    }[kind]
    found = points(rows, with_gram=with_gram)
    assert median([found]) * np.sqrt(found.unit) == pytest.approx(np.median(pdist(rows)), rel=1e-6)


@pytest.mark.usefixtures("blocks")
def test_only_pairs_within_a_group_count():
    rows = np.random.default_rng(0).standard_normal((90, 4))
    whole = points(rows)
    bounds = [(0, 20), (20, 57), (57, 90)]
    expected = np.median(np.concatenate([pdist(rows[start:stop]) for start, stop in bounds]))
    assert median([whole.of(start, stop) for start, stop in bounds]) * np.sqrt(whole.unit) == pytest.approx(expected)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("with_gram", [False, True])
def test_sums_are_those_of_the_matrices(with_gram):
    rng = np.random.default_rng(1)
    x, y = (points(rng.standard_normal((75, width)), with_gram=with_gram) for width in (3, 8))
    found = kernel_sums((Kernel("rbf", np.float64(0.8)), x), (Kernel("distance"), y))
    k = np.exp(-(squareform(pdist(x.rows)) ** 2) / x.unit / (2 * 0.8**2))
    d = np.sqrt(2) - squareform(pdist(y.rows)) / np.sqrt(y.unit)
    for matrix, rows, diagonal in zip((k, d), found.rows, found.diagonals, strict=True):
        np.testing.assert_allclose(diagonal, np.diag(matrix), rtol=1e-14)
        np.testing.assert_allclose(rows, matrix.sum(axis=1) - np.diag(matrix), rtol=1e-10)
    off = ~np.eye(75, dtype=bool)
    expected = [np.sum(k[off] ** 2), np.sum(k[off] * d[off]), np.sum(d[off] ** 2)]
    np.testing.assert_allclose(found.products, expected, rtol=1e-10)


def test_coinciding_rows_are_at_distance_zero():
    rows = np.random.default_rng(2).standard_normal((40, 300)) + 100.0
    rows[7] = rows[3]
    squared = points(rows).distances_squared(0, 40)
    assert squared[3, 7] == 0.0
    assert np.count_nonzero(np.triu(squared, 1) == 0.0) == 40 * 41 / 2 + 1
