"""Two checkpoints side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypedDict, Unpack

from theodolite.core import ParameterError, ReadingRow, Readings, TargetRow
from theodolite.core.parameters import check_count, check_options
from theodolite.core.progress import Progress
from theodolite.sources import Checkpoint, CheckpointError, open_checkpoint
from theodolite.sources.peft_adapter import CONFIG, adapted, is_adapter
from theodolite.study.comparisons.result import Comparison, LayerComparison, Shift, Tensor
from theodolite.surveys import Survey, survey
from theodolite.surveys.arrays import held_arrays
from theodolite.surveys.matching import matched
from theodolite.surveys.pairs import PairAnswer, PairSettings, compare_pairs


class PairOptions(TypedDict, total=False):
    """How pairs of matrices are measured; the fields of `PairSettings`."""

    k: int
    epsilon: float
    gap: float


def compare(
    before: Any,
    after: Any,
    measures: Any = "standard",
    *,
    map: Mapping[str, str] | None = None,  # noqa: A002 - the option is called --map
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
    **pairs: Unpack[PairOptions],
) -> Comparison:
    """Compare two checkpoints: what changed, where, by how much, and in which directions.

    Tensors are matched by name. Those with the same content bit for bit are reported as identical and not decomposed.

    Parameters
    ----------
    before, after : path, Checkpoint, torch.nn.Module, or mapping of str to array
        The two: a base and its fine-tuned model, two epochs of one training, a model in full and in half precision.
        `after` may be an adapter folder of PEFT (LoRA), which is laid over `before` without being multiplied out.
    measures : as for `survey`, or None
        Metrics of both whose shifts are reported; None for none, which is fastest. Of a measure with several sets of
        parameters the first goes by its name alone, the others by what differs: ``hill`` and ``hill[k=20]``.
    map : mapping of str to str, optional
        Renamed tensors, from names before to names after; ``*`` stands for the same text in both:
        ``{"encoder.*": "model.encoder.*"}``.
    jobs : int
        Matrices in flight at a time, as for `survey`.
    progress : callable, optional
        Called with `Progress`: through the survey of both, then through the pairs.
    **pairs
        `k`: how many leading singular vectors are compared (10); `epsilon`: the cosine below which one is an intruder
        (0.5); `gap`: the relative gap below which singular values are near-degenerate (1e-4).

    Returns
    -------
    Comparison
        Matrix by matrix, and what they say together.

    Raises
    ------
    ParameterError
        If an option is wrong, or nothing in the two belongs together.
    CheckpointError
        If one can't be read, or an adapter doesn't fit its base.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> one = {"a.weight": rng.normal(size=(32, 32)), "b.weight": rng.normal(size=(32, 32))}
    >>> other = {**one, "a.weight": 1.1 * one["a.weight"]}
    >>> print(compare(one, other, None).headline())
    1 of 2 matrices differs; median relative change of those that differ 10.0 %.
    """  # noqa: DOC502 - those of what is called
    settings = _settings(pairs)
    with ExitStack() as stack:
        first, second = _opened(before, after, stack)
        matching = matched(first, second, map)
        readings = Readings([], [])
        if measures is not None:
            readings = survey([first, second], Survey.of(measures), jobs=jobs, progress=progress)
        answers = compare_pairs(
            (first.model, first), (second.model, second), matching, settings, jobs=jobs, progress=progress
        )
    read = _read(readings)
    return Comparison(
        before=first.model,
        after=second.model,
        settings=settings,
        matching=matching,
        layers=tuple(_layer(answer, read) for answer in answers if answer.after.view),
        others=tuple(
            Tensor(_named(answer.before), _named(answer.after), answer.state, answer.note)
            for answer in answers
            if not answer.after.view
        ),
        readings=_together(readings, answers),
        adapter=second.format == "adapter",
    )


def _settings(pairs: Mapping[str, Any]) -> PairSettings:
    check_options(PairSettings, pairs, "compare")
    settings = PairSettings(**pairs)
    check_count("k", settings.k, 1)
    if not 0 < settings.epsilon <= 1:
        raise ParameterError(f"epsilon is {settings.epsilon!r}; it must be above 0 and at most 1")
    if not 0 <= settings.gap < 1:
        raise ParameterError(f"gap is {settings.gap!r}; it must be at least 0 and below 1")
    return settings


def _opened(before: Any, after: Any, stack: ExitStack) -> tuple[Checkpoint, Checkpoint]:
    first = _one(before, "before", stack)
    if isinstance(after, (str, os.PathLike)) and is_adapter(Path(after)):
        second = stack.enter_context(adapted(first, Path(after)))
    else:
        second = _one(after, "after", stack)
    names = [first.model, second.model]
    if names[0] == names[1]:
        folders = ["" if one.path is None else Path(one.path).absolute().parent.name for one in (first, second)]
        told = folders[0] != folders[1] and all(folders)
        names = [
            f"{folder}/{name}" if told else f"{name} ({which})"
            for name, folder, which in zip(names, folders, ("before", "after"), strict=True)
        ]
    one, other = (
        Checkpoint(checkpoint.contents, model=name, path=checkpoint.path)
        for checkpoint, name in zip((first, second), names, strict=True)
    )
    return one, other


def _one(given: Any, which: str, stack: ExitStack) -> Checkpoint:
    if isinstance(given, Checkpoint):
        return given
    if isinstance(given, Mapping):
        return held_arrays(given, which)
    if isinstance(given, (str, os.PathLike)) and is_adapter(Path(given)):
        raise CheckpointError(
            "an adapter is compared with its base, which comes first",
            file=Path(given) / CONFIG,
            remedy="Give the base model as the first, the adapter as the second.",
        )
    return stack.enter_context(open_checkpoint(given))


def _layer(answer: PairAnswer, read: Mapping[str, Mapping[str, ReadingRow]]) -> LayerComparison:
    one, other = (read.get(row.target, {}) for row in (answer.before, answer.after))
    shifts = {
        name: Shift(row.value, other[name].value, row.chance, row.percentile, other[name].percentile)
        for name, row in one.items()
        if name in other
    }
    return LayerComparison(
        before=answer.before,
        after=answer.after,
        state=answer.state,
        note=answer.note,
        change=answer.change,
        overlap=answer.overlap,
        intruders=answer.intruders,
        shifts=shifts,
    )


def _named(row: TargetRow) -> str:
    return row.target.removeprefix(f"{row.model}:")


def _read(readings: Readings) -> dict[str, dict[str, ReadingRow]]:
    """Arrange readings by target and name; of a measure that was read twice, all but the first say with what."""
    asked: dict[str, dict[str, str]] = {}
    for row in readings.rows:
        names = asked.setdefault(row.measure, {})
        if row.params not in names:
            names[row.params] = row.measure + (_other(row.params, next(iter(names))) if names else "")
    found: dict[str, dict[str, ReadingRow]] = {}
    for row in readings.rows:
        name = asked[row.measure][row.params] + row.name.removeprefix(row.measure)
        found.setdefault(row.target, {}).setdefault(name, row)
    return found


def _other(params: str, first: str) -> str:
    """Write the parameters in which one set differs from another, as they are asked for: ``[k=20]``."""
    own, usual = json.loads(params), json.loads(first)
    differing = [name for name in {**usual, **own} if own.get(name) != usual.get(name)]
    return f"[{', '.join(f'{name}={_plain(own.get(name))}' for name in differing)}]"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _together(readings: Readings, answers: list[PairAnswer]) -> Readings:
    targets: dict[str, TargetRow] = {target.target: target for target in readings.targets}
    rows = list(readings.rows)
    for answer in answers:
        for target in (answer.before, answer.after):
            targets.setdefault(target.target, target)
        rows += answer.rows
    return Readings(targets.values(), rows)
