r"""The generalised exponential integral, and through it the incomplete gamma function of negative order.

A power law with an exponential cut-off has the normalisation :math:`\Gamma(1-b, z) = z^{1-b} E_b(z)` with b of 1 or
more, where the order 1 - b is not positive and library routines for the incomplete gamma function stop. Here
:math:`E_b(z) = \int_1^\infty t^{-b} e^{-z t}\,dt` is computed for every real b from 1 on: by Lentz's continued fraction
for z from 2 on (and for any z where b is large), else by the power series about the nearest whole order, with its
cancelling poles taken out by hand, and the recurrence upwards in b, which is stable for z below 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

__all__ = ["log_upper_gamma", "scaled_exponential_integral"]

Vector = NDArray[np.float64]

_FRACTION_FROM = 12.0
"""Orders from here on: the continued fraction converges fast for every argument."""

_MOST_TERMS = 400
_SERIES_BELOW, _SERIES_TERMS = 2.0, 28
# (log Γ(1 - e)) / e as a power series in e, which keeps its digits where e is tiny.
_LOG_GAMMA = np.concatenate([[np.euler_gamma], zeta(np.arange(2.0, 56.0)) / np.arange(2.0, 56.0)])


def scaled_exponential_integral(order: ArrayLike, z: ArrayLike) -> Vector:
    r"""Return :math:`e^z E_b(z)`, which neither under- nor overflows where z does.

    Parameters
    ----------
    order : array
        b, finite and at least 1.
    z : array
        Positive and finite; broadcast against `order`.

    Returns
    -------
    numpy.ndarray
        Relative error below 1e-12.

    Raises
    ------
    ValueError
        If an order is below 1, or a z is not positive.

    Examples
    --------
    >>> scaled_exponential_integral([1.0, 2.0], 1.0)  # e E_1(1) and e E_2(1) = 1 - e E_1(1)
    array([0.59634736, 0.40365264])
    """
    b, x = np.broadcast_arrays(np.asarray(order, dtype=np.float64), np.asarray(z, dtype=np.float64))
    if not np.all((b >= 1.0) & (x > 0.0) & np.isfinite(b) & np.isfinite(x)):
        raise ValueError("order, z: every order must be at least 1 and every z positive, and both finite")
    found = np.empty(b.shape)
    small = (x < _SERIES_BELOW) & (b < _FRACTION_FROM)
    if np.any(small):
        found[small] = np.exp(x[small]) * _by_series(b[small], x[small])
    if not np.all(small):
        found[~small] = _by_fraction(b[~small], x[~small])
    return found


def log_upper_gamma(order: ArrayLike, z: ArrayLike) -> Vector:
    r"""Return the logarithm of the upper incomplete gamma function :math:`\Gamma(a, z)` for orders a up to 0.

    Parameters
    ----------
    order : array
        a, finite and at most 0.
    z : array
        Positive and finite; broadcast against `order`.

    Returns
    -------
    numpy.ndarray
        Its exponential has a relative error below 1e-11 as long as the logarithm is no larger than some hundreds.

    Examples
    --------
    >>> float(np.exp(log_upper_gamma(-1.0, 2.0)))  # (exp(-2) / 2) - E_1(2)
    0.0187671...
    """
    a, x = np.asarray(order, dtype=np.float64), np.asarray(z, dtype=np.float64)
    return np.asarray(a * np.log(x) - x + np.log(scaled_exponential_integral(1.0 - a, x)))


def _by_fraction(b: Vector, x: Vector) -> Vector:
    """Return e^x E_b(x) by the continued fraction 1/(x+b - 1·b/(x+b+2 - 2(b+1)/(x+b+4 - ...)))."""
    step = x + b
    inverse = 1.0 / step
    found, ratio = inverse.copy(), np.full_like(step, 1e300)
    for k in range(1, _MOST_TERMS):
        numerator = -k * (b + (k - 1.0))
        step = step + 2.0
        inverse = 1.0 / (numerator * inverse + step)
        ratio = step + numerator / ratio
        change = ratio * inverse
        found *= change
        if k % 8 == 0 and np.all(np.abs(change - 1.0) < 4e-16):
            break
    return found


def _by_series(b: Vector, x: Vector) -> Vector:
    """Return E_b(x) for x below 2, from the whole order nearest to b - 1."""
    whole = np.rint(b - 1.0)
    rest = b - 1.0 - whole
    log = np.log(x)
    # E_{1+e}(x) = -(Γ(1-e) x^e - 1)/e - Σ_{k>0} (-x)^k / (k! (k - e)); the first term tends to -γ - log x.
    slope = np.polynomial.polynomial.polyval(rest, _LOG_GAMMA) + log
    total = -np.where(rest == 0.0, slope, np.expm1(rest * slope) / np.where(rest == 0.0, 1.0, rest))
    power = np.ones_like(x)
    for k in range(1, _SERIES_TERMS):
        power = power * (-x / k)
        total = total - power / (k - rest)
    decay = np.exp(-x)
    for n in range(int(whole.max(initial=0.0))):
        total = np.where(n < whole, (decay - x * total) / (1.0 + rest + n), total)
    return np.asarray(total)
