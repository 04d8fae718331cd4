"""The training of one adapter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.act.allocate.plan import RankPlan
from theodolite.act.allocate.settings import TrialSettings
from theodolite.core import ParameterError

Data = tuple[NDArray[Any], NDArray[Any]]


def split(data: Data, seed: int, share: float) -> tuple[Data, Data]:
    """Hold out a share of the examples.

    Parameters
    ----------
    data : tuple of ndarray
        Inputs and targets.
    seed : int
        Which split.
    share : float
        How much is held out.

    Returns
    -------
    train, held_out : tuple of ndarray
        Inputs and targets of both, each with an example at least.

    Raises
    ------
    ParameterError
        If inputs and targets are of different numbers, or there are fewer than two.
    """
    inputs, targets = data
    if len(inputs) != len(targets) or len(inputs) < 2:
        raise ParameterError(f"data: {len(inputs)} inputs and {len(targets)} targets; expected as many, and at least 2")
    order = np.random.default_rng(seed).permutation(len(inputs))
    count = min(max(1, round(share * len(inputs))), len(inputs) - 1)
    held_out, train = order[:count], order[count:]
    return (inputs[train], targets[train]), (inputs[held_out], targets[held_out])


class Adapted:
    """A model with an adapter of given ranks.

    Parameters
    ----------
    factory : callable
        Builds the model.
    plan : RankPlan
        The ranks.
    settings : TrialSettings
        How to train.
    seed : int
        Of the model, where it is random, of the adapter's start, and of the order.
    """

    def __init__(self, factory: Callable[[], Any], plan: RankPlan, settings: TrialSettings, seed: int) -> None:
        import torch
        from peft import LoraConfig, inject_adapter_in_model

        self._torch, self._settings, self._seed = torch, settings, seed
        torch.manual_seed(seed)
        try:
            model = factory()
        except TypeError as error:
            raise ParameterError(f"factory: it can't be called without arguments: {error}") from error
        if not callable(getattr(model, "named_modules", None)):
            raise ParameterError(f"factory: it gave {type(model).__name__}; expected a torch.nn.Module")
        options = plan.to_peft(model, prefix=settings.prefix, scaling=settings.scaling)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        torch.manual_seed(seed)
        self._model = inject_adapter_in_model(LoraConfig(**options), model)
        self._trained = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        count = sum(parameter.numel() for parameter in self._trained)
        if count != plan.parameters:
            raise ParameterError(f"plan: peft made {count:,} trained parameters of it, and it has {plan.parameters:,}")

    def train(self, data: Data) -> None:
        """Train the adapter.

        Parameters
        ----------
        data : tuple of ndarray
            Inputs and targets.

        Raises
        ------
        ParameterError
            If the loss is not finite.
        """
        torch, settings = self._torch, self._settings
        optimizer = torch.optim.AdamW(self._trained, lr=settings.learning_rate, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
        rng = np.random.default_rng([self._seed, 1])
        self._model.train()
        for _ in range(settings.steps):
            chosen = rng.choice(len(data[0]), size=min(settings.batch_size, len(data[0])), replace=False)
            total, count = self._losses((data[0][chosen], data[1][chosen]))
            loss = total / count
            if not bool(torch.isfinite(loss)):
                raise ParameterError("data: the loss is not finite; lower learning_rate, or look at the data")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def loss(self, data: Data) -> float:
        """Give the mean loss.

        Parameters
        ----------
        data : tuple of ndarray
            Inputs and targets.

        Returns
        -------
        float
            By target.

        Raises
        ------
        ParameterError
            If it is not finite.
        """
        self._model.eval()
        total, count, step = 0.0, 0, self._settings.batch_size
        with self._torch.no_grad():
            for start in range(0, len(data[0]), step):
                loss, number = self._losses((data[0][start : start + step], data[1][start : start + step]))
                total, count = total + float(loss), count + number
        mean = total / count if count else math.nan
        if not math.isfinite(mean):
            raise ParameterError("data: the held-out loss is not finite; look at the data")
        return mean

    def _losses(self, data: Data) -> tuple[Any, int]:
        """Give the sum of the losses, and of how many."""
        torch = self._torch
        inputs, targets = (self._tensor(array) for array in data)
        try:
            given = self._model(inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, TypeError) as error:
            raise ParameterError(f"data: the model can't be run on these inputs: {error}") from error
        logits: Any = getattr(given, "logits", given[0] if isinstance(given, tuple) else given)
        if not torch.is_tensor(logits):
            raise ParameterError(f"factory: the model gives {type(given).__name__}; expected logits")
        if not targets.is_floating_point():
            if logits.ndim != targets.ndim + 1 or logits.shape[:-1] != targets.shape:
                shapes = (tuple(logits.shape), tuple(targets.shape))
                raise ParameterError(
                    f"data: logits of {shapes[0]} for targets of {shapes[1]}; expected a class for each"
                )
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]).float(), targets.reshape(-1), reduction="sum"
            )
            return loss, int((targets != -100).sum())
        if logits.numel() != targets.numel():
            raise ParameterError(f"data: outputs of {tuple(logits.shape)} for targets of {tuple(targets.shape)}")
        return (logits.reshape(targets.shape).float() - targets).square().sum(), targets.numel()

    def _tensor(self, array: NDArray[Any]) -> Any:
        wide = array.astype(np.float32 if array.dtype.kind in "fV" else np.int64)
        return self._torch.from_numpy(wide).to(self._trained[0].device)
