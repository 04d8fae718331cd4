"""The smallest ball around points, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["enclosing_ball"]

Vector = NDArray[np.float64]

_ROUNDS = 1000
_EPS = 1e-12


def enclosing_ball(points: NDArray[np.float64]) -> tuple[Vector, float]:
    """Find the smallest ball that holds points, by walking its centre.

    A ball around all points is shrunk about those that it touches: its centre walks towards the point that is equally
    far from these within their flat, until another point is touched. There, a point that the centre lies beyond is let
    go; where there is none, the centre is a mixture of the points that are touched, and no ball is smaller.

    Parameters
    ----------
    points : ndarray, shape (count, dimensions)
        One point or more.

    Returns
    -------
    centre : ndarray, shape (dimensions,)
        Of the ball.
    radius : float
        So that all points lie within it.

    Raises
    ------
    ArithmeticError
        If rounding keeps the centre from settling.

    Examples
    --------
    >>> centre, radius = enclosing_ball(np.asarray([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0]]))
    >>> centre, radius
    (array([2., 0.]), 2.0)
    """
    centre = points.mean(axis=0)
    size = float(np.sqrt(_squares(points, centre).max()))
    if size == 0.0:
        return centre, 0.0
    scaled = (points - centre) / size
    place = np.zeros(points.shape[1])
    touched = [int(_squares(scaled, place).argmax())]
    for _ in range(_ROUNDS * points.shape[1]):
        goal, weights = _equally_far(scaled[touched], place)
        if float(np.linalg.norm(goal - place)) <= _EPS:
            if weights.min() >= -_EPS:
                return centre + size * place, size * float(np.sqrt(_squares(scaled, place).max()))
            # The first of those beyond, in a fixed order: dropping the worst can go in circles where many points touch.
            touched.remove(min(name for name, weight in zip(touched, weights, strict=True) if weight < -_EPS))
            continue
        step, met = _first_met(scaled, touched, place, goal - place)
        place = place + step * (goal - place)
        if met is not None:
            touched.append(met)
    raise ArithmeticError(f"no smallest ball found around {len(points)} points in {points.shape[1]} dimensions")


def _squares(points: Vector, centre: Vector) -> Vector:
    gaps = points - centre
    return np.asarray(np.einsum("ij,ij->i", gaps, gaps))


def _equally_far(touched: Vector, place: Vector) -> tuple[Vector, Vector]:
    """Project a place that is equally far from points onto their flat, and give its weights there."""
    origin, edges = touched[0], touched[1:] - touched[0]
    if not edges.size:
        return origin, np.ones(1)
    weights = np.linalg.lstsq(edges.T, place - origin, rcond=None)[0]
    return origin + weights @ edges, np.concatenate([[1.0 - weights.sum()], weights])


def _first_met(points: Vector, touched: list[int], place: Vector, way: Vector) -> tuple[float, int | None]:
    """Find how far the centre can go before the ball, which shrinks, touches another point."""
    on = points[touched[0]]
    closing = 2.0 * (on - points) @ way
    slack = np.maximum(0.0, float(np.sum((place - on) ** 2)) - _squares(points, place))
    closing[touched] = 0.0
    met = closing > _EPS * np.linalg.norm(way)
    if not met.any():
        return 1.0, None
    steps = np.full(len(points), np.inf)
    steps[met] = slack[met] / closing[met]
    first = int(steps.argmin())
    return (float(steps[first]), first) if steps[first] < 1.0 else (1.0, None)
