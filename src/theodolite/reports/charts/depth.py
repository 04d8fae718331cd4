"""One quantity along the depth of the model, a panel for each role."""

from __future__ import annotations

import altair as alt

from theodolite.reports.charts.marks import (
    IS_CHOSEN,
    Rows,
    at_labels,
    chosen_param,
    layer_data,
    layer_tooltip,
    role_sort,
    value_scale,
    verdict_color,
    verdict_shape,
)
from theodolite.reports.charts.quantities import Quantity


def depth_chart(
    quantity: Quantity, rows: Rows = None, *, axis: str = "block", width: int = 150, columns: int = 6
) -> alt.FacetChart:
    """Draw a quantity against depth.

    Parameters
    ----------
    quantity : Quantity
        What is shown, with its interval and its chance level where they are known.
    rows : sequence of dict, optional
        As `chart_rows` gives them; without them the page fills in the data set ``layers``.
    axis : str
        What the depth counts.
    width : int
        Of one panel, in pixels.
    columns : int
        Panels side by side.

    Returns
    -------
    altair.FacetChart
        As many panels as there are roles; all share both axes. The marks ``chance`` and ``low`` (the interval) are
        named after what they need, and left out where no row has it.
    """
    depth = alt.X("order:Q", title=axis, scale=alt.Scale(nice=False, padding=8, zero=False))
    depth = depth.axis(grid=False, tickMinStep=1, tickCount=4, format="d")
    height = alt.Y("value:Q", title=None, scale=value_scale(quantity, padding=6))
    height = height.axis(format=quantity.ticks, tickCount=4, **at_labels())
    base = alt.Chart().encode(x=depth, y=height)
    line = base.mark_line(strokeWidth=1, opacity=0.35, style="chance")
    chance = (
        base.mark_tick(style="chance", thickness=1.5, size=9, opacity=0.55, orient="horizontal")
        .encode(y="chance:Q")
        .properties(name="chance")
    )
    interval = (
        base.mark_rule(strokeWidth=1.2, opacity=0.8)
        .encode(y="low:Q", y2="high:Q", color=verdict_color(), tooltip=layer_tooltip(quantity))
        .properties(name="low")
    )
    drawn = [mark for mark in (chance, interval) if rows is None or any(row[mark.name] is not None for row in rows)]
    points = base.mark_point(filled=True, cursor="pointer", opacity=1, strokeWidth=0).encode(
        color=verdict_color(),
        shape=verdict_shape(),
        size=alt.condition(IS_CHOSEN, alt.value(130), alt.value(75)),
        opacity=alt.condition("datum.apart", alt.value(0.45), alt.value(1)),
        tooltip=layer_tooltip(quantity),
    )
    ring = base.mark_point(shape="circle", style="chosen", filled=False, size=260, strokeWidth=2).encode(
        opacity=alt.condition(IS_CHOSEN, alt.value(1), alt.value(0)), tooltip=layer_tooltip(quantity)
    )
    return (
        alt.layer(line, *drawn, points, ring, data=layer_data(rows))
        .properties(width=width, height=150)
        .facet(
            facet=alt.Facet("role:N", title=None, sort=role_sort()), columns=columns, spacing={"row": 26, "column": 18}
        )
        .add_params(chosen_param())
    )
