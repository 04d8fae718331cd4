"""What has no number, and why: tensors that were only listed, and measures that declined."""

from __future__ import annotations

import re
from dataclasses import dataclass

from theodolite.core.outcomes import Outcome
from theodolite.core.readings import Readings
from theodolite.core.rows import MODEL, ReadingRow, TargetRow
from theodolite.reports.layers import model_names


@dataclass(frozen=True)
class Group:
    """Things without a number, for one reason.

    Attributes
    ----------
    reason : str
        Why.
    remedy : str
        What would help; empty where nothing is wrong.
    names : tuple of str
        What it concerns; names that differ in their numbers alone stand together.
    count : int
        How many.
    parameters : int
        Entries of the tensors together; 0 where the group is of readings.
    """

    reason: str
    remedy: str
    names: tuple[str, ...]
    count: int
    parameters: int = 0


def listed(readings: Readings, model: str) -> tuple[Group, ...]:
    """Group the tensors that were listed and not measured, by reason.

    Parameters
    ----------
    readings : Readings
        What a survey gave.
    model : str
        The model.

    Returns
    -------
    tuple of Group
        The largest first.
    """
    names = model_names(readings)
    spoken_of = {row.target for row in readings.rows}
    groups: dict[str, list[TargetRow]] = {}
    for target in readings.targets:
        if names[target.target] == model and target.module != MODEL and target.target not in spoken_of:
            tied = f"holds the same numbers as {target.tied_to}" if target.tied_to else ""
            groups.setdefault(target.listed_because or tied or "not asked for", []).append(target)
    found = [
        Group(
            reason,
            "",
            folded([_tensor(target) for target in targets]),
            len(targets),
            sum(target.parameters for target in targets),
        )
        for reason, targets in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -group.count))


def refused(readings: Readings, model: str) -> tuple[Group, ...]:
    """Group the readings that have an outcome in a number's place, by outcome.

    Parameters
    ----------
    readings : Readings
        What a survey gave.
    model : str
        The model.

    Returns
    -------
    tuple of Group
        Failures first, then the largest.
    """
    names = model_names(readings)
    groups: dict[Outcome, list[ReadingRow]] = {}
    for row in readings.rows:
        if row.value is None and names[row.target] == model:
            groups.setdefault(Outcome[row.outcome], []).append(row)
    found = []
    for outcome, rows in sorted(groups.items(), key=lambda item: (item[0].severity != "failed", -len(item[1]))):
        measures: dict[str, dict[str, None]] = {}
        for row in rows:
            measures.setdefault(_tensor(readings.target(row.target)), {})[row.measure] = None
        said = tuple(f"{tensor}: {', '.join(by)}" for tensor, by in measures.items())
        found.append(Group(outcome.cause, outcome.remedy, said, len(said)))
    return tuple(found)


def _tensor(target: TargetRow) -> str:
    """Return a target's id without its model and the way it was looked at."""
    rest = target.target.removeprefix(target.model)
    return rest.partition(":")[2] if rest.startswith((":", "@")) else target.target


def folded(names: list[str]) -> tuple[str, ...]:
    """Put names together that differ in one or more numbers alone.

    Parameters
    ----------
    names : list of str
        Names.

    Returns
    -------
    tuple of str
        In the order of first appearance, with ``*`` for numbers that vary and the count behind.

    Examples
    --------
    >>> folded(["h.0.bias", "h.1.bias", "ln.weight"])
    ('h.*.bias (2)', 'ln.weight')
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"\d+", "*", name), []).append(name)
    return tuple(same[0] if len(same) == 1 else f"{pattern} ({len(same)})" for pattern, same in groups.items())
