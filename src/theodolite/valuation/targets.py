"""Which gradients are looked at, and which of them are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from theodolite.core import ParameterError, TargetRow
from theodolite.core.rows import MODEL
from theodolite.sources import open_checkpoint
from theodolite.sources.gradient_recorder import recordable
from theodolite.sources.parts import Cut
from theodolite.surveys.spec import Survey
from theodolite.surveys.targets import planned

PROJECTIONS = ("query", "key", "value", "output")
"""Roles whose gradients are compared within a layer, in the order in which pairs are named."""

NOT_LINEAR = "no linear layer: its gradient is no product of two factors"
FROZEN = "frozen: its weight requires no gradient"


@dataclass(frozen=True)
class GradientTarget:
    """One matrix of a linear layer.

    Attributes
    ----------
    row : TargetRow
        What it is.
    layer : str
        Path of the layer.
    outputs : tuple of range
        Which outputs of the layer are its rows; none where all are.
    """

    row: TargetRow
    layer: str
    outputs: tuple[range, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two gradients whose cosine is taken.

    Attributes
    ----------
    field : str
        Name of the number.
    target, against : str
        Ids of the two.
    """

    field: str
    target: str
    against: str


@dataclass(frozen=True)
class GradientTargets:
    """Everything that is looked at.

    Attributes
    ----------
    model : str
        Name of the model.
    measured : tuple of GradientTarget
        Whose gradients are read.
    listed : tuple of TargetRow
        All other tensors, with the reason why theirs are not.
    pairs : tuple of Pair
        Whose cosines are taken: of the projections of one attention where their shapes agree, under grouped queries
        key with value and query with output; and of every matrix with the same one of the next block.
    whole : TargetRow
        The model itself, as a survey of the same layers describes it.
    """

    model: str
    measured: tuple[GradientTarget, ...]
    listed: tuple[TargetRow, ...]
    pairs: tuple[Pair, ...]
    whole: TargetRow

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers to record."""
        return tuple(dict.fromkeys(target.layer for target in self.measured))

    @classmethod
    def of(cls, model: Any, layers: str | None = None, name: str | None = None) -> GradientTargets:
        """Look a model through.

        Parameters
        ----------
        model : torch.nn.Module
            The model.
        layers : str, optional
            Keep the tensors whose name or module matches; ``*`` and ``?`` as in file names, alternatives separated by
            commas.
        name : str, optional
            Name of the model; by default that of its class.

        Returns
        -------
        GradientTargets
            What there is.

        Raises
        ------
        ParameterError
            If nothing is left to look at; the message says why.
        """
        found = recordable(model)
        with open_checkpoint(model, model=name) as checkpoint:
            paths = {weight.name: weight.stored_name for weight in checkpoint.values()}
            plan = planned(
                {checkpoint.model: checkpoint},
                Survey.of("frobenius_norm", layers=layers, chance=False),
                None,
                lambda weight, survey: weight.matrices(survey.view, survey.convention),
            )
            measured: list[GradientTarget] = []
            listed = list(plan.listed)
            for target in plan.targets:
                path = paths[_tensor(target.row)].removesuffix("weight").removesuffix(".")
                if path not in found or isinstance(target.matrix, str) or target.matrix.view != "matrix":
                    listed.append(_set_aside(target.row, NOT_LINEAR))
                elif not found[path].weight.requires_grad:
                    listed.append(_set_aside(target.row, FROZEN))
                else:
                    outputs = _outputs(target.matrix) if target.row.part else ()
                    measured.append(GradientTarget(target.fingerprinted(), path, outputs))
            if not measured:
                raise ParameterError(f"layers: no gradient to look at ({_reasons(listed)})")
            return cls(
                checkpoint.model,
                tuple(measured),
                tuple(listed),
                tuple(_pairs(measured)),
                _whole(checkpoint.model, [target.row for target in plan.targets]),
            )


def _tensor(row: TargetRow) -> str:
    return row.target.removeprefix(f"{row.model}:").removesuffix(f"#{row.part}" if row.part else "")


def _whole(model: str, rows: Sequence[TargetRow]) -> TargetRow:
    size = sum(row.parameters for row in rows)
    return TargetRow(target=f"{model}:{MODEL}", model=model, module=MODEL, role="model", parameters=size)


def _set_aside(row: TargetRow, reason: str) -> TargetRow:
    return replace(row, listed_because=reason)


def _reasons(listed: Sequence[TargetRow]) -> str:
    counts: dict[str, int] = {}
    for row in listed:
        counts[row.listed_because] = counts.get(row.listed_because, 0) + 1
    return "; ".join(f"{reason}: {count}" for reason, count in counts.items()) or "the model has no parameters"


def _outputs(matrix: Any) -> tuple[range, ...]:
    """Find the outputs of the layer that a part of its weight belongs to."""
    if not isinstance(matrix, Cut):
        raise TypeError(f"matrix: expected a cut of a stored tensor, got {type(matrix).__name__}")
    return matrix.columns_of if matrix.turned else matrix.rows_of


def _pairs(measured: Sequence[GradientTarget]) -> Iterator[Pair]:
    attention = [target for target in measured if target.row.role in PROJECTIONS]
    by_block: dict[tuple[str, ...], list[GradientTarget]] = {}
    for target in attention:
        by_block.setdefault(_path(target)[: _depth(target)], []).append(target)
    for block in by_block.values():
        for one in _attentions(block, _depth(block[0])):
            members = [one[role] for role in PROJECTIONS if role in one]
            for place, first in enumerate(members):
                for second in members[place + 1 :]:
                    if first.row.shape == second.row.shape:
                        yield Pair(f"{second.row.role}_cosine", first.row.target, second.row.target)
    places = {_place(target): target for target in measured if target.row.block is not None}
    for (pattern, part, number), target in places.items():
        following = places.get((pattern, part, number + 1))
        if following is not None and following.row.shape == target.row.shape:
            yield Pair("next_block_cosine", target.row.target, following.row.target)


def _path(target: GradientTarget) -> tuple[str, ...]:
    return tuple(target.layer.split("."))


def _depth(target: GradientTarget) -> int:
    """Count the components of a layer's path up to the number of its block."""
    path, block = _path(target), str(target.row.block)
    return path.index(block) + 1 if block in path else 0


def _attentions(block: Sequence[GradientTarget], depth: int) -> Iterator[Mapping[str, GradientTarget]]:
    """Tell the attentions of a block apart: where a role occurs twice, by the next component of the path."""
    roles = {target.row.role: target for target in block}
    if len(roles) == len(block):
        yield roles
        return
    parts: dict[str, list[GradientTarget]] = {}
    for target in block:
        path = _path(target)
        if depth < len(path):
            parts.setdefault(path[depth], []).append(target)
    for part in parts.values():
        yield from _attentions(part, depth + 1)


def _place(target: GradientTarget) -> tuple[tuple[str, ...], str, int]:
    path, depth = _path(target), _depth(target)
    pattern = (*path[: max(depth - 1, 0)], "*", *path[depth:]) if depth else path
    return pattern, target.row.part, int(target.row.block or 0)
