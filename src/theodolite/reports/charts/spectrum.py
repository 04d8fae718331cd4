"""One layer's spectrum: how many eigenvalues exceed each size, the fitted tail, and what chance looks like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from theodolite.core.readings import Readings
from theodolite.reports.charts.marks import at_labels
from theodolite.reports.layers import Layer

MOST_POINTS = 256
"""Order statistics of one spectrum that go into a page at most."""

DRAWN_SHARE = 0.98
"""Share of the eigenvalues that is drawn, from the largest down; the last few may lie many decades below."""

_CHANCE_POINTS = 48

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SpectrumData:
    """A spectrum as it is drawn.

    Attributes
    ----------
    ranks : tuple of int
        How many eigenvalues are at least as large, ascending from 1.
    eigenvalues : tuple of float
        The order statistics at those ranks, descending.
    tail : tuple of (float, float)
        Ends of the fitted power law, as (eigenvalue, rank); empty where there is no fit.
    chance : tuple of (float, float)
        The Marchenko–Pastur law of a Gaussian matrix with this shape and this sum of eigenvalues, as
        (eigenvalue, rank); empty where the shape doesn't tell it.
    """

    ranks: tuple[int, ...]
    eigenvalues: tuple[float, ...]
    tail: tuple[tuple[float, float], ...] = ()
    chance: tuple[tuple[float, float], ...] = ()

    def rows(self) -> dict[str, list[dict[str, float]]]:
        """Give the data sets of `spectrum_chart`.

        Returns
        -------
        dict
            ``points``, ``tail`` and ``chance``, each a list of rows with ``x`` (eigenvalue) and ``y`` (rank).
        """
        points = zip(self.eigenvalues, self.ranks, strict=True)
        return {
            "points": [{"x": x, "y": y} for x, y in points],
            "tail": [{"x": x, "y": y} for x, y in self.tail],
            "chance": [{"x": x, "y": y} for x, y in self.chance],
        }


@lru_cache(maxsize=512)
def log_spaced_ranks(count: int, most: int = MOST_POINTS) -> tuple[int, ...]:
    """Choose which order statistics to draw: all of the largest, then ever fewer.

    Parameters
    ----------
    count : int
        How many eigenvalues there are.
    most : int
        How many to choose at most.

    Returns
    -------
    tuple of int
        Ranks from 1 to `count`, ascending and different.
    """
    if count <= most:
        return tuple(range(1, count + 1))
    # Neighbours fall together near rank 1, so more than `most` are spaced out; how many is found by bisection.
    fits, exceeds = most, 64 * most
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        fits, exceeds = (middle, exceeds) if len(_spaced(count, middle)) <= most else (fits, middle)
    return tuple(int(rank) for rank in _spaced(count, fits))


def _spaced(count: int, points: int) -> NDArray[np.int64]:
    return np.unique(np.rint(np.geomspace(1, count, points)).astype(np.int64))


@lru_cache(maxsize=512)
def marchenko_pastur_quantiles(ratio: float, points: int = _CHANCE_POINTS) -> tuple[tuple[float, float], ...]:
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
    # With λ = 1 + c + 2√c cos θ the density in θ is smooth at both edges: (2/π) sin²θ / λ.
    theta = np.linspace(0, math.pi, 2049)
    value = 1 + ratio + 2 * root * np.cos(theta)
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.where(value > 1e-12, np.sin(theta) ** 2 / value, 1.0)
    above = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
    above /= above[-1]
    # Dense where the log-log picture bends: near the upper edge.
    wanted = np.unique(np.concatenate((np.geomspace(1e-4, 0.9, points - 6), np.linspace(0.9, 0.9995, 6))))
    at = np.interp(wanted, above, theta)
    pairs = [((1 + root) ** 2, 0.0)]
    pairs += [(float(1 + ratio + 2 * root * np.cos(t)), float(share)) for t, share in zip(at, wanted, strict=True)]
    return tuple(pairs)


def spectrum_data(readings: Readings, layer: Layer) -> SpectrumData | None:
    """Thin out a layer's eigenvalues for drawing.

    Parameters
    ----------
    readings : Readings
        Where the arrays are.
    layer : Layer
        The layer.

    Returns
    -------
    SpectrumData or None
        None where no eigenvalues were kept, or none is positive.
    """
    reference = next((row.array for row in layer.rows.values() if row.array), "")
    if not reference:
        return None
    try:
        stored = readings.array(reference)
    except LookupError:
        return None
    values = np.sort(np.asarray(stored, dtype=np.float64))[::-1]
    positive = values[values > values[0] * 1e-14] if values.size and values[0] > 0 else values[:0]
    if not positive.size:
        return None
    ranks = log_spaced_ranks(max(1, math.ceil(DRAWN_SHARE * positive.size)))
    chosen = positive[np.asarray(ranks) - 1]
    return SpectrumData(
        ranks, tuple(float(x) for x in chosen), _fitted_tail(layer, positive), _chance(layer, values, float(chosen[-1]))
    )


def _fitted_tail(layer: Layer, values: Vector) -> tuple[tuple[float, float], ...]:
    alpha, xmin = layer.value("power_law.alpha"), layer.value("power_law.xmin")
    if alpha is None or xmin is None or xmin <= 0:
        return ()
    size = int(np.count_nonzero(values >= xmin * (1 - 1e-9)))
    if not size:
        return ()
    # Down to the largest eigenvalue, or to where the law expects but half of one.
    end = max(xmin, min(float(values[0]), xmin * (2 * size) ** (1 / (alpha - 1)))) if alpha > 1 else float(values[0])
    return ((xmin, float(size)), (end, size * (end / xmin) ** (1 - alpha)))


def _chance(layer: Layer, values: Vector, smallest: float) -> tuple[tuple[float, float], ...]:
    shape = layer.target.shape
    if len(shape) < 2 or values.size != layer.eigenvalue_count or layer.target.view == "fft":
        return ()
    ratio = min(shape[-2:]) / max(shape[-2:])
    mean, count = float(values.mean()), values.size
    law = marchenko_pastur_quantiles(ratio)
    curve = [(x * mean, max(share * count, 0.5)) for x, share in law]
    return tuple((x, y) for x, y in curve if x >= smallest and (y > 0.5 or x == curve[0][0]))


def spectrum_chart(data: SpectrumData | None = None, *, width: int = 380, height: int = 300) -> alt.LayerChart:
    """Draw a spectrum with both axes logarithmic.

    Parameters
    ----------
    data : SpectrumData, optional
        The spectrum; without it the page fills in the data sets ``points``, ``tail`` and ``chance``.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        Rank against eigenvalue, the fitted tail from xmin on, and the Marchenko–Pastur law as a dashed curve.
    """
    rows: dict[str, Sequence[dict[str, Any]]] = {} if data is None else dict(data.rows())

    def named(name: str) -> alt.Data:
        return alt.InlineData(values=list(rows[name]), name=name) if name in rows else alt.NamedData(name=name)

    x = alt.X("x:Q", title="eigenvalue", scale=alt.Scale(type="log", nice=False, padding=8))
    x = x.axis(format="~g", tickCount=5, grid=False, labelOverlap=True, **at_labels())
    y = alt.Y("y:Q", title="eigenvalues at least as large", scale=alt.Scale(type="log", nice=False, padding=6))
    y = y.axis(format="~s", tickCount=4, labelOverlap=True, grid=False, **at_labels())
    chance = alt.Chart(named("chance")).mark_line(
        style="chance", strokeDash=[4, 3], strokeWidth=1.5, opacity=0.9, clip=True
    )
    points = alt.Chart(named("points")).mark_point(
        style="spectrum", filled=True, shape="circle", size=16, opacity=0.7, strokeWidth=0
    )
    tail = alt.Chart(named("tail")).mark_line(style="tail", strokeWidth=2.5, opacity=0.9)
    xmin = alt.Chart(named("tail")).transform_aggregate(x="min(x)", y="max(y)")
    foot = xmin.mark_rule(style="tail", strokeDash=[2, 3], strokeWidth=1.2)
    label = xmin.mark_text(style="label", align="right", baseline="top", dx=-5, fontSize=11).encode(
        y=alt.value(0), text=alt.value("xmin")
    )
    tooltip = [alt.Tooltip("y:Q", title="rank", format=",d"), alt.Tooltip("x:Q", title="eigenvalue", format=".4g")]
    return alt.layer(
        chance.encode(x=x, y=y, order="y:Q"),
        points.encode(x=x, y=y, tooltip=tooltip),
        tail.encode(x=x, y=y),
        foot.encode(x=x),
        label.encode(x=x),
    ).properties(width=width, height=height)
