"""From committed groups to Readings: the latest look at each target, its readings once each, the models' rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.core.readings import Loader
from theodolite.core.rows import VOLATILE
from theodolite.surveys.evidence import with_most_evidence
from theodolite.surveys.journal import Group, Inventory
from theodolite.surveys.model_rows import model_rows

LEFT_OUT = "left out by layers="
"""How the reason begins for tensors that the survey was not to look at; such a row never displaces a reading."""

_COMPARED = tuple(f.name for f in fields(ReadingRow) if f.name not in VOLATILE)


@dataclass
class _Answer:
    """The readings of one measure with one set of parameters about one target."""

    key: str
    rows: dict[str, ReadingRow] = field(default_factory=dict)


def assembled(groups: Sequence[Group], arrays: Loader | None) -> Readings:
    """Put groups together.

    A target is what the latest group says of it, as long as the latest inventory of its model still has it; readings
    made of other content, or against such, are dropped. Of readings that differ only in the measure's version, or in
    whether a chance level stands beside them, the latest count; of those that differ in evidence, the ones with most.

    Parameters
    ----------
    groups : sequence of Group
        In the order of their commits.
    arrays : callable or None
        Gives the array behind a reference.

    Returns
    -------
    Readings
        Targets in the models' order, their readings, and the rows of the models.
    """
    targets = current_targets(groups)
    answers: dict[tuple[str, ...], _Answer] = {}
    for group in groups:
        seen_as = {target.target: target.fingerprint for target in group.targets}
        for row in group.readings:
            spoken_of = [row.target, row.against] if row.against else [row.target]
            if all(_is_still(targets.get(name), seen_as.get(name)) for name in spoken_of):
                _enter(answers, row)
    place = {name: index for index, name in enumerate(targets)}
    rows = [row for answer in with_most_evidence(answer.rows for answer in answers.values()) for row in answer.values()]
    rows.sort(key=lambda row: place[row.target])
    models, summaries = model_rows(targets.values(), rows)
    return Readings([*targets.values(), *models], [*rows, *summaries], arrays)


def _is_still(target: TargetRow | None, fingerprint: str | None) -> bool:
    return target is not None and target.fingerprint == fingerprint and not target.listed_because


def current_targets(groups: Iterable[Group]) -> dict[str, TargetRow]:
    """Find the latest look at every target that there still is.

    Parameters
    ----------
    groups : iterable of Group
        In the order of their commits.

    Returns
    -------
    dict of str to TargetRow
        By id, in the order of the models' inventories.
    """
    inventories: dict[tuple[str, str, str], Inventory] = {}
    latest: dict[str, TargetRow] = {}
    for group in groups:
        for inventory in group.inventories:
            inventories[inventory.model, inventory.convention, inventory.view] = inventory
        for target in group.targets:
            chosen = target.listed_because.startswith(LEFT_OUT)
            if not (chosen and target.target in latest):
                latest[target.target] = target
    order = dict.fromkeys(name for inventory in inventories.values() for name in inventory.targets)
    return {name: latest[name] for name in order if name in latest}


def answered_keys(groups: Iterable[Group]) -> dict[str, frozenset[str]]:
    """Collect what needs no computing again.

    Parameters
    ----------
    groups : iterable of Group
        What there is.

    Returns
    -------
    dict of str to frozenset of str
        Keys by target; those of failed readings are left out, so that they are tried again.
    """
    keys: dict[str, set[str]] = {}
    for group in groups:
        for row in group.readings:
            if row.status != "failed":
                keys.setdefault(row.target, set()).add(row.key)
    return {target: frozenset(known) for target, known in keys.items()}


def _enter(answers: dict[tuple[str, ...], _Answer], row: ReadingRow) -> None:
    identity = (row.target, row.measure, row.params, row.against, str(row.seed))
    answer = answers.setdefault(identity, _Answer(row.key))
    if answer.key != row.key:
        answers[identity] = answer = _Answer(row.key)
    known = answer.rows.get(row.field)
    if known is None or known.status == "failed":
        answer.rows[row.field] = row
    elif row.status != "failed":
        differing = [name for name in _COMPARED if getattr(known, name) != getattr(row, name)]
        if differing:
            name = differing[0]
            raise ValueError(
                f"{row.target} {row.name}: two readings under one key differ in {name} "
                f"({getattr(known, name)!r} and {getattr(row, name)!r}); they were made on different machines or with "
                "different libraries, so survey into a fresh folder"
            )
