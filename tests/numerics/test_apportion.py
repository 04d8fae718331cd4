"""Whole shares against brute force over every choice of roundings, closed forms, and what must hold of any of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.numerics import apportion as module
from theodolite.numerics.apportion import BudgetError, apportion, shares


def hamilton(weights, total):
    """Largest remainders in exact rational arithmetic, the first among equals."""
    from fractions import Fraction

    exact = [Fraction(w) * total / sum(map(Fraction, weights)) for w in weights]
    counts = [int(q) for q in exact]
    order = sorted(range(len(weights)), key=lambda i: (counts[i] - exact[i], i))
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), st.integers(0, 200))
def test_with_equal_costs_it_is_hamiltons_method_and_exact(weights, total):
    found = apportion(weights, total)
    assert found.counts.tolist() == hamilton(weights, total)
    assert found.counts.sum() == total
    assert found.remainder == 0


@st.composite
def problems(draw):
    size = draw(st.integers(1, 6))
    some = st.lists(st.integers(0, 30), min_size=size, max_size=size)
    weights = draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    costs = draw(st.lists(st.integers(1, 7), min_size=size, max_size=size))
    floors = [floor % 4 for floor in draw(some)]
    caps = [floor + cap % 9 for floor, cap in zip(floors, draw(some), strict=True)]
    low, high = np.dot(floors, costs), np.dot(caps, costs)
    return weights, draw(st.integers(int(low), int(high))), costs, floors, caps


@settings(max_examples=300, deadline=None)
@given(problems())
def test_no_other_roundings_come_nearer_to_the_budget(problem):
    weights, budget, costs, floors, caps = problem
    found = apportion(weights, budget, costs=costs, floors=floors, caps=caps)
    assert found.counts @ costs == budget - found.remainder
    assert found.remainder >= 0
    assert (floors <= found.counts).all()
    assert (found.counts <= caps).all()
    assert found.shares @ costs == pytest.approx(budget, abs=1e-6)
    ways = [
        {int(np.floor(q + 1e-8)), min(int(np.floor(q + 1e-8)) + 1, cap)}
        for q, cap in zip(found.shares, caps, strict=True)
    ]
    totals = [total for way in itertools.product(*ways) if (total := int(np.dot(way, costs))) <= budget]
    assert budget - found.remainder == max(totals)
    for i, j in itertools.permutations(range(len(weights)), 2):
        if costs[i] == costs[j] and floors[i] == floors[j] and caps[i] == caps[j] and weights[i] > weights[j] + 1e-5:
            assert found.counts[i] >= found.counts[j]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(0, 500), st.data())
def test_equal_weights_differ_by_one_at_most(size, budget, data):
    costs = data.draw(st.lists(st.integers(1, 9), min_size=size, max_size=size))
    counts = apportion(np.full(size, 0.7), budget, costs=costs).counts
    assert counts.max() - counts.min() <= 1


def test_ties_go_to_the_first():
    assert apportion([1, 1, 1, 1], 6).counts.tolist() == [2, 2, 1, 1]
    assert apportion([5.0] * 32, 150).counts.tolist() == [5] * 22 + [4] * 10


def test_one_outlier_does_not_take_what_others_leave():
    # Where leftovers all land on one block, 31 blocks of 3 and one of 6 come out as 15, 4, ..., 4, 25.
    counts = apportion(np.array([3.0] * 31 + [6.0]) ** 2.5, 160).counts
    assert counts.sum() == 160
    assert set(counts[:31]) <= {4, 5}
    assert counts[31] in {24, 25}


def test_bounds_by_hand():
    assert shares([1.0, 1.0, 8.0], 10, floors=[1, 1, 1], caps=[9, 9, 5]) == pytest.approx([2.5, 2.5, 5])
    assert shares([1.0, 9.0], 10, floors=[3, 0]) == pytest.approx([3, 7])
    assert apportion([0.0, 1.0], 5, floors=[1, 0]).counts.tolist() == [1, 4]
    assert apportion([1e-300, 1e300], 4, floors=[1, 1]).counts.tolist() == [1, 3]


def test_a_whole_share_is_not_rounded_away():
    found = apportion([0.1, 0.2, 0.3], 6)
    assert found.counts.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("weights", "counts"), [([90, 1, 2], [1, 3, 4]), ([90, 2, 1], [1, 4, 3])])
def test_what_is_left_above_floors_goes_to_the_largest_weight(weights, counts):
    # 5 are left above the floors, and a unit of the first costs 3: 2 for one of those that ask for less than they have.
    found = apportion(weights, 17, costs=[3, 2, 2], floors=[0, 3, 3])
    assert found.counts.tolist() == counts
    assert found.remainder == 0


def test_a_huge_budget_is_met_exactly():
    for budget in (2_000_000_001, 2_000_000_003, 10**12 + 1):
        found = apportion([1, 1], budget)
        assert found.counts.sum() == budget
        assert found.remainder == 0


def test_a_budget_that_cannot_be_met_is_named():
    with pytest.raises(BudgetError, match="budget is 5, and the floors alone cost 6") as error:
        apportion([1, 1], 5, costs=[1, 2], floors=[2, 2])
    assert (error.value.budget, error.value.least) == (5, 6)
    with pytest.raises(BudgetError, match="budget is 9, and all caps together cost 8"):
        apportion([1, 1], 9, caps=[4, 4])
    with pytest.raises(BudgetError, match="all caps together cost 4"):
        apportion([0, 1], 9, caps=[8, 4])


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [np.nan, 1.0], [np.inf], [[1.0]]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="weights: expected finite numbers"):
        apportion(weights, 3)


def test_without_the_search_the_largest_remainders_decide(monkeypatch):
    monkeypatch.setattr(module, "_MOST_TOTALS", 0)
    rng = np.random.default_rng(0)
    costs = rng.integers(1, 1000, size=50)
    found = apportion(rng.random(50), 100_000, costs=costs)
    assert found.counts @ costs == 100_000 - found.remainder
    assert 0 <= found.remainder < costs.max()
    down = np.floor(found.shares)
    assert ((found.counts == down) | (found.counts == down + 1)).all()


def test_hundreds_of_layers_of_many_shapes_are_quick_enough_to_be_exact():
    rng = np.random.default_rng(1)
    costs = rng.choice([8192, 12288, 5120, 15360, 9216, 33024], size=560)
    found = apportion(rng.random(560) + 1, 80_000_000, costs=costs, floors=[1] * 560)
    # All costs are multiples of 256 and some differ by no more, so that less than that is left over.
    assert found.remainder < 1024
