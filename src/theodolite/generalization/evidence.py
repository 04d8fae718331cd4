"""What the metrics are made of, each thing found once and when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from theodolite.core import Outcome, Refusal
from theodolite.generalization.bounds import tenth_percentile
from theodolite.generalization.evaluation import check_not_empty
from theodolite.generalization.folding import Folding
from theodolite.generalization.layers import Layer, Norms, norms
from theodolite.generalization.means import LayerMeans
from theodolite.generalization.network import Batch, answers, margins
from theodolite.generalization.noise import Disturbed
from theodolite.generalization.path_norm import path_norm
from theodolite.generalization.settings import MetricSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Performance:
    """How a network does on data.

    Attributes
    ----------
    accuracy : float
        Share of the targets that are predicted.
    loss : float
        Mean cross-entropy, in nats.
    margin : float
        The margin at the tenth percentile, with its sign.
    """

    accuracy: float
    loss: float
    margin: float


@dataclass
class Evidence:
    """Norms, distances, margins and noise levels of one network.

    Attributes
    ----------
    layers : list of Layer
        The matrices whose norms enter.
    means : LayerMeans
        What the measures of the spectrum gave.
    settings : MetricSettings
        How it is done.
    foldings : mapping of str to Folding
        Batch normalisations that follow weights.
    network : torch.nn.Module or None
        A copy of the network, to run and to disturb.
    batches : list of Batch
        The data; empty without.
    """

    layers: list[Layer]
    means: LayerMeans
    settings: MetricSettings
    foldings: Mapping[str, Folding]
    network: Any = None
    batches: list[Batch] = field(default_factory=list)
    _found: dict[str, Any] = field(default_factory=dict)

    def _once(self, name: str, find: Callable[[], T]) -> T:
        if name not in self._found:
            try:
                self._found[name] = find()
            except Refusal as refusal:
                self._found[name] = refusal
        found = self._found[name]
        if isinstance(found, Refusal):
            raise Refusal(found.outcome, found.detail)
        return found  # type: ignore[no-any-return]

    def known(self, name: str) -> Any:
        """Give what was found, without looking for it.

        Parameters
        ----------
        name : str
            Name of a property.

        Returns
        -------
        object or None
            The thing; None where it was not asked for or could not be had.
        """
        found = self._found.get(name)
        return None if isinstance(found, Refusal) else found

    @property
    def samples(self) -> int:
        """The number m."""
        return self.settings.samples or sum(len(targets) for _, targets in self.batches) or 1

    @property
    def weights(self) -> int:
        """The number ω of weights in the layers."""
        return sum(layer.size for layer in self.layers)

    @property
    def norms(self) -> Norms:
        """Squared norms of the layers."""
        return self._once("norms", lambda: norms(self._some(), of=lambda layer: layer.read()))

    @property
    def ways(self) -> Norms:
        """Squared norms of what training added."""
        return self._once("ways", lambda: norms(self._some(), of=lambda layer: layer.way()))

    def _some(self) -> list[Layer]:
        if not self.layers:
            raise Refusal(Outcome.NO_LAYER)
        return self.layers

    @property
    def performance(self) -> Performance:
        """How the network does on the data."""
        return self._once("performance", self._perform)

    def _perform(self) -> Performance:
        seen = answers(self.network, self.batches)
        count = sum(int(each.counted.sum()) for each in seen)
        check_not_empty(count)
        right = sum(int(each.right().sum()) for each in seen)
        loss = sum(float(each.losses().sum()) for each in seen)
        return Performance(right / count, loss / count, tenth_percentile(margins(seen), self.settings.convention))

    @property
    def margin(self) -> float:
        """The margin γ: absolute, at the tenth percentile."""
        signed = self.performance.margin
        if signed == 0.0:
            raise Refusal(Outcome.ZERO_MARGIN)
        return abs(signed)

    @property
    def path_norm(self) -> float:
        """The outputs for an input of ones, summed, with squared weights."""
        example = self.batches[0] if self.batches else None
        return self._once(
            "path_norm", lambda: path_norm(self.network, self.foldings, example, self.settings.convention)
        )

    @property
    def sigma(self) -> float:
        """The noise level σ, the same for every weight."""
        return self._once("sigma", lambda: self._disturbed.level(relative=False))

    @property
    def magnitude_sigma(self) -> float:
        """The noise level σ′, in proportion to each weight."""
        return self._once("magnitude_sigma", lambda: self._disturbed.level(relative=True))

    @property
    def _disturbed(self) -> Disturbed:
        tensors = list(dict.fromkeys(layer.tensor for layer in self.layers))
        return self._once(
            "disturbed", lambda: Disturbed(self.network, tensors, self.foldings, self.batches, self.settings)
        )
