"""What was read, and how: enough to read it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from theodolite.core.readings import Readings
from theodolite.core.rows import MODEL, TargetRow
from theodolite.reports.layers import model_names


@dataclass(frozen=True)
class Provenance:
    """Where one model's readings come from.

    Attributes
    ----------
    model : str
        Its name.
    files, dtypes, views, conventions : tuple of str
        Of everything that was looked at; dtypes with their counts.
    measured, listed, parameters, parameters_measured : int
        Tensors (or parts of them) that were measured and that were only listed; entries in all, and measured ones.
    seeds, devices : tuple of str
        Of the readings.
    measures : tuple of str
        ``name (version)`` with parameters where a measure was called with others than its own.
    theodolite, schema : str, int
        Version of theodolite that wrote this report; version of the readings' schema.
    """

    model: str
    files: tuple[str, ...]
    dtypes: tuple[str, ...]
    views: tuple[str, ...]
    conventions: tuple[str, ...]
    measured: int
    listed: int
    parameters: int
    parameters_measured: int
    seeds: tuple[str, ...]
    devices: tuple[str, ...]
    measures: tuple[str, ...]
    theodolite: str
    schema: int


def provenance(readings: Readings, model: str) -> Provenance:
    """Collect what was read of one model.

    Parameters
    ----------
    readings : Readings
        What a survey gave.
    model : str
        The model.

    Returns
    -------
    Provenance
        The facts.
    """
    from importlib.metadata import version

    names = model_names(readings)
    targets = [target for target in readings.targets if names[target.target] == model and target.module != MODEL]
    known = {target.target for target in targets}
    rows = [row for row in readings.rows if row.target in known]
    spoken_of = {row.target for row in rows}
    measured = [target for target in targets if target.target in spoken_of]
    dtypes = Counter(target.dtype for target in targets if target.dtype)
    return Provenance(
        model=model,
        files=tuple(dict.fromkeys(target.file for target in targets if target.file)),
        dtypes=tuple(f"{dtype} × {count}" if len(dtypes) > 1 else dtype for dtype, count in dtypes.most_common()),
        views=tuple(dict.fromkeys(target.view for target in measured if target.view)),
        conventions=tuple(dict.fromkeys(target.convention for target in measured)),
        measured=len(measured),
        listed=len(targets) - len(measured),
        parameters=_parameters(targets),
        parameters_measured=_parameters(measured),
        seeds=tuple(sorted({str(row.seed) for row in rows})),
        devices=tuple(sorted({row.device for row in rows})),
        measures=tuple(f"{name} ({number})" for name, number in sorted({(row.measure, row.version) for row in rows})),
        theodolite=version("theodolite"),
        schema=readings.schema_version,
    )


def _parameters(targets: list[TargetRow]) -> int:
    # Tied tensors hold the same numbers; they count once.
    return sum(target.parameters for target in targets if not target.tied_to)
