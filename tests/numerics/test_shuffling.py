"""Random order is random: every order as likely as every other, however the entries are moved there."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import chi2

from theodolite.numerics import shuffling
from theodolite.numerics.gram import gram_error_bound
from theodolite.numerics.shuffling import IN_CACHE, shuffle_into, shuffled_eigenvalues, shuffles

SINGLE = np.finfo(np.float32).eps / np.finfo(np.float64).eps


def surprise(counts: np.ndarray) -> float:
    """Probability that equally likely outcomes are counted as unevenly."""
    expected = counts.sum() / counts.size
    return float(chi2.sf(((counts - expected) ** 2).sum() / expected, counts.size - 1))


def places(size: int) -> dict[tuple[float, ...], int]:
    return {order: place for place, order in enumerate(permutations(map(float, range(size))))}


@pytest.fixture
def tiny_cache(monkeypatch):
    monkeypatch.setattr(shuffling, "IN_CACHE", 2)
    monkeypatch.setattr(shuffling, "_PILES", 3)
    monkeypatch.setattr(shuffling, "_DEALT", 3)


@pytest.mark.usefixtures("tiny_cache")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_order_is_equally_likely_where_entries_are_dealt_onto_piles(dtype):
    known, rng = places(5), np.random.default_rng(0)
    source, target = np.arange(5, dtype=dtype), np.empty(5, dtype=dtype)
    counts = np.zeros(len(known))
    for _ in range(12000):
        shuffle_into(target, source, rng)
        counts[known[tuple(target.tolist())]] += 1
    assert surprise(counts) > 1e-3


@pytest.mark.usefixtures("tiny_cache")
def test_piles_alone_would_be_found_out(monkeypatch):
    monkeypatch.setattr(shuffling, "_shuffled", lambda entries, rng: entries)
    known, rng = places(5), np.random.default_rng(0)
    source, target = np.arange(5.0), np.empty(5)
    counts = np.zeros(len(known))
    for _ in range(3000):
        shuffle_into(target, source, rng)
        counts[known[tuple(target.tolist())]] += 1
    assert surprise(counts) < 1e-9


def test_an_order_and_the_next_are_independent_and_every_later_one_as_likely_as_any(monkeypatch):
    monkeypatch.setattr(shuffling, "_MANY", 1)
    known, rng = places(3), np.random.default_rng(0)
    together, later = np.zeros((6, 6)), np.zeros((25, 6))
    for _ in range(6000):
        orders = shuffles(np.arange(3.0).reshape(1, 3), rng)
        found = [known[tuple(next(orders).ravel().tolist())] for _ in range(26)]
        together[found[0], found[1]] += 1
        later[range(25), found[1:]] += 1
    assert surprise(together.ravel()) > 1e-3
    assert min(surprise(counts) for counts in later) > 1e-3 / 25


def test_later_orders_are_not_those_before():
    matrix = np.arange(1 << 15, dtype=np.float32).reshape(128, 256)
    orders = shuffles(matrix, np.random.default_rng(0))
    kept = np.array([next(orders).ravel().copy() for _ in range(24)])
    np.testing.assert_array_equal(np.sort(kept, axis=1), np.broadcast_to(matrix.ravel(), kept.shape))
    stayed = [np.sum(kept[i] == kept[j]) for i in range(24) for j in range(i)]
    assert max(stayed) < 100  # of 32768; at most six on the average, in few short cycles
    assert np.abs(np.corrcoef(kept) - np.eye(24)).max() < 0.04  # seven standard errors


@pytest.mark.parametrize("entries", [300, 1 << 15, IN_CACHE + 1000])
def test_the_order_depends_on_neither_dtype_nor_layout(entries):
    stored = np.arange(2 * entries, dtype=np.float32).reshape(2, -1, 4)
    orders = [
        shuffles(matrix, np.random.default_rng(3))
        for matrix in (stored, stored.astype(np.float64), np.asfortranarray(stored))
    ]
    for _ in range(3):
        single, double, turned = (next(one) for one in orders)
        assert (single.dtype, double.dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(single, double)
        np.testing.assert_array_equal(single, turned)
        np.testing.assert_array_equal(np.sort(single.reshape(2, -1), axis=1), stored.reshape(2, -1))
    np.testing.assert_array_equal(stored.ravel(), np.arange(2 * entries, dtype=np.float32))


def test_entries_are_shuffled_where_they_are():
    entries = np.arange(IN_CACHE + 5, dtype=np.float32)
    apart = np.empty_like(entries)
    shuffle_into(apart, entries, np.random.default_rng(0))
    shuffle_into(entries, entries, np.random.default_rng(0))
    np.testing.assert_array_equal(entries, apart)


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e8, 1e30])
@pytest.mark.parametrize("shape", [(900, 128), (128, 900), (300, 280), (60, 20)])
def test_spectra_of_noise_are_those_of_numpy(shape, scale):
    noise = np.random.default_rng(0).standard_t(3, shape) * scale
    (found,) = shuffled_eigenvalues(noise)
    expected = np.sort(np.linalg.svd(noise, compute_uv=False)) ** 2
    assert found.dtype == np.float64
    bound = SINGLE * gram_error_bound(shape, expected[-1])
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("what", ["mean", "few", "doubled"])
def test_small_eigenvalues_are_found_in_double_precision(what):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((900, 128))
    matrix = {
        "mean": noise * 1e-4 + 1.0,  # what is below the mean drowns in the rounding of float32
        "few": noise[:, :100] @ rng.standard_normal((100, 128)),
        "doubled": np.repeat(noise[:, ::2], 2, axis=1),
    }[what]
    (found,) = shuffled_eigenvalues(matrix)
    expected = np.sort(np.linalg.svd(matrix, compute_uv=False)) ** 2
    expected = expected[expected > 1e-20 * expected[-1]]
    assert found.size == expected.size
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_slices_of_zeros_are_empty():
    empty, full = shuffled_eigenvalues(np.stack([np.zeros((9, 9)), np.eye(9)]))
    assert (empty.size, full.size) == (0, 9)
    assert shuffled_eigenvalues(np.zeros((1024, 64)))[0].size == 0
