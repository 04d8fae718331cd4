"""The one way in: a path or a live module becomes a checkpoint."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from theodolite.sources.checkpoint import Checkpoint
from theodolite.sources.errors import CheckpointError
from theodolite.sources.folders import config_beside, is_conventional, model_name, weights_in
from theodolite.sources.formats import format_of
from theodolite.sources.npz import read_npy, read_npz
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents
from theodolite.sources.safetensors import read_safetensors
from theodolite.sources.shards import read_sharded


def open_checkpoint(target: str | os.PathLike[str] | Any, *, model: str | None = None) -> Checkpoint:
    """Open a checkpoint without reading its data.

    Parameters
    ----------
    target : path or torch.nn.Module
        A ``.safetensors`` file, a ``*.index.json`` of a sharded checkpoint, a Hugging Face folder, an ``.npz`` or
        ``.npy`` file, an HDF5 file of Keras weights, a PyTorch file (zip or legacy; read with ``weights_only=True``),
        or a live module, which is not modified. What a file is, is told by its content and not by its suffix.
    model : str, optional
        Name of the model; by default that of the folder, the file or the module's class.

    Returns
    -------
    Checkpoint
        The tensors by name.

    Raises
    ------
    TypeError
        If `target` is neither a path nor a module.

    Notes
    -----
    What cannot be read is a `CheckpointError` that names the file, the tensor and a remedy.
    """
    if isinstance(target, Checkpoint):
        return target
    if callable(getattr(target, "named_parameters", None)) and not isinstance(target, type):
        from theodolite.sources.torch_modules import read_module

        return Checkpoint(read_module(target), model=model or type(target).__name__)
    if not isinstance(target, str | os.PathLike):
        raise TypeError(f"target: expected a path or a torch.nn.Module, got {type(target).__name__}")
    path = Path(target)
    weights = _weights(path)
    contents = _read(weights)
    config = config_beside(weights) if weights != path or is_conventional(weights) else {}
    return Checkpoint(replace(contents, config=config), model=model or model_name(path), path=path)


def _weights(path: Path) -> Path:
    try:
        folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the path cannot be used ({error})", file=path, remedy="Check the path.") from error
    if not exists:
        raise CheckpointError("there is no such file or folder", file=path, remedy="Check the path.")
    return weights_in(path) if folder else path


def _read(path: Path) -> Contents:
    file = SourceFile(path)
    try:
        kind = format_of(file)
    finally:
        file.close()
    if kind == "safetensors":
        return read_safetensors(path)
    if kind == "index":
        return read_sharded(path)
    if kind == "npz":
        return read_npz(path)
    if kind == "npy":
        return read_npy(path)
    if kind == "hdf5":
        from theodolite.sources.hdf5 import read_hdf5

        return read_hdf5(path)
    from theodolite.sources.torch_files import read_torch

    return read_torch(path, kind)
