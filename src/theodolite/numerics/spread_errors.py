r"""Standard errors of numbers that change smoothly with the variances of the principal directions.

A number :math:`f(\lambda)` moves with row x by :math:`\sum_j \partial f / \partial \lambda_j\, (\langle v_j, x
\rangle^2 - \lambda_j)` to first order, v being the directions (the infinitesimal jackknife). Where variances are equal
the directions are arbitrary, but what they sum to isn't, since f doesn't tell them apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMOOTH_ERRORS"]

Float = NDArray[np.float64]


def _participation_error(centred: Float) -> float:
    rows, width = centred.shape
    squares = np.square(centred).sum(axis=1)
    if width < rows:
        along = ((centred @ (centred.T @ centred)) * centred).sum(axis=1)
    else:
        along = np.square(centred @ centred.T).sum(axis=1)
    # With the sums of products in place of the variances, whose factor cancels.
    first, second = squares.sum(), along.sum()
    return _of_influence(2.0 * first / second * squares - 2.0 * (first / second) ** 2 * along)


def _entropy_error(centred: Float) -> float:
    rows, width = centred.shape
    if width < rows:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        parts = np.square(centred @ vectors)
    else:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        parts = np.square(vectors) * np.maximum(values, 0.0)
    values = parts.sum(axis=0)
    shares = values / values.sum()
    logs = np.log(np.where(shares > 0.0, shares, 1.0))
    entropy = -float(shares @ logs)
    return _of_influence(parts @ (np.exp(entropy) * -(logs + entropy) / values.sum()))


def _of_influence(parts: Float) -> float:
    """Find the standard error from what each row adds, which is rows times its share in a mean."""
    rows = parts.size
    return float(np.sqrt(np.square(parts - parts.mean()).sum() * rows / (rows - 1.0)))


SMOOTH_ERRORS = {"participation": _participation_error, "entropy": _entropy_error}
"""The standard error of two rules of `theodolite.numerics.pca_rules`, from rows about their mean."""
