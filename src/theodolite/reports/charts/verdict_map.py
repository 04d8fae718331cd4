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


def verdict_map(quantity: Quantity, rows: Rows = None, *, axis: str = "block") -> alt.LayerChart:
    """Draw every layer as a cell.

    Parameters
    ----------
    quantity : Quantity
        What the tone shows.
    rows : sequence of dict, optional
        As `chart_rows` gives them; without them the page fills in the data set ``layers``.
    axis : str
        What the columns count.

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
    cells = base.mark_rect(cornerRadius=2, cursor="pointer", strokeWidth=2.5, style="tone").encode(
        fillOpacity=_tone(quantity),
        strokeOpacity=alt.condition(IS_CHOSEN, alt.value(1), alt.value(0)),
        tooltip=layer_tooltip(quantity),
    )
    found = base.transform_filter(alt.datum.verdict != NO_FINDING)
    beside = alt.expr("digits ? -bandwidth('x') / 2 + 11 : 0")
    halo = found.mark_point(
        shape="circle", filled=True, size=alt.expr("digits ? 200 : 2.2 * glyph"), xOffset=beside, opacity=1, style="halo"
    )
    signs = found.mark_point(
        filled=True, size=alt.expr("digits ? 52 : glyph"), xOffset=beside, opacity=1, strokeWidth=0
    ).encode(color=verdict_color(), shape=verdict_shape())
    return (
        alt.layer(cells, _numbers(base, quantity, dark=False), _numbers(base, quantity, dark=True), halo, signs)
        .add_params(chosen_param(), alt.param(name="digits", value=True), alt.param(name="glyph", value=40))
        .properties(width=420, height=alt.Step(34))
    )


def _tone(quantity: Quantity) -> alt.FillOpacity:
    # One colour in many strengths, which reads alike on light and on dark and in print.
    tones = [0.95, 0.06] if quantity.strong_low else [0.06, 0.95]
    return alt.FillOpacity(
        "value:Q",
        scale=value_scale(quantity, range=tones),
        legend=alt.Legend(
            title=quantity.title,
            orient="bottom",
            direction="horizontal",
            titleOrient="left",
            titleLimit=320,
            format=quantity.format,
            tickCount=4,
            symbolType="square",
            symbolSize=150,
        ),
    )


def _numbers(base: alt.Chart, quantity: Quantity, *, dark: bool) -> alt.Chart:
    on_dark = "scale('fillOpacity', datum.value) > 0.5"
    test = f"digits && {on_dark}" if dark else f"digits && !({on_dark})"
    return base.mark_text(fontSize=11, style="on-dark" if dark else "on-light").encode(
        text=alt.Text("value:Q", format=quantity.format), opacity=alt.condition(test, alt.value(1), alt.value(0))
    )
