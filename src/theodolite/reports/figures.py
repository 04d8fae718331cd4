"""Figures of a report as files of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from theodolite.core.names import closest
from theodolite.core.readings import Readings
from theodolite.reports.layers import model_names
from theodolite.reports.questions import Judgement, judge

if TYPE_CHECKING:
    from theodolite.reports.charts import Quantity

FIGURES = ("map", "depth", "roles", "spectrum", "overview")


def figure(
    readings: Readings,
    name: str,
    path: str | os.PathLike[str],
    *,
    quantity: str = "power_law.alpha",
    layer: str | None = None,
    theme: Literal["light", "dark"] = "light",
) -> Path:
    """Draw one figure of the report into a file.

    Parameters
    ----------
    readings : Readings
        What a survey gave; of several models the first is drawn.
    name : {"map", "depth", "roles", "spectrum", "overview"}
        ``"map"``: role by depth, the value as tone and the verdict as sign. ``"depth"``: the quantity along the depth.
        ``"roles"``: the quantity by role. ``"spectrum"``: one layer's eigenvalues with the fitted tail and chance.
        ``"overview"``: the map beside the spectrum.
    path : path
        ``.svg`` or ``.png``.
    quantity : str
        The reading that is shown, ``"power_law.alpha"`` for example.
    layer : str, optional
        The layer of the spectrum; by default the first one with a finding, else the first.
    theme : {"light", "dark"}
        The colours.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the figure, the file's ending, the quantity or the layer is unknown, or there is no spectrum to draw.
    """
    import vl_convert

    from theodolite.reports.charts.theme import DARK, LIGHT, vega_config

    target = Path(path)
    if name not in FIGURES:
        raise ValueError(f"name: no figure is named {name!r}; {closest(name, FIGURES)}")
    if target.suffix not in (".svg", ".png"):
        raise ValueError(f"path: {target.name} ends in {target.suffix!r}; figures are written as .svg or .png")
    models = list(dict.fromkeys(model_names(readings).values()))
    judgements = judge(readings, models[0]) if models else ()
    chart = _chart(readings, judgements, name, quantity, layer)
    colours = {"light": LIGHT, "dark": DARK}[theme]
    spec = chart.to_dict()
    spec["config"] = {**vega_config(colours), "background": colours.panel}
    spec["padding"] = 16
    if target.suffix == ".svg":
        target.write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
    else:
        target.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
    return target


def _chart(readings: Readings, judgements: Sequence[Judgement], name: str, quantity: str, layer: str | None) -> Any:
    import altair as alt

    from theodolite.reports import charts
    from theodolite.reports.charts.rows import APART_FROM_DEPTH, places

    if name == "spectrum":
        return _spectrum(readings, _chosen(judgements, layer), width=420, height=320)
    shown = _quantity(judgements, quantity)
    rows = charts.chart_rows(judgements, shown)
    if name == "roles":
        return charts.role_chart(shown, rows)
    axis = places(judgements)[1]
    placed = [row for row in rows if row["role"] not in APART_FROM_DEPTH]
    if name == "depth":
        return charts.depth_chart(shown, placed, axis=axis)
    columns = len({row["place"] for row in placed}) or 1
    step = max(14, min(58, 900 // columns))
    picture = charts.verdict_map(shown, placed, axis=axis, step=step)
    if name == "map":
        return picture
    one = _chosen(judgements, layer)
    spectrum = _spectrum(readings, one, width=320, height=232).properties(title=f"{one.layer.name}: {one.verdict}")
    return alt.hconcat(picture, spectrum, spacing=48).resolve_scale(color="independent", opacity="independent")


def _quantity(judgements: Sequence[Judgement], name: str) -> Quantity:
    from theodolite.reports import charts

    offered = {one.name: one for one in charts.quantities_of(judgement.layer for judgement in judgements)}
    if name not in offered:
        raise ValueError(f"quantity: {name!r} can't be drawn; {closest(name, offered)}")
    return offered[name]


def _chosen(judgements: Sequence[Judgement], name: str | None) -> Judgement:
    if name is None:
        counted = [judgement for judgement in judgements if not judgement.apart] or list(judgements)
        if not counted:
            raise ValueError("readings: no layer was measured, so there is no spectrum to draw")
        return next((judgement for judgement in counted if judgement.findings), counted[0])
    by_name = {judgement.layer.name: judgement for judgement in judgements}
    if name not in by_name:
        raise ValueError(f"layer: no layer is named {name!r}; {closest(name, by_name)}")
    return by_name[name]


def _spectrum(readings: Readings, judgement: Judgement, *, width: int, height: int) -> Any:
    from theodolite.reports import charts

    data = charts.spectrum_data(readings, judgement.layer)
    if data is None:
        raise ValueError(f"layer: no eigenvalues were kept of {judgement.layer.name}; survey into a folder")
    return charts.spectrum_chart(data, width=width, height=height)
