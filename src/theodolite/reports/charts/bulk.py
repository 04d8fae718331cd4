"""The law of noise as a spectrum's chart draws it: for chance, and for the bulk that was fitted to a layer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.gram import gram_error_bound
from theodolite.numerics.marchenko_pastur import marchenko_pastur_cdf
from theodolite.reports.layers import Layer

POINTS = 48
"""Points of a curve."""

LEAST_RANK = 0.5
"""Where a curve ends that goes down to no eigenvalue at all; both axes are logarithmic."""

Vector = NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DrawnBulk:
    """A fitted bulk as it is drawn.

    Attributes
    ----------
    edge : float
        Eigenvalue at which its law ends.
    spikes : int
        How many eigenvalues stand out from it: the largest ones.
    curve : tuple of (float, float)
        How many eigenvalues of the layer lie above each, its spikes included, as (eigenvalue, rank).
    """

    edge: float
    spikes: int
    curve: Curve


@lru_cache(maxsize=512)
def marchenko_pastur_quantiles(ratio: float, points: int = POINTS) -> Curve:
    """Tabulate the law of a large Gaussian matrix's eigenvalues, divided by their mean.

    Parameters
    ----------
    ratio : float
        Shorter over longer side, in (0, 1].
    points : int
        How many points.

    Returns
    -------
    tuple of (float, float)
        Eigenvalue over mean eigenvalue and the fraction of eigenvalues above it, from the upper edge down.

    Examples
    --------
    >>> upper_edge, above = marchenko_pastur_quantiles(0.25)[0]
    >>> upper_edge, above
    (2.25, 0.0)
    """
    root = math.sqrt(ratio)
    # In θ, with λ = 1 + c + 2√c cos θ, the law is smooth at both edges.
    theta = np.linspace(0, math.pi, 2049)
    above = 1 - marchenko_pastur_cdf(1 + ratio + 2 * root * np.cos(theta), ratio)
    # Evenly spaced where the log-log picture is steep, near either edge, and in between.
    low, high, middle = np.geomspace(1e-4, 0.6, points // 2), 1 - np.geomspace(0.1, 5e-4, points // 4), points // 4
    wanted = np.unique(np.concatenate((low, np.linspace(0.6, 0.9, middle), high)))
    at = np.interp(wanted, above, theta)
    pairs = [((1 + root) ** 2, 0.0)]
    pairs += [(float(1 + ratio + 2 * root * np.cos(t)), float(share)) for t, share in zip(at, wanted, strict=True)]
    return tuple(pairs)


def chance_curve(layer: Layer, values: Vector, smallest: float) -> Curve:
    """Draw what a Gaussian matrix of a layer's shape and sum of eigenvalues shows.

    Parameters
    ----------
    layer : Layer
        The layer.
    values : ndarray
        All its eigenvalues.
    smallest : float
        Where the picture ends.

    Returns
    -------
    tuple of (float, float)
        As (eigenvalue, rank); empty where the shape doesn't tell it.
    """
    if not _has_law(layer, values):
        return ()
    short, long = sorted(layer.target.shape[-2:])
    return _curve(short / long, float(values.mean()), (0, values.size), smallest)


def drawn_bulk(layer: Layer, values: Vector, smallest: float) -> DrawnBulk | None:
    """Draw the bulk that `marchenko_pastur` fitted to a layer.

    Parameters
    ----------
    layer : Layer
        The layer.
    values : ndarray
        All its eigenvalues.
    smallest : float
        Where the picture ends.

    Returns
    -------
    DrawnBulk or None
        None where none was fitted, or where no single law was: the slices of a stack have a bulk each.
    """
    row, spikes = layer.rows.get("marchenko_pastur.variance"), layer.value("marchenko_pastur.spikes")
    if row is None or row.value is None or spikes is None or not _has_law(layer, values):
        return None
    short, long = sorted(layer.target.shape[-2:])
    pooled = json.loads(row.params).get("convention") == "weightwatcher"
    if layer.target.shape[:-2] and not pooled:
        return None
    count = int(spikes)
    if pooled:
        # There the law is that of the whole matrix, however many eigenvalues it leaves out.
        left, ratio, scale = values.size - count, short / long, long * row.value
    else:
        # The directions of the spikes have no noise of their own, and those of zeros have none at all.
        alive = int(np.count_nonzero(values > gram_error_bound((short, long), float(values.max()))))
        left = alive - count
        ratio, scale = left / (long - count) if long > count else 0.0, (long - count) * row.value
    if left < 1 or not 0 < ratio <= 1:
        return None
    curve = _curve(ratio, scale, (count, left), smallest)
    return DrawnBulk((1 + math.sqrt(ratio)) ** 2 * scale, count, curve)


def _has_law(layer: Layer, values: Vector) -> bool:
    target = layer.target
    return len(target.shape) >= 2 and target.view != "fft" and values.size == layer.eigenvalue_count


def _curve(ratio: float, scale: float, counts: tuple[int, int], smallest: float) -> Curve:
    """Draw the law: so many eigenvalues beyond it, so many in it."""
    beyond, count = counts
    law = marchenko_pastur_quantiles(ratio)
    curve = [(x * scale, max(beyond + share * count, LEAST_RANK)) for x, share in law]
    return tuple((x, y) for x, y in curve if x >= smallest and (y > LEAST_RANK or x == curve[0][0]))
