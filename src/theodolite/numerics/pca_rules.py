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
from theodolite.numerics.tracy_widom import edge_law

__all__ = ["LEVEL", "NOISE_TESTS", "SHAPE_RULES", "kritchman_nadler", "leading"]

Float = NDArray[np.float64]

LEVEL = 0.005
"""At which a direction stands out from noise, for Kritchman and Nadler."""

_KEPT = 0.95  # of the variance
_FUKUNAGA_OLSEN = 0.05  # of the largest
_FAN_GAP, _FAN_KEPT = 10.0, 0.8
_TIE = 1e-12  # relative; two variances as near as that are equal
_ROUNDS, _SETTLED = 100, 1e-10


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


def _aspect(size: int, rows: int, features: int) -> float:
    """Give the shorter over the longer side of the matrix that the noise fills."""
    return min(1.0, size / max(rows, features))


def _marchenko_pastur(spectrum: Float, rows: int, features: int) -> float:
    edge = float(np.median(spectrum)) * marchenko_pastur_edges(_aspect(spectrum.size, rows, features))[1]
    return float((spectrum > edge).sum())


def _gavish_donoho(spectrum: Float, rows: int, features: int) -> float:
    ratio = _aspect(spectrum.size, rows, features)
    middle = float(marchenko_pastur_quantile(0.5, ratio))
    hard = 2.0 * (ratio + 1.0) + 8.0 * ratio / (ratio + 1.0 + np.sqrt(ratio**2 + 14.0 * ratio + 1.0))
    threshold = np.sqrt(hard / middle)
    values = np.sqrt(spectrum)
    return float((values > threshold * np.median(values)).sum())


def kritchman_nadler(spectrum: Float, rows: int, features: int, *, level: float = LEVEL) -> float:
    """Count the leading directions each of which stands out from noise of the level that is left without it.

    Parameters
    ----------
    spectrum : ndarray, shape (directions,)
        Variances above 0, descending.
    rows, features : int
        How many the variances are of.
    level : float
        How often noise alone is taken for a direction, by the law of Tracy and Widom.

    Returns
    -------
    float
        A whole number, less than there are directions, since one at least is noise.

    Examples
    --------
    >>> kritchman_nadler(np.array([9.0, 4.0, 1.1, 1.0, 0.9]), 100, 5)
    2.0
    """
    freedom = rows - 1
    for kept in range(1, spectrum.size):
        law = edge_law(*sorted((features - kept, freedom)), estimated=False)
        if freedom * spectrum[kept - 1] <= law.threshold(level) * _noise(spectrum, kept, freedom, features):
            return kept - 1.0
    return spectrum.size - 1.0


def _noise(spectrum: Float, kept: int, freedom: int, features: int) -> float:
    """Find the variance of the noise, with what it adds to the variances that are kept taken out of these."""
    # A direction of variance r in noise of variance v is seen with the variance x where r² - r (x + v - v γ) + x v = 0,
    # γ being the other features over the rows; of the noise of all features x - r is what is found there.
    others = features - kept
    tail, leading_ones = float(spectrum[kept:].sum()), spectrum[:kept]
    # What it is where what is kept is far above it.
    variance = tail / others / max(1.0 - kept / freedom, 1.0 / freedom)
    for _ in range(_ROUNDS):
        middle = leading_ones + variance * (1.0 - others / freedom)
        root = middle**2 - 4.0 * leading_ones * variance
        if (root < 0.0).any():  # as a direction that is no more than noise
            break
        before = variance
        variance = (tail + float((leading_ones - (middle + np.sqrt(root)) / 2.0).sum())) / others
        if abs(variance - before) <= _SETTLED * before:
            break
    return variance


def _minka(spectrum: Float, rows: int, features: int) -> float:
    size = spectrum.size
    if size == 1:
        return 1.0
    values = leading(spectrum)
    kept = np.arange(1, size)
    noise = (values.sum() - np.cumsum(values)[:-1]) / (features - kept)
    halves = (features - kept + 1) / 2
    volumes = np.cumsum(gammaln(halves) - np.log(np.pi) * halves) - kept * np.log(2.0)
    likelihood = -0.5 * rows * (np.cumsum(np.log(values))[:-1] + (features - kept) * np.log(noise))
    free = features * kept - kept * (kept + 1) / 2 + kept
    evidence = volumes + likelihood + 0.5 * np.log(2.0 * np.pi) * free - 0.5 * kept * np.log(rows)
    return float(np.argmax(evidence - 0.5 * _curvatures(values, noise, rows, features)) + 1)


def _curvatures(values: Float, noise: Float, rows: int, features: int) -> Float:
    """Log determinants of the second derivative of the evidence, for each number of directions that are kept."""
    size = values.size
    apart = np.triu(np.log(np.maximum(values[:, None] - values, _TIE)), 1)
    inverse = np.triu(np.log(np.maximum(1.0 / values - 1.0 / values[:, None], _TIE)), 1)
    kept = np.arange(1, size)
    # Pairs of which both are kept, and of which one is: cumulative sums over the triangle.
    among = np.cumsum((apart + inverse).sum(axis=0))[:-1]
    across = np.cumsum(apart.sum(axis=1))[:-1] - np.cumsum(apart.sum(axis=0))[:-1]
    # Features beyond the rows have a variance of zero.
    across = across + (features - size) * np.cumsum(np.log(values))[:-1]
    against = np.log(np.maximum(1.0 / noise[:, None] - 1.0 / values[:-1], _TIE))
    across = across + (features - kept) * np.tril(against).sum(axis=1)
    pairs = features * kept - kept * (kept + 1) / 2
    return np.asarray(among + across + pairs * np.log(rows))


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

NOISE_TESTS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "marchenko_pastur": _marchenko_pastur,
        "gavish_donoho": _gavish_donoho,
        "kritchman_nadler": kritchman_nadler,
        "minka": _minka,
    }
)
"""Tests that compare a spectrum with that of noise, given how many rows and features it is of."""
