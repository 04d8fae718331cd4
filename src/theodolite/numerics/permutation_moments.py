r"""How the inner product of two U-centred matrices varies when the rows and columns of one are put in random order.

Let A and B be symmetric with zero diagonals and zero row sums, both of norm 1, and
:math:`s = \sum A_{ij} B_{\pi(i) \pi(j)}` for a random permutation of n indices. Products of entries with an index that
occurs once vanish when they are summed over it; what is left of the first three moments, summed over all coincidences
of indices as by Kazi-Aoual et al. [1]_ for matrices with a diagonal, is

.. math::

    E s = 0, \quad E s^2 = \frac{2}{n (n - 3)}, \quad
    E s^3 = \frac{a\, U_A U_B - b\, (U_A T_B + T_A U_B) + c\, T_A T_B}{n (n-1) (n-2) (n-3) (n-4) (n-5)}

with :math:`U = \sum A_{ij}^3`, :math:`T = \mathrm{tr} A^3`, :math:`a = 4 (n^4 - 8 n^3 + 19 n^2 - 4 n - 16)`,
:math:`b = 8 (3 n^2 - 15 n + 16)` and :math:`c = 8 (n^3 - 9 n^2 + 26 n - 22)`.

References
----------
.. [1] F. Kazi-Aoual, S. Hitier, R. Sabatier and J.-D. Lebreton, Refined approximations to permutation tests for
   multivariate inference, Computational Statistics & Data Analysis 20 (1995) 643-656.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, ndtr

from theodolite.numerics.blocks import BLOCK_ENTRIES

__all__ = ["cubic_sums", "deviation", "skewness", "upper_tail"]

FEWEST_ROWS = 6
"""With fewer, the third moment has another form."""

_STRAIGHT = 1e-5


def deviation(count: int) -> float:
    """Give the standard deviation of the inner product, which depends on nothing but the number of rows.

    Parameters
    ----------
    count : int
        How many rows, at least 4.

    Returns
    -------
    float
        The standard deviation.

    Examples
    --------
    >>> round(deviation(100), 6)
    0.014359
    """
    return math.sqrt(2 / (count * (count - 3)))


def cubic_sums(rows: NDArray[np.float64]) -> tuple[float, float]:
    """Sum the cubes of a U-centred Gram matrix at norm 1: entry by entry, and as a matrix product.

    The entries are ``<x_i, x_j> + w_i + w_j`` off the diagonal. With the diagonal added, this is a matrix of the rank
    of the rows plus 2, whose cube is as cheap as its scatter matrix; the diagonal is then taken off again.

    Parameters
    ----------
    rows : array of shape (n, d)
        Centred rows that are not all at the same distance from each other.

    Returns
    -------
    entries : float
        Sum of cubed entries.
    trace : float
        Trace of the cube.
    """
    count, width = rows.shape
    rows = rows / np.sqrt((rows * rows).sum() / count)
    squares = (rows * rows).sum(axis=1)
    shift = squares / (count - 2) - squares.sum() / (2 * (count - 1) * (count - 2))
    diagonal = squares + 2 * shift
    square = cube = trace = 0.0
    step = max(1, BLOCK_ENTRIES // count)
    whole = np.empty((count, count)) if count <= width else None
    for start in range(0, count, step):
        block = rows[start : start + step] @ rows.T + shift[start : start + step, None] + shift
        block[np.arange(block.shape[0]), start + np.arange(block.shape[0])] = 0.0
        squared = block * block
        square += squared.sum()
        cube += (squared * block).sum()
        if whole is not None:
            whole[start : start + step] = block
    if whole is not None:
        trace = float(((whole @ whole) * whole).sum())
    else:
        factor = np.column_stack([rows, shift, np.ones(count)])
        turned = np.column_stack([rows, np.ones(count), shift])  # the last two exchange places in the product
        inner = turned.T @ factor
        twice = ((turned @ (factor.T @ factor)) * turned).sum(axis=1)
        trace = float(np.trace(inner @ inner @ inner) - 3 * diagonal @ twice + 2 * (diagonal**3).sum())
    return float(cube / square**1.5), trace / square**1.5


def skewness(count: int, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Give the skewness of the inner product over all permutations.

    Parameters
    ----------
    count : int
        How many rows, at least 6.
    one, other : tuple of float
        What `cubic_sums` gives for both.

    Returns
    -------
    float
        The skewness.
    """
    n = count
    entries = 4 * (n**4 - 8 * n**3 + 19 * n**2 - 4 * n - 16)
    mixed = 8 * (3 * n**2 - 15 * n + 16)
    traces = 8 * (n**3 - 9 * n**2 + 26 * n - 22)
    third = entries * one[0] * other[0] - mixed * (one[0] * other[1] + one[1] * other[0]) + traces * one[1] * other[1]
    return float(third / math.perm(n, FEWEST_ROWS) / deviation(n) ** 3)


def upper_tail(score: float, skew: float) -> float:
    """Give the probability of at least this score under Pearson's law of type III: a shifted gamma law.

    Parameters
    ----------
    score : float
        In standard deviations from the mean.
    skew : float
        The law's skewness; a normal law where it is zero.

    Returns
    -------
    float
        The probability.

    Examples
    --------
    >>> round(upper_tail(0.0, 0.0), 6), round(upper_tail(2.0, 2.0), 6)  # the second is exponential
    (0.5, 0.049787)
    """
    if abs(skew) < _STRAIGHT:
        return float(ndtr(-score))
    shape = 4 / skew**2
    if skew > 0:
        return float(gammaincc(shape, max(0.0, shape + score * math.sqrt(shape))))
    return float(gammainc(shape, max(0.0, shape - score * math.sqrt(shape))))
