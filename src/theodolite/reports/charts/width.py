"""Spectra through a family of widths: how the largest singular value grows, and whether shapes lie on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from theodolite.study import MatchedMatrix, WidthTransfer

PASSES, FAILS, NOT_JUDGED = "passes", "fails", "not judged"
MOST_SPECTRA = 12
"""Matrices whose spectra are drawn."""


def answer(matrix: MatchedMatrix) -> str:
    """Name what the rule says of a matrix.

    Parameters
    ----------
    matrix : MatchedMatrix
        The matrix.

    Returns
    -------
    str
        One of three words.
    """
    return NOT_JUDGED if matrix.passes is None else PASSES if matrix.passes else FAILS


def hedged_answer(matrix: MatchedMatrix) -> str:
    """Name what the rule says of a matrix, and whether its interval leaves it open.

    Parameters
    ----------
    matrix : MatchedMatrix
        The matrix.

    Returns
    -------
    str
        The word, with ``", not surely"`` where the interval reaches across the tolerance.
    """
    return f"{answer(matrix)}, not surely" if matrix.settled is False else answer(matrix)


def growth_chart(found: WidthTransfer, *, width: int = 460, height: int = 320) -> alt.LayerChart:
    """Draw the largest singular values over those of the narrowest model against the width, both logarithmic.

    Parameters
    ----------
    found : WidthTransfer
        The family.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A line for each matrix, and the wedge of the tolerance.
    """
    least = min(found.widths)
    rows = [
        {"matrix": m.name, "answer": answer(m), "width": d, "sigma": s, "grown": s / m.sigma[0], "slope": m.slope}
        for m in found.matrices
        if m.slope is not None
        for d, s in zip(found.widths, m.sigma, strict=True)
    ]
    wedge = [
        {"width": d, "low": (d / least) ** -found.tolerance, "high": (d / least) ** found.tolerance}
        for d in sorted(set(found.widths))
    ]
    ticks = sorted(set(found.widths))
    across = alt.X("width:Q", title="width", scale=alt.Scale(type="log", nice=False, padding=12))
    across = across.axis(values=ticks, format="~g", grid=False)
    up = alt.Y("grown:Q", title="σ₁ over that of the narrowest", scale=alt.Scale(type="log", nice=False, padding=12))
    up = up.axis(format="~g", tickCount=5)
    tolerated = alt.Chart(alt.Data(values=wedge)).mark_area(opacity=0.16, style="bulk")
    tolerated = tolerated.encode(x=across, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=across, y=up, color=_answer_color(), detail="matrix:N", tooltip=_tooltip("matrix", "width", "sigma", "slope")
    )
    lines, points = base.mark_line(strokeWidth=1.4, opacity=0.8), base.mark_point(filled=True, size=34, opacity=0.9)
    return alt.layer(tolerated, lines, points).properties(width=width, height=height)


def slope_chart(found: WidthTransfer, *, width: int = 300) -> alt.LayerChart:
    """Draw the slopes with their intervals beside the tolerance.

    Parameters
    ----------
    found : WidthTransfer
        The family.
    width : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A row for each matrix, in the order of the model.
    """
    rows = [
        {"matrix": m.name, "answer": answer(m), "slope": m.slope, "low": m.low, "high": m.high}
        for m in found.matrices
        if m.slope is not None
    ]
    down = alt.Y("matrix:N", title=None, sort=None).axis(labelLimit=220, grid=False, ticks=False)
    across = alt.X("slope:Q", title="slope of log σ₁ on log width").axis(format="~g", tickCount=6)
    tolerated = alt.Chart(alt.Data(values=[{"from": -found.tolerance, "to": found.tolerance}]))
    band = tolerated.mark_rect(opacity=0.16, style="bulk").encode(x=alt.X("from:Q", title=None), x2="to:Q")
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=down, color=_answer_color(), tooltip=_tooltip("matrix", "slope", "low", "high")
    )
    marks: list[Any] = [band]
    if any(row["low"] is not None for row in rows):
        marks.append(base.mark_rule(strokeWidth=1.4).encode(x="low:Q", x2="high:Q"))
    marks.append(base.mark_point(filled=True, size=60, opacity=1).encode(x=across))
    return alt.layer(*marks).properties(width=width, height=alt.Step(18))


def shape_chart(found: WidthTransfer, *, width: int = 190, columns: int = 4) -> alt.FacetChart:
    """Lay the spectra of all widths on each other, every singular value divided by the largest.

    Parameters
    ----------
    found : WidthTransfer
        The family.
    width : int
        Of one panel, in pixels.
    columns : int
        Panels side by side.

    Returns
    -------
    altair.FacetChart
        A panel for each of the first matrices, matrix-like ones before the others.
    """
    drawn = sorted((m for m in found.matrices if m.curves), key=lambda m: m.kind != "matrix-like")[:MOST_SPECTRA]
    rows = [
        {"matrix": m.name, "width": d, "model": model, "i": i, "s": s}
        for m in drawn
        for model, d, curve in zip(found.models, found.widths, m.curves, strict=True)
        for i, s in curve
    ]
    tone = alt.Color("width:O", title="width").scale(scheme="viridis").legend(orient="top")
    lines = (
        alt.Chart()
        .mark_line(strokeWidth=1.6)
        .encode(
            x=alt.X("i:Q", title="i / n", scale=alt.Scale(domain=[0, 1])).axis(tickCount=3, grid=False),
            y=alt.Y("s:Q", title="sᵢ / s₁", scale=alt.Scale(domain=[0, 1])).axis(tickCount=3),
            color=tone,
            detail="model:N",
            tooltip=_tooltip("matrix", "width", "i", "s"),
        )
        .properties(width=width, height=width * 3 // 4)
    )
    title = alt.Facet("matrix:N", title=None, sort=[m.name for m in drawn]).header(labelLimit=width)
    return lines.facet(facet=title, columns=columns, data=alt.Data(values=rows), spacing=18)


def _answer_color() -> alt.Color:
    # The colours of the page's verdicts: a finding, a sound layer, and one of which nothing is said.
    scale = alt.Scale(domain=[PASSES, FAILS, NOT_JUDGED], range=["#00805c", "#d55e00", "#7b838d"])
    return alt.Color("answer:N", title=None, scale=scale).legend(orient="top")


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(f"{name}:{'N' if name == 'matrix' else 'Q'}", format="" if name == "matrix" else ".4~g")
        for name in fields
    ]
