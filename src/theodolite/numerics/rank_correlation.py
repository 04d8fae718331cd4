"""Rank correlation of many columns with one, over all pairs of rows or over pairs of one stratum alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def strata(sizes: Sequence[int]) -> Iterator[slice]:
    """Cut rows that are sorted by stratum.

    Parameters
    ----------
    sizes : sequence of int
        How many rows each stratum has, in order.

    Yields
    ------
    slice
        The rows of one stratum.
    """
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size


def dense_ranks(values: Array) -> Array:
    """Replace numbers by their place among the distinct ones, so that their differences have the right sign exactly.

    Parameters
    ----------
    values : ndarray of shape (columns, rows)
        Finite numbers.

    Returns
    -------
    ndarray of shape (columns, rows)
        0 for the smallest.
    """
    return np.stack([np.unique(column, return_inverse=True)[1].astype(np.float64) for column in values])


def centred_ranks(values: Array, sizes: Sequence[int]) -> Array:
    """Rank within strata, ties in the middle, on one scale for strata of all sizes.

    Parameters
    ----------
    values : ndarray of shape (columns, rows)
        Finite numbers.
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (columns, rows)
        ``rank / (size + 1) - 1/2``, which has the mean 0 in every stratum.
    """
    ranks = np.empty(values.shape)
    for rows in strata(sizes):
        for column, into in zip(values[:, rows], ranks[:, rows], strict=True):
            _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
            into[:] = (np.cumsum(counts) - (counts - 1) / 2)[place] / (column.size + 1) - 0.5
    return ranks


def pair_signs(values: NDArray[Any], rows: slice) -> Iterator[tuple[int, slice, NDArray[Any]]]:
    """Compare every row of a stratum with those behind it.

    Parameters
    ----------
    values : ndarray of shape (columns, rows)
        Finite numbers.
    rows : slice
        The stratum.

    Yields
    ------
    tuple of (int, slice, ndarray)
        A row, those behind it, and for each column and each of them the sign of the difference.
    """
    for row in range(rows.start, rows.stop - 1):
        behind = slice(row + 1, rows.stop)
        yield row, behind, np.sign(values[:, row : row + 1] - values[:, behind])


def pair_counts(x: Array, y: Array, sizes: Sequence[int]) -> tuple[Array, Array, Array]:
    """Count for every row the pairs that it is part of.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that they are compared with.
    sizes : sequence of int
        Rows of each stratum; pairs are within strata alone.

    Returns
    -------
    tuple of ndarray of shape (columns, rows)
        Concordant minus discordant pairs; pairs that are not tied in x; pairs that are not tied in y.
    """
    score, apart_x = np.zeros(x.shape), np.zeros(x.shape)
    apart_y = np.zeros((1, y.size))
    ranks = y[None, :]
    for rows in strata(sizes):
        pairs = zip(pair_signs(x, rows), pair_signs(ranks, rows), strict=True)
        for (row, behind, sign_x), (_, _, sign_y) in pairs:
            for into, each in ((score, sign_x * sign_y), (apart_x, np.abs(sign_x)), (apart_y, np.abs(sign_y))):
                into[:, row] += each.sum(axis=1)
                into[:, behind] += each
    return score, apart_x, np.broadcast_to(apart_y, x.shape)


def kendall(x: Array, y: Array, sizes: Sequence[int]) -> Array:
    """Compute Kendall's tau-b of each column with y over the pairs within strata.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that they are compared with.
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (columns,)
        Concordant minus discordant pairs over the geometric mean of the pairs not tied in x and those not tied in y;
        NaN where all pairs are tied.

    Examples
    --------
    >>> x, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([2.0, 1.0, 4.0, 3.0])
    >>> kendall(x, y, [4]).round(3), kendall(x, y, [2, 2])
    (array([0.333]), array([-1.]))
    """
    score, apart_x, apart_y = (counts.sum(axis=1) for counts in pair_counts(x, y, sizes))
    return _over(score, np.sqrt(apart_x * apart_y))


def spearman(x: Array, y: Array, sizes: Sequence[int]) -> Array:
    """Compute Spearman's rho of each column with y, from ranks within strata.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that they are compared with.
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (columns,)
        Pearson's correlation of the centred ranks; of one stratum, Spearman's rho. NaN where one is constant.
    """
    rank_x, rank_y = centred_ranks(x, sizes), centred_ranks(y[None, :], sizes)[0]
    # Row by row, so that no number hangs on which other columns are there.
    return _over((rank_x * rank_y).sum(axis=1), np.sqrt((rank_x**2).sum(axis=1) * (rank_y**2).sum()))


def kendall_spread(x: Array, y: Array, sizes: Sequence[int]) -> Array:
    """Compute the standard deviation of concordant minus discordant pairs where y is in random order.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that is put into random order within strata.
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (columns,)
        From the exact variance, ties included.

    Notes
    -----
    Kendall (1945), "The treatment of ties in ranking problems"; the law tends to a normal one fast.
    """
    variance = np.zeros(len(x))
    for rows in strata(sizes):
        n = rows.stop - rows.start
        if n < 2:
            continue
        of_y = _ties(y[rows])
        for index, column in enumerate(x[:, rows]):
            of_x = _ties(column)
            variance[index] += (n * (n - 1) * (2 * n + 5) - of_x[0] - of_y[0]) / 18
            variance[index] += of_x[1] * of_y[1] / (2 * n * (n - 1))
            variance[index] += of_x[2] * of_y[2] / (9 * n * (n - 1) * (n - 2)) if n > 2 else 0.0
    return np.sqrt(variance)


def kendall_error(x: Array, y: Array, sizes: Sequence[int]) -> Array:
    """Estimate the standard error of tau-b by leaving out one row at a time.

    Parameters
    ----------
    x : ndarray of shape (columns, rows)
        Columns.
    y : ndarray of shape (rows,)
        The column that they are compared with.
    sizes : sequence of int
        Rows of each stratum.

    Returns
    -------
    ndarray of shape (columns,)
        The stratified jackknife's standard error.
    """
    score, apart_x, apart_y = pair_counts(x, y, sizes)
    # Every pair is counted at both its rows; without a row, its own pairs are gone from both ends.
    left = [counts.sum(axis=1, keepdims=True) / 2 - counts for counts in (score, apart_x, apart_y)]
    without = _over(left[0], np.sqrt(left[1] * left[2]))
    variance = np.zeros(len(x))
    for rows in strata(sizes):
        n = rows.stop - rows.start
        if n > 1:
            variance += (n - 1) * without[:, rows].var(axis=1)
    return np.sqrt(variance)


def _ties(column: Array) -> tuple[float, float, float]:
    count = np.unique(column, return_counts=True)[1].astype(np.float64)
    pairs = count * (count - 1)
    return float((pairs * (2 * count + 5)).sum()), float(pairs.sum()), float((pairs * (count - 2)).sum())


def _over(numerator: Array, denominator: Array) -> Array:
    """Divide, with NaN where there is nothing to divide by."""
    divided: Array = np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)
    # Rounding must not carry a perfect order beyond one.
    return np.clip(divided, -1.0, 1.0)
