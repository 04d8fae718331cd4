"""What the page's code works on: readings, verdicts, spectra and charts as one compact JSON value."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import altair as alt

from theodolite.catalogue import measures
from theodolite.core.outcomes import Outcome
from theodolite.core.readings import Readings
from theodolite.reports.answers import RESOLUTION
from theodolite.reports.charts import (
    Quantity,
    depth_chart,
    quantities_of,
    role_chart,
    spectrum_chart,
    spectrum_data,
    verdict_map,
)
from theodolite.reports.charts.rows import APART_FROM_DEPTH, places, roles_of
from theodolite.reports.charts.spectrum import spikes_text
from theodolite.reports.charts.theme import SHAPES
from theodolite.reports.layers import COUNTED, Layer
from theodolite.reports.questions import QUESTIONS, VERDICTS, Judgement
from theodolite.reports.summary import Summary, offered_verdicts

COLUMNS = (
    ("power_law.alpha", "alpha", False),
    ("power_law.distance", "distance", False),
    ("stable_rank", "stable rank", False),
    ("effective_rank", "effective rank / n", True),
    ("marchenko_pastur.spikes", "spikes", False),
    ("marchenko_pastur.soft_rank", "soft rank", False),
    ("correlation_traps.count", "traps", False),
    ("spectral_norm", "spectral norm", False),
    ("frobenius_norm", "Frobenius norm", False),
)
"""Readings that stand first: name, heading, and whether as a share of the number of eigenvalues."""

TITLE, FORMAT, TICKS = "{title}", "{format}", "{ticks}"
"""What stands in a chart where the page's code writes the title and the formats of the quantity that is shown."""

_DIGITS = {"reading": 6, "spectrum": 4}


def payload(readings: Readings, told: Sequence[Summary]) -> dict[str, Any]:
    """Gather everything that the page's code draws.

    Parameters
    ----------
    readings : Readings
        What a survey gave; its arrays are thinned out to at most 256 order statistics each.
    told : sequence of Summary
        The judgements, model by model.

    Returns
    -------
    dict
        A JSON value.
    """
    judgements = [judgement for one in told for judgement in one.judgements]
    layers = [judgement.layer for judgement in judgements]
    offered = quantities_of(layers)
    return {
        "verdicts": list(VERDICTS),
        "shapes": list(SHAPES.values()),
        "offered": [VERDICTS.index(verdict) for verdict in offered_verdicts(told)],
        "questions": [{"asks": question.asks, "verdict": question.verdict} for question in QUESTIONS],
        "models": _models(told),
        "roles": roles_of(judgements),
        "aside": list(APART_FROM_DEPTH),
        "resolution": RESOLUTION,
        "layers": [_layer(judgement) for judgement in judgements],
        "readings": _columns(layers),
        "columns": [
            {"name": name, "title": title, "share": share}
            for name, title, share in COLUMNS
            if any(name in layer.rows for layer in layers)
        ],
        "spectra": [_spectrum(readings, layer) for layer in layers],
        "quantities": [
            {
                "name": quantity.name,
                "title": quantity.title,
                "format": quantity.format,
                "ticks": quantity.ticks,
                "share": quantity.share,
                "log": quantity.scale == "log",
                "kind": kind_of(quantity),
            }
            for quantity in offered
        ],
        "charts": {kind_of(quantity): _layer_charts(quantity.scale, quantity.strong_low) for quantity in offered},
        "spectrum": _spectrum_spec(),
    }


def _models(told: Sequence[Summary]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start = 0
    for one in told:
        where, axis = places(one.judgements)
        stop = start + len(one.judgements)
        found.append({"name": one.model, "start": start, "stop": stop, "axis": axis, "places": where})
        start = stop
    return found


def _layer(judgement: Judgement) -> dict[str, Any]:
    layer, target = judgement.layer, judgement.layer.target
    return {
        "name": layer.name,
        "id": target.target,
        "role": target.role,
        "block": target.block,
        "shape": list(target.shape),
        "count": layer.eigenvalue_count,
        "dtype": target.dtype,
        "view": target.view,
        "parameters": target.parameters,
        "verdicts": [VERDICTS.index(verdict) for verdict in judgement.verdicts],
        "apart": judgement.apart,
        "answers": [
            [QUESTIONS.index(answer.question), answer.holds, [[check.holds, check.says] for check in answer.checks]]
            for answer in judgement.answers
        ],
    }


def _columns(layers: Sequence[Layer]) -> dict[str, Any]:
    """Lay the readings out by name: one list a number, and the reasons where there is none."""
    known = measures()
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for layer in layers for name in layer.rows):
        rows = [layer.rows.get(name) for layer in layers]
        first = next(row for row in rows if row is not None)
        field = known[first.measure].traits.fields.get(first.field) if first.measure in known else None
        column: dict[str, Any] = {"unit": first.unit, "reads": field.reads if field else ""}
        column |= {"counts": True} if first.unit in COUNTED else {}
        for part in ("value", "low", "high", "chance", "percentile", "p_value"):
            numbers = [None if row is None else _rounded(getattr(row, part), "reading") for row in rows]
            if any(number is not None for number in numbers):
                column[part] = numbers
        said = {i: _outcome(row.outcome, row.note) for i, row in enumerate(rows) if row is not None and row.outcome}
        found[name] = column | ({"said": said} if said else {})
    return found


def _outcome(name: str, note: str) -> str:
    return f"{Outcome[name].cause}{f' ({note})' if note else ''}"


def _spectrum(readings: Readings, layer: Layer) -> dict[str, Any] | None:
    data = spectrum_data(readings, layer)
    if data is None:
        return None
    curves: dict[str, Sequence[tuple[float, float]]] = {
        "points": list(zip(data.eigenvalues, data.ranks, strict=True)),
        "tail": data.tail,
        "chance": data.chance,
    }
    bulk: dict[str, Any] = {}
    if data.bulk is not None:
        curves |= {"bulk": data.bulk.curve} | ({"balanced": data.balanced} if data.balanced else {})
        bulk = {
            "edge": _rounded(data.bulk.edge, "spectrum"),
            "spikes": data.bulk.spikes,
            "says": spikes_text(data.bulk.spikes),
        }
    return {
        name: [[_rounded(x, "spectrum") for x, _ in pairs], [_rounded(y, "spectrum") for _, y in pairs]]
        for name, pairs in curves.items()
    } | bulk


def _rounded(number: float | None, what: str) -> float | int | None:
    if number is None or isinstance(number, int):
        return number
    short = float(f"{number:.{_DIGITS[what]}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def kind_of(quantity: Quantity) -> str:
    """Name the kind of chart that a quantity needs; quantities of one kind share their charts.

    Parameters
    ----------
    quantity : Quantity
        The quantity.

    Returns
    -------
    str
        Its scale, and whether low values are the strong ones.
    """
    return f"{quantity.scale}{'-low' if quantity.strong_low else ''}"


@lru_cache(maxsize=8)
def _layer_charts(scale: Literal["log", "linear"], strong_low: bool) -> dict[str, Any]:
    # The page's code puts a quantity's own title and format in the place of these.
    any_quantity = Quantity("", TITLE, scale, FORMAT, TICKS, strong_low=strong_low)
    with alt.utils.schemapi.debug_mode(False):
        return {
            "map": _spec(verdict_map(any_quantity)),
            "depth": _spec(depth_chart(any_quantity)),
            "roles": _spec(role_chart(any_quantity)),
        }


@lru_cache(maxsize=1)
def _spectrum_spec() -> dict[str, Any]:
    with alt.utils.schemapi.debug_mode(False):
        return _spec(spectrum_chart())


def _spec(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec.pop("config", None)
    return spec
