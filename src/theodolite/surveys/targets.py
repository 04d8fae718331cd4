"""What a survey will look at: every tensor of every model, as matrices to measure or with the reason why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from theodolite.core import ParameterError, TargetRow, digest
from theodolite.numerics.threads import blas_threads_for
from theodolite.sources import Checkpoint, Matrix, Weight, open_checkpoint
from theodolite.surveys.arrays import held_arrays
from theodolite.surveys.assembly import LEFT_OUT
from theodolite.surveys.journal import Inventory
from theodolite.surveys.spec import Survey

Parts = Mapping[str, Matrix | str]
"""The matrices of a tensor by part; a string where a matrix could not be had, saying why."""


class Content:
    """The fingerprint of a weight, computed once however many of its parts are measured.

    Parameters
    ----------
    weight : Weight
        The weight.
    """

    def __init__(self, weight: Weight) -> None:
        self._weight = weight
        self._hash = b""
        self._lock = threading.Lock()

    @property
    def readable(self) -> bool:
        """Whether there is content to hash."""
        return self._weight.has_content

    def fingerprint(self) -> bytes:
        """Hash the weight's content.

        Returns
        -------
        bytes
            32 bytes.
        """
        with self._lock:
            if not self._hash:
                self._hash = self._weight.fingerprint()
            return self._hash

    def __getstate__(self) -> dict[str, Any]:
        return {"_weight": self._weight, "_hash": self._hash}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


@dataclass(frozen=True)
class Target:
    """One matrix to measure.

    Parameters
    ----------
    row : TargetRow
        What it is, the fingerprint not yet known.
    matrix : Matrix or str
        The matrix, or why it could not be had.
    content : Content
        The weight it belongs to.
    """

    row: TargetRow
    matrix: Matrix | str
    content: Content

    @cached_property
    def cost(self) -> float:
        """Work of the decomposition: m²n + m³ for sides m ≤ n, times the number of slices."""
        if isinstance(self.matrix, str):
            return 1.0
        short, long = sorted(float(side) for side in self.matrix.shape[-2:])
        slices = self.matrix.shape[0] if self.matrix.ndim == 3 else 1
        return slices * (short**2 * long + short**3)

    @cached_property
    def threads(self) -> int:
        """BLAS threads that it is decomposed with."""
        return 1 if isinstance(self.matrix, str) else blas_threads_for(self.matrix.shape)

    @property
    def look(self) -> str:
        """The view and the shape that came of it, as keys hold them."""
        return f"{self.row.view} {self.row.shape}"

    def fingerprinted(self) -> TargetRow:
        """Read the content once and hash it.

        Returns
        -------
        TargetRow
            The row with its fingerprint.
        """
        whole = self.content.fingerprint()
        part = self.row.part
        return replace(self.row, fingerprint=digest(whole, part, self.look) if part else whole.hex())


@dataclass(frozen=True)
class Plan:
    """Everything that one process will look at.

    Parameters
    ----------
    targets : sequence of Target
        What to measure.
    listed : sequence of TargetRow
        What is left out, with the reason.
    inventories : sequence of Inventory
        What the models hold; the same for all shards.
    """

    targets: Sequence[Target]
    listed: Sequence[TargetRow]
    inventories: Sequence[Inventory]


def opened(target: Any, stack: ExitStack) -> dict[str, Checkpoint]:
    """Open whatever a survey may be given.

    Parameters
    ----------
    target : path, Checkpoint, Mapping of str to array, torch.nn.Module, or a list of these
        One model or several.
    stack : ExitStack
        Closes what was opened here.

    Returns
    -------
    dict of str to Checkpoint
        By name; where several models share one, the folders that tell them apart stand before it.

    Raises
    ------
    ParameterError
        If the list is empty, or two models have one name and no path that could tell them apart.
    """
    several = target if isinstance(target, (list, tuple)) else [target]
    if not several:
        raise ParameterError("target: the list is empty; give at least one model")
    models = [_opened(one, stack) for one in several]
    return dict(zip(_distinct(models), models, strict=True))


def _opened(target: Any, stack: ExitStack) -> Checkpoint:
    if isinstance(target, Checkpoint):
        return target
    if isinstance(target, Mapping):
        return held_arrays(target)
    checkpoint = open_checkpoint(target)
    return stack.enter_context(checkpoint)


def _distinct(models: Sequence[Checkpoint]) -> list[str]:
    """Put folders before names that several models share."""
    names = [model.model for model in models]
    paths = [None if model.path is None else Path(model.path).absolute().parent for model in models]
    for depth in range(1, 6):
        shared = {name for name in names if names.count(name) > 1}
        if not shared:
            return names
        for index, (name, path) in enumerate(zip(names, paths, strict=True)):
            if name in shared and path is not None and len(path.parts) > depth:
                names[index] = f"{path.parts[-depth]}/{name}"
    name = next(name for name in names if names.count(name) > 1)
    raise ParameterError(f"target: two models are named {name!r}; open them with names: td.open(path, model=...)")


def planned(
    models: Mapping[str, Checkpoint],
    survey: Survey,
    shard: tuple[int, int] | None,
    parts_of: Callable[[Weight, Survey], Parts],
) -> Plan:
    """Decide what to measure.

    Parameters
    ----------
    models : mapping of str to Checkpoint
        The models by name.
    survey : Survey
        What is asked.
    shard : tuple of int, optional
        Which part (counted from 1) of how many.
    parts_of : callable
        Gives the matrices of a weight.

    Returns
    -------
    Plan
        What this process measures and lists, and what the models hold altogether.
    """
    looks = [(name, list(_look(name, model, survey, parts_of))) for name, model in models.items()]
    inventories = [
        Inventory(name, survey.convention, survey.view, tuple(row.target for look in all_of for row in look.rows))
        for name, all_of in looks
    ]
    every = [look for _, all_of in looks for look in all_of]
    mine = every if shard is None else _share(every, *shard)
    targets = [target for look in mine for target in look.targets]
    return Plan(targets, [row for look in mine for row in look.listed], inventories)


@dataclass(frozen=True)
class _Look:
    """One tensor: what of it is measured, or why nothing is."""

    targets: tuple[Target, ...] = ()
    listed: tuple[TargetRow, ...] = ()

    @property
    def rows(self) -> tuple[TargetRow, ...]:
        return (*(target.row for target in self.targets), *self.listed)

    @property
    def cost(self) -> float:
        return 1.0 + sum(target.cost for target in self.targets)


def _look(name: str, model: Checkpoint, survey: Survey, parts_of: Callable[[Weight, Survey], Parts]) -> Iterator[_Look]:
    for weight in model.values():
        reason = weight.listing(survey.convention)
        if reason is None and not survey.keeps(weight.name, weight.module):
            reason = f"{LEFT_OUT}{survey.layers!r}"
        if reason is not None:
            yield _Look(listed=(_listed(name, weight, survey, reason),))
            continue
        reason = weight.listing(survey.convention, survey.view)
        if reason is not None:
            yield _Look(listed=(_listed(name, weight, survey, reason, survey.view),))
            continue
        parts = parts_of(weight, survey)
        content = Content(weight)
        rows = {part: matrix_row(name, weight, survey, part, matrix) for part, matrix in parts.items()}
        yield _Look(tuple(Target(rows[part], matrix, content) for part, matrix in parts.items()))


def matrix_row(model: str, weight: Weight, survey: Survey, part: str, matrix: Matrix | str) -> TargetRow:
    """Describe one matrix of a tensor.

    Parameters
    ----------
    model : str
        Name of the model.
    weight : Weight
        The tensor.
    survey : Survey
        Under whose convention and view.
    part : str
        Which part of it.
    matrix : Matrix or str
        The matrix, or why it could not be had.

    Returns
    -------
    TargetRow
        Without the fingerprint.
    """
    if isinstance(matrix, str):
        return _listed(model, weight, survey, "", survey.view)
    return replace(
        _listed(model, weight, survey, ""),
        target=_identity(model, weight, survey, part, matrix.view),
        part=part,
        role=matrix.role,
        shape=matrix.shape,
        parameters=matrix.size if part else weight.parameters,
        view=matrix.view,
    )


def _listed(model: str, weight: Weight, survey: Survey, reason: str, view: str = "") -> TargetRow:
    return TargetRow(
        target=_identity(model, weight, survey, view=view),
        model=model,
        module=weight.module,
        role=weight.role,
        block=weight.block,
        shape=weight.shape,
        dtype=weight.dtype,
        parameters=weight.parameters,
        convention=survey.convention,
        file=weight.file or "",
        tied_to=weight.tied_to or "",
        listed_because=reason,
    )


def _identity(model: str, weight: Weight, survey: Survey, part: str = "", view: str = "") -> str:
    """Name a target; a way of looking other than the usual is part of the name, so that both can stand in one run."""
    unusual = [view] if view in ("slices", "fft") else []
    if survey.convention != "theodolite":
        unusual = [survey.convention]
    return "".join((model, *(f"@{way}" for way in unusual), ":", weight.name, f"#{part}" if part else ""))


def _share(looks: Sequence[_Look], index: int, count: int) -> list[_Look]:
    """Deal tensors out by work, largest first to whoever has least, the same in every process."""
    loads = [0.0] * count
    mine = set()
    for place in sorted(range(len(looks)), key=lambda place: (-looks[place].cost, place)):
        least = min(range(count), key=lambda shard: (loads[shard], shard))
        loads[least] += looks[place].cost
        if least == index - 1:
            mine.add(place)
    return [looks[place] for place in sorted(mine)]
