"""A network that can be run and disturbed: a copy of the user's module, with the checkpoint's weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError
from theodolite.generalization.evaluation import Outputs, outputs
from theodolite.generalization.folding import DEFAULT_EPSILON
from theodolite.generalization.loading import load_model
from theodolite.sources import Checkpoint
from theodolite.sources.running import check_module

Batch = tuple[Any, Any]
"""Inputs and targets, as `evaluate` takes them."""


def copied(model: Any, checkpoint: Checkpoint | None) -> Any:
    """Copy a module, put a checkpoint's weights into the copy, and set it to evaluation.

    Parameters
    ----------
    model : torch.nn.Module
        The module, which is not touched: whatever happens to the copy, it stays as it is.
    checkpoint : Checkpoint or None
        The weights; None where the module holds them already.

    Returns
    -------
    torch.nn.Module
        The copy, whose parameters take no gradients.

    Raises
    ------
    ParameterError
        If module and checkpoint don't hold the same tensors.
    TypeError
        If `model` is no module.
    ValueError
        If the module can't be copied.
    """  # noqa: DOC502 - raised by what is called
    check_module(model)
    try:
        network = copy.deepcopy(model)
    except (RuntimeError, TypeError) as error:
        raise ParameterError(f"model: it can't be copied ({error}); give one that was just built") from error
    if checkpoint is not None:
        network = load_model(lambda: network, checkpoint)
    return network.eval().requires_grad_(False)


def epsilon_of(model: Any, norm: str) -> float:
    """Look up what a normalisation adds to the variance.

    Parameters
    ----------
    model : torch.nn.Module or None
        The module, where there is one.
    norm : str
        Name of the normalisation.

    Returns
    -------
    float
        Its epsilon, or PyTorch's default.
    """
    layer = model
    for part in norm.split("."):
        layer = getattr(layer, part, None)
    return float(getattr(layer, "eps", DEFAULT_EPSILON))


def answers(network: Any, batches: Sequence[Batch]) -> list[Outputs]:
    """Run the network on all data.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    batches : sequence of Batch
        The data.

    Returns
    -------
    list of Outputs
        Its logits beside the targets.
    """
    return [outputs(network, inputs, targets) for inputs, targets in batches]


def margins(seen: Sequence[Outputs]) -> NDArray[np.float64]:
    """Collect the margins of all positions that count.

    Parameters
    ----------
    seen : sequence of Outputs
        What the network gave.

    Returns
    -------
    numpy.ndarray of shape (positions,)
        Logit of the target less the largest other.
    """
    return np.concatenate([each.margins().cpu().numpy() for each in seen])
