"""What is left of a rank correlation when others are held fixed, and p-values of many tests at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.rank_correlation import centred_ranks, kendall

Array = NDArray[np.float64]

NOTHING_LEFT = 1e-9
"""Share of the squared ranks below which a residual is rounding alone."""


def partial_spearman(x: Array, y: Array, given: Array, sizes: Sequence[int]) -> tuple[float, float, int]:
    """Correlate the ranks of x and y after those of other columns are regressed out of both.

    Parameters
    ----------
    x, y : ndarray of shape (rows,)
        The two columns.
    given : ndarray of shape (columns, rows)
        What is held fixed.
    sizes : sequence of int
        Rows of each stratum; ranks are within strata.

    Returns
    -------
    tuple of (float, float, int)
        The partial correlation, its two-sided p-value by Student's law, and the degrees of freedom: rows of strata
        with more than one, minus those strata, minus the columns given (those in one order count once), minus one. NaN
        where they leave nothing of x or y, or no degree of freedom is left.

    Examples
    --------
    >>> a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([2.0, 1, 4, 3, 6, 5])
    >>> rho, p, freedom = partial_spearman(a, b, np.array([[1.0, 6, 2, 5, 3, 4]]), [6])
    >>> round(rho, 3), freedom
    (0.958, 3)
    """
    ranks = centred_ranks(np.vstack((x[None, :], y[None, :], given)), sizes)
    several = [size for size in sizes if size > 1]
    basis, weights, _ = np.linalg.svd(ranks[2:].T, full_matrices=False)
    basis = basis[:, weights > NOTHING_LEFT * max(float(weights.max(initial=0.0)), 1e-300)]
    freedom = sum(several) - len(several) - basis.shape[1] - 1
    left = ranks[:2] - (ranks[:2] @ basis) @ basis.T
    before, after = (ranks[:2] ** 2).sum(axis=1), (left**2).sum(axis=1)
    if freedom < 1 or np.any(after <= NOTHING_LEFT * np.maximum(before, 1e-300)):
        return float("nan"), float("nan"), freedom
    rho = float(np.clip(left[0] @ left[1] / np.sqrt(after[0] * after[1]), -1.0, 1.0))
    return rho, _student_p(rho, freedom), freedom


def _student_p(rho: float, freedom: int) -> float:
    from scipy.special import stdtr

    rest = 1 - rho**2
    return float(2 * stdtr(freedom, -abs(rho) * np.sqrt(freedom / rest))) if rest > 0 else 0.0


def partial_kendall(x: Array, y: Array, given: Array, sizes: Sequence[int]) -> float:
    """Compute Kendall's partial tau of x and y, other columns held fixed.

    Parameters
    ----------
    x, y : ndarray of shape (rows,)
        The two columns.
    given : ndarray of shape (columns, rows)
        What is held fixed.
    sizes : sequence of int
        Rows of each stratum; pairs are within strata.

    Returns
    -------
    float
        From the inverse of the matrix of tau-b; for one column given, Kendall's own formula. NaN where the matrix has
        no inverse.

    Examples
    --------
    >>> a, b = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 3, 5, 4])
    >>> round(partial_kendall(a, b, np.array([[1.0, 3, 2, 4, 5]]), [5]), 3)
    0.509
    """
    columns = np.vstack((x[None, :], y[None, :], given))
    matrix = np.stack([kendall(columns, column, sizes) for column in columns])
    if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix, hermitian=True, rtol=NOTHING_LEFT) < len(matrix):
        return float("nan")
    inverse = np.linalg.inv(matrix)
    if inverse[0, 0] <= 0 or inverse[1, 1] <= 0:
        return float("nan")
    return float(np.clip(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]), -1.0, 1.0))


def holm(p_values: Array) -> Array:
    """Raise p-values so that the chance of a single false finding among them all stays bounded.

    Parameters
    ----------
    p_values : ndarray of shape (tests,)
        Of the tests; NaN where there was none.

    Returns
    -------
    ndarray of shape (tests,)
        Holm's adjusted p-values.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3)
    array([0.03, 0.06, 0.06])
    """
    return _stepped(p_values, lambda tests: np.arange(tests, 0, -1.0), np.maximum.accumulate)


def benjamini_hochberg(p_values: Array) -> Array:
    """Raise p-values so that the expected share of false ones among the findings stays bounded.

    Parameters
    ----------
    p_values : ndarray of shape (tests,)
        Of the tests; NaN where there was none.

    Returns
    -------
    ndarray of shape (tests,)
        Benjamini and Hochberg's adjusted p-values.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3)
    array([0.03, 0.04, 0.04])
    """
    return _stepped(p_values, lambda tests: tests / np.arange(1.0, tests + 1), _from_behind)


def _from_behind(values: Array) -> Array:
    smallest: Array = np.minimum.accumulate(values[::-1])[::-1]
    return smallest


def _stepped(p_values: Array, factors: Callable[[int], Array], monotone: Callable[[Array], Array]) -> Array:
    adjusted = np.full(p_values.shape, np.nan)
    there = np.flatnonzero(np.isfinite(p_values))
    order = there[np.argsort(p_values[there], kind="stable")]
    adjusted[order] = np.minimum(monotone(p_values[order] * factors(order.size)), 1.0)
    return adjusted
