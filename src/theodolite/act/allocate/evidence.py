"""The layers that can be given something, and what is known of them: weights that are measured now, or readings."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.smooth.evidence import Measured, Read
from theodolite.core import Outcome, ParameterError, Readings, Refusal, Spectrum, TargetRow, to_numpy
from theodolite.core.rows import MODEL
from theodolite.numerics.gram import gram_error_bound
from theodolite.sources import Checkpoint

# What tells apart readings that a plan goes by from those under other settings of the same measure.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "hill": {"k": None},
    "effective_rank": {"of": "singular_values"},
    "power_law": {"convention": "theodolite", "truncated": False},
}
_NO_LAYERS = frozenset({"embedding", "norm", "conv", "adapter", "head"})
_EPS = float(np.finfo(np.float64).eps)


class Evidence(Protocol):
    """What is known of a matrix."""

    @property
    def shape(self) -> tuple[int, int]:
        """Out x in."""

    def number(self, measure: str, field: str) -> float:
        """Give one field of one measure, or raise a Refusal."""

    def eigenvalues(self) -> NDArray[np.float64] | None:
        """Give the squared singular values in descending order; None where they were not kept."""

    def singular_values(self) -> NDArray[np.float64]:
        """Give all singular values in descending order."""

    @property
    def zero(self) -> float:
        """So small, relative to the largest, is a singular value that is zero to the accuracy at hand."""


class MeasuredValues(Measured):
    """A matrix that is measured when it is asked for something.

    Parameters
    ----------
    matrix : Matrix
        The matrix.
    """

    def __init__(self, matrix: Any) -> None:
        self._shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        super().__init__(Spectrum(matrix))

    @property
    def shape(self) -> tuple[int, int]:
        """Its sides.

        Returns
        -------
        tuple of int
            Out x in.
        """
        return self._shape

    @property
    def zero(self) -> float:
        """The accuracy of the singular value decomposition.

        Returns
        -------
        float
            Relative to the largest.
        """
        return _EPS * max(self._shape)

    def singular_values(self) -> NDArray[np.float64]:
        """Decompose the matrix itself, because squares lose the small singular values.

        Returns
        -------
        ndarray
            Descending.
        """
        return np.asarray(to_numpy(self._spectrum.singular_values), dtype=np.float64)


class ReadValues(Read):
    """Readings of a matrix, with the eigenvalues that lie beside them.

    Parameters
    ----------
    readings : Readings
        The readings.
    target : TargetRow
        The target.
    """

    def __init__(self, readings: Readings, target: TargetRow) -> None:
        super().__init__(readings, target)
        self._rows = [row for row in self._rows if _is_default(row.measure, row.params)]

    @property
    def shape(self) -> tuple[int, int]:
        """Its sides.

        Returns
        -------
        tuple of int
            Out x in.
        """
        rows, columns = self._target.shape
        return rows, columns

    @property
    def zero(self) -> float:
        """The accuracy of eigenvalues that a survey computes, as singular values.

        Returns
        -------
        float
            Relative to the largest.
        """
        return math.sqrt(gram_error_bound(self._target.shape, 1.0))

    def singular_values(self) -> NDArray[np.float64]:
        """Take the roots of the eigenvalues.

        Returns
        -------
        ndarray
            Descending.

        Raises
        ------
        ParameterError
            If the run holds no eigenvalues.
        """
        values = self.eigenvalues()
        if values is None:
            raise ParameterError(
                f"the readings carry no eigenvalues of {self._target.target}; survey with 'power_law' into a folder, "
                "or plan from the checkpoint"
            )
        return np.sqrt(np.maximum(values, 0.0))


def _is_default(measure: str, params: str) -> bool:
    told = json.loads(params)
    return all(told.get(name, value) == value for name, value in _DEFAULTS.get(measure, {}).items())


@dataclass(frozen=True)
class Candidate:
    """A layer that can be given something.

    Attributes
    ----------
    module : str
        Its name.
    role : str
        What it does.
    block : int or None
        Its block.
    shape : tuple of int
        Out x in, packed projections together.
    parts : mapping of str to Evidence
        What is known of its matrices, by part; several where projections are packed.
    """

    module: str
    role: str
    block: int | None
    shape: tuple[int, int]
    parts: Mapping[str, Evidence]

    @property
    def cost(self) -> float:
        """Work of the decomposition: m²n + m³ for sides m ≤ n."""
        short, long = sorted(float(side) for side in self.shape)
        return short**2 * long + short**3

    def apart(self) -> list[Candidate]:
        """Take packed projections apart.

        Returns
        -------
        list of Candidate
            One for every matrix, with ``#part`` behind the layer's name where there are several.
        """
        if len(self.parts) == 1:
            return [self]
        return [
            Candidate(f"{self.module}#{part}", self.role, self.block, known.shape, {part: known})
            for part, known in self.parts.items()
        ]


def candidates(target: Checkpoint | Readings, allocation: Allocation) -> list[Candidate]:
    """List the layers that an allocation is about.

    Without `layers` these are the matrices of linear layers inside the blocks, or in a model without blocks all of
    linear layers. Kernels of convolutions and tensors that stack experts have no adapter of one rank.

    Parameters
    ----------
    target : Checkpoint or Readings
        A model.
    allocation : Allocation
        What is allocated.

    Returns
    -------
    list of Candidate
        In the order of the model.

    Raises
    ------
    ParameterError
        If there is none, or readings are of several models.
    """
    if isinstance(target, Readings):
        if len(target.models) != 1:
            raise ParameterError(
                f"target: the readings are of {len(target.models)} models; choose one with where(model=...)"
            )
        model, found = target.models[0], list(_from_readings(target, allocation))
    else:
        model, found = target.model, list(_from_checkpoint(target, allocation))
    if allocation.method == "welore":
        found = [part for layer in found for part in layer.apart()]
    if allocation.layers is None:
        linear = [layer for layer in found if layer.role not in _NO_LAYERS]
        found = [layer for layer in linear if layer.block is not None] or linear
    if allocation.method == "alphalora":
        found = [layer for layer in found if layer.block is not None]
    if not found:
        matching = f" that matches layers={allocation.layers!r}" if allocation.layers is not None else ""
        within = " inside a block" if allocation.method == "alphalora" else ""
        raise ParameterError(f"{model} holds no matrix of a linear layer{within}{matching}; see `theodolite inspect`")
    return found


def _from_checkpoint(checkpoint: Checkpoint, allocation: Allocation) -> Iterator[Candidate]:
    for name, weight in checkpoint.items():
        if not allocation.keeps(name, weight.module):
            continue
        parts = weight.matrices()
        matrices = [matrix for matrix in parts.values() if matrix.view == "matrix"]
        if not matrices or len(matrices) < len(parts) or _stacked(parts):
            continue
        yield Candidate(
            weight.module,
            weight.role,
            weight.block,
            _together([matrix.shape for matrix in matrices]),
            {part: MeasuredValues(matrix) for part, matrix in parts.items()},
        )


def _from_readings(readings: Readings, allocation: Allocation) -> Iterator[Candidate]:
    tensors: dict[str, list[TargetRow]] = {}
    for target in readings.targets:
        if target.module == MODEL or target.listed_because or target.view != "matrix":
            continue
        if target.convention != "theodolite":
            raise ParameterError(
                f"{target.target} was read under the convention {target.convention!r}; a plan needs 'theodolite'"
            )
        tensor = target.target.removeprefix(f"{target.model}:").removesuffix(f"#{target.part}" if target.part else "")
        if allocation.keeps(tensor, target.module):
            tensors.setdefault(tensor, []).append(target)
    for targets in tensors.values():
        first = targets[0]
        if _stacked([target.part for target in targets]):
            continue
        role = first.role if len(targets) == 1 else _packed_role([target.role for target in targets])
        parts = {target.part: ReadValues(readings, target) for target in targets}
        shape = _together([target.shape for target in targets])
        yield Candidate(first.module, role, first.block, shape, parts)


def _packed_role(roles: list[str]) -> str:
    return "qkv" if set(roles) == {"query", "key", "value"} else roles[-1]


def _stacked(parts: Iterable[str]) -> bool:
    return any(part.startswith("expert.") for part in parts)


def _together(shapes: list[tuple[int, ...]]) -> tuple[int, int]:
    return sum(rows for rows, _ in shapes), shapes[0][1]


def all_positive(evidence: Evidence) -> NDArray[np.float64]:
    """Give the eigenvalues of a matrix, none of which may be zero to rounding.

    Parameters
    ----------
    evidence : Evidence
        What is known of it.

    Returns
    -------
    ndarray
        Descending.

    Raises
    ------
    Refusal
        If the smallest is zero to rounding.
    """
    values = evidence.singular_values()
    if not values[0] > 0:
        raise Refusal(Outcome.ALL_ZERO)
    if not values[-1] > evidence.zero * values[0]:
        above = int((values > evidence.zero * values[0]).sum())
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{above} of {values.size}, and the search needs all of them")
    return np.square(values)
