"""Whole numbers in proportion to weights, within bounds, for a budget: the method of largest remainders.

Hamilton's method gives everyone its share rounded down, and what is left to the largest remainders. Here shares have
floors and caps, and a unit may cost more for one than for another, as a rank costs more in a larger matrix. With equal
costs the total is exact; with others it is the nearest below the budget that shares rounded down or up can have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Apportionment", "BudgetError", "apportion", "shares"]

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

_MOST_TOTALS = 200_000
"""So many totals are told apart in the search for the nearest one; beyond, the largest remainders alone decide."""


class BudgetError(ValueError):
    """No whole numbers within the bounds meet the budget.

    Parameters
    ----------
    budget : int
        What was given.
    least, most : int
        What the floors cost, and the caps.
    """

    def __init__(self, budget: int, least: int, most: int) -> None:
        self.budget, self.least, self.most = budget, least, most
        side = f"the floors alone cost {least:,}" if budget < least else f"all caps together cost {most:,}"
        super().__init__(f"budget is {budget:,}, and {side}")


@dataclass(frozen=True)
class Apportionment:
    """Whole numbers, and what they were rounded from.

    Attributes
    ----------
    counts : ndarray of shape (n,)
        The whole numbers.
    shares : ndarray of shape (n,)
        The exact shares, within the bounds.
    remainder : int
        What of the budget is left over; 0 where all units cost the same and divide it.
    """

    counts: Counts
    shares: Vector
    remainder: int


def apportion(
    weights: ArrayLike,
    budget: int,
    *,
    costs: ArrayLike | None = None,
    floors: ArrayLike | None = None,
    caps: ArrayLike | None = None,
) -> Apportionment:
    """Share a budget out in whole numbers that are proportional to weights.

    Parameters
    ----------
    weights : array of shape (n,)
        Finite, none negative, not all zero.
    budget : int
        What the counts, times their costs, may come to.
    costs : array of int, optional
        What one unit costs; 1 where none is given.
    floors, caps : array of int, optional
        The least and the most for each; 0 and no limit where none are given.

    Returns
    -------
    Apportionment
        Counts between their share rounded down and one more. Their total is the nearest to the budget, never above it,
        that such counts can have; among those with this total, the ones that round the largest remainders up; among
        equal remainders the first, but of whole shares, as at a floor, the ones with the largest weights.

    Raises
    ------
    BudgetError
        If the floors cost more than the budget, or the caps less.

    Examples
    --------
    >>> apportion([3.0, 3.0, 1.0], 10).counts
    array([4, 4, 2])
    >>> apportion([1.0, 1.0], 100, costs=[8, 24]).remainder
    4
    """  # noqa: DOC502 - raised by what is called
    exact = shares(weights, budget, costs=costs, floors=floors, caps=caps)
    price = _whole(costs, exact.size, 1)
    ceiling = _ceiling(caps, exact.size, budget, price)
    # A share that is whole but for rounding errors counts as whole.
    near = np.rint(exact)
    down = np.where(np.abs(exact - near) <= np.maximum(1e-9, 1e-14 * near), near, np.floor(exact)).astype(np.int64)
    left = budget - int(down @ price)
    # Nor are ties a matter of the last digits.
    remainders = np.asarray(np.round(exact - down, 9).clip(0.0), dtype=np.float64)
    open_ = np.flatnonzero(down < ceiling)
    # Whole shares come last, as at a floor: there the weights say who is next.
    wanted = np.asarray(weights, dtype=np.float64)
    next_ = np.where(remainders > 0.0, 0.0, np.round(wanted / wanted.max(), 9))
    order = open_[np.lexsort((-next_[open_], -remainders[open_]))]
    up = _rounded_up(remainders, price, order, left) if left > 0 else []
    down[up] += 1
    return Apportionment(down, exact, budget - int(down @ price))


def shares(
    weights: ArrayLike,
    budget: int,
    *,
    costs: ArrayLike | None = None,
    floors: ArrayLike | None = None,
    caps: ArrayLike | None = None,
) -> Vector:
    r"""Give the exact shares :math:`q_i = \min(c_i, \max(f_i, t w_i))` whose cost is the budget.

    Parameters
    ----------
    weights, budget, costs, floors, caps
        As for `apportion`.

    Returns
    -------
    ndarray of shape (n,)
        The shares.

    Raises
    ------
    BudgetError
        If the floors cost more than the budget, or the caps less.
    ValueError
        If weights are negative, not finite, or all zero.

    Examples
    --------
    >>> shares([1.0, 1.0, 8.0], 10, floors=[1, 1, 1], caps=[9, 9, 5])
    array([2.5, 2.5, 5. ])
    """
    wanted = np.asarray(weights, dtype=np.float64)
    if wanted.ndim != 1 or not wanted.size or not np.isfinite(wanted).all() or (wanted < 0).any() or not wanted.any():
        raise ValueError("weights: expected finite numbers of at least 0 in a row, not all of them 0")
    wanted = wanted / wanted.max()
    price = _whole(costs, wanted.size, 1)
    least, most = _whole(floors, wanted.size, 0), _ceiling(caps, wanted.size, budget, price)
    lowest, highest = int(least @ price), int(most @ price)
    if not lowest <= budget <= highest:
        raise BudgetError(budget, lowest, highest)

    def clipped(scale: float) -> Vector:
        return np.asarray(np.clip(scale * wanted, least, most))

    # The cost grows with the scale, in straight lines between the scales at which somebody leaves a bound.
    some = wanted > 0
    turns = np.unique(np.concatenate([[0.0], least[some] / wanted[some], most[some] / wanted[some]]))
    turns = np.append(turns, turns[-1] * (1 + 1e-9))  # a quotient times its divisor may fall short by a rounding error
    low, high = 0, turns.size - 1
    if float(clipped(turns[high]) @ price) < budget:
        raise BudgetError(budget, lowest, int(clipped(turns[high]) @ price))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if float(clipped(turns[middle]) @ price) <= budget else (low, middle)
    start, stop = float(turns[low]), float(turns[high])
    below, above = float(clipped(start) @ price), float(clipped(stop) @ price)
    return clipped(start if above <= below else start + (stop - start) * (budget - below) / (above - below))


def _whole(given: ArrayLike | None, size: int, default: int) -> Counts:
    return np.full(size, default, dtype=np.int64) if given is None else np.asarray(given, dtype=np.int64)


def _ceiling(caps: ArrayLike | None, size: int, budget: int, price: Counts) -> Counts:
    if caps is not None:
        return np.asarray(caps, dtype=np.int64)
    return np.full(size, -(-budget // int(price.min())), dtype=np.int64)


def _rounded_up(remainders: Vector, price: Counts, order: Counts, left: int) -> list[int]:
    """Choose who is rounded up: the dearest choice that fits, and of several such the one of the largest remainders."""
    by_remainder = [int(i) for i in order]
    classes = {cost: [i for i in by_remainder if price[i] == cost] for cost in sorted({int(price[i]) for i in order})}
    # Among equals in cost the largest remainders go first, so that only how many of each cost is to be chosen.
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for cost, members in classes.items():
        sums = [0.0, *np.cumsum(remainders[members]).tolist()]
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for spent, (gained, taken) in best.items():
            for number in range(min(len(members), (left - spent) // cost) + 1):
                total, value = spent + number * cost, gained + sums[number]
                if total not in reached or value > reached[total][0]:
                    reached[total] = (value, (*taken, number))
        best = reached
        if len(best) * max(map(len, classes.values())) > _MOST_TOTALS:
            return _greedily(by_remainder, price, left)
    _, taken = best[max(best)]
    return [i for (_, members), number in zip(classes.items(), taken, strict=True) for i in members[:number]]


def _greedily(by_remainder: list[int], price: Counts, left: int) -> list[int]:
    chosen = []
    for i in by_remainder:
        if price[i] <= left:
            chosen.append(i)
            left -= math.floor(price[i])
    return chosen
