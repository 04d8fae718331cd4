"""Running a model on examples, each with a loss of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, to_numpy
from theodolite.generalization.evaluation import (
    IGNORED,
    LogitsError,
    check_targets,
    logits_of,
)
from theodolite.sources.running import device_and_dtype, placed

Loss = Callable[[Any, Any], Any]
"""From what the model gives and the targets to the losses of the examples."""


def cross_entropy(answer: Any, targets: Any) -> Any:
    """Take the mean cross entropy of every example over its positions that count.

    Parameters
    ----------
    answer : torch.Tensor, or an object or mapping with ``logits``
        Logits of shape (examples, classes) or (examples, positions, classes).
    targets : torch.Tensor of shape (examples,) or (examples, positions)
        Whole numbers; -100 where none counts.

    Returns
    -------
    torch.Tensor of shape (examples,)
        In nats; 0 for an example of which nothing counts.

    Raises
    ------
    LogitsError
        If logits and targets don't go together.
    ParameterError
        If the targets are no whole numbers.
    """  # noqa: DOC502 - raised by what is called
    from torch.nn.functional import cross_entropy as entropy

    logits = logits_of(answer)
    check_targets(targets, logits)
    examples, classes = len(targets), logits.shape[-1]
    wanted = targets.long().reshape(examples, -1)
    known = wanted[wanted != IGNORED]
    if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < classes:
        seen = int(known.min()) if int(known.min()) < 0 else int(known.max())
        raise LogitsError(f"data: a target is {seen}, and the model has {classes} classes; count them from 0")
    each = entropy(logits.reshape(-1, classes), wanted.reshape(-1), ignore_index=IGNORED, reduction="none")
    return each.reshape(examples, -1).sum(1) / (wanted != IGNORED).sum(1).clamp(min=1)


def with_target(targets: Any) -> list[bool]:
    """Tell which examples have a target.

    Parameters
    ----------
    targets : array
        Whole numbers, the first axis that of the examples; -100 where none counts.

    Returns
    -------
    list of bool
        False for an example of which nothing counts.

    Examples
    --------
    >>> with_target(np.array([[1, -100], [-100, -100]]))
    [True, False]
    """
    return [bool(np.any(target != IGNORED)) for target in to_numpy(targets)]


def losses(model: Any, inputs: Any, targets: Any, loss: Loss) -> Any:
    """Run a model on one batch.

    Parameters
    ----------
    model : torch.nn.Module
        The model, in the mode in which it is to run.
    inputs : array, sequence of arrays or mapping of arrays
        Its arguments; they are brought to its device, and NumPy's floats to its type.
    targets : array
        The targets, the first axis that of the examples.
    loss : callable
        Gives the losses of the examples.

    Returns
    -------
    torch.Tensor of shape (examples,)
        Finite.

    Raises
    ------
    ParameterError
        If the model doesn't take the inputs, or the loss is none for each example.
    ValueError
        If it is not finite.
    """
    import torch

    device, dtype = device_and_dtype(model)
    given, wanted = placed(inputs, device, dtype), placed(targets, device, dtype)
    found = loss(_answer(model, given), wanted)
    if not isinstance(found, torch.Tensor) or found.numel() != len(wanted):
        got = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
        raise ParameterError(f"loss: it gave {got} for {len(wanted)} examples; it must give one number for each")
    if not bool(torch.isfinite(found).all()):
        raise ValueError(f"loss: {int((~torch.isfinite(found)).sum())} of {len(wanted)} examples give NaN or infinity")
    return found.reshape(-1)


def _answer(model: Any, given: Any) -> Any:
    import torch

    try:
        if isinstance(given, Mapping):
            return model(**given)
        return model(*given) if isinstance(given, Sequence) else model(given)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, TypeError) as error:
        raise ParameterError(f"data: the model can't be run on these inputs: {error}") from error


def dealt_anew(targets: Sequence[Any], rng: np.random.Generator) -> list[NDArray[Any]]:
    """Deal the targets of all examples out anew.

    Whole numbers are permuted over all positions that count, so that every example keeps how many it has and which;
    anything else over examples.

    Parameters
    ----------
    targets : sequence of arrays
        Of the batches.
    rng : numpy.random.Generator
        Deals.

    Returns
    -------
    list of numpy.ndarray
        Of the same shapes, with the same entries altogether.

    Raises
    ------
    ParameterError
        If targets are no whole numbers and their shapes differ.

    Examples
    --------
    >>> a, b = dealt_anew([np.array([[1, -100]]), np.array([[2, 3]])], np.random.default_rng(0))
    >>> int(a[0, 1]), sorted([int(a[0, 0]), *map(int, b[0])])
    (-100, [1, 2, 3])
    """
    arrays = [to_numpy(target) for target in targets]
    if all(array.dtype.kind in "iu" for array in arrays):
        counted = [array != IGNORED for array in arrays]
        pool = rng.permutation(np.concatenate([array[keep] for array, keep in zip(arrays, counted, strict=True)]))
        ends = np.cumsum([int(keep.sum()) for keep in counted])[:-1]
        dealt = []
        for array, keep, share in zip(arrays, counted, np.split(pool, ends), strict=True):
            new = array.copy()
            new[keep] = share
            dealt.append(new)
        return dealt
    if len({array.shape[1:] for array in arrays}) > 1:
        raise ParameterError("data: targets of several shapes can't change places; give null='none'")
    ends = np.cumsum([len(array) for array in arrays])[:-1]
    return np.split(rng.permutation(np.concatenate(arrays)), ends)
