"""Metrics through a training: the means of the model, and every layer by role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from theodolite.study import Curve, Track

DRAWN = ("power_law.alpha", "stable_rank", "effective_rank")
"""Metrics that are drawn where they were read; else the first that were."""


def drawn_metrics(track: Track, most: int = 3) -> tuple[str, ...]:
    """Choose the metrics that are drawn.

    Parameters
    ----------
    track : Track
        The training.
    most : int
        How many at most.

    Returns
    -------
    tuple of str
        Names of metrics with a value.
    """
    read = {curve.metric: None for curve in track.curves if not curve.whole_model and any(_known(curve))}
    usual = [metric for metric in DRAWN if metric in read]
    return tuple(usual or list(read))[:most]


def model_chart(track: Track, *, width: int = 250, columns: int = 3) -> alt.FacetChart:
    """Draw the means over the layers against the step.

    Parameters
    ----------
    track : Track
        The training.
    width : int
        Of one panel, in pixels.
    columns : int
        Panels side by side.

    Returns
    -------
    altair.FacetChart
        A panel for each metric.
    """
    metrics = drawn_metrics(track)
    named = {(f"{metric}.mean", f"{metric}.value.mean"): metric for metric in metrics}
    rows = [
        {"metric": metric, "step": step, "checkpoint": name, "value": row.value}
        for curve in track.curves
        if curve.whole_model
        for names, metric in named.items()
        if curve.metric in names
        for step, name, row in zip(track.steps, track.names, curve.rows, strict=True)
        if row is not None and row.value is not None
    ]
    base = alt.Chart().encode(x=_across(track), y=_up("mean over layers"), tooltip=_tooltip("checkpoint"))
    layers = alt.layer(
        base.mark_line(style="spectrum", strokeWidth=1.8), base.mark_point(style="spectrum", filled=True, size=36)
    ).properties(width=width, height=width * 2 // 3)
    return _faceted(layers, rows, "metric", list(metrics), columns)


def role_chart(track: Track, metric: str, *, width: int = 190, columns: int = 4) -> alt.FacetChart:
    """Draw one metric of every layer against the step, a small panel for each role.

    Parameters
    ----------
    track : Track
        The training.
    metric : str
        The metric.
    width : int
        Of one panel, in pixels.
    columns : int
        Panels side by side.

    Returns
    -------
    altair.FacetChart
        A line for each layer, by its block from dark to light; dashed is the median of chance.
    """
    curves = [curve for curve in track.curves if curve.metric == metric and not curve.whole_model]
    rows = [
        {
            "role": curve.target.role,
            "layer": curve.name,
            "block": curve.target.block or 0,
            "step": step,
            "value": row.value,
        }
        | {"chance": row.chance}
        for curve in curves
        for step, row in zip(track.steps, curve.rows, strict=True)
        if row is not None and row.value is not None
    ]
    base = alt.Chart().encode(x=_across(track), detail="layer:N", tooltip=_tooltip("layer"))
    blocks = {row["block"] for row in rows}
    legend = alt.Legend(orient="top", type="gradient", format="d", tickMinStep=1) if len(blocks) > 1 else None
    tone = alt.Color("block:Q", title="block", legend=legend).scale(scheme="viridis")
    line = base.mark_line(strokeWidth=1.3, opacity=0.85, point=alt.OverlayMarkDef(size=14))
    layers: list[Any] = [line.encode(y=_up(metric), color=tone)]
    if any(row["chance"] is not None for row in rows):
        layers.insert(0, base.mark_line(style="chance", strokeDash=[3, 3], strokeWidth=1).encode(y="chance:Q"))
    panels = alt.layer(*layers).properties(width=width, height=width * 3 // 4)
    return _faceted(panels, rows, "role", list(dict.fromkeys(str(row["role"]) for row in rows)), columns)


def _known(curve: Curve) -> list[bool]:
    return [value is not None for value in curve.values]


def _across(track: Track) -> alt.X:
    title = "position" if track.steps_are == "positions" else "step"
    return alt.X("step:Q", title=title, scale=alt.Scale(zero=False, nice=False, padding=8)).axis(
        grid=False, tickCount=4, format="~s"
    )


def _up(title: str) -> alt.Y:
    return alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, padding=8)).axis(tickCount=4)


def _tooltip(who: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{who}:N"), alt.Tooltip("step:Q", format=",~g"), alt.Tooltip("value:Q", format=".4~g")]


def _faceted(
    layers: alt.LayerChart, rows: list[dict[str, Any]], by: str, order: list[str], columns: int
) -> alt.FacetChart:
    panel = alt.Facet(f"{by}:N", title=None, sort=order)
    drawn = layers.facet(facet=panel, columns=columns, data=alt.Data(values=rows), spacing=18)
    return drawn.resolve_scale(y="independent") if by == "metric" else drawn
