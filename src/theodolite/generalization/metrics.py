"""All 28 metrics in one call."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

from theodolite.core import Outcome, Refusal
from theodolite.core.progress import Progress
from theodolite.generalization.batches import Batches
from theodolite.generalization.bounds import adjusted, log_over_margin, log_sum, pacbayes, pacbayes_by_magnitude
from theodolite.generalization.definitions import METRICS, Definition
from theodolite.generalization.evaluation import check_not_empty
from theodolite.generalization.evidence import Evidence
from theodolite.generalization.folding import foldings
from theodolite.generalization.layers import layers_of
from theodolite.generalization.means import layer_means
from theodolite.generalization.network import copied, epsilon_of
from theodolite.generalization.result import GeneralizationMetrics, Metric
from theodolite.generalization.settings import MetricSettings
from theodolite.sources import Checkpoint
from theodolite.surveys.targets import opened


def generalization_metrics(
    checkpoint: Any,
    init: Any = None,
    model: Any = None,
    data: Any = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> GeneralizationMetrics:
    """Take the 28 metrics that have been asked how well a network will do on data it has not seen.

    What is missing for a metric is said in its place, and the others are taken.

    Parameters
    ----------
    checkpoint : path, Checkpoint, Mapping of str to array, or torch.nn.Module
        The weights after training. A module is its own `model`.
    init : path, Checkpoint, Mapping of str to array, or torch.nn.Module, optional
        The same weights before training, for distances and bounds.
    model : torch.nn.Module, optional
        A module of the architecture, for everything that runs the network. It is copied, the copy takes the
        checkpoint's weights, and the module itself is left as it is.
    data : tuple, mapping or iterable, optional
        ``(inputs, targets)``, or batches of them, best a sample of the training data: targets are the numbers of
        classes, of shape (n,) for logits (n, classes), or (n, positions) for logits (n, positions, vocabulary); -100
        stands for no target.
    progress : callable, optional
        Called with a `Progress` after every matrix.
    **options
        Fields of `MetricSettings`: ``samples=50000``, ``convention="authors"``, ``seed=1``.

    Returns
    -------
    GeneralizationMetrics
        A mapping from the authors' names to numbers, or to the reason why there is none.

    Raises
    ------
    CheckpointError
        If a checkpoint can't be read.
    ParameterError
        If an option, `model` or `data` doesn't fit.
    TypeError
        If `model` is no module.
    ValueError
        If `init` doesn't fit the checkpoint, or the logits don't fit the targets.

    Examples
    --------
    >>> import numpy as np
    >>> metrics = generalization_metrics({"a.weight": np.diag([3.0, 4.0])}, init={"a.weight": np.diag([3.0, 1.0])})
    >>> metrics["PARAM_NORM"].value, metrics["FRO_DIST"].value
    (5.0, 3.0)
    >>> metrics["PL_alpha"].outcome.name, metrics["PL_alpha"].left_out
    ('NO_LAYER', {'a.weight': 'TOO_FEW_EIGENVALUES'})
    """  # noqa: DOC502 - raised by what is called
    settings = MetricSettings.of(**options)
    if model is None and callable(getattr(checkpoint, "named_parameters", None)):
        model = checkpoint
    with ExitStack() as stack:
        weights = _one(checkpoint, stack)
        start = None if init is None else _one(init, stack)
        batches = [] if data is None else list(Batches(data, batch_size=settings.batch_size))
        if data is not None:
            check_not_empty(len(batches))
        folded = tuple(
            {} if one is None else foldings(one, lambda norm: epsilon_of(model, norm)) for one in (weights, start)
        )
        evidence = Evidence(
            layers_of(weights, start, settings.convention, folded),
            layer_means(weights, settings.convention, progress),
            settings,
            folded[0],
            None if model is None else copied(model, None if model is checkpoint else weights),
            batches,
        )
        given = {"init": start is not None, "model": model is not None, "data": data is not None}
        metrics = tuple(_metric(definition, evidence, given) for definition in METRICS.values())
    done = evidence.known("performance")
    return GeneralizationMetrics(
        model=weights.model,
        settings=settings,
        samples=evidence.samples,
        layers=len(evidence.layers),
        parameters=evidence.weights,
        metrics=metrics,
        margin=getattr(done, "margin", None),
        accuracy=getattr(done, "accuracy", None),
        loss=getattr(done, "loss", None),
        sigma=evidence.known("sigma"),
        magnitude_sigma=evidence.known("magnitude_sigma"),
        folded={tensor: folding.norm for tensor, folding in folded[0].items()},
    )


def _one(target: Any, stack: ExitStack) -> Checkpoint:
    if isinstance(target, list | tuple):
        raise TypeError("checkpoint: expected one network, got a list; take the metrics of each")
    (checkpoint,) = opened(target, stack).values()
    return checkpoint


_LACKING = MappingProxyType({"init": Outcome.NEEDS_INIT, "model": Outcome.NEEDS_MODEL, "data": Outcome.NEEDS_DATA})


def _metric(definition: Definition, evidence: Evidence, given: Mapping[str, bool]) -> Metric:
    name = definition.name
    lacking = [need for need in definition.needs if not given[need]]
    if lacking:
        outcome = _LACKING[lacking[0]]
        if lacking[0] == "model" and importlib.util.find_spec("torch") is None:
            outcome = Outcome.NEEDS_TORCH
        return Metric(name, None, outcome, f"not given: {', '.join(lacking)}" if len(lacking) > 1 else "")
    left_out = {layer: outcome.name for layer, outcome in evidence.means.left_out.get(name, {}).items()}
    try:
        value = _FORMULAS[name](evidence) if definition.adjusted else evidence.means.mean(name)
        if definition.adjusted:
            value = adjusted(value, evidence.samples, logarithmic=definition.logarithmic)
        if not math.isfinite(value):
            raise Refusal(Outcome.OUT_OF_RANGE, "the result is beyond the range of float64")
    except Refusal as refusal:
        return Metric(name, None, refusal.outcome, refusal.detail, None, left_out)
    if definition.adjusted:
        return Metric(name, value, layers=len(evidence.layers) if definition.over_layers else None)
    return Metric(name, value, layers=len(evidence.means.values[name]), left_out=left_out)


def _spec(evidence: Evidence) -> float:
    return log_over_margin(evidence.norms.spectral, evidence.margin)


def _fro(evidence: Evidence) -> float:
    return log_over_margin(evidence.norms.frobenius, evidence.margin)


def _by_magnitude(evidence: Evidence, square: float) -> float:
    ways = (layer.way() for layer in evidence.layers)
    return pacbayes_by_magnitude(square, ways, evidence.weights, evidence.magnitude_sigma, evidence.samples)


_FORMULAS: Mapping[str, Callable[[Evidence], float]] = MappingProxyType(
    {
        "PARAM_NORM": lambda e: math.fsum(e.norms.frobenius),
        "FRO_DIST": lambda e: math.fsum(e.ways.frobenius),
        "DIST_SPEC_INIT": lambda e: math.fsum(e.ways.spectral),
        "PATH_NORM": lambda e: e.path_norm,
        "INVERSE_MARGIN": lambda e: 1.0 / e.margin**2,
        "LOG_PROD_OF_SPEC_OVER_MARGIN": _spec,
        "LOG_SUM_OF_SPEC_OVER_MARGIN": lambda e: log_sum(_spec(e), len(e.layers)),
        "LOG_PROD_OF_FRO_OVER_MARGIN": _fro,
        "LOG_SUM_OF_FRO_OVER_MARGIN": lambda e: log_sum(_fro(e), len(e.layers)),
        "PATH_NORM_OVER_MARGIN": lambda e: e.path_norm / e.margin**2,
        "PACBAYES_INIT": lambda e: pacbayes(math.fsum(e.ways.frobenius), e.sigma, e.samples),
        "PACBAYES_ORIG": lambda e: pacbayes(math.fsum(e.norms.frobenius), e.sigma, e.samples),
        "PACBAYES_FLATNESS": lambda e: 1.0 / e.sigma**2,
        "PACBAYES_MAG_INIT": lambda e: _by_magnitude(e, math.fsum(e.ways.frobenius)),
        "PACBAYES_MAG_ORIG": lambda e: _by_magnitude(e, math.fsum(e.norms.frobenius)),
        "PACBAYES_MAG_FLATNESS": lambda e: 1.0 / e.magnitude_sigma**2,
    }
)
"""The metrics that norms, margins and noise levels make, before the adjustment to the number of samples."""
