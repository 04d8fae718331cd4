"""The metrics that are means over layers of a measure of the spectrum."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from theodolite.core import Missing, Outcome, Refusal, Spectrum, to_numpy
from theodolite.core.progress import Clock, Progress
from theodolite.generalization.settings import Convention
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, Matrix

Measures = Mapping[Callable[[Spectrum], Any], Mapping[str, str]]
"""By the call that gives them: from the name of a metric to the field, empty for a measure that has one number."""


@dataclass
class LayerMeans:
    """Numbers of the layers, metric by metric.

    Attributes
    ----------
    values : dict of str to list of float
        The numbers that there are.
    left_out : dict of str to dict of str to Outcome
        The layers without one, and why.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    left_out: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def take(self, metric: str, layer: str, answer: Any) -> None:
        """Note what a layer gave.

        Parameters
        ----------
        metric, layer : str
            Their names.
        answer : array, Missing or Refusal
            A number, or why there is none.
        """
        if isinstance(answer, Missing | Refusal):
            self.left_out.setdefault(metric, {})[layer] = answer.outcome
        else:
            self.values.setdefault(metric, []).append(float(to_numpy(getattr(answer, "value", answer))))

    def mean(self, metric: str) -> float:
        """Average a metric over the layers that have it.

        Parameters
        ----------
        metric : str
            Its name.

        Returns
        -------
        float
            The mean, each layer counting alike.

        Raises
        ------
        Refusal
            If no layer has it.
        """
        numbers = self.values.get(metric, [])
        if not numbers:
            causes = sorted({outcome.name for outcome in self.left_out.get(metric, {}).values()})
            raise Refusal(Outcome.NO_LAYER, f"{len(self.left_out.get(metric, {}))} layers: {', '.join(causes)}")
        return math.fsum(number / len(numbers) for number in numbers)


def layer_means(
    checkpoint: Checkpoint, convention: Convention, progress: Callable[[Progress], None] | None = None
) -> LayerMeans:
    """Measure the spectrum of every matrix.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights.
    convention : {"theodolite", "authors"}
        ``"authors"``: matrices and fits of WeightWatcher, and the rate of the truncated law as ``EXP_lambda``.
    progress : callable, optional
        Called with a `Progress` after every matrix.

    Returns
    -------
    LayerMeans
        What every layer gave.
    """
    tasks = list(_matrices(checkpoint, convention))
    clock = Clock(len(tasks), sum(_cost(matrix) for _, matrix in tasks), progress)
    measures, found = _measures(convention), LayerMeans()
    for name, matrix in tasks:
        spectrum = matrix.spectrum()
        with blas_threads(blas_threads_for(matrix.shape)):
            for call, fields in measures.items():
                answer = _answer(call, spectrum)
                for metric, part in fields.items():
                    found.take(metric, name, getattr(answer, part) if part and _has(answer) else answer)
        clock.finished(name, _cost(matrix), computed=True, failed=0)
    return found


def _matrices(checkpoint: Checkpoint, convention: Convention) -> Iterator[tuple[str, Matrix]]:
    for name, weight in checkpoint.items():
        parts = weight.matrices(convention="weightwatcher" if convention == "authors" else "theodolite")
        for part, matrix in parts.items():
            yield (f"{name}#{part}" if part else name), matrix


def _cost(matrix: Matrix) -> float:
    short, long = sorted(float(side) for side in matrix.shape[-2:])
    return short**2 * long + short**3


def _has(answer: Any) -> bool:
    return not isinstance(answer, Refusal)


def _answer(call: Callable[[Spectrum], Any], spectrum: Spectrum) -> Any:
    try:
        return call(spectrum)
    except Refusal as refusal:
        return refusal


def _measures(convention: Convention) -> Measures:
    from theodolite import spectra

    whose: Literal["weightwatcher", "theodolite"] = "weightwatcher" if convention == "authors" else "theodolite"
    peaked = {"E_TPL_beta": "beta", "E_TPL_lambda": "rate", "E_TPL_KS_distance": "distance"}
    measures: dict[Callable[[Spectrum], Any], Mapping[str, str]] = {
        spectra.log_norm: {"log_norm": ""},
        spectra.log_spectral_norm: {"log_spectral_norm": ""},
        spectra.stable_rank: {"stable_rank": ""},
        lambda s: spectra.marchenko_pastur(s, convention=whose): {"mp_softrank": "soft_rank"},
        lambda s: spectra.power_law(s, convention=whose): {"PL_alpha": "alpha", "PL_KS_distance": "distance"},
        lambda s: spectra.alpha_hat(s, convention=whose): {"alpha_weighted": ""},
        lambda s: spectra.log_alpha_norm(s, convention=whose): {"log_alpha_norm": ""},
    }
    law: Literal["powerlaw", "theodolite"] = "powerlaw" if convention == "authors" else "theodolite"
    measures[lambda s: spectra.truncated_power_law(s, xmin="peak", convention=law)] = peaked
    if convention == "authors":
        # What the released notebook prints for the exponential is the rate of the truncated power law.
        peaked["EXP_lambda"] = "rate"
    else:
        measures[lambda s: spectra.exponential_tail(s, xmin="peak")] = {"EXP_lambda": "rate"}
    return measures
