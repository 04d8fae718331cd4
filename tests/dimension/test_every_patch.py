"""What the estimates share that look at where neighbours lie: what they are blind to, and what they refuse."""

from functools import partial

import numpy as np
import pytest

from theodolite import dimension
from theodolite.core import Cloud, Outcome, Refusal

ESTIMATES = {
    "tight_local": partial(dimension.tight_local, k=10),
    "tight_local, mean": partial(dimension.tight_local, k=10, combine="mean"),
    "expected_simplex_skewness": partial(dimension.expected_simplex_skewness, k=12),
    "expected_simplex_skewness, b": partial(dimension.expected_simplex_skewness, k=12, variant="b", combine="median"),
    "danco": dimension.danco,
}
every = pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES)


def numbers(found) -> np.ndarray:
    interval = found.intervals["dimension"]
    return np.asarray([found.dimension, interval.se, interval.low, interval.high, found.goodness_of_fit], float)


@every
def test_one_duplicated_pair_changes_nothing(estimate):
    rows = np.random.default_rng(0).random((150, 4))
    one, other = estimate(rows), estimate(np.concatenate([rows, rows[40:41]]))
    np.testing.assert_allclose(numbers(other), numbers(one), rtol=1e-9, atol=0)
    assert (float(one.duplicates), float(other.duplicates), float(other.points)) == (0, 1, 150)


@every
def test_single_precision_far_away_large_and_small(estimate):
    # In steps of 2**-12, which single precision holds a thousand standard deviations off.
    rows = (np.round(np.random.default_rng(1).standard_normal((200, 5)) * 2**12) / 2**12).astype(np.float32)
    as_it_is = numbers(estimate(rows))
    np.testing.assert_allclose(numbers(estimate(rows + np.float32(1024))), as_it_is, rtol=1e-5)
    for size in (1e-6, 1e6):
        np.testing.assert_allclose(numbers(estimate(rows * np.float32(size))), as_it_is, rtol=1e-5)


@every
def test_more_features_without_content_and_another_order(estimate):
    rows = np.random.default_rng(2).random((150, 3))
    expected = numbers(estimate(rows))
    np.testing.assert_allclose(numbers(estimate(np.pad(rows, ((0, 0), (0, 6))))), expected, rtol=1e-9)
    order = np.random.default_rng(3).permutation(150)
    np.testing.assert_allclose(numbers(estimate(rows[order])), expected, rtol=1e-9)
    np.testing.assert_allclose(numbers(estimate(Cloud(rows))), expected, rtol=1e-12)


@every
def test_a_change_of_one_point_is_seen(estimate):
    rows = np.random.default_rng(3).random((150, 3))
    moved = rows.copy()
    moved[0] = rows[1] + 0.01
    assert not np.allclose(numbers(estimate(moved)), numbers(estimate(rows)), rtol=1e-7)


@every
def test_bad_input_is_refused(estimate):
    rows = np.random.default_rng(4).random((60, 3))
    broken = rows.copy()
    broken[5, 1] = np.nan
    with pytest.raises(Refusal) as refused:
        estimate(broken)
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
    for given in (np.ones((60, 3)), rows[:2], np.repeat(rows[:2], 30, axis=0)):
        with pytest.raises(Refusal) as refused:
            estimate(given)
        assert refused.value.outcome is Outcome.TOO_FEW_POINTS
        assert refused.value.measure
