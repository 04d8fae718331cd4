"""How alike two lists of dissimilarities are, each with one number for every pair of conditions."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.dissimilarity import rows_of, square

Host = NDArray[np.float64]
Places = NDArray[np.int64]

SAME = 1e-12
"""Dissimilarities that differ by less than this share of the largest are tied: rounding must not put them in order."""


SHORT = 32
"""Runs that are compared number by number before they are merged."""


def places(values: Host) -> Places:
    """Replace numbers by their place among the distinct ones.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Finite numbers.

    Returns
    -------
    ndarray of int, shape (m,)
        0 for the smallest; numbers that are the same to rounding share a place.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    apart = np.diff(ascending) > SAME * np.abs(ascending[[0, -1]]).max()
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.concatenate([[0], np.cumsum(apart)])
    return found


def middle_ranks(place: Places) -> Host:
    """Rank about zero, ties in the middle.

    Parameters
    ----------
    place : ndarray of int, shape (m,)
        As `places` gives them.

    Returns
    -------
    ndarray, shape (m,)
        Ranks less their mean.
    """
    counts = np.bincount(place)
    return (np.cumsum(counts) - (counts - 1) / 2)[place] - (len(place) + 1) / 2


def inversions(values: Places) -> int:
    """Count the pairs of which the first is larger.

    Parameters
    ----------
    values : ndarray of int, shape (m,)
        Numbers that are not negative, fewer than 2**30 of them.

    Returns
    -------
    int
        How many, in O(m log m).
    """
    doublings = max(0, ((len(values) - 1) // SHORT).bit_length())
    width = -(-len(values) >> doublings) or 1
    padded = np.full(width << doublings, values.max(), dtype=np.int32)
    padded[: len(values)] = values
    blocks: NDArray[np.int32] = padded.reshape(-1, width)
    total = sum(int(np.count_nonzero(blocks[:, :-by] > blocks[:, by:])) for by in range(1, width))
    blocks.sort(axis=1)
    while len(blocks) > 1:
        # Two sorted runs are merged, and the last bit says from which one a number came.
        merged = 2 * blocks.reshape(-1, 2 * width)
        merged[:, width:] += 1
        merged.sort(axis=1, kind="stable")
        behind = (merged & 1) @ np.arange(2 * width)
        # A number of the second run has as many of the first before it as its place is beyond its rank.
        total += len(merged) * (width * width + width * (width - 1) // 2) - int(behind.sum())
        blocks, width = merged >> 1, 2 * width
    return total


def concordance(x: Places, y: Places) -> tuple[int, int, int, int]:
    """Count pairs that two orders agree on.

    Parameters
    ----------
    x, y : ndarray of int, shape (m,)
        As `places` gives them.

    Returns
    -------
    tuple of int
        Concordant minus discordant pairs; pairs that are not tied in x; pairs that are not tied in y; all pairs.
    """
    every = len(x) * (len(x) - 1) // 2
    tied_x, tied_y = _tied(np.bincount(x)), _tied(np.bincount(y))
    tied_both = _tied(np.unique(x * (int(y.max()) + 1) + y, return_counts=True)[1])
    discordant = inversions(y[np.lexsort((y, x))])
    score = every - tied_x - tied_y + tied_both - 2 * discordant
    return score, every - tied_x, every - tied_y, every


def kendall(x: Places, y: Places) -> float:
    """Compute Kendall's tau-b.

    Parameters
    ----------
    x, y : ndarray of int, shape (m,)
        As `places` gives them.

    Returns
    -------
    float
        Over the geometric mean of the pairs that are not tied in one and those not tied in the other.
    """
    score, apart_x, apart_y, _ = concordance(x, y)
    return score / sqrt(apart_x * apart_y)


def kendall_a(x: Places, y: Places) -> float:
    """Compute Kendall's tau-a.

    Parameters
    ----------
    x, y : ndarray of int, shape (m,)
        As `places` gives them.

    Returns
    -------
    float
        Over all pairs, so that ties count against agreement.
    """
    score, _, _, every = concordance(x, y)
    return score / every


def rho_a(x: Host, y: Host) -> float:
    """Compute what Spearman's rho is in the mean over random orders of what is tied.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        As `middle_ranks` gives them.

    Returns
    -------
    float
        Their product over what it is of two equal orders without ties.
    """
    count = len(x)
    return float(12 * (x @ y) / (count**3 - count))


def cosine(x: Host, y: Host) -> float:
    """Compute the cosine between two vectors.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Not zero.

    Returns
    -------
    float
        Between -1 and 1.
    """
    return _bounded(float((x / np.linalg.norm(x)) @ (y / np.linalg.norm(y))))


def pearson(x: Host, y: Host) -> float:
    """Compute Pearson's correlation.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Not constant.

    Returns
    -------
    float
        Between -1 and 1.
    """
    return cosine(x - x.mean(), y - y.mean())


def whitened_cosine(x: Host, y: Host) -> float:
    r"""Compute the cosine after whitening by how estimated distances vary together.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Dissimilarities; not zero.

    Returns
    -------
    float
        Between -1 and 1.

    Notes
    -----
    Estimates of two squared distances vary together where they share a condition. With independent noise of equal size
    their covariance is in proportion to :math:`V = 2I + BB^\top`, B the incidence matrix of pairs and conditions, so
    that :math:`2V^{-1} = I - B(2I + B^\top B)^{-1}B^\top` with :math:`B^\top B = (n-2)I + 11^\top`: all that is needed
    beside the inner product are the sums of each condition's dissimilarities.
    """
    scales = np.linalg.norm(x), np.linalg.norm(y)
    first, second = x / scales[0], y / scales[1]
    products = _whitened(first, second), _whitened(first, first), _whitened(second, second)
    return _bounded(float(products[0] / np.sqrt(products[1] * products[2])))


def whitened_pearson(x: Host, y: Host) -> float:
    """Compute the whitened cosine of dissimilarities less their mean.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Dissimilarities; not constant.

    Returns
    -------
    float
        Between -1 and 1.
    """
    return whitened_cosine(x - x.mean(), y - y.mean())


def bures(x: Host, y: Host) -> float:
    r"""Compute the normalised fidelity of the Gram matrices that have these squared distances.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Dissimilarities, taken for squared distances.

    Returns
    -------
    float
        :math:`\|K^{1/2} L^{1/2}\|_* / \sqrt{\operatorname{tr} K \operatorname{tr} L}` between 0 and 1; NaN where a
        Gram matrix has no positive eigenvalue. Negative eigenvalues, which no points have, count as zero.
    """
    first, second = _roots(x), _roots(y)
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    if not scale > 0:
        return np.nan
    return _bounded(float(np.linalg.svd(first.T @ second, compute_uv=False).sum() / scale))


def _roots(condensed: Host) -> Host:
    """Return points, one row for each condition, whose inner products are the positive part of the Gram matrix."""
    distances = square(condensed)
    # Centred twice; by the largest first, so that no trace leaves the range.
    distances /= np.abs(distances).max() or 1.0
    means = distances.mean(axis=0)
    values, vectors = np.linalg.eigh(-0.5 * (distances - means - means[:, None] + means.mean()))
    rounding = len(values) * np.finfo(np.float64).eps * np.abs(values).max()
    kept = values > rounding
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _whitened(x: Host, y: Host) -> float:
    count = rows_of(len(x))
    left, right = np.triu_indices(count, 1)
    sums = [np.bincount(left, v, minlength=count) + np.bincount(right, v, minlength=count) for v in (x, y)]
    shared = (sums[0] @ sums[1] - sums[0].sum() * sums[1].sum() / (2 * count)) / count
    return float(x @ y - shared)


def _tied(counts: NDArray[Any]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _bounded(value: float) -> float:
    # Rounding must not carry perfect agreement beyond one.
    return min(max(value, -1.0), 1.0)
