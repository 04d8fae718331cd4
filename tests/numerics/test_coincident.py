"""Rows that coincide: the same as NumPy's unique rows, in the order of the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from theodolite.numerics import coincident
from theodolite.numerics.coincident import Distinct, NonFiniteRowsError, distinct_rows


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 30), st.integers(1, 4)),
        elements=st.sampled_from([0.0, -0.0, 1.0, 1.5, -1.0, 5e-324, 1e30]),
    )
)
def test_as_brute_force_says(points):
    found = distinct_rows(points)
    leaders = [next(j for j in range(len(points)) if (points[j] == row).all()) for row in points]
    first = sorted(set(leaders))
    assert found.first.tolist() == first
    assert found.of.tolist() == [first.index(leader) for leader in leaders]
    assert found.weights.tolist() == [leaders.count(i) for i in first]
    assert (found.rows, found.count) == (len(points), len(first))


@pytest.mark.parametrize("collide", [False, True])
def test_rows_whose_hashes_collide_are_told_apart(collide, monkeypatch):
    if collide:
        monkeypatch.setattr(coincident, "_hashed", lambda block: np.zeros(len(block), np.uint64))
    points = np.random.default_rng(0).normal(size=(60, 3))
    points[[5, 40, 41]] = points[2]
    points[50] = points[7]
    found = distinct_rows(points)
    assert found.count == 56
    assert found.of[[5, 40, 41]].tolist() == [2] * 3
    assert found.of[50] == found.of[7]
    np.testing.assert_array_equal(points[found.first][found.of], points)


def test_hashes_rarely_collide():
    rng = np.random.default_rng(1)
    for points in (rng.normal(size=(20_000, 2)), rng.integers(0, 2, (20_000, 60)).astype(float), np.eye(500)):
        assert np.unique(coincident._hashed(points)).size == np.unique(points, axis=0).shape[0]


def test_blocks_and_other_libraries(monkeypatch, torch):
    points = np.random.default_rng(2).integers(0, 3, (200, 3)).astype(np.float32)
    plain = distinct_rows(points)
    monkeypatch.setattr(coincident, "_ENTRIES_AT_ONCE", 21)
    for other in (points, torch.asarray(points), torch.asarray(points).to(torch.bfloat16).requires_grad_()):
        found = distinct_rows(other)
        np.testing.assert_array_equal(found.first, plain.first)
        np.testing.assert_array_equal(found.of, plain.of)


def test_a_strict_library():
    strict = pytest.importorskip("array_api_strict", reason="needs the extra [test]")
    points = np.asarray([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])
    assert distinct_rows(strict.asarray(points)).of.tolist() == [0, 1, 0]


def test_zeros_of_both_signs_are_one():
    found = distinct_rows(np.asarray([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]))
    assert found.of.tolist() == [0, 0, 1]


def test_rows_that_are_not_finite_are_counted():
    points = np.ones((7, 3))
    points[2, 0], points[2, 1], points[6, 2] = np.nan, np.inf, -np.inf
    with pytest.raises(NonFiniteRowsError, match="2 of 7 rows"):
        distinct_rows(points)


def test_all_of():
    found = Distinct.all_of(4)
    assert (found.rows, found.count, found.weights.tolist()) == (4, 4, [1, 1, 1, 1])
