"""Running a survey: one task a matrix, one commit a task, and no error that stops the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.core import Outcome, ParameterError, ReadingRow, Readings, Spectrum, TargetRow, digest, to_numpy
from theodolite.core.progress import Clock, Progress
from theodolite.numerics.threads import blas_threads
from theodolite.sources import Weight
from theodolite.surveys.asking import About, ask, attempted, cause, timed
from theodolite.surveys.folder import array_reference
from theodolite.surveys.keys import Question
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.spec import Survey
from theodolite.surveys.store import FolderStore, MemoryStore
from theodolite.surveys.targets import Parts, Plan, Target, opened, planned

WITH_SPECTRUM = frozenset({"power_law"})
"""Measures whose rows refer to the eigenvalues they were fitted to."""


def survey(
    target: Any,
    measures: Any = "standard",
    *,
    store: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    shard: tuple[int, int] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Readings:
    """Measure every weight matrix of a model.

    Parameters
    ----------
    target : path, Checkpoint, Mapping of str to array, torch.nn.Module, or a list of these
        One model or several.
    measures : Survey, str, Measure, functools.partial, Request, or an iterable of these
        What `Survey.of` takes: a preset, measures, or a whole description.
    store : path, optional
        Run folder. What it already holds is not computed again, so a run that was interrupted goes on, and another
        survey adds to it; nor is a tensor that another model in it has with the same name and content, as earlier
        checkpoints of one training have. None keeps everything in memory.
    jobs : int
        Matrices in flight at a time, as joblib counts them (-1: one per core). Threads, or the backend that
        ``joblib.parallel_config`` has set.
    shard : tuple of int, optional
        ``(i, n)``: measure the i-th (from 1) of n parts, dealt out by work; each part may run on another machine into
        the same `store`, and `read_run` puts them together.
    progress : callable, optional
        Called with `Progress` before the first target and after each.

    Returns
    -------
    Readings
        Both tables; with a `store`, of everything in it.

    Raises
    ------
    ValueError
        If `jobs` or `shard` is none that there can be, or a shard has no store to go to.
    CheckpointError
        If the target can't be read.
    RunFolderError
        If `store` is something else than a run folder.
    RunLocked
        If another process is writing to it.

    Examples
    --------
    >>> import numpy as np
    >>> readings = survey({"layer.weight": np.diag([2.0, 1.0, 1.0])}, ["stable_rank"])
    >>> [(row.name, row.value) for row in readings if row.target == "arrays:layer.weight"]
    [('stable_rank', 1.5)]
    """  # noqa: DOC502 - those of what is called
    asked = Survey.of(measures)
    check_measures(asked)
    check_jobs(jobs)
    _check(shard, store)
    with ExitStack() as stack:
        models = opened(target, stack)
        plan = planned(models, asked, shard, _parts)
        keep = MemoryStore() if store is None else _folder(Path(store), asked, shard, list(models))
        stack.enter_context(keep)
        keep.begin(plan.inventories, plan.listed)
        _measure(plan, asked, keep, jobs, progress)
        return keep.readings()


def check_jobs(jobs: int) -> None:
    """Refuse a number of jobs that there can't be.

    Parameters
    ----------
    jobs : int
        As for `survey`.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs == 0:
        raise ValueError(f"jobs: got {jobs!r}; give how many matrices may be in flight, or -1 for one per core")


def check_measures(asked: Survey) -> None:
    """Refuse measures that look at something else than a weight matrix.

    Parameters
    ----------
    asked : Survey
        What is asked.

    Raises
    ------
    ParameterError
        If there is one.
    """
    for request in asked.measures:
        if request.bare.traits.views != (Spectrum,):
            raise ParameterError(
                f"measures: {request.name} is no measure of one weight matrix; "
                "td.all_pairs and theodolite similarity compare clouds of points, td.dimensions measures each"
            )


def _check(shard: tuple[int, int] | None, store: Any) -> None:
    if shard is None:
        return
    index, count = shard
    if not (isinstance(index, int) and isinstance(count, int) and 1 <= index <= count):
        raise ValueError(f"shard: got {index!r} of {count!r}; shards are counted from 1, as in (1, 4) to (4, 4)")
    if store is None:
        raise ValueError("shard: the parts come together in a run folder; give store=")


def _folder(path: Path, asked: Survey, shard: tuple[int, int] | None, models: list[str]) -> FolderStore:
    from importlib.metadata import version

    return FolderStore(path, shard, {"version": version("theodolite"), "models": models, "survey": asked.to_dict()})


def _parts(weight: Weight, asked: Survey) -> Parts:
    parts, error = attempted(lambda: weight.matrices(asked.view, asked.convention))
    return {"": cause(error)} if error is not None else parts or {}


@dataclass(frozen=True)
class Task:
    """One target and what is asked about it.

    Parameters
    ----------
    target : Target
        The matrix.
    questions : tuple of Question
        Everything that the survey asks.
    known : frozenset of str
        Keys of the readings that there are.
    elsewhere : frozenset of str
        Keys of readings that the same tensor of another model has.
    """

    target: Target
    questions: tuple[Question, ...]
    known: frozenset[str]
    elsewhere: frozenset[str] = frozenset()

    @property
    def cost(self) -> float:
        """Estimated work."""
        return self.target.cost

    @property
    def threads(self) -> int:
        """BLAS threads that it runs with."""
        return self.target.threads


@dataclass(frozen=True)
class Answer:
    """What came of a task.

    Parameters
    ----------
    task : str
        Id of its target.
    cost : float
        Estimated work.
    row : TargetRow
        The target with its fingerprint.
    readings : tuple of ReadingRow
        What was computed.
    arrays : mapping of str to numpy.ndarray
        What readings refer to, by reference: eigenvalues, and arrays that a measure gave beside its fields.
    same : tuple of str
        Keys of the readings that were made of the same content in another model, and need no computing.
    """

    task: str
    cost: float
    row: TargetRow
    readings: tuple[ReadingRow, ...]
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    same: tuple[str, ...] = ()


def _measure(
    plan: Plan, asked: Survey, keep: MemoryStore | FolderStore, jobs: int, progress: Callable[[Progress], None] | None
) -> None:
    questions = tuple(Question.of(request, asked) for request in asked.measures)
    tasks = [
        Task(target, questions, keep.known(target.row.target), keep.known_elsewhere(target.row))
        for target in plan.targets
    ]
    clock = Clock(len(tasks), sum(task.cost for task in tasks), progress)
    answers = in_parallel(answer, tasks, jobs)
    try:
        for given in answers:
            copies, arrays = keep.copies(given.row, given.same)
            keep.commit(given.row, (*copies, *given.readings), {**arrays, **given.arrays})
            failed = sum(row.status == "failed" for row in given.readings)
            clock.finished(given.task, given.cost, computed=bool(given.readings), failed=failed)
    finally:
        answers.close()


def answer(task: Task) -> Answer:
    """Do one task: decompose the matrix once, and ask every measure that has not answered yet.

    Parameters
    ----------
    task : Task
        The target and the questions.

    Returns
    -------
    Answer
        Readings with a value or an outcome; no error comes out.
    """
    with blas_threads(task.threads):
        return _answered(task)


def _answered(task: Task) -> Answer:
    started = time.perf_counter()
    target = task.target
    row, error = attempted(target.fingerprinted)
    if error is not None or row is None:
        return _unread(task, started, cause(error))
    if isinstance(target.matrix, str):
        return _unread(task, started, target.matrix)
    keyed = [(question, question.key(row.fingerprint, target.look)) for question in task.questions]
    missing = [(q, key) for q, key in keyed if not q.answered(key, row.fingerprint, target.look, task.known)]
    same = tuple(key for _, key in missing if key in task.elsewhere)
    missing = [(question, key) for question, key in missing if key not in task.elsewhere]
    if not missing:
        return Answer(row.target, task.cost, row, (), same=same)
    spectrum = Spectrum(target.matrix)
    values, instead = _decomposed(spectrum)
    readings: list[ReadingRow] = []
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    content = digest(row.fingerprint, target.look)
    for question, key in missing:
        about = About(question, row, key)
        if values is not None and question.request.name in WITH_SPECTRUM:
            about = replace(about, array=array_reference(row))
            arrays[about.array] = values
        readings += ask(about, spectrum, content, instead, arrays)
    return Answer(row.target, task.cost, row, timed(readings, started), arrays, same)


def _decomposed(spectrum: Spectrum) -> tuple[np.ndarray[Any, Any] | None, Exception | None]:
    """Decompose before any measure asks, so that an error is met once and stands in every measure's place."""
    return attempted(lambda: to_numpy(spectrum.eigenvalues))


def _unread(task: Task, started: float, why: str) -> Answer:
    """Give every question the same failure: the content could not be had."""
    row, look = task.target.row, task.target.look
    made = [
        reading
        for question in task.questions
        for reading in About(question, row, question.key("", look)).instead(Outcome.UNEXPECTED, why)
    ]
    return Answer(row.target, task.cost, row, timed(made, started))
