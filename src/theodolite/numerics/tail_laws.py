r"""Laws that the tail of a spectrum may follow, each fitted by maximum likelihood to many candidate tails at once.

A tail is looked at in units of its start: with :math:`z = x / x_{\min}` and :math:`y = \ln z` the likelihood of every
law here needs the tail's size and the means of y, z and y² alone. These are suffix sums of the sorted sample, so that
all candidates for the start are fitted together.

- power law, :math:`p(z) \propto z^{-\alpha}`: closed form;
- truncated power law, :math:`p(z) \propto z^{-b} e^{-\kappa z}` with b of at least 1: an exponential family with the
  statistics y and z, whose two equations are solved by Newton's method, the moments by Gauss-Legendre quadrature;
- exponential, :math:`p(z) \propto e^{-\kappa z}`: closed form;
- lognormal: y is a normal variable cut off at 0, and the ratio of the mean of y² to the squared mean of y fixes where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from theodolite.numerics.exponential_integral import scaled_exponential_integral

__all__ = ["FAMILIES", "Family", "TailSums", "fit_law", "log_likelihoods", "normalisation", "survival"]

Vector = NDArray[np.float64]
Family = Literal["power_law", "truncated_power_law", "exponential", "lognormal"]
FAMILIES: tuple[Family, ...] = ("power_law", "truncated_power_law", "exponential", "lognormal")

_NODES, _WEIGHTS = (part / 2.0 for part in np.polynomial.legendre.leggauss(64))
_NODES = _NODES + 0.5
_REACH = 42.0  # the density is integrated to where it has fallen by exp(-42)
_CHUNK = 1 << 12
_ROUNDS = 100
_CLOSE = 1e-7  # of a Newton step: what is left after it is its square
_CONTINUED = 60
_FAR = 4.0


@dataclass(frozen=True)
class TailSums:
    """What the likelihoods need of each candidate tail, in units of its start.

    Attributes
    ----------
    log, ratio, square : ndarray of shape (candidates,)
        Means of ln z, of z, and of (ln z)², with z the elements over the first of them.
    """

    log: Vector
    ratio: Vector
    square: Vector

    @classmethod
    def of(cls, ordered: Vector, starts: NDArray[np.int64]) -> TailSums:
        """Sum up the tails of a sample.

        Parameters
        ----------
        ordered : ndarray of shape (n,)
            Positive, ascending.
        starts : ndarray of shape (candidates,)
            Where each tail starts.

        Returns
        -------
        TailSums
            One entry a candidate.
        """
        scaled = ordered / ordered[-1]
        logs = np.log(scaled)
        sizes = ordered.size - starts
        # From the largest element down: the terms grow, and so no digits are lost near the top.
        first, plain, second = (np.cumsum(part[::-1])[::-1][starts] / sizes for part in (logs, scaled, logs * logs))
        at = logs[starts]
        square = second - 2.0 * at * first + at * at
        return cls(np.maximum(first - at, 0.0), plain / scaled[starts], np.maximum(square, 0.0))


def fit_law(family: Family, sums: TailSums) -> tuple[Vector, NDArray[np.bool_]]:
    r"""Fit one law to every candidate tail.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    sums : TailSums
        The candidates.

    Returns
    -------
    parameters : ndarray of shape (2, candidates)
        Of the power law: :math:`\alpha - 1` and 0. Of the truncated power law: b and :math:`\kappa`. Of the
        exponential: 0 and :math:`\kappa`. Of the lognormal: where the normal law is cut off, in standard deviations
        from its mean, and its standard deviation. NaN where the likelihood has no maximum.
    pinned : ndarray of shape (2, candidates)
        Which parameters stand at the edge of their range: b at 1, :math:`\kappa` at 0, or a lognormal whose maximum
        lies at infinity, where it is a power law.
    """
    free = np.zeros((2, sums.log.size), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if family == "power_law":
            return np.stack([1.0 / sums.log, np.zeros_like(sums.log)]), free
        if family == "exponential":
            return np.stack([np.zeros_like(sums.log), 1.0 / (sums.ratio - 1.0)]), free
        if family == "truncated_power_law":
            return _truncated(sums)
        return _lognormal(sums)


def survival(family: Family, parameters: Vector, y: Vector, norm: Vector | None = None) -> Vector:
    """Return the share of the law above ``exp(y)`` times its start.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    parameters : ndarray of shape (2, ...)
        As `fit_law` gives them.
    y : ndarray
        Not negative; broadcast against the parameters.
    norm : ndarray, optional
        What `normalisation` gives for these parameters, where it is known already.

    Returns
    -------
    ndarray
        Between 0 and 1.
    """
    first, second = parameters
    if family == "power_law":
        return np.asarray(np.exp(-first * y))
    if family == "exponential":
        return np.asarray(np.exp(-second * np.expm1(y)))
    if family == "lognormal":
        return _normal_survival(first, y / second, y)
    below = normalisation(family, parameters) if norm is None else norm
    b, kappa, y, below = np.broadcast_arrays(first, second, y, below)
    plain = np.exp((1.0 - b) * y)
    cut = kappa > 0.0
    if np.any(cut):
        b, kappa, y, below = b[cut], kappa[cut], y[cut], below[cut]
        upper = scaled_exponential_integral(b, kappa * np.exp(y))
        plain[cut] *= np.exp(-kappa * np.expm1(y)) * upper / below
    return np.asarray(plain)


def normalisation(family: Family, parameters: Vector) -> Vector:
    """Return the integral of the density of z, but for a factor; 1 for laws that need none.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    parameters : ndarray of shape (2, ...)
        As `fit_law` gives them.

    Returns
    -------
    ndarray of shape (...)
        One for each law.
    """
    b, kappa = parameters
    norm = np.ones_like(kappa)
    if family == "truncated_power_law":
        cut = kappa > 0.0
        # By quadrature, which for a few laws costs less than the special function that gives the same.
        _, _, density, reach = _density(b[cut], kappa[cut])
        norm[cut] = reach * density.sum(axis=-1)
    return np.asarray(norm)


def log_likelihoods(family: Family, parameters: Vector, y: Vector) -> Vector:
    """Return the logarithm of the density of y, the logarithm of an element over the start, for one fitted law.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    parameters : ndarray of shape (2,)
        As `fit_law` gives them.
    y : ndarray of shape (m,)
        Not negative.

    Returns
    -------
    ndarray of shape (m,)
        The density of the elements themselves is smaller by a factor that all laws share.
    """
    first, second = (float(part) for part in parameters)
    if family == "power_law":
        return np.asarray(np.log(first) - first * y)
    if family == "exponential":
        return np.asarray(np.log(second) + y - second * np.expm1(y))
    if family == "lognormal":
        scaled = first + y / second
        return np.asarray(-0.5 * scaled**2 - 0.5 * np.log(2.0 * np.pi) - np.log(second) - log_ndtr(-first))
    if second == 0.0:
        return np.asarray(np.log(first - 1.0) - (first - 1.0) * y)
    norm = float(np.log(scaled_exponential_integral(first, second)))
    return np.asarray((1.0 - first) * y - second * np.expm1(y) - norm)


def _truncated(sums: TailSums) -> tuple[Vector, NDArray[np.bool_]]:
    count = sums.log.size
    parameters, pinned = np.empty((2, count)), np.zeros((2, count), dtype=bool)
    rate = 1.0 / sums.log
    # With no cut-off the mean of z is rate / (rate - 1), infinite up to a rate of 1; a larger one wants a cut-off below
    # 0.
    power = (rate > 1.0) & (sums.ratio >= rate / (rate - 1.0))
    parameters[:, power] = np.stack([1.0 + rate[power], np.zeros(int(power.sum()))])
    pinned[1, power] = True
    rest = np.flatnonzero(~power)
    for begin in range(0, rest.size, _CHUNK):
        part = rest[begin : begin + _CHUNK]
        parameters[:, part] = _solved(sums.log[part], sums.ratio[part])
    pinned[0] = parameters[0] == 1.0
    return parameters, pinned


def _solved(log: Vector, ratio: Vector) -> Vector:
    """Solve E[ln z] = log and E[z] = ratio for b and kappa; b is 1 where the solution lies below."""
    # For each b there is one kappa with E[z] = ratio. Along these pairs the likelihood is concave in b: highest for
    # b = 1 where E[ln z] is no larger than log there, and else between 1 and the exponent of the power law.
    found = np.stack([np.ones_like(ratio), 1.0 / (ratio - 1.0)])
    found[:, ~np.isfinite(found[1])] = np.nan
    _match_ratio(found, np.flatnonzero(np.isfinite(found[1])), ratio)
    open_ = np.flatnonzero(np.isfinite(found[1]))
    low, high = np.ones_like(log), 1.0 + 1.0 / log
    for turn in range(_ROUNDS):
        b, kappa = found[:, open_]
        mean, _, var_y, var_z, both = _moments(b, kappa)
        above = mean - log[open_]
        if turn == 0:
            higher = above > 0.0
            open_, b, kappa, above = open_[higher], b[higher], kappa[higher], above[higher]
            var_y, var_z, both = var_y[higher], var_z[higher], both[higher]
        low[open_], high[open_] = np.where(above > 0.0, b, low[open_]), np.where(above > 0.0, high[open_], b)
        moved = b + above / (var_y - both * both / var_z)
        outside = (moved <= low[open_]) | (moved >= high[open_]) | ~np.isfinite(moved)
        moved = np.where(outside, 0.5 * (low[open_] + high[open_]), moved)
        along = kappa - both / var_z * (moved - b)
        found[:, open_] = np.stack([moved, np.where(along > 0.1 * kappa, along, 0.1 * kappa)])
        _match_ratio(found, open_, ratio)
        open_ = open_[np.abs(moved - b) > _CLOSE * b]
        if open_.size == 0:
            break
    found[:, open_] = np.nan
    return found


def _match_ratio(found: Vector, open_: NDArray[np.int64], ratio: Vector) -> None:
    """Set kappa so that E[z] is the wanted ratio, b given."""
    for _ in range(_ROUNDS):
        b, kappa = found[:, open_]
        excess, variance = _excess_of_ratio(b, kappa)
        # 1 / (E[z] - 1) is almost a straight line in kappa.
        step = excess * (excess / (ratio[open_] - 1.0) - 1.0) / variance
        found[1, open_] = np.where(step > -0.9 * kappa, kappa + step, 0.1 * kappa)
        open_ = open_[np.abs(step) > _CLOSE * kappa]
        if open_.size == 0:
            return
    found[:, open_] = np.nan


def _moments(b: Vector, kappa: Vector) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    """Return means, variances and covariance of y and z under the truncated power law."""
    y, excess, weight, _ = _density(b, kappa)
    weight /= weight.sum(axis=1, keepdims=True)
    mean_y, mean_e = (weight * y).sum(axis=1), (weight * excess).sum(axis=1)
    y -= mean_y[:, None]
    excess -= mean_e[:, None]
    scaled = weight * excess
    return mean_y, 1.0 + mean_e, (weight * y * y).sum(axis=1), (scaled * excess).sum(axis=1), (scaled * y).sum(axis=1)


def _excess_of_ratio(b: Vector, kappa: Vector) -> tuple[Vector, Vector]:
    """Return the mean of z - 1 and the variance of z, which are most of what a fit asks for."""
    _, excess, weight, _ = _density(b, kappa)
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * excess).sum(axis=1)
    excess -= mean[:, None]
    return mean, (weight * excess * excess).sum(axis=1)


def _density(b: Vector, kappa: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """Return nodes of y, z - 1 there, the density times their weights, not normalised, and how far the nodes reach."""
    reach = np.minimum(_REACH / (b - 1.0 + kappa), np.log1p(_REACH / kappa))
    y = reach[..., None] * _NODES
    excess = np.expm1(y)
    return y, excess, _WEIGHTS * np.exp((1.0 - b)[..., None] * y - kappa[..., None] * excess), reach


def _lognormal(sums: TailSums) -> tuple[Vector, NDArray[np.bool_]]:
    wanted = sums.square / (sums.log * sums.log)
    pinned = np.zeros((2, wanted.size), dtype=bool)
    pinned[:] = wanted >= 2.0
    inside = (wanted > 1.0) & (wanted < 2.0)
    cut = np.full(wanted.size, np.nan)
    cut[inside] = _cut_of(wanted[inside])
    mean = np.full(wanted.size, np.nan)
    mean[inside] = _excess(cut[inside])[0]
    return np.stack([cut, sums.log / mean]), pinned


def _cut_of(wanted: Vector) -> Vector:
    """Return where a normal law must be cut off for the mean square above the cut to be so many squared means."""
    grid = np.sinh(np.linspace(-13.0, 13.0, 1025))
    values = _excess(grid)[1]
    place = np.clip(np.searchsorted(values, wanted), 1, grid.size - 1)
    low, high = np.arcsinh(grid[place - 1]), np.arcsinh(grid[place])
    below, above = values[place - 1] - wanted, values[place] - wanted
    for _ in range(60):
        # Regula falsi as Illinois has it: the end that stays is halved, so that neither stays for long.
        middle = np.where(
            above - below > 0.0, low - below * (high - low) / np.where(above == below, 1.0, above - below), low
        )
        value = _excess(np.sinh(middle))[1] - wanted
        left = value < 0.0
        below, above = np.where(left, value, below * 0.5), np.where(left, above * 0.5, value)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
        if np.all((np.abs(value) < 1e-15) | (np.abs(high - low) <= 1e-13 * (1 + np.abs(middle)))):
            break
    return np.asarray(np.sinh(middle))


def _excess(cut: Vector) -> tuple[Vector, Vector]:
    """Return the mean excess of a normal law over its cut, and the mean squared excess over its square."""
    near = np.minimum(cut, _FAR)
    hazard = np.sqrt(2.0 / np.pi) / erfcx(np.clip(near, -50.0, None) / np.sqrt(2.0))
    mean = hazard - near
    share = (1.0 - near * mean) / (mean * mean)
    # Beyond, hazard and cut cancel; with the continued fraction mean = 1 / (cut + e), e = 2 / (cut + ...), share = e /
    # mean.
    far = np.maximum(cut, _FAR)
    fraction = np.zeros_like(far)
    for k in range(_CONTINUED, 1, -1):
        fraction = k / (far + fraction)
    beyond = cut > _FAR
    return np.where(beyond, 1.0 / (far + fraction), mean), np.where(beyond, fraction * (far + fraction), share)


def _normal_survival(cut: Vector, steps: Vector, y: Vector) -> Vector:
    cut, steps, _ = np.broadcast_arrays(cut, steps, y)
    upper = np.maximum(cut, -5.0)
    near = np.exp(-steps * (upper + 0.5 * steps)) * erfcx((upper + steps) / np.sqrt(2.0)) / erfcx(upper / np.sqrt(2.0))
    lower = np.minimum(cut, -5.0)
    return np.asarray(np.where(cut > -5.0, near, ndtr(-lower - steps) / ndtr(-lower)))
