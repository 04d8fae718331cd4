"""Clouds against clouds in pictures: a cell for each pair, a point for each cloud, the tree of the nearest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from theodolite.reports.layers import number_text

if TYPE_CHECKING:
    from theodolite.study import AllPairs, Clustering, Embedding, Quantity

_NARROWEST = 30
"""Narrowest cell that has room for a number, in pixels."""

_LEGIBLE = 13
"""Pixels of a row from which on every name is written; below, some are left out."""

_MOST_NAMED = 26
"""Points of an embedding that all bear their names."""

_TOUCHING = 0.045
"""Share of half the width of an embedding within which labels would lie on each other: their height."""

_TOGETHER = 3
"""Names in one label."""


def cell_rows(found: AllPairs, quantity: Quantity) -> list[dict[str, Any]]:
    """Lay out one number of all pairs as a chart's data.

    Parameters
    ----------
    found : AllPairs
        The pairs.
    quantity : Quantity
        The number.

    Returns
    -------
    list of dict
        One a pair that was compared: ``row``, ``column``, ``value`` (None where there is none), ``says``, ``range``,
        ``chance``, ``p``, ``why``, ``best`` and ``path``.
    """
    match = found.best_match(quantity.name) if quantity.kind else None
    values = found.matrix(quantity.name)
    made = []
    for i, (one, name) in enumerate(zip(found.rows, found.names, strict=True)):
        for j, (other, against) in enumerate(zip(found.columns, found.against, strict=True)):
            reading = found.reading(one, other, quantity.name)
            value = None if np.isnan(values[i, j]) else round(float(values[i, j]), 6)
            if value is None and reading is None:
                continue
            interval = reading is not None and reading.low is not None and reading.high is not None
            made.append(
                {
                    "row": name,
                    "column": against,
                    "value": value,
                    "says": "×" if value is None else f"{value:.2f}",
                    "range": f"{number_text(reading.low)} to {number_text(reading.high)}"
                    if interval and reading
                    else "–",
                    "chance": number_text(None if reading is None else reading.chance),
                    "p": number_text(None if reading is None else reading.p_value),
                    "why": "" if reading is None else reading.outcome.replace("_", " ").lower(),
                    "best": match is not None and match.best[i] == j,
                    "path": match is not None and bool(match.path) and match.path[i] == j,
                }
            )
    return made


def pair_map(found: AllPairs, quantity: Quantity, *, width: int = 720) -> alt.LayerChart:
    """Draw one number of all pairs as tones.

    Parameters
    ----------
    found : AllPairs
        The pairs.
    quantity : Quantity
        The number.
    width : int
        Of the cells together at most, in pixels.

    Returns
    -------
    altair.LayerChart
        The more alike, the darker; a dot marks the best match of each row, a frame the best path in order, a cross a
        pair without a number.
    """
    rows = cell_rows(found, quantity)
    step = max(5, min(48, width // max(1, len(found.columns))))
    height = min(30, step)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("column:N", sort=[*found.against], title=_title(found.columns, found)).axis(
            labelAngle=-45, labelOverlap=step < _LEGIBLE, ticks=False, labelLimit=140, orient="bottom"
        ),
        y=alt.Y("row:N", sort=[*found.names], title=_title(found.rows, found)).axis(
            labelOverlap=height < _LEGIBLE, ticks=False, labelLimit=180
        ),
        tooltip=_tooltip(quantity),
    )
    known = base.transform_filter("isValid(datum.value)")
    marks: list[Any] = [known.mark_rect(style="tone").encode(opacity=_tone(quantity))]
    room = step >= _NARROWEST
    if room:
        marks.append(known.mark_text(fontSize=11, style="number").encode(text="says:N"))
    marks.append(base.transform_filter("!isValid(datum.value)").mark_text(style="label", text="×", fontSize=11))
    framed = known.transform_filter("datum.path")
    marks.append(framed.mark_rect(filled=False, fill="transparent", style="chosen", strokeWidth=2 if room else 1.2))
    dots = known.transform_filter("datum.best")
    across, up = (step / 2 - 6, 6 - height / 2) if room else (0, 0)
    size = 18 if room else 10
    marks.append(
        dots.mark_point(shape="circle", filled=True, style="chosen", size=size, opacity=1, xOffset=across, yOffset=up)
    )
    return alt.layer(*marks).properties(width=alt.Step(step), height=alt.Step(height))


def embedding_chart(found: AllPairs, embedding: Embedding, *, size: int = 460) -> alt.LayerChart:
    """Draw clouds as points, those of one model on one line in their order.

    Parameters
    ----------
    found : AllPairs
        The pairs.
    embedding : Embedding
        Two coordinates for each of them.
    size : int
        Of the square, in pixels.

    Returns
    -------
    altair.LayerChart
        Distances in it are nearly theirs, and the axes mean nothing.
    """
    targets = {name: found.readings.target(one) for name, one in zip(found.names, found.rows, strict=True)}
    rows = [
        {
            "name": name,
            "model": targets[name].model,
            "layer": targets[name].module,
            "place": place,
            "x": round(float(x), 6),
            "y": round(float(y), 6),
        }
        for place, (name, (x, y)) in enumerate(zip(embedding.names, embedding.coordinates[:, :2], strict=True))
    ]
    ends = {row["model"]: row["name"] for row in rows} | {f"first {row['model']}": row["name"] for row in rows[::-1]}
    for row in rows:
        row["label"] = row["layer"] if len(rows) <= _MOST_NAMED or row["name"] in ends.values() else ""
    reach = 1.08 * max((abs(float(number)) for number in embedding.coordinates.ravel()), default=1.0) or 1.0
    _label_once(rows, reach)
    scale = alt.Scale(domain=[-reach, reach], nice=False, zero=False)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", scale=scale, axis=None),
        y=alt.Y("y:Q", scale=scale, axis=None),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("layer:N")],
    )
    models = list(dict.fromkeys(row["model"] for row in rows))
    legend = alt.Legend(orient="bottom") if len(models) > 1 else None
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        color=alt.Color("model:N", title=None, sort=models, legend=legend),
        shape=alt.Shape("model:N", sort=models, legend=None),
    )
    marks: list[Any] = [points, base.mark_text(align="left", dx=8, fontSize=11, style="label").encode(text="label:N")]
    if any(sum(row["model"] == model for row in rows) > 1 for model in models):
        line = base.mark_line(strokeWidth=1.2, opacity=0.5, style="chance")
        marks.insert(0, line.encode(detail="model:N", order="place:Q"))
    return alt.layer(*marks).properties(width=size, height=size)


def _label_once(rows: list[dict[str, Any]], reach: float) -> None:
    """Put the names of points that lie on each other into one label."""
    labels: list[tuple[dict[str, Any], list[str]]] = []
    for row in rows:
        if not row["label"]:
            continue
        for first, names in labels:
            if math.hypot(row["x"] - first["x"], row["y"] - first["y"]) < _TOUCHING * reach:
                names += [row["label"]] if row["label"] not in names else []
                row["label"] = ""
                break
        else:
            labels.append((row, [row["label"]]))
    for first, names in labels:
        more = len(names) - _TOGETHER
        first["label"] = ", ".join(names[:_TOGETHER]) + (f" +{more}" if more > 0 else "")


def tree_chart(clustering: Clustering, *, width: int = 420) -> alt.LayerChart:
    """Draw the tree of the nearest, its leaves below each other.

    Parameters
    ----------
    clustering : Clustering
        The tree.
    width : int
        Of the tree, in pixels.

    Returns
    -------
    altair.LayerChart
        A bracket for each merge, at the distance of the groups that it merges.
    """
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(clustering.linkage, no_plot=True)
    brackets = [
        {"merge": number, "corner": corner, "height": round(float(height), 6), "leaf": float(place) / 10 - 0.5}
        for number, (places, heights) in enumerate(zip(drawn["icoord"], drawn["dcoord"], strict=True))
        for corner, (place, height) in enumerate(zip(places, heights, strict=True))
    ]
    leaves = [{"name": clustering.names[leaf], "leaf": place} for place, leaf in enumerate(drawn["leaves"])]
    across = alt.X("height:Q", title="distance", scale=alt.Scale(reverse=True, nice=False, zero=True)).axis(tickCount=5)
    span = alt.Scale(domain=[-0.6, len(leaves) - 0.4], reverse=True, nice=False, zero=False)
    down = alt.Y("leaf:Q", axis=None, scale=span)
    lines = alt.Chart(alt.Data(values=brackets)).mark_line(style="bulk", strokeWidth=1.4)
    names = alt.Chart(alt.Data(values=leaves)).mark_text(align="left", dx=6, fontSize=11, style="number")
    return alt.layer(
        lines.encode(x=across, y=down, detail="merge:N", order="corner:Q"),
        names.encode(x=alt.datum(0), y=down, text="name:N"),
    ).properties(width=width, height=max(60, 16 * len(leaves)))


def _title(ids: Sequence[str], found: AllPairs) -> str | None:
    models = {found.readings.target(one).model for one in ids}
    return models.pop() if len(models) == 1 else None


def _tone(quantity: Quantity) -> alt.Opacity:
    # One colour in many strengths, no stronger than lets the ink of the numbers stand out; alike is strong.
    tones = [0.7, 0.03] if quantity.kind == "distance" else [0.03, 0.7]
    # Known ends are those of every page, so that pages compare.
    most = None if quantity.promise is None else quantity.promise.bounds[1]
    end = 1 if quantity.kind == "similarity" else most if quantity.kind == "distance" else None
    scale = (
        alt.Scale(zero=True, range=tones)
        if end is None
        else alt.Scale(type="linear", domain=[0, end], clamp=True, range=tones)
    )
    return alt.Opacity("value:Q", scale=scale).legend(
        orient="bottom",
        direction="horizontal",
        titleOrient="left",
        title=quantity.name,
        symbolType="square",
        symbolSize=150,
        tickCount=5,
    )


def _tooltip(quantity: Quantity) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("row:N", title="of"),
        alt.Tooltip("column:N", title="and"),
        alt.Tooltip("value:Q", title=quantity.name, format=".4~g"),
        alt.Tooltip("range:N", title="interval"),
        alt.Tooltip("chance:N", title="by chance"),
        alt.Tooltip("p:N", title="p-value"),
        alt.Tooltip("why:N", title="note"),
    ]
