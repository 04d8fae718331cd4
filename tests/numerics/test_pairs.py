"""Two matrices decomposed together, against two singular value decompositions."""

import numpy as np
import pytest

from theodolite.numerics import pairs
from theodolite.numerics.blocks import NonFiniteError
from theodolite.numerics.pairs import decomposed_pair

SHAPES = [(60, 40), (40, 60), (50, 50), (1, 7), (9, 1)]


def drawn(shape, rank=3):
    rng = np.random.default_rng(sum(shape))
    weight = rng.standard_normal(shape)
    left, right = rng.standard_normal((shape[0], rank)), rng.standard_normal((rank, shape[1]))
    return weight, left, right


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factored", [False, True])
@pytest.mark.parametrize("entries", [1 << 20, 97])
def test_values_and_cosines_are_those_of_both_svds(shape, factored, entries, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK_ENTRIES", entries)
    weight, left, right = drawn(shape)
    after = weight + left @ right
    k = min(7, *shape)
    found = decomposed_pair(weight, None if factored else after, k, (left, right) if factored else None)
    u0, s0, v0 = np.linalg.svd(weight, full_matrices=False)
    u1, s1, v1 = np.linalg.svd(after, full_matrices=False)
    np.testing.assert_allclose(found.before, s0, rtol=1e-9)
    np.testing.assert_allclose(found.after, s1[:k], rtol=1e-10)
    np.testing.assert_allclose(np.abs(found.left), np.abs(u0.T @ u1[:, :k]), atol=1e-9)
    np.testing.assert_allclose(np.abs(found.right), np.abs(v0 @ v1[:k].T), atol=1e-9)
    np.testing.assert_allclose(found.norms, [np.linalg.norm(weight), np.linalg.norm(after)])
    change = np.linalg.svd(left @ right, compute_uv=False)
    rank = min(3, *shape)
    np.testing.assert_allclose(found.change[:rank], change[:rank], rtol=1e-10)
    assert np.all(found.change[rank:] <= found.change_error)


@pytest.mark.parametrize("shape", [(300, 280), (280, 300)])
def test_factors_give_what_the_expanded_matrix_gives_to_1e_minus_10(shape):
    weight, left, right = drawn(shape, 8)
    one = decomposed_pair(weight, None, 10, (left, right))
    other = decomposed_pair(weight, weight + left @ right, 10)
    for name in ("before", "after", "norms"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10)
    for name in ("left", "right"):
        np.testing.assert_allclose(np.abs(getattr(one, name)), np.abs(getattr(other, name)), atol=1e-10)
    np.testing.assert_allclose(one.change, other.change[:8], rtol=1e-10)


def test_directions_that_are_not_there_match_nothing():
    """What lies in the null space of the matrix before is new, whichever basis LAPACK gives that space."""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((40, 40)))[0] for _ in range(2))
    weight = u[:, :10] @ np.diag(np.linspace(2, 1, 10)) @ v[:, :10].T
    found = decomposed_pair(weight, weight + 5 * np.outer(u[:, 20], v[:, 20]), 1)
    assert found.used == 10
    assert np.abs(found.left).max() < 1e-7
    assert np.abs(found.right).max() < 1e-7


def test_entries_that_are_not_finite_are_refused():
    weight, _, _ = drawn((20, 10))
    broken = weight.copy()
    broken[3, 4] = np.nan
    for one, other in ((weight, broken), (broken, weight)):
        with pytest.raises(NonFiniteError, match="1 of its 200 entries"):
            decomposed_pair(one, other, 2)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_factors_that_are_not_finite_are_counted_and_not_taken_for_large_entries(shape):
    weight, left, right = drawn(shape)
    left[2, 1], right[0, 3] = np.nan, np.inf
    with pytest.raises(NonFiniteError) as raised:
        decomposed_pair(weight, None, 5, (left, right))
    assert str(raised.value) == str(NonFiniteError(2, left.size + right.size))
