"""Runs over single clouds: each read once, its neighbours found in one pass for all that is asked of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.catalogue import measures as catalogue
from theodolite.core import Cloud, ParameterError, ReadingRow, Readings
from theodolite.core.progress import Clock, Progress
from theodolite.core.traits import Traits
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.surveys.asking import About, ask, attempted, timed
from theodolite.surveys.clouds import Group, Item, check_kind, gathered, named_sources
from theodolite.surveys.evidence import taken_apart
from theodolite.surveys.keys import Question
from theodolite.surveys.labels import LABELS, RowLabels, needs_data, takes_labels
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.requests import Request
from theodolite.surveys.run import check_jobs
from theodolite.surveys.spec import Survey
from theodolite.surveys.store import FolderStore, MemoryStore

DEFAULTS = ("two_nn", "gride", "mle")
"""What is asked where nothing is: the smallest scale, one scale after the other, and twenty neighbours at once."""


@dataclass(frozen=True)
class CloudsRun:
    """What a run over single clouds gave.

    Attributes
    ----------
    readings : Readings
        Everything in the store.
    clouds : tuple of str
        Ids of the clouds that were measured, in order.
    survey : Survey
        What was asked.
    asked : frozenset of (str, str)
        The same as names of measures and parameters as canonical JSON, which labels among them.
    """

    readings: Readings
    clouds: tuple[str, ...]
    survey: Survey
    asked: frozenset[tuple[str, str]]

    @property
    def traits(self) -> Mapping[str, Traits]:
        """What each measure declares, by name."""
        return {request.name: request.measure.traits for request in self.survey.measures}


def asked_of_clouds(measures: Any, *, labels: bool = False) -> Survey:
    """Make a survey of measures of one cloud.

    Parameters
    ----------
    measures : any
        What `Survey.of` takes; None for the default.
    labels : bool
        Whether there are labels beside the clouds.

    Returns
    -------
    Survey
        The description.

    Raises
    ------
    ParameterError
        If a measure is none of one cloud, or needs labels and there are none; if there are some and none looks at them.
    """
    asked = Survey.of(list(DEFAULTS) if measures is None else measures)
    for request in asked.measures:
        if not of_one_cloud(request.bare.traits):
            raise ParameterError(
                f"measures: {request.name} is no measure of one cloud; theodolite similarity and td.all_pairs compare "
                "two, theodolite survey and td.survey measure weights"
            )
        missing = [name for name in needs_data(request.bare) if not (name == LABELS and labels)]
        if missing == [LABELS]:
            raise ParameterError(
                f"measures: {request.name} needs labels beside the cloud; give one for each row: labels=..."
            )
        if missing:
            raise ParameterError(f"measures: {request.name} needs {', '.join(missing)} too; call it by itself")
    if labels and not any(takes_labels(request.bare) for request in asked.measures):
        known = [name for name, one in catalogue().items() if of_one_cloud(one.traits) and takes_labels(one)]
        raise ParameterError(
            f"labels: no measure asked for looks at them ({', '.join(one.name for one in asked.measures)}); leave them "
            f"out, or ask for {', '.join(known)}"
        )
    return asked


def of_one_cloud(traits: Traits) -> bool:
    """Tell whether a measure looks at one cloud of points.

    Parameters
    ----------
    traits : Traits
        What it declares.

    Returns
    -------
    bool
        False for measures of two, or of any number.
    """
    return traits.views == (Cloud,) and not traits.variadic


def run_clouds(
    items: Any,
    measures: Any = None,
    *,
    labels: Any = None,
    store: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> CloudsRun:
    """Measure each of many clouds.

    Parameters
    ----------
    items : mapping of str to array or Cloud, features, path, or a list of these
        The clouds; they need not have rows in common.
    measures : as for `survey`, or a Survey
        Measures of one cloud.
    labels : array, sequence, or mapping of str to these, optional
        A label for each row, for measures that look at them: one array for all clouds, or one for each by its name.
    store : path, optional
        Run folder, as for `survey`.
    jobs : int
        Clouds in flight at a time.
    progress : callable, optional
        Called with `Progress` before the first cloud and after each.

    Returns
    -------
    CloudsRun
        The readings; where a measure declines, the outcome has the number's place.

    Raises
    ------
    ParameterError
        If there are no clouds, a measure is none of one cloud, or labels don't fit the rows.
    """  # noqa: DOC502 - raised by what is called
    told = None if labels is None else RowLabels.of(labels)
    asked = asked_of_clouds(measures, labels=told is not None)
    check_jobs(jobs)
    groups = gathered(named_sources(items), asked, paired=False)
    clouds = [item for group in groups for item in group.items]
    beside = [() if told is None else (told.beside(item),) for item in clouds]
    with MemoryStore() if store is None else _folder(Path(store), asked, groups) as keep:
        keep.begin([group.inventory for group in groups], [row for group in groups for row in group.left_out])
        questions = [_question(request, asked, told) for request in asked.measures]
        _measure(list(_tasks(list(zip(clouds, beside, strict=True)), questions, keep)), keep, jobs, progress)
        known = frozenset((one.request.name, taken_apart(one.params)[0]) for one in questions)
        return CloudsRun(keep.readings(), tuple(item.row.target for item in clouds), asked, known)


def _question(request: Request, asked: Survey, labels: RowLabels | None) -> Question:
    question = Question.of(request, asked)
    return question if labels is None or not takes_labels(request.bare) else replace(question, labels=labels.digest)


def _folder(path: Path, asked: Survey, groups: Sequence[Group]) -> FolderStore:
    check_kind(path, paired=False)
    entry = {"version": version("theodolite"), "models": [group.model for group in groups], "survey": asked.to_dict()}
    return FolderStore(path, None, entry)


@dataclass(frozen=True, eq=False)
class _Task:
    """One cloud, and what is not known of it yet."""

    item: Item
    labels: tuple[Any, ...]
    missing: tuple[tuple[Question, str], ...]

    @property
    def cost(self) -> float:
        count, width = self.item.row.shape
        return float(count) ** 2 * width

    @property
    def threads(self) -> int:
        return blas_threads_for(self.item.row.shape)


@dataclass(frozen=True, eq=False)
class _Answer:
    task: _Task
    readings: tuple[ReadingRow, ...]
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def _tasks(
    items: Sequence[tuple[Item, tuple[Any, ...]]], questions: Sequence[Question], keep: MemoryStore | FolderStore
) -> Iterator[_Task]:
    for item, labels in items:
        content, look, known = item.row.fingerprint, item.look, keep.known(item.row.target)
        keys = [(question, question.key(content, look)) for question in questions]
        missing = tuple((one, key) for one, key in keys if not one.answered(key, content, look, known))
        if missing:
            yield _Task(item, labels, missing)


def _measure(
    tasks: Sequence[_Task],
    keep: MemoryStore | FolderStore,
    jobs: int,
    progress: Callable[[Progress], None] | None,
) -> None:
    clock = Clock(len(tasks), sum(task.cost for task in tasks), progress)
    answers = in_parallel(_answered, tasks, jobs)
    try:
        for given in answers:
            row = given.task.item.row
            keep.commit(row, given.readings, given.arrays)
            failed = sum(reading.status == "failed" for reading in given.readings)
            clock.finished(row.target, given.task.cost, computed=True, failed=failed)
    finally:
        answers.close()


def _answered(task: _Task) -> _Answer:
    started = time.perf_counter()
    readings: list[ReadingRow] = []
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    row = task.item.row
    with blas_threads(task.threads):
        cloud, instead = attempted(task.item.load)
        if cloud is not None:
            # One pass for all: what is asked first would else find fewer neighbours than what comes after it. Where
            # there can be none, each measure says so itself.
            attempted(lambda: _found_once(cloud, [question for question, _ in task.missing]))
        for question, key in task.missing:
            labels = task.labels if question.labels else ()
            readings += ask(About(question, row, key), cloud, row.fingerprint, instead, arrays, labels)
    return _Answer(task, timed(readings, started), arrays)


def _found_once(cloud: Cloud, questions: Sequence[Question]) -> None:
    wanted = [(one.traits.neighbours, one.parameters) for one in questions]
    if cloud.known is not None or not any(reach for reach, _ in wanted):
        return
    count = cloud.distinct.count
    counts = [reach(count, parameters) for reach, parameters in wanted if reach is not None]
    # A measure that wants more than there are declines.
    most = max((k for k in counts if k < count), default=0)
    if most:
        cloud.neighbours(most)
