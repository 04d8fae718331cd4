r"""How often a sum of squares of Gaussian variables is small: the lower tail of a generalised chi-square, exact.

The distribution of :math:`Q = \sum_j (\rho_j + \sqrt{\lambda_j} z_j)^2` is an integral of
:math:`e^{K(s) - s q} / s` along a line in the complex plane, with K the logarithm of the moment generating function.
Imhof's formula runs along the imaginary axis, where a tail of :math:`10^{-100}` is the remainder of numbers near 1.
Through the saddle point, where K' = q, nothing cancels and the integrand falls off at once; bent along the path of
steepest descent, it doesn't oscillate either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["QuadraticForm"]

_NEAREST = 0.5  # widths of the saddle that the path keeps from the pole at 0
_FIRST_STEP, _CHUNK, _HALVINGS = 0.2, 64, 12
_NEGLIGIBLE, _SETTLED, _ROUNDED, _CERTAIN = 1e-18, 1e-13, 16.0, -45.0
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class QuadraticForm:
    """A sum of squares of independent Gaussian variables.

    Parameters
    ----------
    variances : ndarray, shape (terms,)
        λ, not negative.
    offsets : ndarray, shape (terms,)
        ρ², squared means, not negative.
    """

    variances: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Expectation."""
        return float(self.variances.sum() + self.offsets.sum())

    @property
    def least(self) -> float:
        """What the sum is at least: the offsets of terms that don't vary."""
        return float(self.offsets[self._fixed].sum())

    @property
    def _fixed(self) -> NDArray[np.bool_]:
        return np.asarray(self.variances <= _EPS * self.variances.max(initial=0.0))

    def log_chance_below(self, limit: float) -> float:
        """Compute the logarithm of the probability that the sum is not above a limit.

        Parameters
        ----------
        limit : float
            The limit.

        Returns
        -------
        float
            Natural logarithm, accurate to about 1e-10 of the probability however small that is; minus infinity where
            it is 0.

        Raises
        ------
        ArithmeticError
            If the integral doesn't settle.

        Examples
        --------
        >>> one = QuadraticForm(np.ones(2), np.zeros(2))
        >>> round(one.log_chance_below(2e-40), 9) == round(float(np.log(1e-40)), 9)
        True
        """  # noqa: DOC502 - raised by what is called
        varies = ~self._fixed
        rest = limit - self.least
        if not varies.any():
            return 0.0 if rest >= 0.0 else -np.inf
        if rest <= 0.0:
            return -np.inf
        size = float(self.variances.max())
        return _log_below(self.variances[varies] / size, self.offsets[varies] / size, rest / size)


def _log_below(variances: NDArray[np.float64], offsets: NDArray[np.float64], limit: float) -> float:
    """Integrate along the path of steepest descent through the saddle point, or beside the pole where it is near."""
    saddle = _saddle(variances, offsets, limit)
    width = 1.0 / np.sqrt(_cumulant(variances, offsets, saddle, 2))
    vertex = saddle
    if abs(saddle) < _NEAREST * width:
        vertex = -_NEAREST * width
    bend = _cumulant(variances, offsets, vertex, 3) / _cumulant(variances, offsets, vertex, 2) / 6.0
    top = float(_exponent(variances, offsets, np.asarray([vertex + 0j]), limit)[0].real)
    if vertex > 0 and top < _CERTAIN:
        return 0.0  # by Chernoff's bound

    def integrand(places: NDArray[np.float64]) -> NDArray[np.float64]:
        path = vertex + 1j * width * places + bend * (width * places) ** 2
        pace = 1j * width + 2.0 * bend * width * width * places
        values = np.exp(_exponent(variances, offsets, path, limit) - top) * pace / path
        return np.asarray(values.imag)

    rounding = _ROUNDED * _EPS * (variances.size + abs(limit * vertex))
    total = _trapezoid(integrand, max(_SETTLED, rounding)) / np.pi
    if vertex > 0:
        return float(np.log1p(-np.exp(top + np.log(total)))) if total > 0.0 else 0.0
    return min(0.0, float(top + np.log(-total)))


def _saddle(variances: NDArray[np.float64], offsets: NDArray[np.float64], limit: float) -> float:
    """Solve K'(s) = limit; the largest variance is 1, and K' runs from 0 to infinity below 1/2."""
    low = -1.0
    while _cumulant(variances, offsets, low, 1) > limit:
        low *= 2.0
    gap = 0.25
    with np.errstate(divide="ignore"):  # of limits so large that the saddle is 1/2 in float64, K' there is infinite
        while _cumulant(variances, offsets, 0.5 - gap, 1) < limit:
            gap *= 0.5
        high = 0.5 - gap
        found = brentq(lambda s: _cumulant(variances, offsets, s, 1) - limit, low, high, xtol=1e-14, rtol=1e-13)
    return float(found)


def _cumulant(variances: NDArray[np.float64], offsets: NDArray[np.float64], place: float, order: int) -> float:
    """Compute a derivative of K, of order 1 to 3, at a real place."""
    quotient = 1.0 / (1.0 - 2.0 * variances * place)
    central, shifted = ((1.0, 1.0), (2.0, 4.0), (8.0, 24.0))[order - 1]
    power = variances ** (order - 1) * quotient**order
    return float(np.sum(power * (central * variances + shifted * offsets * quotient)))


def _exponent(
    variances: NDArray[np.float64], offsets: NDArray[np.float64], path: NDArray[np.complex128], limit: float
) -> NDArray[np.complex128]:
    factors = 1.0 - 2.0 * variances[:, None] * path
    return np.asarray((-0.5 * np.log(factors) + offsets[:, None] * path / factors).sum(axis=0) - limit * path)


def _trapezoid(integrand: Callable[[NDArray[np.float64]], NDArray[np.float64]], settled: float) -> float:
    """Integrate an analytic function that falls off, over half the line, halving the step until it has settled."""
    step, before = _FIRST_STEP, np.inf
    for _ in range(_HALVINGS):
        values = integrand(step * np.arange(_CHUNK, dtype=np.float64))
        total, largest, start = values.sum() - 0.5 * values[0], np.abs(values).max(), _CHUNK
        while np.abs(values).max() > _NEGLIGIBLE * largest:
            values = integrand(step * np.arange(start, 2 * start, dtype=np.float64))
            total, start = total + values.sum(), 2 * start
        found = float(step * total)
        if abs(found - before) <= settled * abs(found):
            return found
        step, before = 0.5 * step, found
    raise ArithmeticError("the integral over the generalised chi-square's tail doesn't settle")
