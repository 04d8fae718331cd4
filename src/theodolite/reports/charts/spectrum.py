"""One layer's spectrum: how many eigenvalues exceed each size, the fitted tail, and the bulk or what chance shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from theodolite.core.readings import Readings
from theodolite.reports.charts.bulk import DrawnBulk, chance_curve, drawn_bulk
from theodolite.reports.charts.marks import at_labels
from theodolite.reports.layers import Layer

MOST_POINTS = 256
"""Order statistics of one spectrum that go into a page at most."""

MOST_BALANCED = 128
"""The same, of those that a bulk was fitted to where they aren't the layer's own."""

DRAWN_SHARE = 0.98
"""Share of the eigenvalues that is drawn, from the largest down; the last few may lie many decades below."""

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
        (eigenvalue, rank); empty where the shape doesn't tell it, and where a bulk was fitted.
    bulk : DrawnBulk or None
        The fitted bulk; None where none was.
    balanced : tuple of (float, float)
        What the bulk was fitted to, as (eigenvalue, rank), where that isn't the spectrum itself: the eigenvalues of an
        unfolded kernel with its positions scaled to one variance.
    """

    ranks: tuple[int, ...]
    eigenvalues: tuple[float, ...]
    tail: tuple[tuple[float, float], ...] = ()
    chance: tuple[tuple[float, float], ...] = ()
    bulk: DrawnBulk | None = None
    balanced: tuple[tuple[float, float], ...] = ()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Give the data sets of `spectrum_chart`.

        Returns
        -------
        dict
            ``spikes``, ``points`` and ``balanced`` (the other eigenvalues), ``tail``, ``chance`` and ``bulk``, each a
            list of rows with ``x`` (eigenvalue) and ``y`` (rank); ``edge``, at most one row with ``x`` and ``says``.
        """
        points = tuple(zip(self.eigenvalues, self.ranks, strict=True))
        beyond = 0 if self.bulk is None else self.bulk.spikes
        sets: dict[str, Sequence[tuple[float, float]]] = {
            "points": [pair for pair in points if self.balanced or pair[1] > beyond],
            "spikes": [pair for pair in self.balanced or points if pair[1] <= beyond],
            "balanced": [pair for pair in self.balanced if pair[1] > beyond],
            "tail": self.tail,
            "chance": self.chance,
            "bulk": () if self.bulk is None else self.bulk.curve,
        }
        rows: dict[str, list[dict[str, Any]]] = {n: [{"x": x, "y": y} for x, y in pairs] for n, pairs in sets.items()}
        edge = [] if self.bulk is None else [{"x": self.bulk.edge, "says": f"edge, {spikes_text(beyond)}"}]
        return {**rows, "edge": edge}


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


def spikes_text(count: int) -> str:
    """Count spikes in words.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    str
        The words.

    Examples
    --------
    >>> spikes_text(0), spikes_text(1), spikes_text(12)
    ('no spikes', '1 spike', '12 spikes')
    """
    return f"{count or 'no'} {'spike' if count == 1 else 'spikes'}"


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
    values, balanced = (_kept(readings, layer, name) for name in ("eigenvalues", "balanced_eigenvalues"))
    positive = _positive(values)
    if not positive.size:
        return None
    drawn = _thinned(positive, MOST_POINTS)
    apart = _thinned(_positive(balanced), MOST_BALANCED)
    smallest = min(pairs[-1][0] for pairs in (drawn, apart) if pairs)
    bulk = drawn_bulk(layer, balanced if apart else values, smallest)
    chance = chance_curve(layer, values, smallest) if bulk is None else ()
    eigenvalues, ranks = zip(*drawn, strict=True)
    tail = _fitted_tail(layer, positive)
    return SpectrumData(ranks, eigenvalues, tail, chance, bulk, apart if bulk is not None else ())


def _kept(readings: Readings, layer: Layer, name: str) -> Vector:
    """Load a layer's eigenvalues of one name, descending; none where none were kept."""
    reference = next((row.array for row in layer.rows.values() if row.array.endswith(f"#{name}")), "")
    try:
        stored = readings.array(reference)
    except LookupError:
        return np.zeros(0)
    return np.sort(np.asarray(stored, dtype=np.float64))[::-1]


def _positive(values: Vector) -> Vector:
    return values[values > values[0] * 1e-14] if values.size and values[0] > 0 else values[:0]


def _thinned(values: Vector, most: int) -> tuple[tuple[float, int], ...]:
    """Choose which of the eigenvalues to draw, with their ranks."""
    ranks = log_spaced_ranks(math.ceil(DRAWN_SHARE * values.size), most) if values.size else ()
    return tuple((float(values[rank - 1]), rank) for rank in ranks)


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


def spectrum_chart(data: SpectrumData | None = None, *, width: int = 380, height: int = 300) -> alt.LayerChart:
    """Draw a spectrum with both axes logarithmic.

    Parameters
    ----------
    data : SpectrumData, optional
        The spectrum; without it the page fills in the data sets that `SpectrumData.rows` names.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        Rank against eigenvalue, the fitted tail from xmin on, and the Marchenko–Pastur law: as a dashed curve where it
        is that of chance, as a full one with its edge where it was fitted. Spikes are hollow; eigenvalues that a bulk
        was fitted to and that aren't the layer's own are hollow circles.
    """
    rows: dict[str, Sequence[dict[str, Any]]] = {} if data is None else dict(data.rows())

    def named(name: str) -> alt.Data:
        return alt.InlineData(values=list(rows[name]), name=name) if name in rows else alt.NamedData(name=name)

    x = alt.X("x:Q", title="eigenvalue", scale=alt.Scale(type="log", nice=False, padding=8))
    x = x.axis(format="~g", tickCount=5, grid=False, labelOverlap=True, **at_labels())
    y = alt.Y("y:Q", title="eigenvalues at least as large", scale=alt.Scale(type="log", nice=False, padding=6))
    y = y.axis(format="~s", tickCount=4, labelOverlap=True, grid=False, **at_labels())
    foot = alt.Chart(named("tail")).transform_aggregate(x="min(x)").encode(x=x)
    edge = alt.Chart(named("edge")).encode(x=x)
    # Below the curve there is room on its left; the words of an edge far on the left go to the other side.
    near = "scale('x', datum.x) < 90"
    side = {"align": alt.expr(f"{near} ? 'left' : 'right'"), "dx": alt.expr(f"{near} ? 5 : -5")}
    tooltip = [alt.Tooltip("y:Q", title="rank", format=",d"), alt.Tooltip("x:Q", title="eigenvalue", format=".4g")]
    dots = {"shape": "circle", "style": "spectrum", "size": 16, "strokeWidth": 0, "opacity": 0.7, "filled": True}
    scaled = {"shape": "circle", "style": "bulk", "size": 16, "strokeWidth": 0.9, "opacity": 0.9, "filled": False}
    hollow = {"shape": "diamond", "style": "bulk", "size": 44, "strokeWidth": 1.3, "opacity": 1, "filled": False}
    line = {"strokeWidth": 1.5, "opacity": 0.9, "clip": True}
    layers = (
        alt.Chart(named("chance")).mark_line(style="chance", strokeDash=[4, 3], **line).encode(x=x, y=y, order="y:Q"),
        alt.Chart(named("points")).mark_point(**dots).encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(named("balanced")).mark_point(**scaled).encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(named("bulk")).mark_line(style="bulk", **line).encode(x=x, y=y, order="y:Q"),
        alt.Chart(named("spikes")).mark_point(**hollow).encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(named("tail")).mark_line(style="tail", strokeWidth=2.5, opacity=0.9).encode(x=x, y=y),
        foot.mark_rule(style="tail", strokeDash=[2, 3], strokeWidth=1.2),
        edge.mark_rule(style="bulk", strokeWidth=1.2),
        *_words(foot.encode(y=alt.value(0), text=alt.value("xmin")), baseline="top", align="right", dx=-5),
        *_words(edge.encode(y=alt.value("height"), text="says:N"), baseline="bottom", **side),
    )
    # A mark without a single number would leave its scale without an end.
    drawn = [layer for layer in layers if layer.data.name not in rows or rows[layer.data.name]]
    return alt.layer(*drawn).properties(width=width, height=height)


def _words(chart: alt.Chart, **place: Any) -> Iterable[alt.Chart]:
    """Write in front of other lines."""
    return tuple(chart.mark_text(style=style, fontSize=11, **place) for style in ("label-halo", "label"))
