"""How many directions a spectrum of variances has, by rules that look at its shape, and by tests against noise.

Every rule takes variances in descending order along the last axis. Rules of shape take many spectra at once; tests take
one, without the directions that hold nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from theodolite.numerics.marchenko_pastur import marchenko_pastur_edges, marchenko_pastur_quantile

__all__ = ["NOISE_TESTS", "SHAPE_RULES", "leading"]

Float = NDArray[np.float64]

_KEPT = 0.95  # of the variance
_FUKUNAGA_OLSEN = 0.05  # of the largest
_FAN_GAP, _FAN_KEPT = 10.0, 0.8
_TIE = 1e-12  # relative; two variances as near as that are equal


def leading(spectra: Float) -> Float:
    """Divide by the largest variance.

    Parameters
    ----------
    spectra : ndarray, shape (..., directions)
        Descending, the first above 0.

    Returns
    -------
    ndarray, shape (..., directions)
        The first is 1.
    """
    return np.asarray(spectra / spectra[..., :1])


def _shares(spectra: Float) -> Float:
    return np.asarray(spectra / spectra.sum(axis=-1, keepdims=True))


def _run(holds: NDArray[np.bool_]) -> Float:
    """Count for how many of the first directions something holds, up to the first for which it doesn't."""
    return np.asarray(np.logical_and.accumulate(holds, axis=-1).sum(axis=-1), np.float64)


def _ratio(spectra: Float) -> Float:
    held = np.cumsum(_shares(spectra), axis=-1)
    return np.asarray((held[..., :-1] < _KEPT * (1.0 - _TIE)).sum(axis=-1) + 1.0)


def _participation(spectra: Float) -> Float:
    return np.asarray(1.0 / np.square(_shares(spectra)).sum(axis=-1))


def _entropy(spectra: Float) -> Float:
    shares = _shares(spectra)
    return np.asarray(np.exp(-xlogy(shares, shares).sum(axis=-1)))


def _fukunaga_olsen(spectra: Float) -> Float:
    return np.asarray((leading(spectra) > _FUKUNAGA_OLSEN).sum(axis=-1), np.float64)


def _kaiser(spectra: Float) -> Float:
    mean = spectra.mean(axis=-1, keepdims=True)
    return np.asarray((spectra > mean * (1.0 + _TIE)).sum(axis=-1), np.float64)


def _broken_stick(spectra: Float) -> Float:
    count = spectra.shape[-1]
    pieces = np.cumsum(1.0 / np.arange(count, 0, -1))[::-1] / count
    return _run(_shares(spectra) >= pieces * (1.0 - _TIE))


def _maxgap(spectra: Float) -> Float:
    if spectra.shape[-1] == 1:
        return np.ones(spectra.shape[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = spectra[..., :-1] / spectra[..., 1:]
    # Where all that follows is zero, and the quotient of zeros no number, the gap before is infinite and comes first.
    return np.asarray(np.argmax(np.where(np.isnan(gaps), 0.0, gaps), axis=-1) + 1.0)


def _fan(spectra: Float) -> Float:
    shares = _shares(spectra)
    place = np.arange(shares.shape[-1])
    first = np.argmax(np.cumsum(shares, axis=-1) > _KEPT, axis=-1)[..., None]
    noise = np.where(place >= first, shares, 0.0).sum(axis=-1, keepdims=True) / (shares.shape[-1] - first)
    left = shares - noise
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = left[..., :-1] / left[..., 1:] > _FAN_GAP
        held = np.cumsum(left, axis=-1) / left.sum(axis=-1, keepdims=True) > _FAN_KEPT
    held[..., :-1] |= gap
    found = np.argmax(held, axis=-1) + 1.0
    # Of one direction that has nearly all nothing is left once the mean of all is taken away.
    return np.asarray(np.where(first[..., 0] == 0, 1.0, found))


def _marchenko_pastur(spectrum: Float, count: int) -> float:
    edge = float(np.median(spectrum)) * marchenko_pastur_edges(min(1.0, spectrum.size / count))[1]
    return float((spectrum > edge).sum())


def _gavish_donoho(spectrum: Float, count: int) -> float:
    ratio = min(1.0, spectrum.size / count)
    middle = float(marchenko_pastur_quantile(0.5, ratio))
    hard = 2.0 * (ratio + 1.0) + 8.0 * ratio / (ratio + 1.0 + np.sqrt(ratio**2 + 14.0 * ratio + 1.0))
    threshold = np.sqrt(hard / middle)
    values = np.sqrt(spectrum)
    return float((values > threshold * np.median(values)).sum())


def _minka(spectrum: Float, count: int) -> float:
    size = spectrum.size
    if size == 1:
        return 1.0
    values = leading(spectrum)
    kept = np.arange(1, size)
    noise = (values.sum() - np.cumsum(values)[:-1]) / (size - kept)
    volumes = np.cumsum(gammaln((size - kept + 1) / 2) - np.log(np.pi) * (size - kept + 1) / 2) - kept * np.log(2.0)
    likelihood = -0.5 * count * (np.cumsum(np.log(values))[:-1] + (size - kept) * np.log(noise))
    free = size * kept - kept * (kept + 1) / 2 + kept
    evidence = volumes + likelihood + 0.5 * np.log(2.0 * np.pi) * free - 0.5 * kept * np.log(count)
    return float(np.argmax(evidence - 0.5 * _curvatures(values, noise, count)) + 1)


def _curvatures(values: Float, noise: Float, count: int) -> Float:
    """Log determinants of the second derivative of the evidence, for each number of directions that are kept."""
    size = values.size
    apart = np.triu(np.log(np.maximum(values[:, None] - values, _TIE)), 1)
    inverse = np.triu(np.log(np.maximum(1.0 / values - 1.0 / values[:, None], _TIE)), 1)
    kept = np.arange(1, size)
    # Pairs of which both are kept, and of which one is: cumulative sums over the triangle.
    among = np.cumsum((apart + inverse).sum(axis=0))[:-1]
    across = np.cumsum(apart.sum(axis=1))[:-1] - np.cumsum(apart.sum(axis=0))[:-1]
    against = np.log(np.maximum(1.0 / noise[:, None] - 1.0 / values[:-1], _TIE))
    across = across + (size - kept) * np.tril(against).sum(axis=1)
    pairs = size * kept - kept * (kept + 1) / 2
    return np.asarray(among + across + pairs * np.log(count))


SHAPE_RULES: Mapping[str, Callable[[Float], Float]] = MappingProxyType(
    {
        "ratio": _ratio,
        "participation": _participation,
        "entropy": _entropy,
        "fo": _fukunaga_olsen,
        "fan": _fan,
        "maxgap": _maxgap,
        "kaiser": _kaiser,
        "broken_stick": _broken_stick,
    }
)
"""Rules that look at the shape of spectra, many at once."""

NOISE_TESTS: Mapping[str, Callable[[Float, int], float]] = MappingProxyType(
    {"marchenko_pastur": _marchenko_pastur, "gavish_donoho": _gavish_donoho, "minka": _minka}
)
"""Tests that compare a spectrum with that of noise, given how many rows it is of."""
