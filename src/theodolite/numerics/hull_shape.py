"""The convex hull of points, and how near it is to a ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from theodolite.numerics.enclosing_ball import enclosing_ball

__all__ = ["FlatHullError", "Hull", "convex_hull", "hyper_shape_proportion", "hyper_sphericity", "log_unit_ball"]


_FLAT = ("QH6154", "QH6214", "QH6347")
"""Qhull's errors where the first simplex has no volume, where points are too few, where all lie in one hyperplane."""


class FlatHullError(ValueError):
    """The points have no volume."""


@dataclass(frozen=True)
class Hull:
    """A convex body.

    Attributes
    ----------
    volume : float
        In the dimension of the points.
    surface : float
        In one less.
    radius : float
        Of the smallest ball around it.
    dimensions : int
        Of the points.
    """

    volume: float
    surface: float
    radius: float
    dimensions: int


def convex_hull(points: NDArray[np.float64]) -> Hull:
    """Measure the convex hull of points.

    Parameters
    ----------
    points : ndarray, shape (count, dimensions)
        In 2 dimensions or more.

    Returns
    -------
    Hull
        Volume, surface and enclosing ball.

    Raises
    ------
    FlatHullError
        If the hull has no volume, or too little for its facets to be found.

    Examples
    --------
    >>> convex_hull(np.asarray([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]]))
    Hull(volume=4.0, surface=8.0, radius=1.414..., dimensions=2)
    """
    from scipy.spatial import ConvexHull, QhullError

    # Points on a lattice can have facets that merge beyond repair; moved by less than 1e-9 ("QJ") they have none.
    for options in (None, "QJ"):
        try:
            hull = ConvexHull(points, qhull_options=options)
            break
        except QhullError as error:
            told = str(error).strip().partition("\n")[0]
            if options == "QJ" or any(code in told for code in _FLAT):
                raise FlatHullError(told) from None
    _, radius = enclosing_ball(points[hull.vertices])
    return Hull(float(hull.volume), float(hull.area), radius, points.shape[1])


def log_unit_ball(dimensions: int) -> float:
    """Compute the logarithm of the volume of the ball of radius 1.

    Parameters
    ----------
    dimensions : int
        1 or more.

    Returns
    -------
    float
        Its logarithm.

    Examples
    --------
    >>> round(float(np.exp(log_unit_ball(3)) / np.pi), 12) == round(4 / 3, 12)
    True
    """
    return float(0.5 * dimensions * np.log(np.pi) - gammaln(0.5 * dimensions + 1.0))


def hyper_sphericity(volume: float, surface: float, dimensions: int) -> float:
    """Divide the surface of the ball of the same volume by that of a body.

    Parameters
    ----------
    volume, surface : float
        Of the body.
    dimensions : int
        n, 1 or more.

    Returns
    -------
    float
        1 for a ball.

    Examples
    --------
    >>> round(hyper_sphericity(1.0, 6.0, 3), 4)
    0.806
    """
    of_ball = np.log(dimensions) + (log_unit_ball(dimensions) + (dimensions - 1) * np.log(volume)) / dimensions
    return float(np.exp(of_ball - np.log(surface)))


def hyper_shape_proportion(volume: float, radius: float, dimensions: int) -> float:
    """Divide the volume of a body by that of the smallest ball around it.

    Parameters
    ----------
    volume : float
        Of the body.
    radius : float
        Of the ball.
    dimensions : int
        n, 1 or more.

    Returns
    -------
    float
        1 for a ball.

    Examples
    --------
    >>> round(hyper_shape_proportion(1.0, 0.5**0.5, 2), 4)
    0.6366
    """
    return float(np.exp(np.log(volume) - log_unit_ball(dimensions) - dimensions * np.log(radius)))
