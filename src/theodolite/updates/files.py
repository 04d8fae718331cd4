"""Versions as a command line names them: files of answers, or checkpoints to be run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from theodolite.core import ParameterError, closest
from theodolite.core.progress import Progress
from theodolite.generalization.loading import load_factory, load_model
from theodolite.sources import open_checkpoint
from theodolite.updates.answers import answers

ANSWERS = ("logits", "predictions")
EMBEDDINGS = "embeddings"


@dataclass(frozen=True, eq=False)
class Version:
    """What is known of one version.

    Attributes
    ----------
    answers : array or Answers
        What it answers to each example.
    embeddings : array of shape (examples, features), or None
        Where it puts each example.
    """

    answers: Any
    embeddings: NDArray[Any] | None


def labels_of(
    path: str | os.PathLike[str], slices: str | None
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]:
    """Read the file of labels.

    Parameters
    ----------
    path : path
        ``.npz`` or ``.safetensors``.
    slices : str or None
        Name of the array of groups.

    Returns
    -------
    targets : numpy.ndarray
        The right classes.
    inputs : numpy.ndarray or None
        What models are run on, if it is there.
    groups : numpy.ndarray or None
        A group for each example.

    Raises
    ------
    ParameterError
        If an array isn't there. A file that can't be read is a `CheckpointError`.
    """
    with open_checkpoint(path) as opened:
        for name in ("targets", *(() if slices is None else (slices,))):
            if name not in opened:
                raise ParameterError(f"data: {Path(path).name} holds no {name!r}; {closest(name, list(opened))}")
        found = {name: opened[name].array() for name in ("targets", "inputs", slices or "targets") if name in opened}
    return found["targets"], found.get("inputs"), None if slices is None else found[slices]


def version_of(path: str | os.PathLike[str], name: str) -> Version:
    """Read a file of answers.

    Parameters
    ----------
    path : path
        ``.npz`` or ``.safetensors`` with ``logits`` or ``predictions`` (and ``embeddings``), or ``.npy``.
    name : str
        ``"old"`` or ``"new"``, for errors.

    Returns
    -------
    Version
        What it holds.

    Raises
    ------
    ParameterError
        If it holds no answers. A file that can't be read is a `CheckpointError`.
    """
    with open_checkpoint(path) as opened:
        held = list(opened)
        kind = next((kind for kind in ANSWERS if kind in held), held[0] if opened.format == "npy" else None)
        if kind is None:
            some = ", ".join(map(repr, held[:4])) + (" and more" if len(held) > 4 else "")
            raise ParameterError(
                f"{name}: {Path(path).name} holds {some}; expected 'predictions' or 'logits', or --model to run it"
            )
        embeddings = opened[EMBEDDINGS].array() if EMBEDDINGS in held else None
        return Version(opened[kind].array(), embeddings)


def version_of_model(
    path: str | os.PathLike[str],
    factory: str,
    data: tuple[NDArray[Any], NDArray[Any]],
    *,
    layer: str | None = None,
    batch_size: int = 256,
    progress: Callable[[Progress], None] | None = None,
) -> Version:
    """Run a checkpoint on examples.

    Parameters
    ----------
    path : path
        The weights.
    factory : str
        ``"package.module:function"`` that builds the model.
    data : tuple of array
        Inputs and targets.
    layer : str, optional
        The layer whose output is the embedding.
    batch_size : int
        How many examples are run at a time.
    progress : callable, optional
        Called with `Progress`.

    Returns
    -------
    Version
        Its answers, and its embeddings if a layer is named.
    """
    with open_checkpoint(path) as opened:
        name = opened.model
        model = load_model(load_factory(factory, folder=Path.cwd()), opened)
    found = answers(model, data, batch_size=batch_size, layer=layer, name=name, progress=progress)
    return Version(found, found.embeddings)
