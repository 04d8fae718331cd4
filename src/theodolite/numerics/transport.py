"""Mass moved between two sets of points that hold one unit of it each, spread evenly: the cheapest way.

Where one set has a whole multiple of the other's points, some cheapest plan cuts every point into equal parts and moves
each part whole [1]_, which is an assignment problem; elsewhere POT solves the linear programme.

References
----------
.. [1] G. Birkhoff, Tres observaciones sobre el álgebra lineal, Univ. Nac. Tucumán Rev. Ser. A 5 (1946) 147-151.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["even_plan"]

_STEPS = 100_000_000


def even_plan(costs: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Find the cheapest way from equal weights to equal weights.

    Parameters
    ----------
    costs : ndarray of shape (d, e)
        What it costs to move the whole mass from one point to another.

    Returns
    -------
    first, second : ndarray, shape (moves,)
        From where and to where something is moved, at most ``d + e - 1`` moves.
    mass : ndarray, shape (moves,)
        How much; the sum is 1. Where neither number of points divides the other and POT is not installed, its import
        fails.

    Examples
    --------
    >>> first, second, mass = even_plan(np.array([[0.0, 1.0], [2.0, 0.0]]))
    >>> first.tolist(), second.tolist(), mass.tolist()
    ([0, 1], [0, 1], [0.5, 0.5])
    """
    rows, columns = costs.shape
    if max(rows, columns) % min(rows, columns):
        return _by_simplex(costs)
    larger = max(rows, columns)
    parts = larger // rows, larger // columns
    first, second = linear_sum_assignment(costs.repeat(parts[0], axis=0).repeat(parts[1], axis=1))
    return first // parts[0], second // parts[1], np.full(larger, 1.0 / larger)


def _by_simplex(costs: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    ot = importlib.import_module("ot")
    rows, columns = costs.shape
    # The simplex compares costs with an absolute tolerance.
    size = float(np.abs(costs).max()) or 1.0
    weights = np.full(rows, 1.0 / rows), np.full(columns, 1.0 / columns)
    plan = ot.emd(*weights, np.ascontiguousarray(costs / size), numItermax=_STEPS)
    first, second = np.nonzero(plan)
    return first, second, plan[first, second]
