"""Dimensions in pictures: layer by layer with their intervals, and over scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

if TYPE_CHECKING:
    from theodolite.study import DimensionProfile, ScaleCurve

_Z95 = 1.96


def profile_rows(found: DimensionProfile, model: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Lay out the numbers of one model as a chart's data.

    Parameters
    ----------
    found : DimensionProfile
        The readings.
    model : str
        The model.
    names : sequence of str
        Which numbers of the profile.

    Returns
    -------
    list of dict
        One a layer and number: ``layer``, ``measure``, ``value`` (None where there is none), ``low``, ``high``,
        ``rows`` and ``why``.
    """
    made = []
    for name in names:
        for cloud in found.clouds:
            target, row = found.readings.target(cloud), found.reading(cloud, name)
            if target.model != model or row is None:
                continue
            numbers = {
                key: None if (number := getattr(row, key)) is None else round(number, 6)
                for key in ("value", "low", "high")
            }
            why = row.outcome.replace("_", " ").lower()
            made.append({"layer": target.module, "measure": name, **numbers, "rows": target.shape[0], "why": why})
    return made


def profile_chart(
    found: DimensionProfile, model: str, names: Sequence[str], *, width: int = 900, height: int = 320
) -> alt.LayerChart:
    """Draw the numbers of every layer with their intervals.

    Parameters
    ----------
    found : DimensionProfile
        The readings.
    model : str
        Of which model.
    names : sequence of str
        Which numbers; they share a unit.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A line for each measure, a rule for each interval.
    """
    rows = profile_rows(found, model, names)  # those without a number break the line
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    promise = found.quantity(names[0]).promise
    unit = "value" if promise is None or promise.unit == "1" else promise.unit
    across = alt.X("layer:N", title=None, sort=layers, scale=alt.Scale(domain=layers)).axis(
        labelLimit=160, labelAngle=-40 if len(layers) > 6 else 0, grid=False
    )
    tooltip = [
        *(alt.Tooltip(f"{name}:N") for name in ("layer", "measure")),
        *(alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("value", "low", "high")),
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("why:N", title="note"),
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=across, color=_coloured("measure", list(names)), xOffset=alt.XOffset("measure:N", sort=list(names))
    )
    up = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=True))
    marks: list[Any] = [base.mark_line(strokeWidth=1.2, opacity=0.6).encode(y=up, detail="measure:N")]
    if any(row["low"] is not None for row in rows):
        marks.append(base.mark_rule(strokeWidth=1.6).encode(y=alt.Y("low:Q", title=unit), y2="high:Q"))
    marks.append(base.mark_point(filled=True, size=48, opacity=1).encode(y=up, tooltip=tooltip))
    return alt.layer(*marks).properties(width=min(width, 90 + 70 * len(layers)), height=height)


def scale_chart(
    found: DimensionProfile, model: str, name: str, *, width: int = 460, height: int = 320
) -> alt.LayerChart:
    """Draw the dimension of every layer over scales.

    Parameters
    ----------
    found : DimensionProfile
        The readings.
    model : str
        Of which model.
    name : str
        By which measure.
    width, height : int
        In pixels.

    Returns
    -------
    altair.LayerChart
        A line for each layer, by its depth from dark to light, in a band of 1.96 standard errors; the radius is that of
        the layer's own points.
    """
    rows = [
        {
            "layer": found.readings.target(curve.cloud).module,
            "depth": depth,
            "radius": radius,
            "dimension": dimension,
            "low": None if error is None or dimension is None else max(0.0, dimension - _Z95 * error),
            "high": None if error is None or dimension is None else dimension + _Z95 * error,
        }
        for depth, curve in enumerate(_curves(found, model, name))
        for told in [curve.to_dict()]
        for radius, dimension, error in zip(told["radii"], told["dimensions"], told["standard_errors"], strict=True)
        if radius
    ]
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    across = alt.X("radius:Q", title="mean distance at that scale", scale=alt.Scale(type="log", nice=False, padding=8))
    tone = alt.Color("layer:N", title=None, sort=layers).scale(domain=layers, scheme="viridis")
    tone = tone.legend(orient="right", labelLimit=160, symbolOpacity=1) if len(layers) <= 24 else tone.legend(None)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=across.axis(format="~g", tickCount=5, grid=False),
        color=tone,
        tooltip=[alt.Tooltip("layer:N")]
        + [alt.Tooltip(f"{one}:Q", format=".4~g") for one in ("radius", "dimension", "low", "high")],
    )
    up = alt.Y("dimension:Q", title="dimensions", scale=alt.Scale(zero=False, padding=8))
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title="dimensions"), y2="high:Q")
    line = base.mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=22)).encode(y=up)
    return alt.layer(band, line).properties(width=width, height=height)


def drawn_curves(found: DimensionProfile) -> list[tuple[str, str]]:
    """List the pictures of curves that there can be.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Returns
    -------
    list of (str, str)
        Model and name of the measure.
    """
    return [(model, name) for model in found.models for name in found.profile if _curves(found, model, name)]


def drawn_profiles(found: DimensionProfile) -> list[tuple[str, tuple[str, ...]]]:
    """List the pictures of profiles that there can be: one for each model and each unit.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Returns
    -------
    list of (str, tuple of str)
        Model, and names of measures whose numbers share a unit.
    """
    together: dict[str, list[str]] = {}
    for name, quantity in found.profile.items():
        if np.isfinite(found.values(name)).any():
            together.setdefault("" if quantity.promise is None else quantity.promise.unit, []).append(name)
    return [
        (model, tuple(names))
        for model in found.models
        for names in together.values()
        if any(row["value"] is not None for row in profile_rows(found, model, names))
    ]


def _curves(found: DimensionProfile, model: str, name: str) -> list[ScaleCurve]:
    return [one for one in found.curves if one.quantity == name and found.readings.target(one.cloud).model == model]


def _coloured(field: str, names: list[str]) -> alt.Color:
    # The colours of the page's verdicts, told apart by all, then others for what is more than these.
    colours = ["#0072b2", "#d55e00", "#00805c", "#b0528f", "#7b838d", "#a07000", "#3f51b5", "#8c3b3b"]
    scale = alt.Scale(domain=names, range=[colours[place % len(colours)] for place in range(len(names))])
    return alt.Color(f"{field}:N", title=None, scale=scale).legend(orient="top", labelLimit=240)
