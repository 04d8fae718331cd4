"""Hold how a loss falls against the dimension of the data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri, stdtrit

from theodolite.core import Missing, ParameterError
from theodolite.study.profiles.result import DimensionProfile
from theodolite.study.scaling.result import LayerBound, Ranged, ScalingLaw, Verdict
from theodolite.study.widths.scaling import log_log_slope

Float = NDArray[np.float64]

_MANY = 1e9
_ROUNDED = 1e-12  # of what is compared: less than that is no difference


def scaling_law(
    losses: Sequence[float],
    sizes: Sequence[float],
    *,
    dimension: Any,
    sharpness: Any = None,
    layers: Mapping[str, Any] | DimensionProfile | None = None,
    level: float = 0.95,
) -> ScalingLaw:
    r"""Fit :math:`L = c\,K_F N^{-a}` to losses, and compare a with the :math:`1 / d` of the data's dimension.

    Parameters
    ----------
    losses : sequence of float
        Test losses of networks, positive; several for one size are welcome.
    sizes : sequence of float
        How many training rows N each network saw: three sizes or more.
    dimension : result with a dimension, or float
        Of the training data, or of what a layer gives for them, of which the theory has the same bound: what
        ``td.dimension.two_nn`` and its kin give. A bare number counts as known exactly.
    sharpness : result of label_sharpness, float, or a sequence of these, optional
        :math:`K_F` of the data, or that of each network's training rows. One for all changes the constant alone.
    layers : mapping of str to result or float, or DimensionProfile, optional
        The dimension of what each layer gives for the same data, by the same measure with the same parameters; of a
        profile its first measure counts.
    level : float
        Level of the intervals.

    Returns
    -------
    ScalingLaw
        Both exponents with their intervals and what lies between them; whether each layer has no more dimensions than
        the data, which the theory takes for granted.

    Raises
    ------
    ParameterError
        If numbers are missing, not positive or of different lengths, if there are less than three sizes, or a dimension
        was refused.

    Notes
    -----
    The exponent is the slope of least squares through logarithms, with Student's interval; nothing is resampled. The
    standard error of 1/d is that of d over d². The difference of the two has Welch's degrees of freedom. The excess of
    a layer takes the two dimensions for independent, although they come of the same rows: its interval is rather too
    wide than too narrow.

    Reads as
    --------
    The theory bounds the loss from above: a loss that falls *faster* than promised is within it, and one that falls
    slower is not.

    Misleads when
    -------------
    The loss ends at a floor that is not zero, as the one of noisy labels: then the points bend, which `curvature_p`
    says, and the slope is anything. Or networks are not trained to the end: the law is about those that fit their data.
    Dimensions of estimators that are low when points are few promise too much.

    References
    ----------
    N. Konz and M. A. Mazurowski, The effect of intrinsic dataset properties on generalization: unraveling learning
    differences between natural and medical images, ICLR 2024, arXiv:2401.08865.

    Examples
    --------
    >>> found = scaling_law([1.0, 0.51, 0.25, 0.124], [100, 400, 1600, 6400], dimension=2.0)
    >>> round(found.exponent.value, 2), found.promised.value, found.verdict
    (0.5, 0.5, 'undecided')
    """
    if not 0 < level < 1:
        raise ParameterError(f"level is {level!r}; expected a number between 0 and 1")
    loss, size = _positive(losses, "losses"), _positive(sizes, "sizes")
    if loss.size != size.size:
        raise ParameterError(f"losses and sizes: expected as many of both, got {loss.size} and {size.size}")
    if np.unique(size).size < 3:
        raise ParameterError(f"sizes: expected three different ones or more, got {np.unique(size).size}")
    steep = 1.0 if sharpness is None else _sharpnesses(sharpness, loss.size)
    exponent, intercept, curvature_p = _line(size, loss / steep, level)
    data = _dimension(dimension, "dimension")
    z = float(ndtri(0.5 + level / 2))
    low, high = data[0] - z * data[1], data[0] + z * data[1]
    promised = Ranged(1 / data[0], data[1] / data[0] ** 2, 1 / high, 1 / low if low > 0 else math.inf)
    both = math.hypot(exponent.se, promised.se)
    welch = (loss.size - 2) * (both / exponent.se) ** 4 if exponent.se else math.inf
    reach = float(stdtrit(welch, 0.5 + level / 2)) if welch < _MANY else z
    excess = _ranged(exponent.value - promised.value, both, reach)
    bounds = tuple(_bound(name, one, data, z) for name, one in _layers(layers))
    said = _verdict(excess, _ROUNDED * promised.value, wanted=1)
    return ScalingLaw(exponent, promised, excess, said, math.exp(intercept), curvature_p, level, bounds)


def _positive(values: Any, name: str) -> Float:
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name}: expected numbers, got {values!r}") from None
    if found.ndim != 1 or not np.all(np.isfinite(found)) or not np.all(found > 0):
        raise ParameterError(f"{name}: expected a row of positive finite numbers, got {values!r}")
    return found


def _sharpnesses(given: Any, count: int) -> Float:
    several = list(given) if isinstance(given, (list, tuple, np.ndarray)) and np.ndim(given) else [given]
    found = [getattr(one, "sharpness", one) for one in several]
    if any(isinstance(one, Missing) for one in found):
        raise ParameterError("sharpness: one is missing, since a point has two labels; leave such points out")
    values = _positive([float(one) if hasattr(one, "shape") else one for one in found], "sharpness")
    if values.size not in {1, count}:
        raise ParameterError(f"sharpness: expected one, or one for each of {count} losses, got {values.size}")
    return values


def _dimension(given: Any, name: str) -> tuple[float, float]:
    """Read a dimension and its standard error."""
    number, error = getattr(given, "dimension", given), 0.0
    interval = getattr(given, "intervals", {}).get("dimension")
    if interval is not None and interval.se is not None:
        error = float(interval.se)
    if isinstance(number, (Missing, str, bool)):
        raise ParameterError(f"{name}: expected a dimension, got {number!r}")
    try:
        value = float(number)
    except (TypeError, ValueError):
        raise ParameterError(f"{name}: expected a dimension, got {given!r}") from None
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"{name}: expected a positive dimension, got {value}")
    return value, error


def _layers(given: Any) -> Iterator[tuple[str, tuple[float, float] | None]]:
    if isinstance(given, DimensionProfile):
        for name, value, error in zip(given.names, given.values(), given.values(column="se"), strict=True):
            yield name, None if math.isnan(value) else (float(value), 0.0 if math.isnan(error) else float(error))
    elif given is None or isinstance(given, Mapping):
        for name, one in (given or {}).items():
            yield name, _dimension(one, f"layers[{name!r}]")
    else:
        raise ParameterError(f"layers: expected a mapping or a DimensionProfile, got {type(given).__name__}")


def _bound(name: str, one: tuple[float, float] | None, data: tuple[float, float], z: float) -> LayerBound:
    if one is None:
        return LayerBound(name, None, None, "not measured")
    excess = _ranged(one[0] - data[0], math.hypot(one[1], data[1]), z)
    return LayerBound(name, one[0], excess, _verdict(excess, _ROUNDED * data[0], wanted=-1))


def _verdict(excess: Ranged, least: float, wanted: int) -> Verdict:
    if excess.low > least:
        return "holds" if wanted > 0 else "fails"
    if excess.high < -least:
        return "fails" if wanted > 0 else "holds"
    return "undecided"


def _ranged(value: float, error: float, reach: float) -> Ranged:
    return Ranged(value, error, value - reach * error, value + reach * error)


def _line(size: Float, loss: Float, level: float) -> tuple[Ranged, float, float | None]:
    """Fit a line through logarithms, and test it against a parabola."""
    x, y = np.log(size), np.log(loss)
    fit = log_log_slope(size.tolist(), loss.tolist(), level)
    error, reach = cast("float", fit.se), cast("float", fit.high) - fit.value
    exponent = Ranged(-fit.value, error, -fit.value - reach, -fit.value + reach)
    off = x - x.mean()
    rest = y - y.mean() - fit.value * off
    return exponent, float(y.mean() - fit.value * x.mean()), _bend(off, rest)


def _bend(off: Float, rest: Float) -> float | None:
    squares = float(rest @ rest)
    if np.unique(off).size < 4 or squares == 0:
        return None
    curve = off**2 - np.mean(off**2)
    curve -= off * float(off @ curve) / float(off @ off)
    explained = min(1.0, float(curve @ rest) ** 2 / float(curve @ curve) / squares)
    # The share of squares that a parabola takes is a beta variable where the line is all there is.
    return float(betainc((off.size - 3) / 2, 0.5, 1.0 - explained))
