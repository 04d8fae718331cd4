"""The area under the curve: against counting pairs, DeLong's formula written out, and scipy's test."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from theodolite.numerics.auc import area_under_curve


def groups(seed, *, ties):
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal(17) + 0.7, rng.standard_normal(11)
    return (one.round(), other.round()) if ties else (one, other)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_area_interval_and_chance(seed, ties):
    one, other = groups(seed, ties=ties)
    found = area_under_curve(one, other)
    pairs = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in other] for x in one]
    area = sum(map(sum, pairs)) / (17 * 11)
    assert found.value == pytest.approx(area, abs=1e-15)
    rows = [sum(row) / 11 for row in pairs]
    columns = [sum(column) / 17 for column in zip(*pairs, strict=True)]
    variance = (
        sum((each - area) ** 2 for each in rows) / 16 / 17 + sum((each - area) ** 2 for each in columns) / 10 / 11
    )
    half = 1.959964 * math.sqrt(variance) / (area * (1 - area))
    middle = math.log(area / (1 - area))
    ends = [1 / (1 + math.exp(-(middle + sign * half))) for sign in (-1, 1)]
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-6)
    expected = mannwhitneyu(one, other, method="asymptotic").pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_the_other_way_round_it_is_mirrored():
    one, other = groups(1, ties=True)
    there, back = area_under_curve(one, other), area_under_curve(other, one)
    assert (there.value, there.low, there.high) == pytest.approx((1 - back.value, 1 - back.high, 1 - back.low))
    assert there.p_value == pytest.approx(back.p_value)


def test_only_the_order_counts():
    one, other = groups(2, ties=False)
    assert area_under_curve(np.exp(one), np.exp(other)) == area_under_curve(one, other)
    assert area_under_curve(-one, -other) != area_under_curve(one, other)


def test_groups_wholly_apart_keep_an_interval():
    found = area_under_curve(np.arange(5.0) + 10, np.arange(8.0))
    assert (found.value, found.high) == (1.0, 1.0)
    # Five pairs of five: the probability at which they come in 2.5 of 100 cases.
    assert found.low**5 == pytest.approx(0.025)
    back = area_under_curve(np.arange(8.0), np.arange(5.0) + 10)
    assert (back.value, back.low) == (0.0, 0.0)
    assert back.high == pytest.approx(1 - found.low)


def test_equal_numbers_say_nothing():
    found = area_under_curve(np.ones(5), np.ones(4))
    assert (found.value, found.low, found.high, found.p_value) == (0.5, 0.0, 1.0, 1.0)


def test_intervals_cover():
    """Normal groups a standard deviation apart: the area is Φ(1/√2)."""
    true = 0.5 * math.erfc(-0.5)
    rng = np.random.default_rng(3)
    found = [area_under_curve(rng.standard_normal(25) + 1, rng.standard_normal(25)) for _ in range(400)]
    assert 0.92 <= np.mean([one.low <= true <= one.high for one in found]) <= 0.98


@pytest.mark.parametrize("group", [[1.0], [1.0, np.nan], [1.0, np.inf]])
def test_bad_groups_are_refused(group):
    with pytest.raises(ValueError, match=r"two members|NaN or infinite"):
        area_under_curve(group, [1.0, 2.0])
