"""Readings as one flat dict of numbers, the form that experiment trackers take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from theodolite.core.rows import MODEL, ReadingRow, TargetRow

WHOLE_MODEL = "model"
"""The heading under which the numbers of the whole model stand."""


def flat_name(row: ReadingRow, target: TargetRow) -> str:
    """Name one number.

    Parameters
    ----------
    row : ReadingRow
        The reading.
    target : TargetRow
        What it speaks of.

    Returns
    -------
    str
        ``model/measure.field.statistic`` of a whole model, else ``measure.field/module``, with ``#part`` of a packed
        tensor and ``field`` left out where the measure gives one number.
    """
    if target.module == MODEL:
        return f"{WHOLE_MODEL}/{row.name}"
    return f"{row.name}/{target.module}" + (f"#{target.part}" if target.part else "")


def flattened(rows: Sequence[ReadingRow], targets: Mapping[str, TargetRow], *, layers: bool) -> dict[str, float]:
    """Lay readings of one model out under one name each, those of the whole model first.

    Parameters
    ----------
    rows : sequence of ReadingRow
        The readings.
    targets : mapping of str to TargetRow
        What they speak of, by id.
    layers : bool
        False to keep only those of the whole model.

    Returns
    -------
    dict of str to float
        Finite values.

    Raises
    ------
    ValueError
        If the readings are of several models, or two of them have one name.
    """
    models = tuple(dict.fromkeys(targets[row.target].model for row in rows))
    if len(models) > 1:
        raise ValueError(f"the readings are of {', '.join(models)}; choose one with where(model=...)")
    whole: dict[str, float] = {}
    single: dict[str, float] = {}
    for row in dict.fromkeys(rows):
        target = targets[row.target]
        if row.value is None or row.against:
            continue
        into, name = (whole if target.module == MODEL else single), flat_name(row, target)
        if name in into:
            raise ValueError(
                f"{name} was read twice; choose one with where(params=...), where(seed=...) or where(convention=...)"
            )
        into[name] = row.value
    return whole | single if layers else whole
