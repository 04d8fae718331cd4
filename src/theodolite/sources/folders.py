"""Model folders: which file holds the weights, and the configuration beside it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.untrusted_json import read_object

CONFIG_LIMIT = 16_000_000
COMPANION_LIMIT = 64_000_000
_CONFIG_DEPTH = 64
_STEMS = ("model", "pytorch_model", "adapter_model", "diffusion_pytorch_model")
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".th", ".ckpt", ".tar", ".npz", ".npy")
_KERAS_SUFFIXES = (".weights.h5", ".h5", ".hdf5")
_OTHER_WEIGHTS = (
    ".onnx",
    ".onnx_data",
    *_KERAS_SUFFIXES,
    ".msgpack",
    ".ot",
    ".gguf",
    ".tflite",
    ".mlmodel",
    ".pb",
    ".data",
)
_NOT_WEIGHTS = frozenset({"training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt", "rng_state.pth"})
_REVISION = re.compile(r"[0-9a-f]{40}")


def weights_in(folder: Path) -> Path:
    """Choose the file of a folder that holds the weights.

    In this order: ``model.safetensors``, ``model.safetensors.index.json``, ``pytorch_model.bin``,
    ``pytorch_model.bin.index.json``; the same of an adapter (``adapter_model``) and of a diffusion model
    (``diffusion_pytorch_model``); a single other index; the only file with a suffix of a checkpoint, safetensors
    before the others and Keras' ``.h5`` after them.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    Path
        A weight file or an index.

    Raises
    ------
    CheckpointError
        If there is none, or several with nothing to choose between them.
    """
    for stem in _STEMS:
        for suffix in (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"):
            if (folder / f"{stem}{suffix}").is_file():
                return folder / f"{stem}{suffix}"
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _NOT_WEIGHTS)
    except OSError as error:
        raise CheckpointError(
            f"the folder cannot be read ({error.strerror})", file=folder, remedy="Check its permissions."
        ) from error
    for candidates in (
        [path for path in files if path.name.endswith(".index.json")],
        [path for path in files if path.suffix == ".safetensors"],
        [path for path in files if path.suffix.lower() in _WEIGHT_SUFFIXES],
        [path for path in files if path.suffix.lower() in _KERAS_SUFFIXES],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(shown(path.name, 60) for path in candidates[:6])
            raise CheckpointError(
                f"the folder holds {len(candidates)} checkpoints ({names}{', ...' if len(candidates) > 6 else ''})",
                file=folder,
                remedy="Open one of them by its path.",
            )
    raise CheckpointError("the folder holds no weights", file=folder, remedy=_where_else(folder))


def config_beside(weights: Path) -> dict[str, Any]:
    """Read ``config.json`` beside a weight file.

    Parameters
    ----------
    weights : Path
        The weight file or index.

    Returns
    -------
    dict
        The configuration; empty where there is none.
    """
    path = weights.parent / "config.json"
    if not path.is_file():
        return {}
    return read_object(path, what="configuration", limit=CONFIG_LIMIT, depth=_CONFIG_DEPTH, constants=True)


def is_conventional(weights: Path) -> bool:
    """Tell whether a file is named as the weights of a model folder, so that a configuration beside it is its own.

    Parameters
    ----------
    weights : Path
        The weight file or index.

    Returns
    -------
    bool
        True for ``model.safetensors``, ``model-00001-of-00002.safetensors``, ``pytorch_model.bin`` and the like.
    """
    return re.match(rf"({'|'.join(_STEMS)}|consolidated)[-.]", weights.name) is not None


def model_name(path: Path) -> str:
    """Name a model after its folder where the file's own name says nothing, else after the file.

    Parameters
    ----------
    path : Path
        What the user opened.

    Returns
    -------
    str
        The name.
    """
    path = path.absolute()
    if path.is_dir() or any(path.name.startswith(f"{stem}.") for stem in _STEMS):
        folder = path if path.is_dir() else path.parent
        if _REVISION.fullmatch(folder.name) and folder.parent.name == "snapshots":
            return folder.parent.parent.name.rpartition("--")[2]
        return folder.resolve().name or path.stem
    name = path.name
    for suffix in (".index.json", *_KERAS_SUFFIXES, *_WEIGHT_SUFFIXES, *_WEIGHT_SUFFIXES):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) and len(name) > len(suffix) else name
    return name


def homes(folder: Path) -> list[Path]:
    """Name the folders that files of a model folder may really lie in.

    Parameters
    ----------
    folder : Path
        The model folder.

    Returns
    -------
    list of Path
        Its own, and the blobs of a Hugging Face cache; links to any other place are not followed.
    """
    found = [folder.resolve()]
    if folder.parent.name == "snapshots" and re.match(r"(models|datasets|spaces)--", folder.parent.parent.name):
        found.append((folder.parent.parent / "blobs").resolve())
    return found


def companions(folder: Path | None) -> dict[str, Path]:
    """Find what lies beside the weights and belongs to the model: configuration, tokenizer, licence.

    Parameters
    ----------
    folder : Path or None
        The model folder.

    Returns
    -------
    dict of str to Path
        By name relative to the folder: small files that hold no weights, and those of its folders (``1_Pooling``);
        hidden ones and links to other places are passed over.
    """
    if folder is None:
        return {}
    allowed = homes(folder)
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.is_symlink()]
    found = {}
    for home in (folder, *(path for path in inner if not path.name.startswith("."))):
        for path in sorted(home.iterdir()):
            if not path.is_file() or path.name.startswith(".") or _holds_weights(path):
                continue
            if path.stat().st_size <= COMPANION_LIMIT and any(path.resolve().is_relative_to(at) for at in allowed):
                found[path.relative_to(folder).as_posix()] = path
    return found


def _holds_weights(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((*_WEIGHT_SUFFIXES, ".index.json", *_OTHER_WEIGHTS)) or path.name in _NOT_WEIGHTS


def _where_else(folder: Path) -> str:
    for inner in sorted(folder.iterdir()):
        with contextlib.suppress(OSError):  # advice alone; what cannot be looked into is passed over
            if inner.is_dir() and any(path.suffix in _WEIGHT_SUFFIXES for path in inner.iterdir() if path.is_file()):
                return f"There are weights in its folder {shown(inner.name, 60)!r}: open that."
    return f"Expected one of {', '.join(_WEIGHT_SUFFIXES)} or a *.index.json."
