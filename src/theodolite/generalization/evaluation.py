"""A classifier on given data: logits, accuracy, margins and loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError
from theodolite.generalization.batches import Batches
from theodolite.sources.running import described, device_and_dtype, evaluating, placed

IGNORED = -100
"""The target of a position that doesn't count, as for `torch.nn.functional.cross_entropy`."""


class LogitsError(ValueError):
    """What the model gives can't be judged by the targets: not finite, or of another shape."""


@dataclass(frozen=True)
class Outputs:
    """Logits of one batch beside its targets, as torch tensors on the model's device.

    Attributes
    ----------
    logits : torch.Tensor of shape (examples, positions, classes)
        What the model gave; one position for a plain classifier.
    targets : torch.Tensor of shape (examples, positions)
        The right classes.
    counted : torch.Tensor of shape (examples, positions)
        False where the target is -100.
    """

    logits: Any
    targets: Any
    counted: Any

    def right(self) -> Any:
        """Count the positions of every example whose largest logit is that of the target.

        Returns
        -------
        torch.Tensor of shape (examples,)
            Whole numbers; of equal logits the first counts as the largest.
        """
        return ((self.logits.argmax(-1) == self.targets) & self.counted).sum(1)

    def counts(self) -> Any:
        """Count the positions of every example that have a target.

        Returns
        -------
        torch.Tensor of shape (examples,)
            Whole numbers.
        """
        return self.counted.sum(1)

    def margins(self) -> Any:
        """Take the target's logit less the largest of the others, at every position that counts.

        Returns
        -------
        torch.Tensor of shape (counted,)
            Float64, negative where the model is wrong.
        """
        logits, targets = self.logits[self.counted].double(), self.targets[self.counted].unsqueeze(1)
        own = logits.gather(1, targets).squeeze(1)
        return own - logits.scatter(1, targets, float("-inf")).amax(1)

    def losses(self) -> Any:
        """Take the cross entropy at every position that counts.

        Returns
        -------
        torch.Tensor of shape (counted,)
            Float64, in nats.
        """
        logits, targets = self.logits[self.counted].double(), self.targets[self.counted].unsqueeze(1)
        return logits.logsumexp(1) - logits.gather(1, targets).squeeze(1)


def outputs(model: Any, inputs: Any, targets: Any) -> Outputs:
    """Run a model on one batch, without gradients, and check what it gives.

    Parameters
    ----------
    model : torch.nn.Module
        The model, in the mode in which it is to be judged; see `evaluating`.
    inputs : array, sequence of arrays or mapping of arrays
        Its arguments; they are brought to its device, and NumPy's floats to its type.
    targets : array
        Whole numbers, of the shape of the logits without the last axis; -100 where none counts.

    Returns
    -------
    Outputs
        Logits and targets.

    Raises
    ------
    LogitsError
        If the logits don't go with the targets, or are not finite where a target counts.
    ParameterError
        If the targets are no whole numbers.
    """  # noqa: DOC502 - raised by what is called
    import torch

    device, dtype = device_and_dtype(model)
    given = placed(inputs, device, dtype)
    with torch.no_grad():
        if isinstance(given, Mapping):
            answer = model(**given)
        else:
            answer = model(*given) if isinstance(given, Sequence) else model(given)
    logits = logits_of(answer)
    wanted = placed(targets, logits.device, dtype)
    check_targets(wanted, logits)
    examples, classes = len(wanted), logits.shape[-1]
    wanted = wanted.long().reshape(examples, -1 if wanted.numel() else 0)
    logits = logits.detach().reshape(*wanted.shape, classes)
    counted = wanted != IGNORED
    known = wanted[counted]
    if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < classes:
        seen = int(known.min()) if int(known.min()) < 0 else int(known.max())
        raise LogitsError(f"data: a target is {seen}, and the model has {classes} classes; count them from 0")
    bad = int((~torch.isfinite(logits).all(-1) & counted).sum())
    if bad:
        # Inputs such as masks may be infinite, and the model deal with them; they are at fault only where it can't.
        odd = _not_finite(placed(inputs, device, dtype))
        if odd:
            values = "1 value of a batch of inputs is" if odd == 1 else f"{odd} values of a batch of inputs are"
            raise LogitsError(f"data: {values} NaN or infinite, and so are the logits; mend or leave out its example")
        raise LogitsError(f"model: {bad} of {known.numel()} predictions of a batch hold NaN or infinite logits")
    # An ignored position is never looked up, and its target has to be a class all the same.
    return Outputs(logits, wanted.masked_fill(~counted, 0), counted)


def _not_finite(value: Any) -> int:
    import torch

    if isinstance(value, torch.Tensor):
        return int((~torch.isfinite(value)).sum())
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(_not_finite(each) for each in held)


def logits_of(answer: Any) -> Any:
    """Take the logits out of what a model gives.

    Parameters
    ----------
    answer : torch.Tensor, or an object or mapping with ``logits``
        What it gave.

    Returns
    -------
    torch.Tensor
        The logits.

    Raises
    ------
    LogitsError
        If there are none.
    """
    import torch

    found = answer.get("logits") if isinstance(answer, Mapping) else getattr(answer, "logits", answer)
    if not isinstance(found, torch.Tensor) or not found.is_floating_point():
        raise LogitsError(
            f"model: it gives {described(answer)}; expected a tensor of logits, or an answer with .logits"
        )
    return found


def check_targets(targets: Any, logits: Any) -> None:
    """Refuse targets that logits can't be judged by.

    Parameters
    ----------
    targets : torch.Tensor
        The right classes.
    logits : torch.Tensor
        What the model gave.

    Raises
    ------
    ParameterError
        If the targets are no whole numbers.
    LogitsError
        If they don't have the shape of the logits without the last axis, or there are fewer than two classes.
    """
    if not hasattr(targets, "is_floating_point") or targets.is_floating_point() or targets.is_complex():
        raise ParameterError(f"data: targets are {getattr(targets, 'dtype', type(targets))}; expected whole numbers")
    if not targets.ndim or tuple(logits.shape[:-1]) != tuple(targets.shape) or logits.shape[-1] < 2:
        raise LogitsError(
            f"model: logits of shape {tuple(logits.shape)} don't go with targets of shape {tuple(targets.shape)}; "
            "expected (examples, classes) with (examples,), or (examples, positions, classes) with "
            "(examples, positions), and two classes at least"
        )


@dataclass(frozen=True)
class Evaluation:
    """How a model does on data.

    Attributes
    ----------
    accuracy : float
        Share of the targets that are predicted.
    loss : float
        Mean cross entropy, in nats.
    margin : float
        10th percentile of the margins: the target's logit less the largest of the others. Negative where more than a
        tenth of the predictions are wrong.
    examples : int
        How many examples there were.
    count : int
        How many targets, with all positions.
    """

    accuracy: float
    loss: float
    margin: float
    examples: int
    count: int


def evaluate(model: Any, data: Any, *, batch_size: int = 256) -> Evaluation:
    """Take accuracy, loss and margin of a model on data.

    Parameters
    ----------
    model : torch.nn.Module
        The model, on any device; its parameters, its mode and what its batch norms have seen stay as they are.
    data : Batches, pair of arrays or iterable of batches
        See `Batches`.
    batch_size : int
        How many examples are looked at at a time where arrays are given.

    Returns
    -------
    Evaluation
        The three, and how many examples they are of.

    Raises
    ------
    LogitsError
        If the model's logits can't be judged.
    ParameterError
        If there are no data, or they have no such form.
    """  # noqa: DOC502 - raised by what is called
    batches = data if isinstance(data, Batches) else Batches(data, batch_size=batch_size)
    margins: list[NDArray[np.float64]] = []
    right = examples = 0
    loss = 0.0
    with evaluating(model):
        for inputs, targets in batches:
            seen = outputs(model, inputs, targets)
            margins.append(seen.margins().cpu().numpy())
            right += int(seen.right().sum())
            loss += float(seen.losses().sum())
            examples += len(seen.targets)
    count = sum(map(len, margins))
    check_not_empty(count)
    margin = float(np.percentile(np.concatenate(margins), 10))
    return Evaluation(right / count, loss / count, margin, examples, count)


def check_not_empty(count: int) -> None:
    """Refuse data in which nothing counts.

    Parameters
    ----------
    count : int
        How many targets were seen.

    Raises
    ------
    ParameterError
        If it is zero.
    """
    if not count:
        raise ParameterError("data: there is no example with a target that counts")
