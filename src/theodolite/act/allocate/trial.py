"""A plan tried against uniform ranks of the same budget, on somebody's own data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.allocate.plan import LayerRank, RankPlan
from theodolite.act.allocate.settings import TrialSettings
from theodolite.core import ParameterError
from theodolite.core.progress import Clock, Progress
from theodolite.numerics.apportion import apportion

Data = tuple[NDArray[Any], NDArray[Any]]
Verdict = Literal["better", "worse", "tie"]


@dataclass(frozen=True)
class TrialRow:
    """What came of one seed.

    Attributes
    ----------
    seed : int
        The seed.
    before : float
        Held-out loss of the model as it was.
    plan, uniform : float
        Held-out loss with the plan's adapter, and with the uniform one.
    """

    seed: int
    before: float
    plan: float
    uniform: float


@dataclass(frozen=True)
class Trial:
    """What a trial found.

    Attributes
    ----------
    plan, uniform : RankPlan
        The two that were trained.
    settings : TrialSettings
        How.
    train, held_out : int
        How many examples were trained on, and how many held out.
    rows : tuple of TrialRow
        One for each seed.
    """

    plan: RankPlan
    uniform: RankPlan
    settings: TrialSettings
    train: int
    held_out: int
    rows: tuple[TrialRow, ...]

    @property
    def differences(self) -> tuple[float, ...]:
        """Loss with the plan minus loss with uniform ranks, by seed; below 0 the plan is better."""
        return tuple(row.plan - row.uniform for row in self.rows)

    @property
    def difference(self) -> float:
        """Their mean."""
        return float(np.mean(self.differences))

    @property
    def interval(self) -> tuple[float, float]:
        r"""Their 95 % interval.

        The seeds share examples, so that their scatter alone tells too little. The variance of the mean is taken as
        :math:`(1/J + n_2/n_1)\,\hat\sigma^2`, with J seeds, :math:`n_1` examples to train on and :math:`n_2` held out
        (Nadeau and Bengio 2003).
        """
        count = len(self.rows)
        spread = float(np.std(self.differences, ddof=1)) * (1 / count + self.held_out / self.train) ** 0.5
        reach = float(stdtrit(count - 1, 0.975)) * spread
        return self.difference - reach, self.difference + reach

    @property
    def verdict(self) -> Verdict:
        """``"better"`` or ``"worse"`` where the interval leaves 0 out, else ``"tie"``."""
        low, high = self.interval
        if high < 0:
            return "better"
        return "worse" if low > 0 else "tie"

    def describe(self) -> str:
        """Say what was tried and what came out.

        Returns
        -------
        str
            Two sentences and a verdict.
        """
        before, plan, uniform = (
            float(np.mean([getattr(row, name) for row in self.rows])) for name in ("before", "plan", "uniform")
        )
        low, high = self.interval
        verdict = {
            "tie": "a tie: this trial shows no difference",
            "better": "the plan did better here",
            "worse": "the plan did worse here",
        }[self.verdict]
        return (
            f"Trained {len(self.rows)} times for {self.settings.steps} steps on {self.train:,} examples: the held-out "
            f"loss, {before:.4f} before, is {plan:.4f} with the plan ({self.plan.parameters:,} parameters) and "
            f"{uniform:.4f} with uniform ranks ({self.uniform.parameters:,}). Difference {self.difference:+.4f}, 95 % "
            f"interval {low:+.4f} to {high:+.4f}: {verdict}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the trial as JSON values.

        Returns
        -------
        dict
            Settings, parameters, the rows, and what follows from them.
        """
        return {
            "settings": dataclasses.asdict(self.settings),
            "parameters": {"plan": self.plan.parameters, "uniform": self.uniform.parameters},
            "train": self.train,
            "held_out": self.held_out,
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "difference": self.difference,
            "interval": list(self.interval),
            "verdict": self.verdict,
        }

    def to_json(self) -> str:
        """Write the trial as JSON.

        Returns
        -------
        str
            Indented by one space.
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)


def uniform_plan(plan: RankPlan) -> RankPlan:
    """Give the plan that spends the same on the same layers, alike for all.

    Parameters
    ----------
    plan : RankPlan
        A plan.

    Returns
    -------
    RankPlan
        Ranks that differ by 1 at most, and never more parameters.

    Raises
    ------
    ParameterError
        If the budget doesn't give every layer rank 1.
    """
    sides, costs = [layer.side for layer in plan.layers], [sum(layer.shape) for layer in plan.layers]
    if plan.parameters < sum(costs):
        raise ParameterError(
            f"plan: {plan.parameters:,} parameters are not rank 1 for all its {len(sides)} layers, which is "
            f"{sum(costs):,}; there is no uniform plan to compare with"
        )
    shared = apportion(np.ones(len(sides)), plan.parameters, costs=costs, caps=sides)
    layers = tuple(
        LayerRank(layer.module, layer.role, layer.block, layer.shape, int(rank), None, "the budget gives all alike")
        for layer, rank in zip(plan.layers, shared.counts, strict=True)
    )
    described = Allocation(plan.parameters, by="uniform")
    return RankPlan(plan.model, described, layers, left_over=shared.remainder)


def try_plan(
    plan: RankPlan,
    factory: Callable[[], Any],
    data: Data,
    *,
    settings: TrialSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Trial:
    """Train adapters by a plan and by uniform ranks of the same budget, and compare them on held-out examples.

    For every seed both start from the same model, see the same examples in the same order, and are judged on the same
    held-out ones. Only the adapters are trained.

    Parameters
    ----------
    plan : RankPlan
        The plan.
    factory : callable
        Takes nothing and gives the `torch.nn.Module` to adapt, with its weights. What it gives is called with a batch
        of inputs and gives logits (or an object with ``logits``).
    data : tuple of ndarray
        Inputs and targets, by example. Targets that are whole numbers are classes and the loss is cross-entropy; the
        loss of others is the squared error.
    settings : TrialSettings, optional
        How to train.
    progress : callable, optional
        Called with a `Progress` after every training.

    Returns
    -------
    Trial
        The losses, their paired difference with its interval, and the verdict.

    Raises
    ------
    ParameterError
        If the plan is none of adapters, the model doesn't have its layers, the data don't fit, or a loss is not finite.
    ModuleNotFoundError
        If torch or peft is not installed.
    """  # noqa: DOC502 - raised by what is called
    from theodolite.act.allocate.training import Adapted, split

    if plan.allocation.method == "welore":
        raise ParameterError("plan: WeLore's ranks say what stays of a matrix, which training adapters can't judge")
    chosen = settings or TrialSettings()
    uniform = uniform_plan(plan)
    train, held_out = split(data, 0, chosen.hold_out)
    clock = Clock(2 * chosen.seeds, 2.0 * chosen.seeds, progress)
    rows = []
    for seed in range(chosen.seeds):
        parts = split(data, seed, chosen.hold_out)
        losses: dict[str, float] = {}
        for name, each in (("plan", plan), ("uniform", uniform)):
            adapted = Adapted(factory, each, chosen, seed)
            losses.setdefault("before", adapted.loss(parts[1]))
            adapted.train(parts[0])
            losses[name] = adapted.loss(parts[1])
            clock.finished(f"{name}, seed {seed}", 1.0, computed=True, failed=0)
        rows.append(TrialRow(seed, **losses))
    return Trial(plan, uniform, chosen, _count(train), _count(held_out), tuple(rows))


def _count(part: Sequence[Any]) -> int:
    return len(part[0])
