"""Batch normalisations as factors of the weights before them: what the network multiplies by is the product."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources import Checkpoint, Weight

DEFAULT_EPSILON = 1e-5
"""What PyTorch adds to a running variance unless it is told otherwise; a checkpoint doesn't hold it."""

_NORM = re.compile(r"(?:bn|norm|batch_?norm)(\w*)")
_BEFORE = ("conv", "linear", "fc", "dense")


@dataclass(frozen=True)
class Folding:
    """A batch normalisation that follows a weight.

    Attributes
    ----------
    norm : str
        Name of the normalisation.
    scale : numpy.ndarray of shape (out,)
        What each output is multiplied by: gain over the root of the running variance.
    shift : numpy.ndarray of shape (out,)
        What is added after that.
    """

    norm: str
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


def foldings(checkpoint: Checkpoint, epsilon: Callable[[str], float]) -> dict[str, Folding]:
    """Find the batch normalisations that follow a weight, by their names and sizes.

    ``bn1`` follows ``conv1`` beside it, ``downsample.1`` follows ``downsample.0``, wherever the weight has as many
    outputs as the normalisation has channels.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights.
    epsilon : callable
        Gives the epsilon of a normalisation by its name.

    Returns
    -------
    dict of str to Folding
        By the name of the weight's tensor.
    """
    found: dict[str, Folding] = {}
    for name in checkpoint:
        norm, _, leaf = name.rpartition(".")
        if leaf != "running_var" or not norm:
            continue
        variance = _vector(checkpoint, name)
        for module in _candidates(norm):
            weight = f"{module}.weight"
            if weight in checkpoint and _outputs(checkpoint[weight]) == variance.size:
                held = {leaf: f"{norm}.{leaf}" for leaf in _LEAVES if f"{norm}.{leaf}" in checkpoint}
                vectors = {leaf: _vector(checkpoint, full) for leaf, full in held.items()}
                found[weight] = affine(norm, vectors, epsilon(norm))
                break
    return found


_LEAVES = ("weight", "bias", "running_mean", "running_var")


def affine(norm: str, tensors: Mapping[str, NDArray[np.float64]], epsilon: float) -> Folding:
    """Write a batch normalisation in evaluation as a factor and a summand.

    Parameters
    ----------
    norm : str
        Its name.
    tensors : mapping of str to numpy.ndarray
        ``running_var``, and ``running_mean``, ``weight`` and ``bias`` where it has them.
    epsilon : float
        What is added to the variance.

    Returns
    -------
    Folding
        Factor and summand.
    """
    scale = tensors.get("weight", 1.0) / np.sqrt(tensors["running_var"] + epsilon)
    shift = tensors.get("bias", 0.0) - scale * tensors.get("running_mean", 0.0)
    return Folding(norm, np.asarray(scale), np.asarray(shift))


def _outputs(weight: Weight) -> int:
    """Count a weight's outputs; 0 for a packed one, whose rows belong to several layers."""
    parts = weight.matrices()
    return parts[""].shape[0] if parts.keys() == {""} else 0


def _vector(checkpoint: Checkpoint, name: str) -> NDArray[np.float64]:
    array: NDArray[Any] = checkpoint[name].array()
    return np.asarray(array, dtype=np.float64).ravel()


def _candidates(norm: str) -> Iterator[str]:
    parent, dot, last = norm.rpartition(".")
    if last.isdecimal() and int(last) > 0:
        yield f"{parent}{dot}{int(last) - 1}"
    if matched := _NORM.fullmatch(last):
        for before in _BEFORE:
            yield f"{parent}{dot}{before}{matched[1]}"
