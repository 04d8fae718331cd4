"""Comparisons of two lists of dissimilarities: against SciPy and against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theodolite.numerics.rdm_comparison import (
    concordance,
    inversions,
    kendall,
    kendall_a,
    middle_ranks,
    places,
    rho_a,
    whitened_cosine,
)

SETTINGS = settings(max_examples=60, deadline=None)
levels = st.integers(2, 30)


@SETTINGS
@given(values=st.lists(st.integers(0, 50), min_size=1, max_size=150))
def test_inversions(values):
    expected = sum(values[i] > values[j] for i in range(len(values)) for j in range(i, len(values)))
    assert inversions(np.asarray(values)) == expected


@SETTINGS
@given(size=st.integers(3, 300), of_x=levels, of_y=levels, seed=st.integers(0, 2**32 - 1))
def test_orders_with_ties_agree_with_scipy(size, of_x, of_y, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, of_x, size), rng.integers(0, of_y, size)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    first, second = places(x / 3), places(y * 1e5)
    np.testing.assert_allclose(middle_ranks(first), stats.rankdata(x) - (size + 1) / 2)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(x, y)[0], rel=1e-12, abs=1e-15)
    score, apart_x, apart_y, every = concordance(first, second)
    assert score == np.sign((x[:, None] - x) * (y[:, None] - y)).sum() // 2
    assert apart_x == np.count_nonzero(x[:, None] != x) // 2
    assert apart_y == np.count_nonzero(y[:, None] != y) // 2
    assert kendall_a(first, second) == score / every


def test_many_numbers_in_order_and_in_reverse():
    ascending = np.arange(200_000)
    assert kendall(ascending, ascending) == kendall_a(ascending, ascending) == 1
    assert kendall(ascending, ascending[::-1]) == -1
    assert inversions(ascending[::-1].copy()) == 200_000 * 199_999 // 2


def test_numbers_that_differ_by_rounding_share_a_place():
    values = np.asarray([0.3, 0.1 + 0.2, 0.7, 1.0 - 0.3, 0.3 + 1e-9])
    assert places(values).tolist() == [0, 0, 2, 2, 1]
    assert places(1e-200 * values).tolist() == [0, 0, 2, 2, 1]
    assert places(np.zeros(4)).tolist() == [0, 0, 0, 0]


def test_rho_a_of_no_ties_is_spearmans():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 50))
    ranks = [middle_ranks(places(values)) for values in (x, y)]
    assert rho_a(*ranks) == pytest.approx(stats.spearmanr(x, y)[0], rel=1e-13)


def test_whitening_is_by_the_covariance_of_estimated_distances():
    """Simulated: squared distances of noisy points with no signal, by two independent measurements."""
    rng = np.random.default_rng(3)
    left, right = np.triu_indices(5, 1)
    noise = rng.standard_normal((2, 40_000, 5, 3))
    apart = noise[:, :, left] - noise[:, :, right]
    drawn = (apart[0] * apart[1]).sum(axis=-1)
    whitening = np.linalg.inv(np.cov(drawn.T))
    x, y = rng.random(10), rng.random(10)
    products = [a @ whitening @ b for a, b in ((x, y), (x, x), (y, y))]
    assert whitened_cosine(x, y) == pytest.approx(products[0] / np.sqrt(products[1] * products[2]), abs=0.02)
    assert abs(x @ y / np.linalg.norm(x) / np.linalg.norm(y) - whitened_cosine(x, y)) > 0.1
