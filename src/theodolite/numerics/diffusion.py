"""Random walks on a cloud: squared distances, eigenvalues of the diffusion operator, the entropy of its spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["diffusion_eigenvalues", "median_distance", "spectral_entropy", "squared_distances"]

Matrix = NDArray[np.float64]

_CANCELS = 1e-6  # of the squares of both rows: below it, products leave less than nine digits of a squared distance
_ENTRIES = 1 << 20
_EPS = float(np.finfo(np.float64).eps)


def squared_distances(centred: Matrix) -> Matrix:
    """Compute the squared distances between all rows.

    They come from products; those of rows that lie near each other, from their differences.

    Parameters
    ----------
    centred : ndarray, shape (rows, features)
        Points about their mean.

    Returns
    -------
    ndarray, shape (rows, rows)
        Symmetric but for rounding; exactly zero where rows coincide.

    Examples
    --------
    >>> squared_distances(np.asarray([[-1.5], [1.5]]))
    array([[0., 9.],
           [9., 0.]])
    """
    squares = np.einsum("ij,ij->i", centred, centred)
    step = max(1, _ENTRIES // centred.shape[1])
    found = centred @ centred.T
    found *= -2.0
    found += squares[:, None]
    found += squares[None, :]
    for row in range(len(found)):
        near = np.flatnonzero(found[row, :row] <= _CANCELS * (squares[row] + squares[:row]))
        for start in range(0, near.size, step):
            others = near[start : start + step]
            gaps = centred[others] - centred[row]
            found[row, others] = found[others, row] = np.einsum("ij,ij->i", gaps, gaps)
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


def median_distance(squared: Matrix) -> float:
    """Find the median distance between different rows.

    Parameters
    ----------
    squared : ndarray, shape (rows, rows)
        Squared distances of 2 rows or more.

    Returns
    -------
    float
        The mean of the two in the middle where the pairs are even in number.
    """
    count, start = squared.shape[0], 0
    pairs = np.empty(count * (count - 1) // 2)
    for row in range(count - 1):  # indices of all pairs would take twice the memory of the matrix
        stop = start + count - 1 - row
        pairs[start:stop] = squared[row, row + 1 :]
        start = stop
    return float(np.median(np.sqrt(pairs, out=pairs), overwrite_input=True))


def diffusion_eigenvalues(squared: Matrix, bandwidth: float, *, anisotropic: bool) -> Matrix:
    r"""Compute the eigenvalues of the matrix of transition probabilities between points.

    With :math:`G_{ij} = e^{-d_{ij}^2 / 2 \sigma^2}` and g its row sums, a step goes from i to j with a probability
    in proportion to :math:`G_{ij}`, or, anisotropic, to :math:`G_{ij} / \sqrt{g_i g_j}`.

    Parameters
    ----------
    squared : ndarray, shape (rows, rows)
        Squared distances.
    bandwidth : float
        σ, above 0.
    anisotropic : bool
        Whether the density is taken out by half.

    Returns
    -------
    ndarray, shape (rows,)
        Ascending; the last is 1.
    """
    with np.errstate(over="ignore", under="ignore"):
        kernel = squared / (-2.0 * bandwidth) / bandwidth
        np.exp(kernel, out=kernel)
    if anisotropic:
        _divide(kernel)
    _divide(kernel)
    return np.asarray(np.linalg.eigvalsh(kernel), np.float64)


def _divide(kernel: Matrix) -> None:
    """Divide by the roots of the row sums from both sides, in place."""
    roots = np.sqrt(kernel.sum(axis=1))
    kernel /= roots[:, None]
    kernel /= roots[None, :]


def spectral_entropy(eigenvalues: Matrix, time: float) -> float:
    r"""Compute the entropy of :math:`|\lambda_i|^t / \sum_j |\lambda_j|^t`.

    Parameters
    ----------
    eigenvalues : ndarray, shape (count,)
        At most 1 in size, and not all 0. What rounding may have made of 0 counts as 0.
    time : float
        t, above 0.

    Returns
    -------
    float
        In bits, from 0 to ``log2(count)``.

    Examples
    --------
    >>> spectral_entropy(np.asarray([0.5, -0.5, 0.5, 0.5]), 3.0)
    2.0
    """
    sizes = np.abs(eigenvalues) / np.abs(eigenvalues).max()
    with np.errstate(under="ignore"):
        weights = sizes[sizes > eigenvalues.size * _EPS] ** time
        shares = weights / weights.sum()
    shares = shares[shares > 0]
    return max(0.0, float(-np.sum(shares * np.log2(shares))))
