"""Making a plan of smoothing from a checkpoint, or from readings of one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theodolite.act.in_order import in_order, workers
from theodolite.act.smooth.evidence import Measured, Read
from theodolite.act.smooth.plan import MatrixPlan, SmoothPlan
from theodolite.act.smooth.rules import choose
from theodolite.act.smooth.smoothing import Smoothing
from theodolite.act.smooth.traps import cleaned, find_traps
from theodolite.core import ParameterError, Readings, Spectrum, TargetRow, digest
from theodolite.core.progress import Clock, Progress
from theodolite.core.rows import MODEL
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, Matrix, open_checkpoint

_SHUFFLES = 4
"""Decompositions that it takes to see that a matrix has no traps, and to find one."""


def smooth_plan(
    target: Any,
    smoothing: Smoothing | str = "trace_log",
    *,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> SmoothPlan:
    """Decide which singular components of every matrix a smoothed copy would keep.

    Parameters
    ----------
    target : path, Checkpoint, torch.nn.Module or Readings
        A checkpoint, whose spectra are computed; or readings of one model, which hold what the rule needs
        (`trace_log_rank`, `marchenko_pastur`, or eigenvalues).
    smoothing : Smoothing or str
        The rule: ``"trace_log"``, ``"spikes"``, ``"energy"``, ``"rank"`` or ``"none"``.
    jobs : int
        How many matrices are looked at at a time; -1: one per core.
    progress : callable, optional
        Called with a `Progress` after every matrix.
    **options
        Fields of `Smoothing`: ``energy=0.95``, ``rank=64``, ``remove_traps=True``, ``layers="*.mlp.*"``, ``seed=0``.

    Returns
    -------
    SmoothPlan
        What would be done; nothing is written before its `apply`.

    Raises
    ------
    ParameterError
        If an option doesn't fit, no matrix matches `layers`, or readings lack what the rule needs.
    CheckpointError
        If the checkpoint can't be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> place = tempfile.mkdtemp()
    >>> np.savez(f"{place}/net.npz", **{"fc.weight": np.diag([4.0, 2.0, 1.0])})
    >>> plan = smooth_plan(f"{place}/net.npz", "energy", energy=0.9)
    >>> print(plan.matrices[0].explain())
    fc.weight: 2 of 3 components stay with 95.2 % of the energy, because fewer hold less than 0.9 of the energy.
    >>> plan.apply(f"{place}/net.npz", f"{place}/smooth.safetensors").path.name
    'smooth.safetensors'
    """  # noqa: DOC502 - raised by what is called
    described = Smoothing.of(smoothing, **options)
    if isinstance(target, Readings):
        return _from_readings(target, described)
    with ExitStack() as stack:
        checkpoint = target if isinstance(target, Checkpoint) else stack.enter_context(open_checkpoint(target))
        return _from_checkpoint(checkpoint, described, workers(jobs), progress)


@dataclass(frozen=True)
class _Task:
    tensor: str
    part: str
    matrix: Matrix
    smoothing: Smoothing
    cost: float = field(init=False)

    def __post_init__(self) -> None:
        short, long = sorted(float(side) for side in self.matrix.shape)
        decompositions = 1 + _SHUFFLES * self.smoothing.remove_traps
        object.__setattr__(self, "cost", decompositions * (short**2 * long + short**3))


def _from_checkpoint(
    checkpoint: Checkpoint, smoothing: Smoothing, jobs: int, progress: Callable[[Progress], None] | None
) -> SmoothPlan:
    tasks = [
        _Task(name, part, matrix, smoothing)
        for name, weight in checkpoint.items()
        if smoothing.keeps(name, weight.module)
        for part, matrix in weight.matrices().items()
    ]
    if not tasks:
        matching = "" if smoothing.layers is None else f" that matches layers={smoothing.layers!r}"
        raise ParameterError(f"{checkpoint.model} holds no matrix{matching}; nothing would change")
    clock = Clock(len(tasks), sum(task.cost for task in tasks), progress)
    plans = []
    for task, plan in zip(tasks, in_order(_plan, tasks, jobs), strict=True):
        plans.append(plan)
        clock.finished(plan.name, task.cost, computed=True, failed=0)
    return SmoothPlan(checkpoint.model, smoothing, tuple(plans))


def _plan(task: _Task) -> MatrixPlan:
    rows, columns = task.matrix.shape
    with blas_threads(blas_threads_for((rows, columns))):
        matrix: Any = task.matrix
        traps = find_traps(matrix, _stream(task)) if task.smoothing.remove_traps else ()
        choice = choose(Measured(Spectrum(cleaned(matrix, traps))), task.smoothing)
    return MatrixPlan(
        task.tensor, task.part, matrix.role, (rows, columns), choice.rank, choice.energy, choice.reason, traps
    )


def _stream(task: _Task) -> np.random.SeedSequence:
    return np.random.SeedSequence([task.smoothing.seed, int(digest(task.tensor, task.part), 16)])


def _from_readings(readings: Readings, smoothing: Smoothing) -> SmoothPlan:
    if smoothing.remove_traps:
        raise ParameterError("remove_traps: readings don't say which entries are traps; plan from the checkpoint")
    if len(readings.models) != 1:
        raise ParameterError(
            f"target: the readings are of {len(readings.models)} models; choose one with where(model=...)"
        )
    plans = []
    for target in readings.targets:
        tensor = _tensor(target)
        if target.module == MODEL or target.listed_because or not smoothing.keeps(tensor, target.module):
            continue
        if target.view not in {"matrix", "unfold"} or target.convention != "theodolite":
            raise ParameterError(
                f"{target.target} was read in the view {target.view!r} under the convention {target.convention!r}; "
                "a plan needs the view 'unfold' and the convention 'theodolite'"
            )
        rows, columns = target.shape
        choice = choose(Read(readings, target), smoothing)
        plans.append(
            MatrixPlan(tensor, target.part, target.role, (rows, columns), choice.rank, choice.energy, choice.reason)
        )
    if not plans:
        raise ParameterError(f"the readings of {readings.models[0]} hold no matrix to smooth")
    return SmoothPlan(readings.models[0], smoothing, tuple(plans))


def _tensor(target: TargetRow) -> str:
    return target.target.removeprefix(f"{target.model}:").removesuffix(f"#{target.part}" if target.part else "")
