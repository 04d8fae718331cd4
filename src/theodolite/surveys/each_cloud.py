"""Runs over single clouds: each read once, its neighbours found in one pass for all that is asked of it."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.core import Cloud, ParameterError, ReadingRow, Readings
from theodolite.core.progress import Clock, Progress
from theodolite.core.traits import Traits
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.surveys.asking import About, ask, attempted, timed
from theodolite.surveys.clouds import Group, Item, gathered, named_sources
from theodolite.surveys.keys import Question
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.run import check_jobs
from theodolite.surveys.spec import Survey
from theodolite.surveys.store import FolderStore, MemoryStore

DEFAULTS = ("two_nn", "gride", "mle")
"""What is asked where nothing is: the smallest scale, one scale after the other, and twenty neighbours at once."""

_COUNTS = ("k", "largest")
"""Parameters that say how many neighbours a measure looks at."""

_FEWEST = 8
"""Neighbours that estimates from fewer ask for beside, for their standard errors."""


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
    """

    readings: Readings
    clouds: tuple[str, ...]
    survey: Survey

    @property
    def traits(self) -> Mapping[str, Traits]:
        """What each measure declares, by name."""
        return {request.name: request.measure.traits for request in self.survey.measures}


def asked_of_clouds(measures: Any) -> Survey:
    """Make a survey of measures of one cloud.

    Parameters
    ----------
    measures : any
        What `Survey.of` takes; None for the default.

    Returns
    -------
    Survey
        The description.

    Raises
    ------
    ParameterError
        If a measure is none of one cloud, or needs labels beside it.
    """
    asked = Survey.of(list(DEFAULTS) if measures is None else measures)
    for request in asked.measures:
        if not of_one_cloud(request.bare.traits):
            raise ParameterError(
                f"measures: {request.name} is no measure of one cloud; td.all_pairs compares two, "
                "td.survey measures weights"
            )
        given = list(inspect.signature(request.bare).parameters.values())
        if any(one.kind is one.POSITIONAL_ONLY and one.default is one.empty for one in given[1:]):
            raise ParameterError(
                f"measures: {request.name} needs {given[1].name} beside the cloud; call it with them: "
                f"{request.name}({given[0].name}, {given[1].name})"
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
        If there are no clouds, or a measure is none of one cloud.
    """  # noqa: DOC502 - raised by what is called
    asked = asked_of_clouds(measures)
    check_jobs(jobs)
    groups = gathered(named_sources(items), asked, paired=False)
    clouds = [item for group in groups for item in group.items]
    with MemoryStore() if store is None else _folder(Path(store), asked, groups) as keep:
        keep.begin([group.inventory for group in groups], [row for group in groups for row in group.left_out])
        questions = [Question.of(request, asked) for request in asked.measures]
        _measure(list(_tasks(clouds, questions, keep)), keep, jobs, progress)
        return CloudsRun(keep.readings(), tuple(item.row.target for item in clouds), asked)


def _folder(path: Path, asked: Survey, groups: Sequence[Group]) -> FolderStore:
    entry = {"version": version("theodolite"), "models": [group.model for group in groups], "survey": asked.to_dict()}
    return FolderStore(path, None, entry)


@dataclass(frozen=True, eq=False)
class _Task:
    """One cloud, and what is not known of it yet."""

    item: Item
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


def _tasks(items: Sequence[Item], questions: Sequence[Question], keep: MemoryStore | FolderStore) -> Iterator[_Task]:
    for item in items:
        content, look, known = item.row.fingerprint, item.look, keep.known(item.row.target)
        keys = [(question, question.key(content, look)) for question in questions]
        missing = tuple((one, key) for one, key in keys if not one.answered(key, content, look, known))
        if missing:
            yield _Task(item, missing)


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
            readings += ask(About(question, row, key), cloud, row.fingerprint, instead, arrays)
    return _Answer(task, timed(readings, started), arrays)


def _found_once(cloud: Cloud, questions: Sequence[Question]) -> None:
    reach = [count for question in questions if (count := _reach(question))]
    # One alone knows best how many it wants.
    if len(reach) > 1 and cloud.known is None and "rows" in cloud.has:
        cloud.neighbours(min(max(reach), cloud.distinct.count - 1))


def _reach(question: Question) -> int:
    """Say how many neighbours a measure looks at, as far as its parameters tell; 0 where they don't."""
    counts = [count for name in _COUNTS if isinstance(count := question.parameters.get(name), int)]
    return max([_FEWEST, *counts]) if counts or "neighbours" in question.traits.needs else 0
