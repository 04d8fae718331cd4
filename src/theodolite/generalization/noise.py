"""The level of noise on the weights that displaces a network by a given amount."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theodolite.core import Outcome, Refusal
from theodolite.generalization.evaluation import LogitsError, outputs
from theodolite.generalization.folding import Folding
from theodolite.generalization.network import Batch
from theodolite.generalization.settings import Displaced, MetricSettings

EPSILON = 1e-3
"""The smallest standard deviation of noise that goes by the size of each weight."""

FIRST_LIMIT = 0.2
_LIMIT_OF_LOSS = 2.0
_STEPS = 15
_DOUBLINGS = 14
_STUCK = 0.95


@dataclass
class _Weight:
    """A parameter that noise goes on: what it was, and what a normalisation multiplies its outputs by."""

    parameter: Any
    original: Any
    scale: Any

    def disturb(self, deviation: Callable[[Any], Any], drawn: Any) -> None:
        noise = deviation(self.original * self.scale) * drawn
        # The noise is on the product of weight and scale, which is what the bounds count; a dead channel has none.
        self.parameter.copy_(self.original + (noise / self.scale).nan_to_num(0.0, 0.0, 0.0))


class Disturbed:
    """A network whose weights take noise, draw by draw.

    Parameters
    ----------
    network : torch.nn.Module
        A copy that belongs to this object alone.
    tensors : sequence of str
        Names of the weights that the noise goes on.
    foldings : mapping of str to Folding
        Batch normalisations that follow weights.
    batches : sequence of Batch
        The data.
    settings : MetricSettings
        How it is done.
    """

    def __init__(
        self,
        network: Any,
        tensors: Sequence[str],
        foldings: Mapping[str, Folding],
        batches: Sequence[Batch],
        settings: MetricSettings,
    ) -> None:
        self._network, self._batches, self._settings = network, batches, settings
        self._authors = settings.convention == "authors"
        self._weights = _weights(network, None if self._authors else tensors, foldings)
        self._fresh = 0
        self._base = self._score()

    @property
    def displaced(self) -> Displaced:
        """What the noise displaces."""
        return self._settings.displaced or ("loss" if self._batches[0][1].ndim > 1 else "accuracy")

    def level(self, *, relative: bool) -> float:
        """Search for the level of noise.

        Parameters
        ----------
        relative : bool
            Whether the noise on each weight goes by its size.

        Returns
        -------
        float
            The level.
        """
        amount = self._settings.amount(self.displaced)
        if self._authors:
            limit = _LIMIT_OF_LOSS if relative and self.displaced == "loss" else FIRST_LIMIT
            return _as_released(lambda level: abs(self._displacement(level, relative)), amount, limit)
        return noise_level(lambda level: self._displacement(level, relative), amount)

    def _displacement(self, level: float, relative: bool) -> float:
        moved = float(np.mean([self._shift(level, relative, draw) for draw in range(self._settings.draws)]))
        return moved if np.isfinite(moved) else float("inf")

    def _shift(self, level: float, relative: bool, draw: int) -> float:
        import torch

        # The same draws at every level make the displacement a function of the level that can be bisected.
        stream = [self._settings.seed, int(relative), draw]
        if self._authors:
            self._fresh += 1
            stream = [self._settings.seed, self._fresh]
        rng = np.random.default_rng(stream)
        with torch.no_grad():
            try:
                for weight in self._weights:
                    drawn = torch.from_numpy(rng.standard_normal(tuple(weight.original.shape), dtype=np.float32))
                    weight.disturb(self._deviation(level, relative), drawn.to(weight.original))
                score = self._score()
            except LogitsError:
                return float("inf")
            finally:
                for weight in self._weights:
                    weight.parameter.copy_(weight.original)
        return score - self._base

    def _score(self) -> float:
        """Take what grows with noise: the loss, or the share of errors."""
        total = count = 0.0
        for inputs, targets in self._batches:
            seen = outputs(self._network, inputs, targets)
            of_batch = int(seen.counted.sum())
            count += of_batch
            total += float(seen.losses().sum()) if self.displaced == "loss" else of_batch - int(seen.right().sum())
        return total / count

    def _deviation(self, level: float, relative: bool) -> Callable[[Any], Any]:
        if self._authors:
            return lambda weight: level**2 * (weight.abs() ** 2 if relative else 1.0) + relative * EPSILON**2
        return lambda weight: (level**2 * weight**2 + EPSILON**2) ** 0.5 if relative else level


def _weights(network: Any, tensors: Sequence[str] | None, foldings: Mapping[str, Folding]) -> list[_Weight]:
    import torch

    parameters = dict(network.named_parameters(remove_duplicate=False))
    tables = {**dict(network.named_buffers()), **parameters}
    norms = tuple(
        f"{name}."
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - the public base of its kinds
    )
    chosen = [name for name in parameters if not name.startswith(norms)] if tensors is None else tensors
    found: dict[int, _Weight] = {}
    for name in chosen:
        parameter = tables[name]
        owner = network.get_submodule(name.rpartition(".")[0])
        turned = isinstance(owner, torch.nn.modules.conv._ConvTransposeNd)  # noqa: SLF001 - likewise
        scale = _scale(parameter, foldings.get(name), axis=int(turned))
        found.setdefault(id(parameter), _Weight(parameter, parameter.detach().clone(), scale))
    return list(found.values())


def _scale(parameter: Any, folding: Folding | None, axis: int) -> Any:
    import torch

    if folding is None:
        return torch.ones((), dtype=parameter.dtype, device=parameter.device)
    shape = [1] * parameter.ndim
    shape[axis] = -1
    return torch.from_numpy(np.abs(folding.scale)).to(parameter).reshape(shape)


def noise_level(displacement: Callable[[float], float], amount: float) -> float:
    """Find the level at which a growing displacement reaches an amount.

    Parameters
    ----------
    displacement : callable
        From a level, at least 0, to the displacement.
    amount : float
        What is looked for.

    Returns
    -------
    float
        The level, to a thousandth of itself: where the displacement jumps over the amount, the place of the jump.

    Raises
    ------
    Refusal
        If no level reaches it, or every level does.

    Examples
    --------
    >>> round(noise_level(lambda level: level**2, 0.5), 3)
    0.707
    """
    from scipy.optimize import brentq

    lower, upper = 0.0, FIRST_LIMIT
    already = displacement(lower)
    if already >= amount:
        raise Refusal(Outcome.NO_NOISE_LEVEL, f"the smallest noise displaces it by {already:.3g} already")
    for _ in range(_DOUBLINGS):
        reached = displacement(upper)
        if reached >= amount:
            break
        lower, upper = upper, 2.0 * upper
    else:
        raise Refusal(Outcome.NO_NOISE_LEVEL, f"noise of {lower:g} displaces it by {reached:.3g}, not by {amount:g}")
    # A displacement far beyond the amount says no more than that, and may be infinite.
    return float(brentq(lambda x: min(displacement(x), 2.0 * amount) - amount, lower, upper, xtol=1e-12, rtol=1e-3))


def _as_released(displacement: Callable[[float], float], amount: float, limit: float) -> float:
    """Search as the released code does, which gives its upper limit where the level lies beyond."""
    lower, upper, level = 0.0, limit, 0.0
    for _ in range(_STEPS):
        level = (lower + upper) / 2.0
        if level > _STUCK * limit:
            return limit
        reached = displacement(level)
        if abs(reached - amount) < amount / 10:
            break
        lower, upper = (lower, level) if reached > amount else (level, upper)
    return level
