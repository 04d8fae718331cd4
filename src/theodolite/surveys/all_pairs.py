"""Runs over all pairs of many clouds: each read once, what is computed of one kept for all of its pairs."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.core import Cloud, FeatureMapPair, Pair, ParameterError, ReadingRow, Readings, View, digest
from theodolite.core.progress import Clock, Progress
from theodolite.core.traits import Traits
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.surveys.asking import About, ask, attempted, timed
from theodolite.surveys.clouds import Group, Item, check_kind, gathered, named_sources
from theodolite.surveys.keys import Question
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.run import check_jobs
from theodolite.surveys.shelf import Shelf
from theodolite.surveys.spec import Survey
from theodolite.surveys.store import FolderStore, MemoryStore

DEFAULTS = ("cka", "angular_procrustes", "mutual_knn")
"""What is asked where nothing is: one of all directions by their variance, one of the whole shape, one of places."""

HELD = 1 << 31
"""Bytes of clouds, with what is computed of them, that are kept from one pair to the next; more rows come in blocks."""


_VIEWS = ((Pair,), (FeatureMapPair,))


@dataclass(frozen=True)
class PairsRun:
    """What a run over all pairs gave.

    Attributes
    ----------
    readings : Readings
        Everything in the store.
    rows, columns : tuple of str
        Ids of the clouds that were compared; the same where each was compared with each other.
    survey : Survey
        What was asked.
    """

    readings: Readings
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    survey: Survey

    @property
    def traits(self) -> Mapping[str, Traits]:
        """What each measure declares, by name."""
        return {request.name: request.measure.traits for request in self.survey.measures}


def asked_of_pairs(measures: Any) -> Survey:
    """Make a survey of measures of two clouds.

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
        If a measure is none of two clouds.
    """
    asked = Survey.of(list(DEFAULTS) if measures is None else measures)
    for request in asked.measures:
        if request.bare.traits.views not in _VIEWS:
            traits = request.bare.traits
            other = (
                "it measures one cloud: theodolite dimension, td.dimensions"
                if traits.views == (Cloud,) and not traits.variadic
                else "theodolite survey and td.survey measure weights"
            )
            raise ParameterError(f"measures: {request.name} is no measure of two clouds; {other}")
    return asked


def run_pairs(
    items: Any,
    against: Any = None,
    measures: Any = None,
    *,
    store: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PairsRun:
    """Measure every pair of clouds, or every pair of a cloud of one set with one of another.

    Parameters
    ----------
    items : mapping of str to array or Cloud, features, path, CrossMoments, or a list of these
        The clouds; row i of all of them belongs to one stimulus.
    against : the same, optional
        Another set. Without it each cloud is compared with each other one: once where the measure doesn't mind the
        order, else both ways.
    measures : as for `survey`, or a Survey
        Measures of two clouds.
    store : path, optional
        Run folder, as for `survey`.
    jobs : int
        Pairs in flight at a time.
    progress : callable, optional
        Called with `Progress` before the first pair and after each.

    Returns
    -------
    PairsRun
        The readings; a pair that a measure declines has the outcome in the number's place.

    Raises
    ------
    ParameterError
        If there are fewer than two clouds, their rows differ in number, or a measure is none of two clouds.
    """
    asked = asked_of_pairs(measures)
    check_jobs(jobs)
    first, second = named_sources(items), [] if against is None else named_sources(against)
    groups = gathered([*first, *second], asked)
    rows = [item for group in groups[: len(first)] for item in group.items]
    columns = [item for group in groups[len(first) :] for item in group.items] if second else rows
    if columns is rows and len(rows) < 2:
        raise ParameterError(f"items: there is one cloud, {rows[0].row.target}; give another to compare it with")
    with MemoryStore() if store is None else _folder(Path(store), asked, groups) as keep:
        keep.begin([group.inventory for group in groups], [row for group in groups for row in group.left_out])
        plan = _Plan(rows, columns, tuple(Question.of(request, asked) for request in asked.measures), keep)
        _measure(plan, jobs, progress)
        ids = tuple(tuple(item.row.target for item in side) for side in (rows, columns))
        return PairsRun(keep.readings(), ids[0], ids[1], asked)


def _folder(path: Path, asked: Survey, groups: Sequence[Group]) -> FolderStore:
    check_kind(path, paired=True)
    entry = {"version": version("theodolite"), "models": [group.model for group in groups], "survey": asked.to_dict()}
    return FolderStore(path, None, entry)


@dataclass(frozen=True, eq=False)
class _Task:
    """One pair, and what is not known of it yet."""

    items: tuple[Item, Item]
    missing: tuple[tuple[Question, str], ...]
    content: str
    shelf: Shelf

    @property
    def cost(self) -> float:
        return 1.0  # the order of the pairs is that in which clouds are at hand

    @property
    def work(self) -> float:
        count, width = self.items[0].row.shape
        other = self.items[1].row.shape[1]
        return float(count) * width * other + float(min(count, width, other)) ** 3

    @property
    def threads(self) -> int:
        return blas_threads_for(min((item.row.shape for item in self.items), key=min))


@dataclass(frozen=True, eq=False)
class _Answer:
    task: _Task
    readings: tuple[ReadingRow, ...]
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is to be compared, block by block of the rows."""

    rows: Sequence[Item]
    columns: Sequence[Item]
    questions: tuple[Question, ...]
    keep: MemoryStore | FolderStore

    @property
    def square(self) -> bool:
        return self.columns is self.rows

    def blocks(self) -> Iterator[Sequence[Item]]:
        rows = any("rows" in question.traits.needs for question in self.questions)
        largest = max(item.size(rows=rows) for item in (*self.rows, *self.columns))
        step = max(1, HELD // largest)
        for start in range(0, len(self.rows), step):
            yield self.rows[start : start + step]

    def tasks(self, block: Sequence[Item], shelf: Shelf) -> Iterator[_Task]:
        """Give the pairs of a block, column by column, that something is missing of."""
        place = {item.row.target: number for number, item in enumerate(self.rows)}
        for number, other in enumerate(self.columns):
            for one in block:
                before = not self.square or place[one.row.target] < number
                if self.square and one is other:
                    asked = [q for q in self.questions if not by_definition(q)]
                else:
                    asked = [q for q in self.questions if before or not symmetric(q.traits)]
                content, against = self._content(one, other, shelf)
                missing = tuple(self._missing(asked, (one, other), content, against))
                if missing:
                    yield _Task((one, other), missing, digest(content, against, one.look, other.look), shelf)

    def _content(self, one: Item, other: Item, shelf: Shelf) -> tuple[str, str]:
        if one.rows and other.rows:
            return one.row.fingerprint, other.row.fingerprint
        pair, _ = attempted(lambda: shelf.pair(one, other).fingerprint())
        together = "apart" if pair is None else pair.hex()
        return digest(one.row.fingerprint, together), other.row.fingerprint

    def _missing(
        self, asked: Sequence[Question], items: tuple[Item, Item], content: str, against: str
    ) -> Iterator[tuple[Question, str]]:
        one, other = items
        look = f"{one.look} {other.look}"
        known = self.keep.known(one.row.target)
        for question in asked:
            key = question.key(content, look, against=against)
            if question.answered(key, content, look, known, against=against):
                continue
            if not (symmetric(question.traits) and self._known_back(question, items, (content, against))):
                yield question, key

    def _known_back(self, question: Question, items: tuple[Item, Item], contents: tuple[str, str]) -> bool:
        """Tell whether there is a reading of the second against the first, as when clouds came in another order."""
        one, other = items
        content, against = contents
        look = f"{other.look} {one.look}"
        key = question.key(against, look, against=content)
        return question.answered(key, against, look, self.keep.known(other.row.target), against=content)


def symmetric(traits: Traits) -> bool:
    """Tell whether a measure doesn't mind which of two clouds comes first.

    Parameters
    ----------
    traits : Traits
        What it declares.

    Returns
    -------
    bool
        True where all of its numbers are the same both ways.
    """
    return all("exchange" in promise.invariant_to for promise in traits.fields.values())


def by_definition(question: Question) -> bool:
    """Tell whether a cloud needs no comparing with itself.

    Parameters
    ----------
    question : Question
        What is asked.

    Returns
    -------
    bool
        True where the measure declares what it gives for a cloud and itself.
    """
    return all(promise.of_itself is not None for promise in question.traits.fields.values())


def _measure(plan: _Plan, jobs: int, progress: Callable[[Progress], None] | None) -> None:
    shelf = Shelf(2 + 2 * abs(jobs))
    shelf.clear(())
    blocks = [(block, list(plan.tasks(block, shelf))) for block in plan.blocks()]
    clock = Clock(sum(len(tasks) for _, tasks in blocks), sum(t.work for _, tasks in blocks for t in tasks), progress)
    for block, tasks in blocks:
        shelf.clear(block)
        answers = in_parallel(_answered, tasks, jobs)
        try:
            for given in answers:
                one, other = given.task.items
                plan.keep.commit(one.row, given.readings, given.arrays, other.row)
                failed = sum(row.status == "failed" for row in given.readings)
                about = f"{one.row.target} and {other.row.target}"
                clock.finished(about, given.task.work, computed=True, failed=failed)
        finally:
            answers.close()


def _answered(task: _Task) -> _Answer:
    started = time.perf_counter()
    one, other = task.items
    readings: list[ReadingRow] = []
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    with blas_threads(task.threads):
        looks: dict[Any, tuple[View | None, Exception | None]] = {}
        for question, key in task.missing:
            about = About(question, one.row, key, against=other.row.target)
            (view,) = question.traits.views
            if view not in looks:
                make = task.shelf.map_pair if view is FeatureMapPair else task.shelf.pair
                looks[view] = attempted(functools.partial(make, one, other))
            look, instead = looks[view]
            readings += ask(about, look, task.content, instead, arrays)
    return _Answer(task, timed(readings, started), arrays)
