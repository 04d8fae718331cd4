"""The ball whose neighbours are at distances and angles most like those of some points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from theodolite.numerics.ball_calibration import balls_of, divergence, of_a_ball

Float = NDArray[np.float64]

_STEP = 1e-3
_NEAR = 0.01
_LOWEST = 0.5
_WIDEST = 4
_AT_END = 1e-3  # dimensions; as near to the last one that was looked at it is the last one


@dataclass(frozen=True)
class NearestBall:
    """A dimension between those of balls.

    Attributes
    ----------
    dimension : float
        Where the divergence is least.
    divergence : float
        The divergence there.
    slopes : ndarray, shape (3,)
        By how much the dimension grows with each of the numbers that were given.
    noise : float
        Variance of the balls' numbers there, as a share of that of numbers of one cloud.
    inside : bool
        Whether divergence grows to both sides; else the balls that were drawn end there.
    drawn : ndarray
        The dimensions that balls were drawn in, ascending.
    divergences : ndarray
        From each of them.
    concentrations : ndarray, shape (drawn, 3)
        Their numbers.
    """

    dimension: float
    divergence: float
    slopes: Float
    noise: float
    inside: bool
    drawn: Float
    divergences: Float
    concentrations: Float


class _Balls:
    """Balls of one number of points and neighbours, drawn where they are asked for."""

    def __init__(self, given: Float, settings: tuple[int, int, int], most: int) -> None:
        self.given, self.settings, self.most = given, settings, most
        self.drawn: dict[int, Float] = {}

    def at(self, dimension: int) -> Float:
        count, k, seed = self.settings
        if dimension not in self.drawn:
            self.drawn[dimension] = np.asarray(of_a_ball(count, k, dimension, seed))
        return self.drawn[dimension]

    def from_given(self, dimension: int) -> float:
        return divergence(self.given, self.at(dimension), self.settings[1])

    def nearest_integer(self) -> int:
        best = int(np.clip(round(float(self.given[0])), 1, self.most))
        step = 1
        while step:
            around = [d for d in (best - step, best + step) if 1 <= d <= self.most]
            nearest = min([best, *around], key=self.from_given)
            if nearest == best:
                step //= 2
            else:
                best, step = nearest, 2 * step
        return best

    def window(self, centre: int) -> NDArray[np.int64]:
        half = int(np.clip(round(centre / 4), 1, _WIDEST))
        first = max(1, centre - half)
        return np.arange(first, max(centre + half, first + 2) + 1)


@dataclass(frozen=True)
class _Between:
    """The numbers of balls in a window of dimensions, as parabolas of the logarithm of the dimension."""

    curve: Float
    inverse: Float
    centre: int
    low: float
    high: float
    k: int

    @classmethod
    def of(cls, balls: _Balls, centre: int) -> _Between:
        window = balls.window(centre)
        inverse = np.linalg.pinv(np.vander(np.log(window / centre), 3, increasing=True))
        curve = inverse @ np.log(np.asarray([balls.at(int(d)) for d in window]))
        return cls(curve, inverse, centre, window[0] - _LOWEST, window[-1] + _LOWEST, balls.settings[1])

    def _powers(self, dimension: float) -> Float:
        place = np.log(dimension / self.centre)
        return np.asarray([1.0, place, place**2])

    def leverage(self, dimension: float) -> Float:
        return np.asarray(self._powers(dimension) @ self.inverse)

    def _divergence(self, given: Float, dimension: float) -> float:
        return divergence(given, np.exp(self._powers(dimension) @ self.curve), self.k)

    def least(self, given: Float) -> tuple[float, float]:
        """Find the dimension of least divergence, and the divergence there."""
        place = minimize_scalar(partial(self._divergence, given), bounds=(self.low, self.high), method="bounded").x

        # A minimum is known to half of the digits, but where the slope is zero is known to all but a few.
        def slope(dimension: float) -> float:
            above, below = (self._divergence(given, dimension * (1.0 + side)) for side in (_STEP, -_STEP))
            return above - below

        low, high = max(self.low, place * (1.0 - _NEAR)), min(self.high, place * (1.0 + _NEAR))
        if slope(low) < 0.0 < slope(high):
            place = brentq(slope, low, high, xtol=1e-14, rtol=1e-14)
        return float(place), self._divergence(given, place)


def nearest_ball(given: Float, settings: tuple[int, int, int], span: int) -> NearestBall:
    """Find the dimension in which a ball diverges least from some numbers.

    Parameters
    ----------
    given : ndarray, shape (3,)
        As in `Concentration`.
    settings : tuple of int
        How many points and neighbours, and the seed of the balls.
    span : int
        Dimension of the space that the points span; balls have little more.

    Returns
    -------
    NearestBall
        The dimension, with its slopes.
    """
    balls = _Balls(given, settings, span + 2)
    centre = balls.nearest_integer()
    for _ in range(_WIDEST):
        between = _Between.of(balls, centre)
        found = between.least(given)
        nearest = int(np.clip(round(found[0]), 1, span + 2))
        if nearest == centre or not between.low < found[0] < between.high:
            break
        centre = nearest
    steps = _STEP * np.abs(given)
    slopes = [
        (between.least(given + move)[0] - between.least(given - move)[0]) / (2 * move.sum()) for move in np.diag(steps)
    ]
    leverage = between.leverage(found[0])
    drawn = sorted(balls.drawn)
    return NearestBall(
        *found,
        np.asarray(slopes),
        float(leverage @ leverage) / balls_of(settings[0]),
        between.low + _AT_END < found[0] < between.high - _AT_END,
        np.asarray(drawn, np.float64),
        np.asarray([balls.from_given(d) for d in drawn]),
        np.asarray([balls.drawn[d] for d in drawn]),
    )
