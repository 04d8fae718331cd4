"""Charts of a corpus of models: every metric's rank correlation, and one metric against the quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from theodolite.reports.charts.marks import CHOSEN, chosen_param

if TYPE_CHECKING:
    from theodolite.study import Corpus, Trend

COLOURS = 8
"""Colours of groups; behind them they come again, with other shapes."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")

OVERALL, WITHIN = "all models", "within groups"

_IS_CHOSEN = f"datum.i === {CHOSEN}"


def dot_rows(trends: Sequence[Trend]) -> list[dict[str, Any]]:
    """Lay the correlations out for the chart of all metrics.

    Parameters
    ----------
    trends : sequence of Trend
        The metrics, as they are shown from the top.

    Returns
    -------
    list of dict
        One row for each correlation that there is.
    """
    rows = []
    for index, trend in enumerate(trends):
        for one in trend.associations:
            if one.tau is None:
                continue
            tau = one.kendall
            kind = {"all": OVERALL, "within": WITHIN}.get(one.scope, "group")
            row: dict[str, Any] = {"i": index, "metric": trend.name, "kind": kind, "tau": round(one.tau, 4)}
            row |= {"who": one.group or kind, "models": one.models}
            row |= {name: _rounded(getattr(tau, name)) for name in ("low", "high", "p_value")}
            rows.append(row)
    return rows


def _rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def dot_chart(rows: Sequence[dict[str, Any]], groups: Sequence[str], *, width: int = 520) -> alt.LayerChart:
    """Draw Kendall's tau of every metric: over all models, within groups, and group by group.

    Parameters
    ----------
    rows : sequence of dict
        As `dot_rows` gives them.
    groups : sequence of str
        The groups, in the order of their colours.
    width : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        One row a metric; bars are intervals.
    """
    order = list(dict.fromkeys(row["metric"] for row in rows))
    base = alt.Chart(alt.InlineData(values=list(rows), name="dots"))
    height = alt.Y("metric:N", sort=order, title=None, axis=alt.Axis(ticks=False, labelLimit=210, grid=True))
    across = alt.X("tau:Q", title="Kendall’s τ with the quality", scale=alt.Scale(domain=[-1, 1], nice=False))
    across = across.axis(grid=False, tickCount=5, format="+.1f")
    tooltip = [
        alt.Tooltip("metric:N", title="metric"),
        alt.Tooltip("who:N", title="over"),
        alt.Tooltip("tau:Q", title="τ", format="+.2f"),
        alt.Tooltip("low:Q", title="interval from", format="+.2f"),
        alt.Tooltip("high:Q", title="to", format="+.2f"),
        alt.Tooltip("p_value:Q", title="p", format=".2g"),
        alt.Tooltip("models:Q", title="models"),
    ]
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(style="chance", strokeDash=[3, 3]).encode(x="at:Q")
    layers = [zero]
    in_group = base.transform_filter(alt.datum.kind == "group")
    layers.append(
        in_group.mark_point(filled=True, size=34, strokeWidth=0, cursor="pointer", opacity=0.85).encode(
            x=across, y=height, color=group_colour(groups), shape=group_shape(groups), tooltip=tooltip
        )
    )
    for kind, style, shift, size in ((OVERALL, "spectrum", -9, 70), (WITHIN, "tail", 9, 80)):
        part = base.transform_filter(alt.datum.kind == kind).encode(y=height, tooltip=tooltip)
        layers.append(part.mark_rule(style=style, strokeWidth=1.6, yOffset=shift).encode(x="low:Q", x2="high:Q"))
        shape = "circle" if kind == OVERALL else "diamond"
        mark = part.mark_point(filled=True, style=style, shape=shape, size=size, yOffset=shift, cursor="pointer")
        layers.append(mark.encode(x=across, opacity=alt.value(1)))
    frame = (
        base.transform_filter(alt.datum.kind == OVERALL)
        .mark_rule(style="chosen", strokeWidth=36, cursor="pointer")
        .encode(y=height, opacity=alt.condition(_IS_CHOSEN, alt.value(0.12), alt.value(0)))
    )
    return alt.layer(frame, *layers).add_params(chosen_param()).properties(width=width, height=alt.Step(40))


def scatter_chart(groups: Sequence[str], quality: str, *, width: int = 420, height: int = 330) -> alt.LayerChart:
    """Draw one metric against the quality; the page fills in the models.

    Parameters
    ----------
    groups : sequence of str
        The groups, in the order of their colours.
    quality : str
        Name of the quality.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A point for each model, and in each group the straight line of least squares.
    """
    base = alt.Chart(alt.NamedData(name="models"))
    free = alt.Scale(zero=False, padding=12)
    across = alt.X("x:Q", title="{title}", scale=free, axis=alt.Axis(grid=False, tickCount=6))
    up = alt.Y("y:Q", title=quality, scale=free, axis=alt.Axis(tickCount=5))
    line = base.transform_regression("x", "y", groupby=["who"]).mark_line(strokeWidth=1.2, opacity=0.6)
    points = base.mark_point(filled=True, size=75, strokeWidth=0, opacity=0.9).encode(
        x=across,
        y=up,
        color=group_colour(groups),
        shape=group_shape(groups),
        tooltip=[
            alt.Tooltip("model:N", title="model"),
            alt.Tooltip("who:N", title="group"),
            alt.Tooltip("x:Q", title="{title}", format=".4g"),
            alt.Tooltip("y:Q", title=quality, format=".4g"),
        ],
    )
    drawn = line.encode(x=across, y=up, color=group_colour(groups))
    return alt.layer(drawn, points).properties(width=width, height=height)


def group_colour(groups: Sequence[str]) -> alt.Color:
    """Encode the group as colour.

    Parameters
    ----------
    groups : sequence of str
        The groups, in order.

    Returns
    -------
    altair.Color
        The channel; its colours are the page's variables.
    """
    colours = [f"var(--group-{index % COLOURS})" for index in range(len(groups))]
    # Models of no group have an empty name.
    scale = alt.Scale(domain=[*groups, ""], range=[*colours, "var(--tone)"])
    return alt.Color("who:N", scale=scale, legend=None)


def group_shape(groups: Sequence[str]) -> alt.Shape:
    """Encode the group as shape.

    Parameters
    ----------
    groups : sequence of str
        The groups, in order.

    Returns
    -------
    altair.Shape
        The channel.
    """
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(groups))]
    scale = alt.Scale(domain=[*groups, ""], range=[*shapes, SHAPES[0]])
    return alt.Shape("who:N", scale=scale, legend=None)


def group_marks(corpus: Corpus) -> list[dict[str, Any]]:
    """Say how each group is drawn, for the key.

    Parameters
    ----------
    corpus : Corpus
        The models.

    Returns
    -------
    list of dict
        Name, number of its colour, and shape.
    """
    return [
        {"name": name, "colour": index % COLOURS, "shape": SHAPES[index % len(SHAPES)]}
        for index, name in enumerate(corpus.table.group_names)
    ]
