"""How far a rank correlation may be chance: rows in random order, and rows drawn again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.rank_correlation import (
    centred_ranks,
    dense_ranks,
    kendall_spread,
    pair_counts,
    pair_signs,
    strata,
)

Array = NDArray[np.float64]
Orders = NDArray[np.intp]

ENUMERATED = 50_000
"""Up to so many orders all are gone through, and the p-value is exact."""

MOST_PERMUTED = 300
"""Rows of one table above which Kendall's p-value comes from the normal law, which is then as good as exact."""

_CELLS = 1 << 22


class Permuted(NamedTuple):
    """Two-sided p-values of many columns.

    Attributes
    ----------
    kendall, spearman : ndarray of shape (columns,)
        How probable a correlation at least as strong is where y is in random order within strata.
    exact : bool
        Whether all orders were gone through.
    normal : bool
        Whether Kendall's come from the normal law.
    """

    kendall: Array
    spearman: Array
    exact: bool
    normal: bool


def count_orders(sizes: Sequence[int]) -> int:
    """Count the orders of rows within strata.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    int
        The product of the factorials.
    """
    return math.prod(math.factorial(size) for size in sizes)


def all_orders(sizes: Sequence[int]) -> Orders:
    """List every order of the rows within strata.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (orders, rows)
        Indices of rows.
    """
    orders = np.zeros((1, 0), dtype=np.intp)
    for rows in strata(sizes):
        within = np.array(list(itertools.permutations(range(rows.start, rows.stop))), dtype=np.intp)
        orders = np.hstack((np.repeat(orders, len(within), axis=0), np.tile(within, (len(orders), 1))))
    return orders


def random_orders(sizes: Sequence[int], count: int, rng: np.random.Generator) -> Orders:
    """Draw orders of the rows within strata.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each stratum.
    count : int
        How many.
    rng : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    ndarray of shape (count, rows)
        Indices of rows.
    """
    keys = rng.random((count, sum(sizes)))
    return np.argsort(keys + np.repeat(np.arange(len(sizes)), sizes), axis=1)


def permutation_test(
    x: Array, y: Array, sizes: Sequence[int], *, permutations: int, rng: np.random.Generator
) -> Permuted:
    """Test rank correlations against random orders of y within strata.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that is put into another order.
    sizes : sequence of int
        Rows of each stratum.
    permutations : int
        How many orders are drawn where there are too many to go through all.
    rng : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    Permuted
        Of drawn orders, ``(b + 1) / (m + 1)`` with b of m at least as strong; of all orders, their share.
    """
    exact = count_orders(sizes) <= ENUMERATED
    normal = not exact and y.size > MOST_PERMUTED
    reached = [np.zeros(len(x)), np.zeros(len(x))]
    score = pair_counts(x, y, sizes)[0].sum(axis=1) / 2
    rank_x, rank_y = centred_ranks(x, sizes), centred_ranks(y[None, :], sizes)[0]
    product = np.abs((rank_x * rank_y).sum(axis=1))[:, None]
    dense_x, dense_y = dense_ranks(x), dense_ranks(y[None, :])[0]
    orders = all_orders(sizes) if exact else None
    left = total = len(orders) if orders is not None else permutations
    while left:
        count = min(left, max(1, _CELLS // y.size))
        some = random_orders(sizes, count, rng) if orders is None else orders[left - count : left]
        left -= count
        shuffled = rank_x @ rank_y[some].T
        reached[1] += (np.abs(shuffled) >= product - 1e-9).sum(axis=1)
        if not normal:
            reached[0] += (np.abs(_scores(dense_x, dense_y[some], sizes)) >= np.abs(score)[:, None]).sum(axis=1)
    by_chance = [counts / total if exact else (counts + 1) / (total + 1) for counts in reached]
    if normal:
        from scipy.special import erfc

        by_chance[0] = erfc(np.abs(score) / np.maximum(kendall_spread(x, y, sizes), 1e-300) / math.sqrt(2))
    return Permuted(by_chance[0], by_chance[1], exact, normal)


def _scores(x: Array, shuffled: Array, sizes: Sequence[int]) -> Array:
    """Count concordant minus discordant pairs of every column with every order."""
    found = np.zeros((len(x), len(shuffled)))
    # Whole numbers below 2^24 are exact in single precision: the places of rows, and the counts of their pairs.
    short_x, short_y = x.astype(np.float32), shuffled.astype(np.float32)
    for rows in strata(sizes):
        for (_, _, sign_x), (_, _, sign_y) in zip(pair_signs(short_x, rows), pair_signs(short_y, rows), strict=True):
            # Signs give no invalid product; a BLAS may say so of numbers beside them, which its vector units load.
            with np.errstate(invalid="ignore"):
                found += sign_x @ sign_y.T
    return found


def bootstrap(
    x: Array, y: Array, sizes: Sequence[int], *, resamples: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw rows again within strata, and correlate anew.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that they are compared with.
    sizes : sequence of int
        Rows of each stratum.
    resamples : int
        How many times.
    rng : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    tuple of ndarray of shape (columns, resamples)
        Kendall's tau-b and Spearman's rho; NaN where a resample holds one value alone.
    """
    drawn = [rng.multinomial(size, np.full(size, 1 / size), size=resamples) for size in sizes]
    # One line a row, so that all resamples are worked on side by side.
    weights = np.ascontiguousarray(np.hstack(drawn).T, dtype=np.float64)
    short = weights.astype(np.float32)
    dense_x, dense_y = dense_ranks(x), dense_ranks(y[None, :])[0]
    of_y = _resampled(weights, dense_y, sizes)
    sign_y = [_signs(dense_y[rows]) for rows in strata(sizes)]
    tau, rho = np.empty((2, len(x), resamples))
    for index, column in enumerate(dense_x):
        of_x = _resampled(weights, column, sizes)
        score = np.zeros(resamples)
        for rows, signs in zip(strata(sizes), sign_y, strict=True):
            # Copies of one row are pairs without a sign.
            score += np.einsum("ij,ij->j", (signs * _signs(column[rows])) @ short[rows], short[rows]) / 2
        tau[index] = _divided(score, of_x.apart * of_y.apart)
        rho[index] = _divided(np.einsum("ij,ij->j", of_x.weighted, of_y.ranks), of_x.squares * of_y.squares)
    return tau, rho


class _Resampled(NamedTuple):
    """One column, resampled: pairs that are not tied, ranks anew, the same weighted, and the sum of their squares."""

    apart: Array
    ranks: Array
    weighted: Array
    squares: Array


def _resampled(weights: Array, column: Array, sizes: Sequence[int]) -> _Resampled:
    apart, ranks = np.zeros(weights.shape[1]), np.empty(weights.shape)
    for rows in strata(sizes):
        size = rows.stop - rows.start
        order = np.argsort(column[rows], kind="stable")
        ordered = column[rows][order]
        first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        tied = weights[rows][order]
        if not first.all():
            tied = np.add.reduceat(tied, np.flatnonzero(first), axis=0)
        apart += (size**2 - np.einsum("ij,ij->j", tied, tied)) / 2
        middle = (np.cumsum(tied, axis=0) - (tied - 1) / 2) / (size + 1) - 0.5
        place = np.empty(size, dtype=np.intp)
        place[order] = np.cumsum(first) - 1
        ranks[rows] = middle[place]
    weighted = weights * ranks
    return _Resampled(apart, ranks, weighted, np.einsum("ij,ij->j", weighted, ranks))


def _signs(column: Array) -> NDArray[np.float32]:
    signs: NDArray[np.float32] = np.sign(column[:, None] - column[None, :]).astype(np.float32)
    return signs


def _divided(numerator: Array, squared: Array) -> Array:
    full = np.full(numerator.shape, np.nan)
    divided: Array = np.divide(numerator, np.sqrt(np.maximum(squared, 0)), out=full, where=squared > 1e-12)
    return np.clip(divided, -1.0, 1.0)
