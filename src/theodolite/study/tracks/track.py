"""Readings of several checkpoints of one training, put together as curves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from theodolite.core import ParameterError, ReadingRow, Readings, TargetRow, canonical_json, closest
from theodolite.core.progress import Progress
from theodolite.core.rows import MODEL
from theodolite.sources import open_checkpoint
from theodolite.sources.folders import is_conventional, model_name
from theodolite.study.tracks.result import Curve, Track
from theodolite.study.tracks.steps import StepsAre, checkpoints_in, state_step, step_in, steps_of
from theodolite.surveys import Survey, read_run, survey
from theodolite.surveys.evidence import taken_apart

Run = str | os.PathLike[str] | Readings


def track(
    runs_or_readings: Run | Iterable[Run],
    *,
    steps: Sequence[float] | None = None,
    measures: Iterable[str] | None = None,
) -> Track:
    """Follow one model through its training.

    Parameters
    ----------
    runs_or_readings : path, Readings, or an iterable of these
        Run folders or what surveys gave, one for each checkpoint; or one that holds several checkpoints as models.
    steps : sequence of float, optional
        The step of each, in the order in which they are given. By default read off the names of the checkpoints, or,
        where these give none, their positions counted from 0.
    measures : iterable of str, optional
        Keep these alone: measures (``"power_law"``) or fields (``"power_law.alpha"``).

    Returns
    -------
    Track
        Curves in the order of the steps; `theodolite.reports.track_report` makes a page of it.

    Raises
    ------
    ParameterError
        If there are fewer than two checkpoints, no matrix is in all of them, a matrix changes its shape, a measure was
        not read, or steps don't fit.

    Examples
    --------
    >>> import numpy as np
    >>> from theodolite.surveys import survey
    >>> def at(scale):
    ...     return survey({"layer.weight": np.diag([scale, 1.0, 1.0])}, ["stable_rank"])
    >>> found = track([at(1.0), at(2.0)], steps=[0, 100])
    >>> found.curve("stable_rank", "layer").values
    (3.0, 1.5)
    """
    given: list[Run]
    given = [runs_or_readings] if isinstance(runs_or_readings, str | os.PathLike | Readings) else [*runs_or_readings]
    states = [state for one in given for state in _states(one)]
    if len(states) < 2:
        given_are = "1 checkpoint" if states else "no checkpoints"
        raise ParameterError(f"runs: got {given_are}; a curve takes at least two")
    names = [state.name for state in states]
    if len(set(names)) < len(names):
        names = [f"{state.source}: {state.name}" if state.source else state.name for state in states]
    if len(set(names)) < len(names):
        names = [f"{position}: {name}" for position, name in enumerate(names)]
        found = steps_of([state.source or "" for state in states], steps)
    else:
        found = steps_of(names, steps)
    return tracked(names, [state.readings for state in states], found, measures)


def track_checkpoints(
    checkpoints: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    measures: Any = "standard",
    *,
    store: str | os.PathLike[str],
    steps: Sequence[float] | None = None,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> Track:
    """Survey the checkpoints of one training, and follow the model through it.

    All go into one run folder, where only matrices whose content is new are measured. What else the folder holds
    of them is left out.

    Parameters
    ----------
    checkpoints : path or iterable of path
        A folder of checkpoints (``checkpoint-500``, ``step_1000.safetensors``, ...), or their paths.
    measures : any
        As for `survey`.
    store : path
        The run folder.
    steps : sequence of float, optional
        The step of each, in natural order of the names for a folder. By default from ``trainer_state.json`` beside
        each, else from the names, else positions.
    jobs, progress : int, callable
        As for `survey`; progress begins anew with each checkpoint.

    Returns
    -------
    Track
        With the counts of what was computed and what was reused.

    Raises
    ------
    ParameterError
        As for `track`, and where two checkpoints have one name.
    CheckpointError
        If one can't be read, or the folder holds none.
    """  # noqa: DOC502 - raised by what is called
    asked = Survey.of(measures)
    paths = _paths(checkpoints)
    if len(paths) < 2:
        raise ParameterError(f"checkpoints: got {len(paths)}; a curve takes at least two")
    names, counts = [], []
    readings = Readings([], [])
    when = steps_of([_label(path) for path in paths], steps, [_written(path) for path in paths])
    for path in paths:
        with open_checkpoint(path) as checkpoint:
            if checkpoint.model in names:
                raise ParameterError(f"checkpoints: two are named {checkpoint.model!r}; rename one")
            names.append(checkpoint.model)
            last = _Last(progress)
            readings = survey(checkpoint, asked, store=store, jobs=jobs, progress=last)
        counts.append((last.now.computed, last.now.reused))
    readings = _asked(readings, asked)
    found = tracked(names, [_of_model(readings, name) for name in names], when, None)
    order = sorted(range(len(names)), key=lambda position: when[0][position])
    computed, reused = (tuple(counts[position][kind] for position in order) for kind in (0, 1))
    return replace(found, computed=computed, reused=reused)


def tracked(
    names: Sequence[str],
    readings: Sequence[Readings],
    when: tuple[Sequence[float], StepsAre],
    measures: Iterable[str] | None,
) -> Track:
    """Put the readings of checkpoints together.

    Parameters
    ----------
    names : sequence of str
        Of the checkpoints.
    readings : sequence of Readings
        Of one checkpoint each.
    when : tuple
        Their steps, and where these come from.
    measures : iterable of str, optional
        Keep these alone.

    Returns
    -------
    Track
        In the order of the steps.
    """
    steps, steps_are = when
    kept = _kept(readings, measures)
    order = sorted(range(len(names)), key=lambda position: steps[position])
    sorted_readings = tuple(kept[position] for position in order)
    labels = tuple(names[position] for position in order)
    return Track(
        labels,
        tuple(float(steps[position]) for position in order),
        steps_are,
        sorted_readings,
        tuple(_curves(sorted_readings, labels)),
    )


@dataclass(frozen=True)
class _State:
    name: str
    source: str
    readings: Readings


class _Last:
    """Passes progress on, and keeps the last of it."""

    def __init__(self, tell: Callable[[Progress], None] | None) -> None:
        self._tell = tell
        self.now = Progress(0, 0, "", None, 0)

    def __call__(self, now: Progress) -> None:
        self.now = now
        if self._tell is not None:
            self._tell(now)


def _states(run: Run) -> list[_State]:
    source = "" if isinstance(run, Readings) else Path(run).name
    readings = run if isinstance(run, Readings) else read_run(run)
    return [_State(model, source, _of_model(readings, model)) for model in readings.models]


def _of_model(readings: Readings, model: str) -> Readings:
    return readings.where(model=_literal(model))


def _asked(readings: Readings, asked: Survey) -> Readings:
    """Keep what a survey asked for of a folder that may hold more."""
    wanted = {(one.name, canonical_json(one.completed(asked.convention))) for one in asked.measures}
    rows = [
        row
        for row in readings.rows
        if (row.measure, taken_apart(row.params)[0]) in wanted
        and readings.target(row.target).convention == asked.convention
    ]
    return Readings(readings.targets, rows, readings.array)


def _literal(name: str) -> list[str]:
    """Match a name that may hold signs which patterns give a meaning."""
    return ["".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)]


def _paths(checkpoints: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    if isinstance(checkpoints, str | os.PathLike):
        return checkpoints_in(Path(checkpoints))
    return [Path(path) for path in checkpoints]


def _label(path: Path) -> str:
    """Name what the step is read off: the file or folder, or the folder of a ``model.safetensors``."""
    return model_name(path) if step_in(path.name) is None else path.name


def _written(path: Path) -> int | None:
    """Read the state beside a checkpoint; one beside several is that of the last alone."""
    if path.is_dir():
        return state_step(path)
    return state_step(path.parent) if is_conventional(path) else None


def _kept(readings: Sequence[Readings], measures: Iterable[str] | None) -> list[Readings]:
    if measures is None:
        return [*readings]
    wanted = {*measures}
    known = {name for one in readings for row in one.rows for name in (row.measure, row.name)}
    for name in wanted:
        if name not in known:
            raise ParameterError(f"measures: {name!r} was not read; {closest(name, known)}")

    def asked(row: ReadingRow, module: str) -> bool:
        name = row.name.rpartition(".")[0] if module == MODEL else row.name
        name = name.removesuffix(".value")
        return bool(wanted & {row.measure, row.name, name})

    chosen = []
    for one in readings:
        rows = [row for row in one.rows if asked(row, one.target(row.target).module)]
        chosen.append(Readings(one.targets, rows))
    return chosen


def _curves(readings: Sequence[Readings], names: Sequence[str]) -> list[Curve]:
    """Collect rows by matrix and field, matrices before the whole model."""
    first: dict[str, TargetRow] = {}
    rows: dict[tuple[str, str, str, str], list[ReadingRow | None]] = {}
    common: set[str] | None = None
    for position, one in enumerate(readings):
        here = set()
        for row in one.rows:
            target = one.target(row.target)
            identity = target.target.removeprefix(target.model)
            known = first.setdefault(identity, target)
            if target.module != MODEL:
                here.add(identity)
                _same_shape(known, target, names[position])
            place = rows.setdefault((identity, row.measure, row.field, row.params), [None] * len(readings))
            place[position] = row
        common = here if common is None else common & here
    if not common:
        raise ParameterError(
            f"runs: no matrix is in all of {', '.join(names[:4])}{', …' if len(names) > 4 else ''}; they must be "
            "checkpoints of one model, measured in the same way"
        )
    curves = [
        Curve(first[identity], measure, field, params, tuple(found))
        for (identity, measure, field, params), found in rows.items()
    ]
    return sorted(curves, key=lambda curve: curve.whole_model)


def _same_shape(known: TargetRow, target: TargetRow, name: str) -> None:
    if known.shape != target.shape:
        shapes = " and ".join("×".join(map(str, shape)) for shape in (known.shape, target.shape))
        raise ParameterError(
            f"runs: {target.module} has two shapes, {shapes} in {name}; they must be checkpoints of one model"
        )
