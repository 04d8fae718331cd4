"""Runs over the matrices of two checkpoints, pair by pair: what needs both weights at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from theodolite.core import Outcome, ReadingRow, Refusal, TargetRow, canonical_json, digest
from theodolite.core.progress import Clock, Progress
from theodolite.delta import IntruderDimensions, LowRank, SubspaceOverlap, WeightChange, WeightPair
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, Matrix, Weight
from theodolite.sources.adapted import change_of
from theodolite.surveys.matching import Match, Matching
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.spec import Survey
from theodolite.surveys.targets import Content, matrix_row

State = Literal["changed", "identical", "not compared"]
SIDES = ("left", "right")
VERSION = 1
"""Raised whenever the same pair may give another number."""

CHANGES = ("relative", "relative_spectral", "rank", "stable_rank", "effective_rank")
"""Numbers about the difference."""

_USUAL = Survey.of("quick")


@dataclass(frozen=True)
class PairSettings:
    """How pairs are measured.

    Parameters
    ----------
    k : int
        How many leading singular vectors are compared.
    epsilon : float
        Cosine below which one is an intruder.
    gap : float
        Relative gap below which singular values are near-degenerate.
    """

    k: int = 10
    epsilon: float = 0.5
    gap: float = 1e-4

    def to_dict(self) -> dict[str, Any]:
        """Give them as JSON values.

        Returns
        -------
        dict
            Parameter to value.
        """
        return {"k": self.k, "epsilon": self.epsilon, "gap": self.gap}


@dataclass(frozen=True, eq=False)
class PairAnswer:
    """What was found of one matrix, or of one tensor that is not measured, before and after.

    Attributes
    ----------
    before, after : TargetRow
        The two.
    state : {"changed", "identical", "not compared"}
        Whether they hold the same numbers, and whether they could be compared.
    note : str
        Why they were not compared, or not measured.
    rows : tuple of ReadingRow
        Readings of the matrix after, against that before.
    change : WeightChange or None
        The difference.
    overlap : SubspaceOverlap or None
        Of their leading singular subspaces.
    intruders : mapping of str to IntruderDimensions
        By side.
    """

    before: TargetRow
    after: TargetRow
    state: State
    note: str = ""
    rows: tuple[ReadingRow, ...] = ()
    change: WeightChange | None = None
    overlap: SubspaceOverlap | None = None
    intruders: Mapping[str, IntruderDimensions] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Task:
    """One matrix of a tensor before and after; without matrices, a tensor that is only looked at."""

    before: TargetRow
    after: TargetRow
    matrices: tuple[Matrix, Matrix] | None
    contents: tuple[Content, Content]
    same: bool
    settings: PairSettings
    note: str = ""

    @property
    def cost(self) -> float:
        if self.matrices is None:
            return float(self.after.parameters)
        short, long = sorted(float(side) for side in self.after.shape)
        return short**2 * long + short**3

    @property
    def threads(self) -> int:
        return 1 if self.matrices is None else blas_threads_for(self.after.shape)


def compare_pairs(
    before: tuple[str, Checkpoint],
    after: tuple[str, Checkpoint],
    matching: Matching,
    settings: PairSettings,
    *,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> list[PairAnswer]:
    """Compare tensors that belong together, one pair in memory at a time (with several jobs, one each).

    Parameters
    ----------
    before, after : tuple of (str, Checkpoint)
        The two models with their names.
    matching : Matching
        Which tensors belong together.
    settings : PairSettings
        How to measure.
    jobs : int
        Pairs in flight at a time.
    progress : callable, optional
        Called with `Progress` before the first pair and after each.

    Returns
    -------
    list of PairAnswer
        In the order of the matching.
    """
    tasks = [task for match in matching.matches for task in _tasks(before, after, match, settings)]
    clock = Clock(len(tasks), sum(task.cost for task in tasks), progress)
    costs = {task.after.target: task.cost for task in tasks}
    found: dict[str, PairAnswer] = {}
    answers = in_parallel(_compared, tasks, jobs)
    try:
        for answer in answers:
            target = answer.after.target
            found[target] = answer
            clock.finished(target, costs[target], computed=answer.state == "changed", failed=0)
    finally:
        answers.close()
    return [found[task.after.target] for task in tasks]


def _tasks(
    before: tuple[str, Checkpoint], after: tuple[str, Checkpoint], match: Match, settings: PairSettings
) -> Iterator[_Task]:
    names = (before[0], after[0])
    weights = (before[1][match.before], after[1][match.after])
    contents = (Content(weights[0]), Content(weights[1]))
    same = weights[0].record.content is not None and weights[0].record.content is weights[1].record.content
    parts = tuple(weight.matrices() for weight in weights)
    note = next((weight.listed_because for weight in weights if weight.listed_because), "")
    if not note and list(parts[0]) != list(parts[1]):
        note = f"its parts are {', '.join(parts[0]) or 'one'} before and {', '.join(parts[1]) or 'one'} after"
    if note:
        yield _Task(*_rows(names, weights), None, contents, same, settings, note)
        return
    for part, matrix in parts[1].items():
        pair = (parts[0][part], matrix)
        rows = _rows(names, weights, part, pair)
        if pair[0].shape != matrix.shape:
            shapes = [" x ".join(map(str, one.shape)) for one in pair]
            yield _Task(*rows, None, contents, same, settings, f"its shape is {shapes[0]} before and {shapes[1]} after")
        else:
            yield _Task(*rows, pair, contents, same, settings)


def _rows(
    names: tuple[str, str],
    weights: tuple[Weight, Weight],
    part: str = "",
    matrices: tuple[Matrix, Matrix] | None = None,
) -> tuple[TargetRow, TargetRow]:
    looks = matrices or ("", "")
    one, other = (matrix_row(names[i], weights[i], _USUAL, part, looks[i]) for i in (0, 1))
    return one, other


def _compared(task: _Task) -> PairAnswer:
    with blas_threads(task.threads):
        return _answered(task)


def _answered(task: _Task) -> PairAnswer:
    started = time.perf_counter()
    if task.matrices is None:
        return PairAnswer(task.before, task.after, _looked_at(task), task.note)
    factors = change_of(task.matrices[1])
    contents = tuple(content.fingerprint().hex() for content in task.contents[: 1 if factors else 2])
    if factors is None and (task.same or contents[0] == contents[1]):
        return PairAnswer(task.before, task.after, "identical")
    content = digest(*contents, *(factor.tobytes() for factor in factors or ()), task.after.part)
    pair = WeightPair(task.matrices[0], LowRank(*factors) if factors else task.matrices[1], k=task.settings.k)
    about = _About(task, content, started)
    try:
        change = pair.change()
    except Refusal as refusal:
        rows = about.refused(refusal, "weight_change", CHANGES)
        return PairAnswer(task.before, task.after, "not compared", refusal.outcome.cause, rows)
    if not change.singular_values.any():  # an adapter that was never trained, the same numbers in another type
        return PairAnswer(task.before, task.after, "identical")
    rows = tuple(about.changes(change))
    try:
        overlap = pair.overlap()
        epsilon, gap = task.settings.epsilon, task.settings.gap
        intruders = {"left": pair.intruders(epsilon, "left", gap), "right": pair.intruders(epsilon, "right", gap)}
    except Refusal as refusal:
        rows += about.refused(refusal, "subspace_overlap", SIDES) + about.refused(refusal, "intruder_dimensions", SIDES)
        return PairAnswer(task.before, task.after, "changed", refusal.outcome.cause, rows, change)
    rows += tuple(about.subspaces(overlap, intruders))
    return PairAnswer(task.before, task.after, "changed", "", rows, change, overlap, intruders)


def _looked_at(task: _Task) -> State:
    """Compare tensors that are not measured (biases, gains, counters) by their content alone."""
    if task.same:
        return "identical"
    if task.before.shape != task.after.shape or not all(content.readable for content in task.contents):
        return "not compared"
    one, other = (content.fingerprint() for content in task.contents)
    return "identical" if one == other else "changed"


@dataclass(frozen=True)
class _About:
    """What all readings of one pair share."""

    task: _Task
    content: str
    started: float

    def changes(self, change: WeightChange) -> Iterator[ReadingRow]:
        for name in CHANGES:
            value = getattr(change, name)
            if value is None:
                note = "the matrix before, or the change"
                yield self._row("weight_change", name, outcome=Outcome.ALL_ZERO.name, note=note)
            else:
                yield self._row("weight_change", name, value=float(value))

    def subspaces(self, overlap: SubspaceOverlap, intruders: Mapping[str, IntruderDimensions]) -> Iterator[ReadingRow]:
        for side in SIDES:
            chance = float(getattr(overlap, f"{side}_chance"))
            yield self._row("subspace_overlap", side, value=float(getattr(overlap, side)), chance=chance)
        for side in SIDES:
            yield self._row("intruder_dimensions", side, value=float(intruders[side].count))
        for side in SIDES:
            yield self._row("intruder_dimensions", f"{side}_energy", value=intruders[side].energy)

    def refused(self, refusal: Refusal, measure: str, names: tuple[str, ...]) -> tuple[ReadingRow, ...]:
        columns = {"outcome": refusal.outcome.name, "note": refusal.detail}
        return tuple(self._row(measure, name, **columns) for name in names)

    def _row(self, measure: str, name: str, **columns: Any) -> ReadingRow:
        task = self.task
        params = canonical_json({} if measure == "weight_change" else task.settings.to_dict())
        counts = measure == "intruder_dimensions" and name in SIDES
        return ReadingRow(
            target=task.after.target,
            against=task.before.target,
            measure=measure,
            field=name,
            unit="dimensions" if counts or name.endswith("rank") else "1",
            params=params,
            seconds=time.perf_counter() - self.started,
            version=VERSION,
            key=digest(self.content, task.after.view, task.after.convention, measure, str(VERSION), params),
            **columns,
        )
