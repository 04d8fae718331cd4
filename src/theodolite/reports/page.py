"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from theodolite.core.readings import Readings
from theodolite.reports import sections
from theodolite.reports.answers import RESOLUTION
from theodolite.reports.charts.theme import SHAPES
from theodolite.reports.frame import framed
from theodolite.reports.payload import payload
from theodolite.reports.questions import TRAP, VERDICTS, Judgement
from theodolite.reports.summary import Summary, offered_verdicts, summary

SCRIPTS = ("elements.js", "state.js", "charts.js", "layer.js", "table.js", "theme.js", "start.js")
"""The page's code, in order; one module together with the Vega bundle."""


def page(readings: Readings) -> str:
    """Write a survey as an HTML page.

    Parameters
    ----------
    readings : Readings
        What the survey gave.

    Returns
    -------
    str
        The page: styles, code and data inside, under a content security policy that lets nothing else in.
    """
    told = summary(readings)
    read = {row.measure for row in readings.rows}
    return framed(
        "page",
        payload(readings, told),
        SCRIPTS,
        title=_title(told),
        models=[_model(readings, one) for one in told],
        citations=sections.citations(readings),
        shapes=dict(zip(VERDICTS, SHAPES.values(), strict=True)),
        verdicts=VERDICTS,
        offered=offered_verdicts(told),
        resolution=RESOLUTION,
        bulk="marchenko_pastur" in read,
        traps=TRAP.needs in read,
        verdict_counts=_verdict_counts,
    )


def _model(readings: Readings, one: Summary) -> dict[str, Any]:
    apart: dict[str, list[Judgement]] = {}
    for judgement in one.apart:
        apart.setdefault(judgement.apart, []).append(judgement)
    return {
        "told": one,
        "apart": apart,
        "provenance": sections.provenance(readings, one.model),
        "findings": sections.findings(one),
        "listed": sections.listed(readings, one.model),
        "refused": sections.refused(readings, one.model),
        "whole": sections.whole_model(readings, one.model),
    }


def _title(told: Sequence[Summary]) -> str:
    names = [one.model for one in told]
    if len(names) <= 1:
        return names[0] if names else "An empty survey"
    return f"{names[0]} and {len(names) - 1} more"


def _verdict_counts(judgements: Sequence[Judgement]) -> list[tuple[str, int]]:
    found = Counter(verdict for judgement in judgements for verdict in judgement.verdicts)
    return [(verdict, found[verdict]) for verdict in VERDICTS if found[verdict]]
