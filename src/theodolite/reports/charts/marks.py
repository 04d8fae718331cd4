"""Encodings that the charts of layers share, so that a verdict looks the same wherever it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from theodolite.reports.charts.quantities import Quantity
from theodolite.reports.questions import VERDICTS

CHOSEN = "chosen"
"""Top-level parameter of every chart: the index of the layer that was chosen, -1 for none."""

IS_CHOSEN = f"datum.i === {CHOSEN}"

Rows = Sequence[dict[str, Any]] | None


def layer_data(rows: Rows) -> alt.Data:
    """Give rows as a chart's data.

    Parameters
    ----------
    rows : sequence of dict or None
        Rows as `chart_rows` gives them; None leaves a data set named ``layers`` for the page to fill in.

    Returns
    -------
    altair.Data
        Inline or named data.
    """
    return alt.NamedData(name="layers") if rows is None else alt.InlineData(values=list(rows), name="layers")


def chosen_param(chosen: int = -1) -> alt.Parameter:
    """Declare which layer is chosen.

    Parameters
    ----------
    chosen : int
        Its index; -1 for none.

    Returns
    -------
    altair.Parameter
        A variable at the top level of the chart, which the page sets and listens to.
    """
    return alt.param(name=CHOSEN, value=chosen)


def value_scale(quantity: Quantity, **extra: Any) -> alt.Scale:
    """Make the scale of a quantity.

    Parameters
    ----------
    quantity : Quantity
        What is shown.
    **extra
        Further properties of the scale.

    Returns
    -------
    altair.Scale
        Logarithmic or linear, fitted to the data.
    """
    if quantity.scale == "log":
        return alt.Scale(type="log", nice=False, **extra)
    return alt.Scale(type="linear", zero=False, **extra)


def verdict_color(legend: alt.Legend | None = None) -> alt.Color:
    """Encode the verdict as colour; the theme holds the colours in the order of the verdicts.

    Parameters
    ----------
    legend : altair.Legend, optional
        None for none.

    Returns
    -------
    altair.Color
        The channel.
    """
    return alt.Color("verdict:N", scale=alt.Scale(domain=list(VERDICTS)), legend=legend)


def verdict_shape(legend: alt.Legend | None = None) -> alt.Shape:
    """Encode the verdict as shape; the theme holds the shapes in the order of the verdicts.

    Parameters
    ----------
    legend : altair.Legend, optional
        None for none.

    Returns
    -------
    altair.Shape
        The channel.
    """
    return alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS)), legend=legend)


def layer_tooltip(quantity: Quantity) -> list[alt.Tooltip]:
    """List what appears when the pointer rests on a layer.

    Parameters
    ----------
    quantity : Quantity
        What is shown.

    Returns
    -------
    list of altair.Tooltip
        The layer, its verdict, the value with its interval and its chance level.
    """
    return [
        alt.Tooltip("layer:N", title="layer"),
        alt.Tooltip("verdict:N", title="verdict"),
        alt.Tooltip("value:Q", title=quantity.title, format=quantity.format),
        alt.Tooltip("low:Q", title="interval from", format=quantity.format),
        alt.Tooltip("high:Q", title="to", format=quantity.format),
        alt.Tooltip("chance:Q", title="median of chance", format=quantity.format),
        alt.Tooltip("percentile:Q", title="percentile of chance", format=".1f"),
    ]


def role_sort() -> alt.EncodingSortField:
    """Sort roles in the order in which the file has them.

    Returns
    -------
    altair.EncodingSortField
        The sort.
    """
    return alt.EncodingSortField(field="role_order", op="min", order="ascending")


def at_labels() -> dict[str, Any]:
    """Draw an axis's rules and ticks where there is a label alone; a logarithmic axis has one at every digit.

    Returns
    -------
    dict
        Properties of an axis.
    """
    return {
        "gridOpacity": {"condition": {"test": "datum.label", "value": 0.7}, "value": 0},
        "tickOpacity": {"condition": {"test": "datum.label", "value": 1}, "value": 0},
    }
