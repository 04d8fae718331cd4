"""Products of two factors, measured without being formed, against the formed product."""

import tracemalloc

import numpy as np
import pytest

from theodolite.numerics.blocks import NonFiniteError
from theodolite.numerics.factored import factored_inner, factored_singular_values

SHAPES = [(5, 12, 9), (9, 5, 12), (12, 9, 5), (1, 7, 4), (6, 6, 6), (40, 3, 70)]


def factors(tokens, rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(tokens, rows)), rng.normal(size=(tokens, columns)) * np.geomspace(1, 1e-3, columns)


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_are_those_of_the_product(shape):
    left, right = factors(*shape)
    dense = np.linalg.svd(left.T @ right, compute_uv=False)
    values = factored_singular_values(left, right)
    assert values.shape == (min(shape),)
    np.testing.assert_allclose(values, dense[: min(shape)], rtol=1e-11, atol=1e-14 * dense[0])
    np.testing.assert_allclose(dense[min(shape) :], 0, atol=1e-13 * dense[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("others", [1, 8])
def test_inner_products_are_those_of_the_products(shape, others):
    left, right = factors(*shape)
    other = factors(others, *shape[1:], seed=1)
    dense = np.sum((left.T @ right) * (other[0].T @ other[1]))
    scale = np.linalg.norm(left.T @ right) * np.linalg.norm(other[0].T @ other[1])
    assert factored_inner(left, right, *other) == pytest.approx(dense, abs=1e-13 * scale)
    assert factored_inner(*other, left, right) == pytest.approx(dense, abs=1e-13 * scale)


def test_a_product_of_dependent_factors_has_their_rank():
    left, right = factors(4, 20, 30)
    twice = factored_singular_values(np.vstack([left, left]), np.vstack([right, right]))
    np.testing.assert_allclose(twice[:4], 2 * factored_singular_values(left, right), rtol=1e-11)
    np.testing.assert_allclose(twice[4:], 0, atol=1e-13 * twice[0])


def test_no_tokens_and_zero_tokens():
    assert factored_singular_values(np.zeros((0, 4)), np.zeros((0, 3))).shape == (0,)
    np.testing.assert_array_equal(factored_singular_values(np.zeros((2, 4)), np.ones((2, 3))), [0, 0])
    assert factored_inner(np.zeros((0, 4)), np.zeros((0, 3)), np.ones((2, 4)), np.ones((2, 3))) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_factors_are_widened_before_they_meet(dtype):
    left, right = (factor.astype(dtype) for factor in factors(5, 12, 9))
    dense = np.linalg.svd(left.astype(float).T @ right.astype(float), compute_uv=False)
    np.testing.assert_allclose(factored_singular_values(left, right), dense[:5], rtol=1e-11)


@pytest.mark.torch
def test_torch_stays_torch(torch):
    left, right = factors(5, 12, 9)
    values = factored_singular_values(torch.from_numpy(left), torch.from_numpy(right))
    assert isinstance(values, torch.Tensor)
    assert values.dtype == torch.float64
    np.testing.assert_allclose(values.numpy(), factored_singular_values(left, right), rtol=1e-12)
    inner = factored_inner(*(torch.from_numpy(one) for one in (left, right, left, right)))
    assert float(inner) == pytest.approx(float((values**2).sum()), rel=1e-12)


def test_any_library_of_the_array_api():
    strict = pytest.importorskip("array_api_strict")
    left, right = factors(5, 12, 9)
    values = factored_singular_values(strict.asarray(left), strict.asarray(right))
    np.testing.assert_allclose(np.asarray(values), factored_singular_values(left, right), rtol=1e-12)


def test_the_product_is_never_formed():
    side, tokens = 1500, 8
    left, right = factors(tokens, side, side)
    tracemalloc.start()
    try:
        factored_singular_values(left, right)
        factored_inner(left, right, right, left)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < side * side * 8 / 20


def test_bad_factors_are_refused():
    left, right = factors(3, 4, 5)
    with pytest.raises(ValueError, match=r"got shapes \(3, 4\) and \(2, 5\)"):
        factored_singular_values(left, right[:2])
    with pytest.raises(ValueError, match=r"expected \(tokens, rows\)"):
        factored_singular_values(left[0], right)
    with pytest.raises(ValueError, match=r"products of shapes \(4, 5\) and \(5, 4\)"):
        factored_inner(left, right, right, left)
    left[1, 1] = np.nan
    with pytest.raises(NonFiniteError):
        factored_singular_values(left, right)
    with pytest.raises(NonFiniteError):
        factored_inner(left, right, left, right)
