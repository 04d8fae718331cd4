"""Functions drawn from a kernel's prior that pass through given points: their mean and covariance elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

__all__ = ["Family", "Interpolants", "interpolants"]

Family = Literal["laplace", "gaussian"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Interpolants:
    """Gaussian functions at the places where they are looked at.

    Attributes
    ----------
    mean : ndarray, shape (places, outputs)
        Of the functions.
    covariance : ndarray, shape (places, places)
        Of one output; all are alike and independent.
    """

    mean: Matrix
    covariance: Matrix


def interpolants(squared: Matrix, targets: Matrix, length: float, family: Family, noise: float) -> Interpolants:
    """Condition Gaussian functions on their values at the first points.

    The size of the functions is the likeliest given those values.

    Parameters
    ----------
    squared : ndarray, shape (points, points)
        Squared distances between all points, those with known values first.
    targets : ndarray, shape (known, outputs)
        Values at the first points.
    length : float
        Of the kernel.
    family : {"laplace", "gaussian"}
        Kernel.
    noise : float
        Variance of the values about the functions, as a share of that of the functions; above 0.

    Returns
    -------
    Interpolants
        At the other points.

    Examples
    --------
    >>> found = interpolants(np.asarray([[0.0, 1.0], [1.0, 0.0]]), np.asarray([[2.0]]), 1.0, "laplace", 1e-12)
    >>> found.mean.round(6), found.covariance.round(6)
    (array([[0.735759]]), array([[3.458659]]))
    """
    known = targets.shape[0]
    with np.errstate(under="ignore"):
        kernel = np.exp(-np.sqrt(squared) / length) if family == "laplace" else np.exp(-squared / (2.0 * length**2))
    inner = kernel[:known, :known].copy()
    inner.flat[:: known + 1] += noise
    factor = cho_factor(inner, lower=True)
    weights = cho_solve(factor, targets)
    size = max(0.0, float(np.sum(targets * weights)) / targets.size)
    across = kernel[known:, :known]
    covariance = kernel[known:, known:] - across @ cho_solve(factor, across.T)
    return Interpolants(across @ weights, size * covariance)
