"""The whole model in one picture: role by depth, the value as tone, the verdict as sign."""

from __future__ import annotations

import altair as alt

from theodolite.reports.charts.marks import (
    IS_CHOSEN,
    Rows,
    chosen_param,
    layer_data,
    layer_tooltip,
    role_sort,
    value_scale,
    verdict_color,
    verdict_shape,
)
from theodolite.reports.charts.quantities import Quantity
from theodolite.reports.questions import NO_FINDING

NARROWEST = 38
"""Narrowest cell that has room for a number, in pixels."""


def verdict_map(quantity: Quantity, rows: Rows = None, *, axis: str = "block", step: int = 58) -> alt.LayerChart:
    """Draw every layer as a cell.

    Parameters
    ----------
    quantity : Quantity
        What the tone shows.
    rows : sequence of dict, optional
        As `chart_rows` gives them; without them the page fills in the data set ``layers``.
    axis : str
        What the columns count.
    step : int
        Width of a cell in pixels; numbers stand in cells that are wide enough.

    Returns
    -------
    altair.LayerChart
        Cells with their value, and the sign of every verdict but "no finding".
    """
    base = alt.Chart(layer_data(rows)).encode(
        x=alt.X(
            "place:N",
            sort=alt.EncodingSortField(field="order", op="min", order="ascending"),
            title=axis,
            axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False),
            scale=alt.Scale(paddingInner=0.06, paddingOuter=0.02),
        ),
        y=alt.Y(
            "role:N",
            sort=role_sort(),
            title=None,
            axis=alt.Axis(ticks=False, labelFontSize=12, labelLimit=110),
            scale=alt.Scale(paddingInner=0.1, paddingOuter=0.02),
        ),
    )
    cells = base.mark_rect(cornerRadius=2, cursor="pointer", style="tone").encode(
        opacity=_tone(quantity), tooltip=layer_tooltip(quantity)
    )
    frame = base.mark_rect(
        cornerRadius=2, cursor="pointer", filled=False, fill="transparent", style="chosen", strokeWidth=2.5
    ).encode(strokeOpacity=alt.condition(IS_CHOSEN, alt.value(1), alt.value(0)), tooltip=layer_tooltip(quantity))
    found = base.transform_filter(alt.datum.verdict != NO_FINDING)
    halo = found.mark_point(
        shape="circle",
        filled=True,
        size=alt.expr("digits ? 200 : 2.2 * glyph"),
        xOffset=alt.expr("beside"),
        opacity=1,
        style="halo",
    )
    signs = found.mark_point(
        filled=True, size=alt.expr("digits ? 52 : glyph"), xOffset=alt.expr("beside"), opacity=1, strokeWidth=0
    ).encode(color=verdict_color(), shape=verdict_shape())
    numbers = base.mark_text(fontSize=11, style="number", opacity=alt.expr("digits ? 1 : 0")).encode(
        text=alt.Text("value:Q", format=quantity.format)
    )
    return (
        alt.layer(cells, numbers, halo, signs, frame)
        .add_params(
            chosen_param(),
            alt.param(name="digits", value=step >= NARROWEST),
            alt.param(name="glyph", value=40),
            alt.param(name="beside", value=sign_offset(step)),
        )
        .properties(width=alt.Step(step), height=alt.Step(34))
    )


def sign_offset(step: float) -> float:
    """Place the sign of a verdict beside the number, or in the middle of a cell that has no room for one.

    Parameters
    ----------
    step : float
        Width of a cell in pixels.

    Returns
    -------
    float
        Pixels from the middle.
    """
    return 11 - step / 2 if step >= NARROWEST else 0.0


def _tone(quantity: Quantity) -> alt.Opacity:
    # One colour in many strengths, which reads alike on light, on dark and in print; no stronger than lets the ink of
    # the numbers stand out.
    tones = [0.62, 0.05] if quantity.strong_low else [0.05, 0.62]
    return alt.Opacity(
        "value:Q",
        scale=value_scale(quantity, range=tones),
        legend=alt.Legend(
            title=quantity.title,
            orient="bottom",
            direction="horizontal",
            titleOrient="left",
            titleLimit=320,
            titlePadding=10,
            format=quantity.ticks,
            tickCount=4,
            symbolType="square",
            symbolSize=150,
        ),
    )
