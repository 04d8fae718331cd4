"""Smoothing carried out: tensor by tensor into a copy of the checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from theodolite.act.in_order import in_order, workers
from theodolite.act.smooth.plan import MatrixPlan, SmoothPlan
from theodolite.act.smooth.traps import without_traps
from theodolite.core.progress import Clock, Progress
from theodolite.numerics.blocks import NonFiniteError
from theodolite.numerics.positions import position_scales
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.numerics.truncation import principal_axes, truncated_blocks
from theodolite.sources import Checkpoint, Matrix, Weight, open_checkpoint
from theodolite.sources.copying import destination, write_copy

RECORD = "smoothing.json"
"""The file of a smoothed folder that says what was done to it, and by which it is known as a copy."""


@dataclass(frozen=True)
class Change:
    """How far a smoothed matrix is from what it was.

    Attributes
    ----------
    name : str
        The matrix.
    error : float
        Frobenius norm of the difference, as stored, relative to the matrix (without its traps).
    rounding : float
        The part of it that comes of rounding to the stored type, relative to the same.
    """

    name: str
    error: float
    rounding: float


@dataclass(frozen=True)
class Smoothed:
    """A smoothed copy that was written.

    Attributes
    ----------
    path : Path
        The file or the folder.
    files : tuple of Path
        Every file that was written.
    changes : tuple of Change
        The matrices that are others now, in the order of the plan; the second name of a tied tensor is not listed.
    left_out : mapping of str to str
        Tensors of the source that have no place in the copy (moments of an optimizer), with the reason.
    """

    path: Path
    files: tuple[Path, ...]
    changes: tuple[Change, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def apply(
    plan: SmoothPlan,
    checkpoint: Any,
    path: Path,
    *,
    overwrite: bool,
    jobs: int,
    progress: Callable[[Progress], None] | None,
) -> Smoothed:
    """Write a smoothed copy; see `SmoothPlan.apply`.

    Parameters
    ----------
    plan : SmoothPlan
        What to do.
    checkpoint : path, Checkpoint or torch.nn.Module
        What to copy.
    path : Path
        Where to.
    overwrite : bool
        Whether an earlier copy is replaced.
    jobs : int
        How many tensors at a time.
    progress : callable, optional
        Called after every tensor.

    Returns
    -------
    Smoothed
        What was written.
    """
    with ExitStack() as stack:
        opened = checkpoint if isinstance(checkpoint, Checkpoint) else stack.enter_context(open_checkpoint(checkpoint))
        work = Work(plan, opened, workers(jobs), progress)
        copy = write_copy(opened, path, work.arrays, overwrite=overwrite, beside=work.record, mark=RECORD)
    return Smoothed(copy.path, copy.files, work.changes, copy.left_out)


def check_place(checkpoint: Checkpoint, path: Path, *, overwrite: bool = False) -> None:
    """Refuse a place where a copy may not be written, before anything is computed.

    Parameters
    ----------
    checkpoint : Checkpoint
        What would be copied.
    path : Path
        Where to.
    overwrite : bool
        Whether an earlier copy may be replaced.

    Raises
    ------
    FileExistsError
        If something is there that may not be replaced.
    ValueError
        If it is the checkpoint itself, or lies in its folder.
    """  # noqa: DOC502 - raised by what is called
    destination(checkpoint, path, overwrite=overwrite, mark=RECORD)


class Work:
    """The tensors of one copy, smoothed as they are asked for.

    Parameters
    ----------
    plan : SmoothPlan
        What to do.
    checkpoint : Checkpoint
        What is copied.
    jobs : int
        How many tensors at a time.
    progress : callable, optional
        Called after every tensor.

    Raises
    ------
    ValueError
        If the checkpoint doesn't have the plan's matrices.
    """

    def __init__(
        self, plan: SmoothPlan, checkpoint: Checkpoint, jobs: int, progress: Callable[[Progress], None] | None
    ) -> None:
        self._plan, self._checkpoint, self._jobs, self._progress = plan, checkpoint, jobs, progress
        self._found: dict[str, Change] = {}
        self._todo: dict[str, list[MatrixPlan]] = {}
        for matrix in plan.matrices:
            _check(matrix, checkpoint)
            if matrix.changes:
                self._todo.setdefault(matrix.tensor, []).append(matrix)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was changed of what was asked for so far.

        Returns
        -------
        tuple of Change
            In the order of the plan.
        """
        return tuple(self._found[m.name] for m in self._plan.matrices if m.name in self._found)

    def record(self) -> Mapping[str, bytes]:
        """Write down what was done.

        Returns
        -------
        mapping of str to bytes
            The file `RECORD`.
        """
        changes = {change.name: {"error": change.error, "rounding": change.rounding} for change in self.changes}
        return {RECORD: f"{json.dumps({**self._plan.to_dict(), 'changes': changes}, indent=1)}\n".encode()}

    def arrays(self, weights: Sequence[Weight]) -> Iterator[NDArray[Any] | None]:
        """Smooth tensors, one after the other.

        Parameters
        ----------
        weights : sequence of Weight
            Tensors of the checkpoint.

        Yields
        ------
        numpy.ndarray or None
            What stands in the place of each; None where it stays as it is.
        """
        costs = [self._cost(weight) for weight in weights]
        clock = Clock(len(weights), sum(costs), self._progress)
        for weight, cost, smoothed in zip(weights, costs, in_order(self._smoothed, weights, self._jobs), strict=True):
            array, changes = smoothed
            self._found.update({change.name: change for change in changes})
            yield array
            clock.finished(weight.name, cost, computed=bool(changes), failed=0)

    def _cost(self, weight: Weight) -> float:
        sides = [sorted(float(side) for side in matrix.shape) for matrix in self._todo.get(_first(weight), ())]
        return weight.parameters + sum(short**2 * long + short**3 for short, long in sides)

    def _smoothed(self, weight: Weight) -> tuple[NDArray[Any] | None, list[Change]]:
        todo = self._todo.get(_first(weight))
        if not todo:
            return None, []
        holder = self._checkpoint[_first(weight)]
        array = np.array(holder.array(), order="C")
        matrices = holder.matrices()
        changes = []
        for plan in todo:
            with blas_threads(blas_threads_for(plan.shape)):
                values, change = smooth(matrices[plan.part], plan, balance=self._plan.smoothing.balances)
            matrices[plan.part].put_back(values, array)
            changes.append(change)
        return array, changes


def _first(weight: Weight) -> str:
    # Every name of a tied tensor gets the same content, computed again: nothing is kept in memory for it.
    return weight.tied_to or weight.name


def _check(plan: MatrixPlan, checkpoint: Checkpoint) -> None:
    matrices = checkpoint[plan.tensor].matrices() if plan.tensor in checkpoint else {}
    found = matrices.get(plan.part)
    if found is None or found.shape != plan.shape:
        seen = "no such matrix" if found is None else f"one of {' x '.join(map(str, found.shape))}"
        shape = " x ".join(map(str, plan.shape))
        raise ValueError(f"checkpoint: the plan has {plan.name} of {shape}, and {checkpoint.model} has {seen}")


def smooth(matrix: Matrix, plan: MatrixPlan, *, balance: bool = False) -> tuple[NDArray[Any], Change]:
    r"""Smooth one matrix.

    What stays is the best approximation of its rank k in the sense of Eckart and Young. Of a kernel W whose positions
    are scaled by D to noise of one variance it is that of W D, and scaled back:
    :math:`W_k = (W D)_k D^{-1}`, which of all matrices of rank k has the smallest :math:`\lVert (W - W_k) D \rVert_F`.

    Parameters
    ----------
    matrix : Matrix
        The matrix.
    plan : MatrixPlan
        What of it stays.
    balance : bool
        Whether the positions of an unfolded kernel are scaled to noise of one variance.

    Returns
    -------
    values : numpy.ndarray
        The smoothed matrix in the stored type, entries beyond its range at its end.
    change : Change
        How far it is from what it was.

    Raises
    ------
    ValueError
        If the matrix holds NaN or infinite entries.
    """
    source: Any = without_traps(matrix, plan.traps) if plan.traps else matrix
    if plan.rank >= plan.side:
        return np.array(source), Change(plan.name, 0.0, 0.0)
    try:
        scales = _column_scales(source, matrix.positions) if balance and matrix.positions > 1 else None
        scaled = source if scales is None else np.asarray(source, dtype=np.float64) * scales
        _, axes = principal_axes(scaled)
    except NonFiniteError as error:
        raise ValueError(f"{plan.name}: {error}") from error
    values = np.empty(matrix.shape, dtype=matrix.dtype)
    rows, columns = plan.shape
    turned = values if rows > columns else values.T
    total = off = rounding = 0.0
    for start, block, kept in truncated_blocks(scaled, axes, plan.rank):
        if scales is not None:
            unit = _inverse(scales if rows > columns else scales[start : start + block.shape[0], None])
            block, kept = block * unit, kept * unit
        stored = _rounded(kept, matrix.dtype)
        turned[start : start + block.shape[0]] = stored
        back = stored.astype(np.float64)
        total += float(np.square(block).sum())
        off += float(np.square(back - block).sum())
        rounding += float(np.square(back - kept).sum())
    scale = total or 1.0
    return values, Change(plan.name, math.sqrt(off / scale), math.sqrt(rounding / scale))


def _column_scales(source: Any, positions: int) -> NDArray[np.float64]:
    return np.tile(position_scales(np.asarray(source), positions), source.shape[1] // positions)


def _inverse(scales: NDArray[np.float64]) -> NDArray[np.float64]:
    # A position without weights has the scale 0, and keeps none.
    return np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0.0)


def _rounded(block: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    # Beyond its largest number a narrow type has infinity or NaN, and neither may come of a finite matrix.
    largest = float(ml_dtypes.finfo(dtype).max)
    return np.clip(block, -largest, largest).astype(dtype)
