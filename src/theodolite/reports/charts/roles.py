"""One quantity by role: how the layers of a kind spread."""

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


def role_chart(quantity: Quantity, rows: Rows = None, *, width: int = 420) -> alt.LayerChart:
    """Draw a quantity for each role.

    Parameters
    ----------
    quantity : Quantity
        What is shown.
    rows : sequence of dict, optional
        As `chart_rows` gives them; without them the page fills in the data set ``layers``.
    width : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A strip of layers for each role, with the median marked.
    """
    base = alt.Chart(layer_data(rows)).encode(
        y=alt.Y("role:N", sort=role_sort(), title=None, axis=alt.Axis(ticks=False, labelFontSize=12, grid=True))
    )
    value = alt.X("value:Q", title=quantity.title, scale=value_scale(quantity, padding=8))
    value = value.axis(format=quantity.ticks, grid=False, tickCount=6, **at_labels())
    median = base.mark_tick(style="chance", thickness=2, size=20).encode(x=alt.X("median(value):Q"))
    points = base.mark_point(filled=True, cursor="pointer", strokeWidth=0).encode(
        x=value,
        color=verdict_color(),
        shape=verdict_shape(),
        size=alt.condition(IS_CHOSEN, alt.value(130), alt.value(75)),
        opacity=alt.condition("datum.apart", alt.value(0.45), alt.value(0.85)),
        tooltip=layer_tooltip(quantity),
    )
    ring = base.mark_point(shape="circle", style="chosen", filled=False, size=260, strokeWidth=2).encode(
        x="value:Q", opacity=alt.condition(IS_CHOSEN, alt.value(1), alt.value(0)), tooltip=layer_tooltip(quantity)
    )
    return alt.layer(median, points, ring).add_params(chosen_param()).properties(width=width, height=alt.Step(30))
