"""The 28 metrics of one network, each a number or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theodolite.core import Outcome, closest
from theodolite.generalization.definitions import METRICS, Kind, Need
from theodolite.generalization.settings import MetricSettings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Metric:
    """One metric.

    All 28 have been proposed with the same sign: lower is said to go with a better network, so that a positive rank
    correlation with the test error speaks for the metric, and a negative one against it.

    Attributes
    ----------
    name : str
        The authors' name.
    value : float or None
        The number, finite; None where there is none.
    outcome : Outcome or None
        Why there is none.
    detail : str
        What was seen, or what the number was made of.
    layers : int or None
        How many layers entered, for a sum or a mean over layers.
    left_out : mapping of str to str
        Layers that gave no number and were left out of the mean, with the name of the outcome.
    """

    name: str
    value: float | None
    outcome: Outcome | None = None
    detail: str = ""
    layers: int | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """``"scale"``, ``"shape"`` or ``"hybrid"``."""
        return METRICS[self.name].kind

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it needs besides the weights: ``"init"``, ``"model"``, ``"data"``."""
        return METRICS[self.name].needs

    @property
    def formula(self) -> str:
        """Its definition in a line."""
        return METRICS[self.name].formula

    @property
    def reason(self) -> str:
        """Why there is no number, what was seen and what would help; empty where there is one."""
        if self.outcome is None:
            return ""
        seen = self.detail or ", ".join(sorted(set(self.left_out.values())))
        return f"{self.outcome.cause}{f' ({seen})' if seen else ''} {self.outcome.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Give the metric as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return {
            "metric": self.name,
            "value": self.value,
            "kind": self.kind,
            "needs": list(self.needs),
            "outcome": None if self.outcome is None else self.outcome.name,
            "reason": self.reason,
            "detail": self.detail,
            "layers": self.layers,
            "left_out": dict(self.left_out),
        }


@dataclass(frozen=True, kw_only=True)
class GeneralizationMetrics(Mapping[str, Metric]):
    """All 28 metrics of one network: a mapping from the authors' names.

    Attributes
    ----------
    model : str
        Name of the network.
    settings : MetricSettings
        How they were taken.
    samples : int
        The number m that entered.
    layers : int
        The number d of matrices whose norms entered.
    parameters : int
        The number ω of weights in them.
    metrics : tuple of Metric
        The metrics, in the order of `METRICS`.
    margin : float or None
        The margin at the tenth percentile with its sign; γ is its absolute value.
    accuracy, loss : float or None
        Of the network on the data: share of positions that are right, and mean cross-entropy in nats.
    sigma, magnitude_sigma : float or None
        The noise levels σ and σ′.
    folded : mapping of str to str
        Weights that the scale of a batch normalisation was folded into, with the normalisation's name.
    """

    model: str
    settings: MetricSettings
    samples: int
    layers: int
    parameters: int
    metrics: tuple[Metric, ...]
    margin: float | None = None
    accuracy: float | None = None
    loss: float | None = None
    sigma: float | None = None
    magnitude_sigma: float | None = None
    folded: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Metric:
        found = next((metric for metric in self.metrics if metric.name == name), None)
        if found is None:
            raise KeyError(f"no metric is named {name!r}; {closest(str(name), METRICS)}")
        return found

    def __iter__(self) -> Iterator[str]:
        return (metric.name for metric in self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    @property
    def numbers(self) -> dict[str, float]:
        """The metrics that have a number, by name."""
        return {metric.name: metric.value for metric in self.metrics if metric.value is not None}

    @property
    def frame(self) -> pd.DataFrame:
        """The metrics as a table with one row each: value, kind, needs, outcome, reason, layers, left_out."""
        import pandas as pd

        rows = []
        for metric in self.metrics:
            row = metric.to_dict()
            row["value"] = float("nan") if metric.value is None else metric.value
            row["needs"] = ", ".join(metric.needs)
            row["left_out"] = len(metric.left_out)
            rows.append(row)
        table = pd.DataFrame(rows).set_index("metric")
        table["layers"] = table["layers"].astype("Int64")
        return table

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            The network, how it was measured, and a list of metrics.
        """
        beside = ("model", "samples", "layers", "parameters", "margin", "accuracy", "loss", "sigma", "magnitude_sigma")
        return {
            **{name: getattr(self, name) for name in beside},
            "folded": dict(self.folded),
            "settings": dict(vars(self.settings)),
            "metrics": [metric.to_dict() for metric in self.metrics],
        }
