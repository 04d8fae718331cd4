"""The report as JSON, for other programs."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from theodolite.core.readings import Readings
from theodolite.core.rows import ReadingRow
from theodolite.reports.questions import QUESTIONS, Judgement, asked
from theodolite.reports.sections import citations
from theodolite.reports.summary import summary

SCHEMA = 1
"""Raised whenever a key is dropped or changes its meaning."""


def export(readings: Readings) -> str:
    """Write the verdicts, with the rules and the evidence, and the readings behind them.

    The keys:

    - ``schema``, ``theodolite``: version of this layout, and of the package that wrote it;
    - ``rules``: for each question that was asked its ``key``, ``asks``, ``verdict`` and ``rule``;
    - ``models``: for each model its ``model``, ``headline``, ``sentences``, ``counts`` (verdict to number of layers)
      and ``layers``: for each layer its ``target``, ``verdicts``, ``apart`` (why it isn't counted, or an empty string)
      and ``answers``, question's key to ``holds`` (true, false, or null for undecided) and ``checks``, the rule's
      comparisons with ``reading``, ``holds`` and ``says``;
    - ``citations``: for each source its ``key``, ``text`` and the measures it is cited ``for``;
    - ``readings_schema``, ``targets``, ``readings``: the two tables of the readings, one object a row; what a measure
      gave beside its fields, as the strength of each trap, stands in ``beside``.

    Parameters
    ----------
    readings : Readings
        What a survey gave.

    Returns
    -------
    str
        One JSON object, indented.
    """
    told = summary(readings)
    questions = {*asked(()), *(question for one in told for question in one.questions)}
    value = {
        "schema": SCHEMA,
        "theodolite": version("theodolite"),
        "rules": [
            {"key": question.key, "asks": question.asks, "verdict": question.verdict, "rule": question.rule}
            for question in QUESTIONS
            if question in questions
        ],
        "models": [
            {
                "model": one.model,
                "headline": one.headline,
                "sentences": list(one.sentences),
                "counts": dict(one.verdicts),
                "layers": [_layer(judgement) for judgement in one.judgements],
            }
            for one in told
        ],
        "citations": [
            {"key": source.key, "text": source.text, "for": list(names)} for source, names in citations(readings)
        ],
        "readings_schema": readings.schema_version,
        "targets": [target.to_dict() for target in readings.targets],
        "readings": [_reading(readings, row) for row in readings.rows],
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _reading(readings: Readings, row: ReadingRow) -> dict[str, Any]:
    beside = readings.beside(row)
    return {**row.to_dict(), **({"beside": beside} if beside else {})}


def _layer(judgement: Judgement) -> dict[str, Any]:
    return {
        "target": judgement.layer.target.target,
        "verdicts": list(judgement.verdicts),
        "apart": judgement.apart,
        "answers": {
            answer.question.key: {
                "holds": answer.holds,
                "checks": [
                    {"reading": check.reading, "holds": check.holds, "says": check.says} for check in answer.checks
                ],
            }
            for answer in judgement.answers
        },
    }
