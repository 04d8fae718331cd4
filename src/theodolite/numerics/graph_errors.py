r"""Standard errors of means over points that share neighbours.

An estimate from neighbours is, to first order, a mean of one contribution from each point,
:math:`\hat\theta - \theta \approx \frac{1}{n} \sum_i \psi_i`, with :math:`\psi_i` the influence of point i. Were the
contributions independent, its variance would be :math:`\frac{1}{n^2} \sum_i \psi_i^2`. They aren't: two points near
each other look at the same neighbours. Distances in a homogeneous cloud depend on what lies in the balls that they
span, and balls that don't overlap are independent, so that :math:`\operatorname{Cov}(\psi_i, \psi_j)` vanishes for
points far apart, and

.. math:: \operatorname{Var}(\hat\theta) = \frac{1}{n^2} \sum_{i, j} \operatorname{E}[\psi_i \psi_j]
    \approx \frac{1}{n^2} \Big( \sum_i \psi_i^2 + \sum_{i \sim j} \psi_i \psi_j \Big),

where the second sum takes every ordered pair of points of which one is among the other's neighbours. It is the
estimator for series with autocorrelation (Newey and West 1987), or in space (Conley 1999), with the graph of neighbours
in place of a band. Balls of points that aren't neighbours may still overlap at their rims; what that adds is left out.
The truncated sum isn't positive by construction; where it falls below that of independent points, theirs is taken.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Float = NDArray[np.float64]
Index = NDArray[np.int64]


def graph_standard_error(influence: Float, indices: Index, *, weights: NDArray[np.generic] | None = None) -> float:
    """Give the standard error of an estimate that is a mean of contributions of points in a graph.

    Parameters
    ----------
    influence : ndarray, shape (points,)
        The influence of each point: the estimate less its limit is nearly their mean. Their own mean is taken away.
    indices : ndarray of int, shape (points, k)
        The neighbours of each, those that the estimate looks at.
    weights : ndarray, shape (points,), optional
        The weight of each in the mean; how many rows coincide there, say. All alike, unless given.

    Returns
    -------
    float
        The standard error, never below that of independent points.

    Raises
    ------
    ValueError
        If the shapes don't agree, or no weight is above 0.

    Examples
    --------
    >>> ring = (np.arange(4)[:, None] + 1) % 4
    >>> round(graph_standard_error(np.array([1.0, 1.0, -1.0, -1.0]), ring), 6)
    0.5
    """
    values = np.asarray(influence, np.float64)
    count = values.size
    shares = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (count,) or indices.ndim != 2 or len(indices) != count or shares.shape != (count,):
        raise ValueError(
            f"influence, indices, weights: expected {count} of each, got shapes {values.shape}, {indices.shape}, "
            f"{shares.shape}"
        )
    if not (shares >= 0).all() or not shares.any():
        raise ValueError("weights: expected numbers of 0 or more, some of them above 0")
    shares = shares / shares.sum()
    parts = shares * (values - shares @ values)
    alone = float(parts @ parts)
    return math.sqrt(max(alone, alone + float(parts @ (_joined(indices) @ parts))))


def _joined(indices: Index) -> csr_array:
    """Join each point to its neighbours, and them to it."""
    count, k = indices.shape
    lists = csr_array((np.ones(count * k), indices.ravel(), np.arange(0, count * k + 1, k)), shape=(count, count))
    return lists.maximum(lists.T)
