"""Eigenvalues of the smaller Gram matrix and singular values, against exact arithmetic and LAPACK's SVD."""

from fractions import Fraction

import array_api_strict
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.numerics import blocks, gram
from theodolite.numerics.gram import (
    MagnitudeError,
    NonFiniteError,
    gram_eigenvalues,
    gram_error_bound,
    singular_values,
    smaller_gram,
)


class RowSlices:
    """A stored tensor as the kernels see it: rows on demand, and a record of the largest read."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.largest_read = self.reads = 0

    def __getitem__(self, rows):
        part = self._array[rows].copy()
        self.reads += 1
        self.largest_read = max(self.largest_read, part.size)
        return part


def reference(matrix):
    stack = np.asarray(matrix, dtype=np.float64)
    return np.sort(np.linalg.svd(stack, compute_uv=False).ravel())


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (5, 5), (40, 9), (9, 40), (6, 4, 3), (6, 3, 4), (2, 130, 100), (2, 100, 130)]
)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
@pytest.mark.parametrize("lazy", [False, True])
def test_agrees_with_the_singular_value_decomposition(shape, dtype, lazy):
    stored = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    given_matrix = RowSlices(stored) if lazy else stored
    before = stored.copy()
    eigenvalues, bound = gram_eigenvalues(given_matrix)
    expected = reference(stored)
    assert eigenvalues.dtype == np.float64
    assert np.all(np.diff(eigenvalues) >= 0)
    np.testing.assert_allclose(eigenvalues, expected**2, rtol=0, atol=bound)
    np.testing.assert_allclose(singular_values(given_matrix), expected[::-1], rtol=0, atol=1e-13 * expected[-1])
    assert np.array_equal(stored, before)


@pytest.mark.parametrize("layout", ["C", "F", "transposed slice", "strided", "reversed", "read-only"])
@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
def test_memory_layout_is_irrelevant(layout, shape):
    plain = np.random.default_rng(1).standard_normal(shape)
    wide = np.zeros((2 * shape[0], 3 * shape[1]))
    wide[::2, ::3] = plain
    frozen = plain.copy()
    frozen.setflags(write=False)
    variants = {
        "C": plain,
        "F": np.asfortranarray(plain),
        "transposed slice": np.ascontiguousarray(plain.T).T,
        "strided": wide[::2, ::3],
        "reversed": plain[::-1, ::-1][::-1, ::-1],
        "read-only": frozen,
    }
    kept = variants[layout].copy()
    expected = plain @ plain.T if shape[0] <= shape[1] else plain.T @ plain
    np.testing.assert_allclose(smaller_gram(variants[layout]), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(gram_eigenvalues(variants[layout])[0], np.linalg.eigvalsh(expected), atol=1e-12)
    np.testing.assert_allclose(singular_values(variants[layout])[::-1], reference(plain), atol=1e-13)
    assert np.array_equal(variants[layout], kept)


@pytest.mark.parametrize("shape", [(1000, 7), (7, 1000), (31, 31)])
def test_blocks_add_up_and_no_read_of_a_tall_matrix_exceeds_one(shape, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 100)
    monkeypatch.setattr(gram, "BLOCK_ENTRIES", 100)
    stored = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    lazy = RowSlices(stored)
    expected = reference(stored)
    np.testing.assert_allclose(gram_eigenvalues(lazy)[0], expected**2, rtol=1e-11)
    if shape[0] > shape[1]:
        assert lazy.largest_read <= 100
    np.testing.assert_allclose(singular_values(lazy)[::-1], expected, rtol=1e-11)
    np.testing.assert_allclose(singular_values(stored)[::-1], expected, rtol=1e-11)


def test_the_triangle_keeps_small_singular_values(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 64)
    monkeypatch.setattr(gram, "BLOCK_ENTRIES", 64)
    rng = np.random.default_rng(3)
    left = np.linalg.qr(rng.standard_normal((200, 6)))[0]
    right = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    planted = 10.0 ** -np.arange(0, 12, 2)
    matrix = left * planted @ right
    np.testing.assert_allclose(singular_values(matrix), planted, atol=5e-16)
    np.testing.assert_allclose(singular_values(np.ascontiguousarray(matrix.T)), planted, atol=5e-16)


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (300, 7), (5000, 3), (700, 700)])
@pytest.mark.parametrize("entry", [0.1, 1 / 3, 0.013])
def test_the_error_bound_holds_in_exact_arithmetic(rows, columns, entry):
    eigenvalues, bound = gram_eigenvalues(np.full((rows, columns), entry))
    exact = Fraction(entry) ** 2 * rows * columns
    assert abs(Fraction(float(eigenvalues[-1])) - exact) <= Fraction(float(bound))
    assert np.all(eigenvalues[:-1] <= bound)
    assert bound == gram_error_bound((rows, columns), eigenvalues[-1])


def test_the_error_bound_is_not_slack():
    # a rank-one matrix shows the true size of the noise: the bound is within a factor of 10^4 of it, and above it
    u = np.random.default_rng(4).standard_normal((400, 1))
    eigenvalues, bound = gram_eigenvalues(u @ u.T)
    assert 1e-4 * bound < eigenvalues[-2] < bound


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (3, 4, 5), (2, 100, 120)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, ml_dtypes.bfloat16])
def test_entries_that_are_not_finite_are_counted(bad, shape, dtype):
    matrix = np.ones(shape, dtype)
    matrix[0, 1], matrix[1, 0] = bad, bad
    count = int(np.count_nonzero(~np.isfinite(matrix.astype(np.float64))))
    assert count > 0
    for kernel in (gram_eigenvalues, singular_values):
        with pytest.raises(NonFiniteError, match=str(count)) as caught:
            kernel(matrix)
        assert caught.value.count == count
        with pytest.raises(NonFiniteError):
            kernel(RowSlices(matrix))


@pytest.mark.parametrize("size", [1e160, 1e200, 1e-150, 1e-200])
@pytest.mark.parametrize("shape", [(9, 4), (3, 4, 5)])
def test_squares_outside_float64_are_refused_but_singular_values_are_not(size, shape):
    matrix = size * np.random.default_rng(5).standard_normal(shape)
    with pytest.raises(MagnitudeError, match="power of two"):
        gram_eigenvalues(matrix)
    np.testing.assert_allclose(singular_values(matrix)[::-1], reference(matrix), rtol=1e-9)


@pytest.mark.parametrize("size", [1e-130, 1e130])
def test_extreme_but_usable_sizes_only_scale(size):
    matrix = np.random.default_rng(6).standard_normal((9, 4))
    np.testing.assert_allclose(gram_eigenvalues(size * matrix)[0] / size**2, gram_eigenvalues(matrix)[0], rtol=1e-12)


def test_a_long_matrix_of_zeros_is_looked_at_in_blocks():
    zeros = RowSlices(np.zeros((100_000, 2), dtype=np.float32))
    assert gram_eigenvalues(zeros)[0].tolist() == [0.0, 0.0]
    assert zeros.reads < 10


def test_zero_is_zero():
    eigenvalues, bound = gram_eigenvalues(np.zeros((5, 3)))
    assert eigenvalues.tolist() == [0.0, 0.0, 0.0]
    assert bound == 0.0


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2), (0, 3), (3, 0), (0, 2, 2)])
def test_shapes_without_a_spectrum_are_named(shape):
    with pytest.raises(ValueError, match="matrix: got shape"):
        gram_eigenvalues(np.ones(shape))


def test_a_stack_pools_its_slices():
    stack = np.random.default_rng(7).standard_normal((5, 6, 4))
    pooled = np.sort(np.concatenate([gram_eigenvalues(part)[0] for part in stack]))
    np.testing.assert_allclose(gram_eigenvalues(stack)[0], pooled, rtol=1e-11)


def test_complex_matrices():
    rng = np.random.default_rng(8)
    for shape in ((6, 4), (4, 6), (3, 5, 2), (2, 100, 110)):
        matrix = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        expected = reference_complex(matrix)
        np.testing.assert_allclose(gram_eigenvalues(matrix)[0], expected**2, rtol=1e-9)
        np.testing.assert_allclose(singular_values(matrix)[::-1], expected, rtol=1e-9)


def reference_complex(matrix):
    return np.sort(np.linalg.svd(matrix, compute_uv=False).ravel())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    decades=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_conditioning_stays_within_the_bound(rows, columns, decades, seed):
    matrix = np.random.default_rng(seed).standard_normal((rows, columns)) * np.logspace(0, -decades, columns)
    eigenvalues, bound = gram_eigenvalues(matrix)
    assert np.all(np.abs(eigenvalues - reference(matrix) ** 2) <= bound)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 3, 5)])
def test_other_libraries_keep_library_and_device(shape):
    device = array_api_strict.Device("device1")
    host = np.random.default_rng(9).standard_normal(shape).astype(np.float32)
    matrix = array_api_strict.asarray(host, device=device)
    eigenvalues, bound = gram_eigenvalues(matrix)
    singular = singular_values(matrix)
    for out in (eigenvalues, bound, singular):
        assert out.device == device
        assert out.dtype == array_api_strict.float64
    home = array_api_strict.Device("CPU_DEVICE")
    np.testing.assert_allclose(np.asarray(eigenvalues.to_device(home)), reference(host) ** 2, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(singular.to_device(home))[::-1], reference(host), rtol=1e-10)
    with pytest.raises(NonFiniteError):
        gram_eigenvalues(matrix * array_api_strict.asarray(float("nan"), dtype=array_api_strict.float32, device=device))
    with pytest.raises(MagnitudeError):
        gram_eigenvalues(array_api_strict.asarray(1e-200 * host.astype(np.float64)))


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 4, 5)])
def test_torch_is_differentiable(torch, shape):
    matrix = torch.from_numpy(np.random.default_rng(10).standard_normal(shape)).requires_grad_()
    weights = torch.arange(1.0, gram_eigenvalues(matrix)[0].numel() + 1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda w: (gram_eigenvalues(w)[0] * weights).sum(), (matrix,))
    assert torch.autograd.gradcheck(lambda w: (singular_values(w) * weights).sum(), (matrix,))
    half = matrix.detach().to(torch.bfloat16)
    np.testing.assert_allclose(gram_eigenvalues(half)[0].numpy(), reference(half.double().numpy()) ** 2, rtol=1e-9)
