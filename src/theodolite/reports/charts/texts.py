"""Texts in pictures: every genre's numbers text by text, beside how much texts repeat themselves, and AUC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

if TYPE_CHECKING:
    from theodolite.study import TextDimensions

MOST_DRAWN = 400
"""Texts of a genre that are drawn as points, evenly chosen; quartiles are those of all."""

IN_ORDER = ("ph_dimension", "type_token_ratio", "two_nn", "unique_token_ratio", "mle")
"""The numbers as they stand on the page: each dimension has a ratio beside it."""

TITLES = {
    "ph_dimension": "PHD",
    "two_nn": "TwoNN",
    "mle": "MLE",
    "type_token_ratio": "different words per word",
    "unique_token_ratio": "different tokens per token",
}
"""What an axis says."""

_COLOURS = ("#0072b2", "#d55e00", "#00805c", "#b0528f", "#7b838d", "#a07000", "#3f51b5", "#8c3b3b")
_GOLDEN = 0.6180339887498949
_NARROWEST = 40
_ROOM = 14
"""Pixels between the outermost points and the ends of an axis."""


def numbers_drawn(found: TextDimensions) -> list[str]:
    """List the numbers that some text has.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    list of str
        In the order of the page.
    """
    return [name for name in IN_ORDER if np.isfinite(found.values(name)).any()]


def areas_drawn(found: TextDimensions) -> list[str]:
    """List the numbers by which genres are compared.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    list of str
        In the order of the page.
    """
    compared = {one.quantity for one in found.comparisons}
    return [name for name in IN_ORDER if name in compared]


def text_rows(found: TextDimensions, name: str) -> list[dict[str, Any]]:
    """Lay out one number of every text as a chart's data.

    Parameters
    ----------
    found : TextDimensions
        The readings.
    name : str
        Which number.

    Returns
    -------
    list of dict
        One a text that has it, of each genre `MOST_DRAWN` at most: ``genre``, ``text``, ``value``, ``se``, ``spread``,
        and ``aside``, by how much the point is moved for the others to be seen.
    """
    made = []
    for genre in found.genres:
        texts = [text for text in found.texts if text.genre == genre and text.estimates[name].value is not None]
        chosen = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), MOST_DRAWN)).round().astype(int))
        for place, number in enumerate(chosen if texts else ()):
            one = texts[number].estimates[name]
            told = {"genre": genre, "text": texts[number].place + 1, "aside": round((place * _GOLDEN) % 1, 3)}
            numbers = {key: getattr(one, key) for key in ("value", "se", "spread")}
            made.append(told | {key: None if value is None else round(value, 6) for key, value in numbers.items()})
    return made


def distribution_chart(found: TextDimensions, name: str, *, width: int = 360) -> alt.LayerChart:
    """Draw one number of every text, genre by genre.

    Parameters
    ----------
    found : TextDimensions
        The readings.
    name : str
        Which number.
    width : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A point for each text; a bar over the middle half of each genre, a line across it at the median.
    """
    rows = text_rows(found, name)
    middle = []
    for genre in found.genres:
        values = found.values(name, genre)
        values = values[np.isfinite(values)]
        if values.size:
            low, median, high = (round(float(one), 6) for one in np.quantile(values, (0.25, 0.5, 0.75)))
            middle.append({"genre": genre, "low": low, "median": median, "high": high, "texts": int(values.size)})
    title = TITLES[name]
    down = alt.Y("genre:N", title=None, sort=list(found.genres)).axis(labelLimit=140, grid=False, ticks=False)
    scale = alt.Scale(zero=False, nice=True, padding=_ROOM)
    tone = _coloured(found)
    box = alt.Chart(alt.Data(values=middle)).encode(
        y=down,
        yOffset=alt.YOffset(datum=0.5),
        color=tone,
        tooltip=[alt.Tooltip("genre:N"), alt.Tooltip("texts:Q")]
        + [alt.Tooltip(f"{one}:Q", format=".4~g") for one in ("low", "median", "high")],
    )
    across = {"title": title, "scale": scale}
    axis = {"tickCount": 6, "labelFlush": False}
    bar = box.mark_rule(strokeWidth=30, opacity=0.28).encode(x=alt.X("low:Q", **across).axis(**axis), x2="high:Q")
    line = box.mark_point(shape="stroke", angle=90, size=900, strokeWidth=3, opacity=1).encode(
        x=alt.X("median:Q", **across).axis(**axis)
    )
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=20, opacity=0.55)
        .encode(
            x=alt.X("value:Q", **across).axis(**axis),
            y=down,
            yOffset=alt.YOffset("aside:Q", scale=alt.Scale(domain=[-0.4, 1.4])),
            color=tone,
            tooltip=[alt.Tooltip("genre:N"), alt.Tooltip("text:Q", format="d")]
            + [alt.Tooltip(f"{one}:Q", format=".4~g") for one in ("value", "se", "spread")],
        )
    )
    return alt.layer(bar, points, line).properties(width=width, height=alt.Step(64))


def repetition_chart(found: TextDimensions, *, width: int = 400, height: int = 300) -> alt.Chart:
    """Set the PHD of every text against how many different tokens it has.

    Parameters
    ----------
    found : TextDimensions
        The readings.
    width, height : int
        In pixels.

    Returns
    -------
    altair.Chart
        A point for each text. Genres that lie along one line differ by repetition alone.
    """
    ratios = {(row["genre"], row["text"]): row["value"] for row in text_rows(found, "unique_token_ratio")}
    rows = [
        {**row, "ratio": ratios[row["genre"], row["text"]]}
        for row in text_rows(found, "ph_dimension")
        if (row["genre"], row["text"]) in ratios
    ]
    genres = [genre for genre in found.genres if any(row["genre"] == genre for row in rows)]
    scale, axis = alt.Scale(zero=False, padding=_ROOM), {"tickCount": 6, "labelFlush": False}
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=28, opacity=0.65)
        .encode(
            x=alt.X("ratio:Q", title=TITLES["unique_token_ratio"], scale=scale).axis(**axis),
            y=alt.Y("value:Q", title=TITLES["ph_dimension"], scale=scale).axis(**axis),
            color=_coloured(found, named=genres),
            tooltip=[
                alt.Tooltip("genre:N"),
                alt.Tooltip("text:Q", format="d"),
                alt.Tooltip("value:Q", title="PHD", format=".4~g"),
                alt.Tooltip("ratio:Q", format=".3f"),
            ],
        )
        .properties(width=width, height=height)
    )


def area_rows(found: TextDimensions, name: str) -> list[dict[str, Any]]:
    """Lay out the AUC of every two genres by one number as a chart's data.

    Parameters
    ----------
    found : TextDimensions
        The readings.
    name : str
        Which number.

    Returns
    -------
    list of dict
        Two a pair, one each way: ``row``, ``column``, ``auc``, ``says``, ``low``, ``high``, ``p``, and whether the
        interval leaves a half out, ``apart``.
    """
    made = []
    for one in found.comparisons:
        if one.quantity != name:
            continue
        apart = not one.low <= 0.5 <= one.high
        for row, column, auc, low, high in (
            (one.first, one.second, one.auc, one.low, one.high),
            (one.second, one.first, 1 - one.auc, 1 - one.high, 1 - one.low),
        ):
            numbers = {"auc": round(auc, 6), "low": round(low, 6), "high": round(high, 6), "p": one.p_value}
            made.append({"row": row, "column": column, "says": f"{auc:.2f}", "apart": apart, **numbers})
    return made


def area_chart(found: TextDimensions, name: str, *, width: int = 320) -> alt.LayerChart:
    """Draw how well one number tells every two genres apart.

    Parameters
    ----------
    found : TextDimensions
        The readings.
    name : str
        Which number.
    width : int
        Of the cells together at most, in pixels.

    Returns
    -------
    altair.LayerChart
        A cell for each pair: how often a text of the row has the larger number; bold where the interval leaves a half
        out.
    """
    step = max(14, min(64, width // len(found.genres)))
    base = alt.Chart(alt.Data(values=area_rows(found, name))).encode(
        x=alt.X("column:N", sort=list(found.genres), title="than one of").axis(
            labelAngle=-40, labelLimit=140, ticks=False, orient="bottom", grid=False
        ),
        y=alt.Y("row:N", sort=list(found.genres), title="a text of").axis(labelLimit=160, ticks=False, grid=False),
        tooltip=[alt.Tooltip("row:N", title="larger in"), alt.Tooltip("column:N", title="than in")]
        + [alt.Tooltip(f"{one}:Q", format=".3f") for one in ("auc", "low", "high")]
        + [alt.Tooltip("p:Q", format=".2~g")],
    )
    tone = alt.Color(
        "auc:Q", legend=None, scale=alt.Scale(domain=[0, 0.5, 1], range=["#0072b2", "#7b838d22", "#d55e00"])
    )
    marks: list[Any] = [base.mark_rect(opacity=0.75).encode(color=tone)]
    if step >= _NARROWEST:
        for apart, weight in ((True, "bold"), (False, "normal")):
            told = base.transform_filter(f"datum.apart === {str(apart).lower()}")
            marks.append(told.mark_text(fontSize=12, fontWeight=weight, style="number").encode(text="says:N"))
    return alt.layer(*marks).properties(width=alt.Step(step), height=alt.Step(min(step, 40)))


def _coloured(found: TextDimensions, *, named: Sequence[str] = ()) -> alt.Color:
    names = list(found.genres)
    scale = alt.Scale(domain=names, range=[_COLOURS[place % len(_COLOURS)] for place in range(len(names))])
    looks: dict[str, Any] = {"orient": "top", "title": None, "labelLimit": 110, "columns": 3, "symbolOpacity": 1}
    shown = alt.Legend(**looks, values=[*named]) if len(named) > 1 else None
    return alt.Color("genre:N", scale=scale, legend=shown)
