"""Readings that differ only in the evidence beside them: the one with more stands for both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from theodolite.core import ReadingRow, canonical_json
from theodolite.resample import WRAPPERS

Rows = Mapping[str, ReadingRow]
"""The readings of one measure about one target, by field."""


def with_most_evidence(answers: Iterable[Rows]) -> list[Rows]:
    """Leave out answers that others repeat with an interval, a null or a p-value beside the same numbers.

    Parameters
    ----------
    answers : iterable of mapping of str to ReadingRow
        Each a measure's readings about one target.

    Returns
    -------
    list of mapping of str to ReadingRow
        In the same order. A chance level that only the answer left out had moves to the one that stands.
    """
    known = list(answers)
    alike: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
    for place, rows in enumerate(known):
        first = next(iter(rows.values()))
        question, evidence = taken_apart(first.params)
        identity = (first.target, first.measure, question, first.against, str(first.seed), str(first.version))
        alike.setdefault(identity, []).append((place, evidence))
    for group in alike.values():
        for place, evidence in group:
            others = [i for i, more in group if len(more) > len(evidence) and evidence.items() <= more.items()]
            standing = next((i for i in others if any(row.status != "failed" for row in known[i].values())), None)
            if standing is not None:
                known[standing] = _filled(known[standing], known[place])
                known[place] = {}
    return [rows for rows in known if rows]


def taken_apart(params: str) -> tuple[str, dict[str, str]]:
    """Separate the parameters of a measure from the settings of the wrappers around it.

    Parameters
    ----------
    params : str
        The column of a row.

    Returns
    -------
    parameters : str
        Those of the measure, as canonical JSON.
    evidence : dict of str to str
        Settings by wrapper, as canonical JSON.
    """
    if '"with_' not in params:
        return params, {}
    told = json.loads(params)
    evidence = {name: canonical_json(told.pop(name)) for name in WRAPPERS if name in told}
    return canonical_json(told), evidence


def _filled(rows: Rows, other: Rows) -> Rows:
    filled = dict(rows)
    for field, row in rows.items():
        known = other.get(field)
        if row.value is not None and row.chance is None and known is not None and known.chance is not None:
            filled[field] = replace(row, chance=known.chance, percentile=known.percentile)
    return filled
