"""Gradients of single examples, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from theodolite.core import Outcome, ParameterError, ReadingRow, Readings, canonical_json, digest
from theodolite.core.progress import Clock, Progress
from theodolite.generalization.batches import Batches
from theodolite.generalization.evaluation import check_not_empty
from theodolite.sources import Recorder
from theodolite.sources.running import evaluating
from theodolite.valuation.passes import Loss, cross_entropy, dealt_anew, losses, with_target
from theodolite.valuation.sample import NUCLEAR_NORM, GradientSample, Key, Tally
from theodolite.valuation.settings import GradientSettings
from theodolite.valuation.targets import GradientTargets

MEASURE = "gradient"
_VERSION = 1


def gradients(
    model: Any,
    data: Any,
    *,
    layers: str | None = None,
    loss: Loss | None = None,
    name: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Readings:
    r"""Read the gradients that single examples make in the linear layers of a model.

    For an example x and a weight W with gradient :math:`G_x = \partial\,\mathrm{loss}(x)/\partial W` and its singular
    values s: the nuclear norm :math:`\sum_i s_i`, the effective rank :math:`\exp(-\sum_i p_i\ln p_i)` with
    :math:`p_i = s_i/\sum_j s_j`, and cosines of :math:`G_x` with the gradients of the other projections of the same
    attention and of the same matrix in the next block. The numbers are of one example each; then come their mean and
    its standard error over examples. No gradient is ever made: :math:`G_x = D^\top A` is measured through its factors,
    the inputs of the layer and the gradients at its outputs.

    Beside every number stands the same number where the targets have nothing to do with the inputs (see
    `GradientSettings`): what examples of these very lengths give whatever they say.

    Parameters
    ----------
    model : torch.nn.Module
        The model, on any device. Its parameters, their ``.grad`` and its mode stay as they are.
    data : tuple, mapping or iterable
        ``(inputs, targets)``, or batches of them, which are held in memory. For the loss that is built in, targets are
        whole numbers, of the shape of the logits without the last axis; -100 where none counts.
    layers : str, optional
        Which layers, as ``"*attention*"``; all linear ones where none are named. Alternatives are separated by commas.
    loss : callable, optional
        From what the model gives and the targets to a loss for each example; by default the mean cross entropy over
        the positions of an example that count.
    name : str, optional
        Name of the model in the readings; by default that of its class.
    progress : callable, optional
        Called with a `Progress` after every batch.
    **options
        Fields of `GradientSettings`: ``null="none"``, ``examples=200``, ``batch_size=8``, ``seed=1``.

    Returns
    -------
    Readings
        Of the measure ``gradient``: for every matrix ``nuclear_norm``, ``effective_rank``, ``query_cosine``,
        ``key_cosine``, ``value_cosine``, ``output_cosine``, ``next_block_cosine``, with `se`, and in `chance` the
        median over the draws of the null; for the whole model ``loss`` and ``examples``. ``readings.array(row)`` gives
        the numbers of the single examples.

    Raises
    ------
    ParameterError
        If an option or the data don't fit, or there is no gradient to look at.
    TypeError
        If the model is no module.
    ValueError
        If a loss or a gradient is not finite, or logits and targets don't go together.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    >>> found = gradients(net, (torch.ones(5, 3), torch.zeros(5, dtype=torch.long)))
    >>> found.pivot("gradient.effective_rank").round(6).squeeze().tolist()
    [1.0, 1.0]
    """  # noqa: DOC502 - raised by what is called
    started = time.perf_counter()
    settings = GradientSettings.of(**options)
    with evaluating(model):
        targets = GradientTargets.of(model, layers, name)
        batches = _first(Batches(data, batch_size=settings.batch_size), settings.examples)
        clock = Clock(len(batches) * settings.passes, float(len(batches) * settings.passes), progress)
        run = _Run(model, targets, loss or cross_entropy, settings, clock)
        true = run.over(batches)
        nulls = []
        rng = np.random.default_rng(settings.seed)
        for _ in range(settings.passes - 1):
            dealt = dealt_anew([wanted for _, wanted in batches], rng)
            nulls.append(run.over([(inputs, new) for (inputs, _), new in zip(batches, dealt, strict=True)]))
    columns = {
        "params": canonical_json(
            {
                "draws": len(nulls),
                "examples": true.sample.count,
                "loss": getattr(loss or cross_entropy, "__name__", type(loss).__name__),
                "null": settings.null,
            }
        ),
        "seed": settings.seed,
        "version": _VERSION,
        "device": str(next(model.parameters()).device),
        "seconds": time.perf_counter() - started,
    }
    return _readings(true, nulls, columns)


@dataclass(frozen=True)
class _Passed:
    """What one pass over the data gave."""

    sample: GradientSample
    losses: Tally


@dataclass(frozen=True)
class _Run:
    """A model that examples are sent through."""

    model: Any
    targets: GradientTargets
    loss: Loss
    settings: GradientSettings
    clock: Clock

    def over(self, batches: Sequence[tuple[Any, Any]]) -> _Passed:
        """Send all examples through."""
        import torch

        sample = GradientSample(self.targets)
        seen: list[float] = []
        counted: list[bool] = []
        with torch.inference_mode(False), torch.enable_grad(), Recorder(self.model, self.targets.layers) as recorder:
            for inputs, wanted in batches:
                each = losses(self.model, inputs, wanted, self.loss)
                if recorder.edges and each.requires_grad:
                    # To the outputs of the layers and no further: no parameter gets a gradient.
                    torch.autograd.grad(each.sum(), recorder.edges, allow_unused=True)
                left = len(wanted) if self.settings.examples is None else self.settings.examples - sample.count
                for factors in islice(recorder.examples(len(wanted)), left):
                    sample.update(factors)
                seen += each[:left].tolist()
                # A loss of one's own may give -100 a meaning.
                counted += [True] * len(each[:left]) if self.loss is not cross_entropy else with_target(wanted)[:left]
                del each
                self.clock.finished(self.targets.model, 1.0, computed=True, failed=0)
        counting = np.flatnonzero(counted)
        numbers = np.asarray(seen, dtype=np.float64)[counting]
        return _Passed(sample, Tally(numbers, counting, len(seen), reached=True))


def _first(batches: Batches, examples: int | None) -> list[tuple[Any, Any]]:
    """Take as many batches as hold the first examples."""
    taken: list[tuple[Any, Any]] = []
    count = 0
    for inputs, wanted in batches:
        if not getattr(wanted, "ndim", 0):
            raise ParameterError("data: the targets of a batch have no axis of examples; give an array of them")
        taken.append((inputs, wanted))
        count += len(wanted)
        if examples is not None and count >= examples:
            break
    check_not_empty(count)
    return taken


def _readings(true: _Passed, nulls: Sequence[_Passed], columns: Mapping[str, Any]) -> Readings:
    targets = true.sample.targets
    whole = targets.whole
    prints = {target.row.target: target.row.fingerprint for target in targets.measured}
    tallies = true.sample.view()
    beside = [null.sample.view() for null in nulls]
    rows = [_row(key, tally, [null[key] for null in beside], columns, prints) for key, tally in tallies.items()]
    loss: Key = (whole.target, "loss", "")
    rows.append(_row(loss, true.losses, [null.losses for null in nulls], columns, prints))
    count = float(true.sample.count)
    rows.append(ReadingRow(target=whole.target, measure=MEASURE, field="examples", value=count, **columns))
    arrays = {_reference(key): tally.values for key, tally in {**tallies, loss: true.losses}.items()}
    order = {target.row.target: place for place, target in enumerate(targets.measured)}
    rows.sort(key=lambda row: order.get(row.target, len(order)))
    return Readings([*(target.row for target in targets.measured), *targets.listed, whole], rows, arrays.__getitem__)


def _row(
    key: Key, tally: Tally, nulls: Sequence[Tally], columns: Mapping[str, Any], prints: Mapping[str, str]
) -> ReadingRow:
    target, field, against = key
    named: dict[str, Any] = {"target": target, "measure": MEASURE, "field": field, "against": against, **columns}
    content = (prints.get(target, ""), prints.get(against, ""))
    named["key"] = digest(*content, MEASURE, field, str(columns["params"]), str(columns["seed"]), str(_VERSION))
    named["unit"] = {NUCLEAR_NORM: "loss/weight", "effective_rank": "dimensions", "loss": "nats"}.get(field, "1")
    if not tally.reached:
        return ReadingRow(**named, outcome=Outcome.NO_GRADIENT.name)
    none, some = Outcome.ALL_ZERO, Outcome.SOME_WITHOUT_GRADIENT
    if field == "loss":
        none, some = Outcome.NO_TARGET, Outcome.SOME_WITHOUT_TARGET
    if tally.mean is None:
        return ReadingRow(**named, outcome=none.name, note=f"all {tally.total} examples")
    lacking = tally.total - tally.values.size
    doubt: dict[str, str] = {"outcome": some.name, "note": f"{lacking} of {tally.total}"} if lacking else {}
    return ReadingRow(
        **{**named, **doubt, **_standing(tally.mean, nulls)}, value=tally.mean, se=tally.se, array=_reference(key)
    )


def _standing(value: float, nulls: Sequence[Tally]) -> dict[str, float]:
    means = [null.mean for null in nulls if null.mean is not None]
    if not means:
        return {}
    standing = {"chance": float(np.median(means))}
    if len(means) > 1:
        standing["percentile"] = 100.0 * float(np.mean([mean < value for mean in means]))
    return standing


def _reference(key: Key) -> str:
    return "gradients#" + "|".join(key)
