"""Truncation against NumPy's singular value decomposition, and Eckart and Young's error."""

import numpy as np
import pytest

from theodolite.numerics import blocks, truncation
from theodolite.numerics.blocks import NonFiniteError
from theodolite.numerics.truncation import principal_axes, truncated_blocks

SHAPES = [(40, 40), (60, 17), (17, 60), (1, 9), (9, 1), (300, 8)]


def truncated(matrix, rank):
    _, axes = principal_axes(matrix)
    parts = list(truncated_blocks(matrix, axes, rank))
    kept = np.concatenate([kept for _, _, kept in parts])
    assert [start for start, _, _ in parts] == list(np.cumsum([0, *(len(block) for _, block, _ in parts)])[:-1])
    return kept if matrix.shape[0] > matrix.shape[1] else kept.T


@pytest.fixture(params=["whole", "in blocks"])
def block_size(request, monkeypatch):
    if request.param == "in blocks":
        for module in (blocks, truncation):
            monkeypatch.setattr(module, "BLOCK_ENTRIES", 50)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_it_is_the_truncated_decomposition(shape, kind, block_size):
    matrix = np.random.default_rng(0).normal(size=shape).astype(kind)
    wide = matrix.astype(np.float64)
    left, values, right = np.linalg.svd(wide, full_matrices=False)
    found, _ = principal_axes(matrix)
    np.testing.assert_allclose(found, values, rtol=1e-12)
    for rank in range(1, min(shape) + 1):
        kept = truncated(matrix, rank)
        np.testing.assert_allclose(kept, (left[:, :rank] * values[:rank]) @ right[:rank], atol=1e-12 * values[0])
        error = np.sqrt(np.sum(values[rank:] ** 2))
        assert np.linalg.norm(wide - kept) == pytest.approx(error, rel=1e-11, abs=1e-12 * values[0])


def test_small_singular_values_keep_their_digits(block_size):
    rng = np.random.default_rng(1)
    left, _ = np.linalg.qr(rng.normal(size=(50, 6)))
    right, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    values = np.array([1.0, 1e-3, 1e-6, 1e-9, 1e-11, 1e-12])
    matrix = (left * values) @ right.T
    np.testing.assert_allclose(principal_axes(matrix)[0], values, rtol=1e-3)
    assert np.linalg.norm(matrix - truncated(matrix, 4)) == pytest.approx(np.hypot(1e-11, 1e-12), rel=1e-3)


def test_what_is_not_finite_is_refused():
    matrix = np.ones((4, 3))
    matrix[1, 2] = np.nan
    with pytest.raises(NonFiniteError, match="1 of its 12 entries"):
        principal_axes(matrix)
