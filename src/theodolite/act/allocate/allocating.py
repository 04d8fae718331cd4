"""Making a plan of ranks from a checkpoint, or from readings of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.allocate.evidence import Candidate, candidates
from theodolite.act.allocate.plan import BlockExperts, LayerRank, RankPlan
from theodolite.act.allocate.scores import name_of, score
from theodolite.act.allocate.welore import adaptive_ranks
from theodolite.act.in_order import in_order, workers
from theodolite.core import ParameterError, Readings, Refusal
from theodolite.core.progress import Clock, Progress
from theodolite.numerics.apportion import Apportionment, BudgetError, apportion
from theodolite.numerics.blocks import MagnitudeError, NonFiniteError
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, open_checkpoint

T = TypeVar("T")


def allocate(
    target: Any,
    *,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> RankPlan:
    """Share a budget of rank out among the layers of a model.

    Parameters
    ----------
    target : Readings, path, Checkpoint or torch.nn.Module
        Readings of one model, as `theodolite.read_run` gives them, which hold what the method needs; or a checkpoint,
        whose spectra are computed.
    jobs : int
        How many layers are looked at at a time; -1: one per core.
    progress : callable, optional
        Called with a `Progress` after every layer.
    **options
        Fields of `Allocation`: ``budget=100_000``, ``by="alpha"``, ``method="proportional"``, ``unit="mean_rank"``,
        ``alpha="released"``, ``beta=2.5``, ``floor=1``, ``layers="*.mlp.*"``.

    Returns
    -------
    RankPlan
        What every layer would get, and why.

    Raises
    ------
    ParameterError
        If an option doesn't fit, the budget can't be met, no layer matches, or readings lack what is needed.
    CheckpointError
        If the checkpoint can't be read.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> weights = {f"layers.{i}.mlp.up.weight": np.diag(np.arange(1.0, 10 + i)) for i in range(2)}
    >>> readings = td.survey(weights, ["effective_rank"])
    >>> plan = allocate(readings, by="effective_rank", budget=8, unit="mean_rank")
    >>> [layer.rank for layer in plan.layers]
    [8, 8]
    """  # noqa: DOC502 - raised by what is called
    described = Allocation.of(options)
    if isinstance(target, Readings):
        return _plan(target, described, workers(jobs), progress)
    if isinstance(target, str | Path) and (Path(target) / "survey.json").is_file():
        raise ParameterError(f"target: {target} is a run; pass theodolite.read_run({str(target)!r})")
    with ExitStack() as stack:
        checkpoint = target if isinstance(target, Checkpoint) else stack.enter_context(open_checkpoint(target))
        return _plan(checkpoint, described, workers(jobs), progress)


def _plan(
    target: Checkpoint | Readings, allocation: Allocation, jobs: int, progress: Callable[[Progress], None] | None
) -> RankPlan:
    layers = candidates(target, allocation)
    model = target.models[0] if isinstance(target, Readings) else target.model
    if allocation.method == "welore":
        values = list(_each(_singular_values, layers, jobs, progress))
        ranks, threshold = adaptive_ranks(layers, values, allocation)
        return RankPlan(model, allocation, ranks, threshold=threshold)
    scored = list(_each(partial(score, allocation=allocation), layers, jobs, progress))
    if allocation.method == "alphalora":
        return _experts(model, layers, scored, allocation)
    return _proportional(model, layers, scored, allocation)


def _each(
    function: Callable[[Candidate], T],
    layers: Sequence[Candidate],
    jobs: int,
    progress: Callable[[Progress], None] | None,
) -> Iterable[T]:
    def task(layer: Candidate) -> T:
        with blas_threads(blas_threads_for(layer.shape)):
            return function(layer)

    clock = Clock(len(layers), sum(layer.cost for layer in layers), progress)
    for layer, answer in zip(layers, in_order(task, layers, jobs), strict=True):
        clock.finished(layer.module, layer.cost, computed=True, failed=0)
        yield answer


def _singular_values(layer: Candidate) -> NDArray[np.float64]:
    (matrix,) = layer.parts.values()
    try:
        return matrix.singular_values()
    except (NonFiniteError, MagnitudeError, Refusal) as error:
        raise ParameterError(f"{layer.module}: {error}; leave it out with layers=...") from error


def _proportional(
    model: str, layers: Sequence[Candidate], scored: Sequence[tuple[float | None, str]], allocation: Allocation
) -> RankPlan:
    sides = [min(layer.shape) for layer in layers]
    each = [sum(layer.shape) if allocation.unit == "parameters" else 1 for layer in layers]
    budget = int(allocation.budget * (1 if allocation.unit == "parameters" else len(layers)) + 1e-9)
    weights = _weights([value for value, _ in scored], allocation, scored[0][1])
    floors = [min(allocation.floor, side) for side in sides]
    shared = _shared(weights, budget, allocation, costs=each, floors=floors, caps=sides)
    ranks = [
        LayerRank(
            layer.module,
            layer.role,
            layer.block,
            layer.shape,
            int(rank),
            None if allocation.by == "uniform" else value,
            f"{_asks(value, why, allocation)} {_rounded(float(share), int(rank), floor, side)}",
        )
        for layer, (value, why), rank, share, floor, side in zip(
            layers, scored, shared.counts, shared.shares, floors, sides, strict=True
        )
    ]
    return RankPlan(model, allocation, tuple(ranks), left_over=shared.remainder)


def _experts(
    model: str, layers: Sequence[Candidate], scored: Sequence[tuple[float | None, str]], allocation: Allocation
) -> RankPlan:
    found: dict[int, list[float]] = {layer.block: [] for layer in layers if layer.block is not None}
    for layer, (value, _) in zip(layers, scored, strict=True):
        if layer.block is not None and value is not None:
            found[layer.block].append(value)
    order = sorted(found)
    means = [float(np.mean(found[block])) if found[block] else None for block in order]
    weights = _weights(means, allocation, scored[0][1])
    shared = _shared(weights, int(allocation.budget), allocation, floors=[allocation.floor] * len(order))
    told = dict(zip(order, means, strict=True))
    known = [mean for mean in means if mean is not None]
    blocks = {
        block: BlockExperts(
            block,
            told[block] or float(np.mean(known)),
            float(share),
            int(count),
            _mean_of(len(found[block]), told[block], allocation)
            + f" {_rounded(float(share), int(count), allocation.floor, None)}",
        )
        for block, share, count in zip(order, shared.shares, shared.counts, strict=True)
    }
    ranks = [
        _adapter(layer, value, blocks[layer.block], allocation)
        for layer, (value, _) in zip(layers, scored, strict=True)
        if layer.block is not None
    ]
    return RankPlan(model, allocation, tuple(ranks), tuple(blocks[block] for block in order), shared.remainder)


def _adapter(layer: Candidate, value: float | None, block: BlockExperts, allocation: Allocation) -> LayerRank:
    each = allocation.expert_rank or 1
    side, wanted = min(layer.shape), block.experts * each
    noun = "expert" if block.experts == 1 else "experts"
    verb = "makes" if block.experts == 1 else "make"
    reason = f"{block.experts} {noun} of rank {each} {verb} one adapter of rank {wanted} without a router"
    reason += f", and {side} is the most it can have" if wanted > side else ""
    return LayerRank(layer.module, layer.role, layer.block, layer.shape, min(wanted, side), value, reason)


def _weights(values: Sequence[float | None], allocation: Allocation, cause: str) -> NDArray[np.float64]:
    known = [value for value in values if value is not None]
    if not known:
        remedy = "choose another alpha" if allocation.method == "alphalora" else "choose another"
        problem = f"by is {allocation.by!r}, and of no layer the {name_of(allocation)} is known"
        raise ParameterError(f"{problem}, since {_clause(cause)}; {remedy}")
    # Whoever has no answer gets the mean: to fail a measurement is no merit, and no fault.
    mean = float(np.mean(known))
    filled = np.array([mean if value is None else value for value in values])
    return np.asarray((filled / filled.max()) ** (1.0 if allocation.beta is None else allocation.beta))


def _shared(weights: NDArray[np.float64], budget: int, allocation: Allocation, **bounds: Any) -> Apportionment:
    try:
        return apportion(weights, budget, **bounds)
    except BudgetError as error:
        what = {"parameters": "parameters", "mean_rank": "ranks in all", "experts": "experts"}[allocation.unit or ""]
        if error.budget < error.least:
            raise ParameterError(
                f"budget is {error.budget:,} {what}, and a floor of {allocation.floor} for all {weights.size} takes "
                f"{error.least:,}; raise it, lower floor, or name fewer layers"
            ) from error
        raise ParameterError(
            f"budget is {error.budget:,} {what}, and {error.most:,} is all that {weights.size} matrices hold; lower it"
        ) from error


def _asks(value: float | None, why: str, allocation: Allocation) -> str:
    if allocation.by == "uniform":
        return "the budget gives all alike"
    if value is None:
        cause = _clause(why)
        return f"of its {name_of(allocation)} nothing is known, since {cause}, and the mean of the others asks for"
    return f"its {name_of(allocation)} {value:.4g} asks for"


def _mean_of(count: int, mean: float | None, allocation: Allocation) -> str:
    if mean is None:
        return f"of the {name_of(allocation)} of its layers nothing is known, and the mean of the other blocks asks for"
    layers = "its one layer" if count == 1 else f"its {count} layers"
    return f"the mean {name_of(allocation)} of {layers} is {mean:.4g}, which asks for"


def _rounded(share: float, count: int, floor: int, cap: int | None) -> str:
    if abs(share - round(share)) < 1e-6:
        whole = round(share)
        more = ", and gets one more of what would be left over" if count > whole else ""
        if whole == floor and whole > 0:
            return f"no more than {whole}, the least{more}"
        return f"{whole}" + (", all there is" if whole == cap else more)
    return f"{share:.2f}, rounded {'up' if count > share else 'down'}"


def _clause(reason: str) -> str:
    return reason[:1].lower() + reason[1:]
