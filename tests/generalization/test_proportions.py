"""Standard errors and intervals of shares, beside those of SciPy and of the papers' formulas."""

import numpy as np
import pytest
from scipy.stats import binomtest

from theodolite.generalization.proportions import Z95, paired_difference, share


@pytest.mark.parametrize(("right", "of"), [(0, 20), (7, 20), (20, 20), (498, 1000)])
def test_a_share_of_single_targets_is_wilsons(right, of):
    hits = (np.arange(of) < right).astype(np.int64)
    found = share(hits, np.ones(of, dtype=np.int64))
    wilson = binomtest(right, of).proportion_ci(method="wilson")
    assert float(found) == right / of
    assert found.interval.se == pytest.approx(np.sqrt(right / of * (1 - right / of) / of), abs=1e-15)
    assert found.interval.low == pytest.approx(wilson.low, abs=1e-9)
    assert found.interval.high == pytest.approx(wilson.high, abs=1e-9)


def test_targets_that_go_together_are_no_more_than_one():
    alone = share(np.array([1, 0, 1, 1, 0]), np.ones(5, dtype=np.int64))
    together = share(np.array([9, 0, 9, 9, 0]), np.full(5, 9))
    assert float(together) == float(alone)
    assert together.interval.se == pytest.approx(alone.interval.se)
    assert (together.interval.low, together.interval.high) == pytest.approx((alone.interval.low, alone.interval.high))


def test_independent_targets_in_examples_of_many_lengths_are_as_good_as_single_ones():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 30, 4000)
    found = share(rng.binomial(counts, 0.7), counts)
    assert found.interval.se == pytest.approx(np.sqrt(0.7 * 0.3 / counts.sum()), rel=0.05)


def test_the_error_of_a_ratio_covers_as_it_says():
    # Positions of one example agree with one another, and lengths differ.
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(1000):
        counts = rng.integers(1, 12, 150)
        found = share(rng.binomial(counts, rng.beta(2, 2, 150)), counts)
        inside += found.interval.low <= 0.5 <= found.interval.high
    assert 920 <= inside <= 975


def test_a_paired_difference_is_mcnemars_and_its_interval_bonett_and_prices():
    # 50 right in both, 9 in the first alone, 4 in the second alone, 37 in neither.
    first = np.repeat([1, 1, 0, 0], [50, 9, 4, 37])
    second = np.repeat([1, 0, 1, 0], [50, 9, 4, 37])
    found = paired_difference(first, second, np.ones(100, dtype=np.int64))
    assert float(found) == pytest.approx(0.05)
    assert found.interval.se == pytest.approx(np.sqrt((9 + 4) / 100 - 0.05**2) / 10)
    lost, gained = 10 / 102, 5 / 102
    half = Z95 * np.sqrt((lost + gained - (lost - gained) ** 2) / 102)
    assert found.interval.low == pytest.approx(lost - gained - half)
    assert found.interval.high == pytest.approx(lost - gained + half)


def test_where_nothing_differs_the_interval_is_no_point():
    same = np.ones(50, dtype=np.int64)
    found = paired_difference(same, same, same)
    assert (float(found), found.interval.se) == (0.0, 0.0)
    assert found.interval.high == pytest.approx(Z95 * np.sqrt(2) / 52)
    assert found.interval.low == -found.interval.high
