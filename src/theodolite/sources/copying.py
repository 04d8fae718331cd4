"""A copy of a checkpoint in which some tensors are others, written one tensor at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from theodolite.sources.checkpoint import Checkpoint
from theodolite.sources.containers import AVERAGED, OPTIMIZER_STATE, TRAINING_STATE
from theodolite.sources.destination import Destination
from theodolite.sources.dtypes import ELEMENT_TYPES
from theodolite.sources.errors import CheckpointError
from theodolite.sources.folders import companions, weights_in
from theodolite.sources.safetensors import read_safetensors
from theodolite.sources.shards import INDEX_LIMIT
from theodolite.sources.stored import as_bytes
from theodolite.sources.torch_modules import NOT_SAVED
from theodolite.sources.untrusted_json import read_object
from theodolite.sources.weight import Weight
from theodolite.sources.writer import SafetensorsWriter, Slot

Changes = Callable[[Sequence[Weight]], Iterable[NDArray[Any] | None]]
"""Gives for each tensor, in order, what stands in its place; None where it is copied."""

_RUN_STATE = frozenset({AVERAGED, OPTIMIZER_STATE, TRAINING_STATE, NOT_SAVED})
_PYTORCH = "pytorch_model"
_INDEX = ".index.json"
_INDEX_DEPTH = 16


@dataclass(frozen=True)
class Copy:
    """What was written.

    Attributes
    ----------
    path : Path
        The file or the folder.
    files : tuple of Path
        Every file that was written.
    left_out : mapping of str to str
        Tensors of the source that have no place in the copy, with the reason.
    """

    path: Path
    files: tuple[Path, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    """One file of the copy: its name, its tensors in order and its free text."""

    name: str
    weights: tuple[Weight, ...]
    slots: tuple[Slot, ...]
    metadata: Mapping[str, str]


def write_copy(
    checkpoint: Checkpoint,
    path: Path,
    changes: Changes,
    *,
    overwrite: bool = False,
    beside: Callable[[], Mapping[str, bytes]] | None = None,
    mark: str = "",
) -> Copy:
    """Write a copy of a checkpoint as safetensors, one tensor in memory at a time.

    A path that ends in ``.safetensors`` becomes one file; any other becomes a folder with the same shards and index as
    the source, its configuration and whatever else small lies in its folder. Everything is written beside the path
    first and takes its name when it is complete.

    Parameters
    ----------
    checkpoint : Checkpoint
        The source; nothing of it is changed.
    path : Path
        Where the copy goes.
    changes : callable
        Takes the tensors in the order in which they are written, and gives what stands in the place of each: an array
        of the same shape and type, or None.
    overwrite : bool
        Whether an earlier copy may be replaced: a file, or a folder that holds a file named `mark`.
    beside : callable, optional
        Gives further files of the folder when all tensors are written.
    mark : str
        The one of these files that tells an earlier copy.

    Returns
    -------
    Copy
        What was written.

    Raises
    ------
    CheckpointError
        If a tensor of the source cannot be stored.
    FileExistsError
        If something is at the path that may not be replaced.
    ValueError
        If the path is that of the source or lies in its folder.
    """  # noqa: DOC502 - raised by what is called
    place = destination(checkpoint, path, overwrite=overwrite, mark=mark)
    left_out = {name: str(w.listed_because) for name, w in checkpoint.items() if _is_run_state(checkpoint, w)}
    weights = [weight for name, weight in checkpoint.items() if name not in left_out]
    files = _files(checkpoint, weights, None if place.is_folder else path.name)
    with place.written() as folder:
        _write_tensors(folder, files, changes)
        if place.is_folder:
            _write_index(folder, files, checkpoint)
            for name, source in companions(_folder(checkpoint)).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / name)
            for name, data in (beside() if beside is not None else {}).items():
                (folder / name).write_bytes(data)
        written = sorted(each.relative_to(folder) for each in folder.rglob("*") if each.is_file())
    home = path if place.is_folder else path.parent
    return Copy(path, tuple(home / name for name in written), left_out)


def _is_run_state(checkpoint: Checkpoint, weight: Weight) -> bool:
    # A safetensors file that holds moments was made to hold them; a PyTorch file of a run holds more than a model.
    return checkpoint.format != "safetensors" and weight.listed_because in _RUN_STATE


def destination(checkpoint: Checkpoint, path: Path, *, overwrite: bool = False, mark: str = "") -> Destination:
    """Check the place of a copy.

    Parameters
    ----------
    checkpoint : Checkpoint
        The source.
    path : Path
        Where the copy would go.
    overwrite : bool
        As for `write_copy`.
    mark : str
        As for `write_copy`.

    Returns
    -------
    Destination
        The place.

    Raises
    ------
    FileExistsError
        If something is there that may not be replaced.
    ValueError
        If it is the source itself, or lies in its folder.
    """  # noqa: DOC502 - raised by what is called
    sources = [*checkpoint.files, *([checkpoint.path] if checkpoint.path is not None else [])]
    return Destination(path, sources, overwrite=overwrite, mark=mark)


def _folder(checkpoint: Checkpoint) -> Path | None:
    """Name the model folder that a checkpoint was opened as; None for a lone file or a live module."""
    if checkpoint.path is None:
        return None
    if checkpoint.path.is_dir():
        return checkpoint.path
    return checkpoint.path.parent if checkpoint.config or checkpoint.path.name.endswith(_INDEX) else None


def _files(checkpoint: Checkpoint, weights: list[Weight], single: str | None) -> list[_File]:
    """Decide which file holds which tensors, and refuse what cannot be stored before anything is written."""
    by_file: dict[str, list[Weight]] = {}
    for weight in weights:
        by_file.setdefault(single or _renamed(weight.file, checkpoint), []).append(weight)
    sources = {path.name: path for path in checkpoint.files}
    files = []
    for name, held in by_file.items():
        if checkpoint.format != "safetensors":
            # Wide elements first, so that each lies at a multiple of its width.
            held = sorted(held, key=lambda weight: -_bits(weight))
        slots = tuple(_slot(weight, checkpoint) for weight in held)
        files.append(_File(name, tuple(held), slots, _metadata(checkpoint, sources.get(held[0].file or ""))))
    return files


def _renamed(file: str | None, checkpoint: Checkpoint) -> str:
    if file is None:
        return "model.safetensors"
    if checkpoint.format == "safetensors":
        return file
    stem = Path(file).stem
    return f"{stem.replace(_PYTORCH, 'model', 1) if stem.startswith(_PYTORCH) else stem}.safetensors"


def _bits(weight: Weight) -> int:
    element = ELEMENT_TYPES.get(weight.dtype)
    return 0 if element is None else element.bits


def _slot(weight: Weight, checkpoint: Checkpoint) -> Slot:
    if not weight.has_content:
        raise CheckpointError(
            f"it cannot be copied: {weight.listed_because}",
            file=weight.file,
            tensor=weight.name,
            remedy="Convert the checkpoint to dense floating-point tensors first.",
        )
    foreign = weight.dtype not in ELEMENT_TYPES and checkpoint.format == "safetensors"
    name = weight.stored_name if checkpoint.format == "safetensors" else weight.name
    raw = sum(map(len, weight.chunks())) if foreign else None
    slot = Slot(name, weight.dtype, weight.shape, raw)
    # An element type without a place in the format is refused before the first file is written.
    _ = slot.count
    return slot


def _metadata(checkpoint: Checkpoint, source: Path | None) -> Mapping[str, str]:
    if checkpoint.format == "safetensors":
        return checkpoint.metadata if source is None else read_safetensors(source).metadata
    return {"format": "pt"} if checkpoint.format in {"torch", "module"} else {}


def _write_tensors(folder: Path, files: list[_File], changes: Changes) -> None:
    replacements = iter(changes([weight for file in files for weight in file.weights]))
    for file in files:
        with SafetensorsWriter(folder / file.name, file.slots, file.metadata) as writer:
            for weight, slot in zip(file.weights, file.slots, strict=True):
                other = next(replacements)
                writer.write(slot.name, weight.chunks() if other is None else [as_bytes(_fitting(other, weight))])
                del other
    # Whoever makes the changes may have something to finish after the last.
    for _ in replacements:
        raise ValueError("changes: there are more of them than tensors")


def _fitting(array: NDArray[Any], weight: Weight) -> NDArray[Any]:
    stored = ELEMENT_TYPES[weight.dtype].numpy
    if array.shape != weight.shape or stored is None or array.dtype.newbyteorder("<") != stored.newbyteorder("<"):
        expected = f"{weight.shape} of {weight.dtype}"
        raise ValueError(f"changes: {weight.name} has shape {expected}; got {array.shape} of {array.dtype}")
    return array


def _write_index(folder: Path, files: list[_File], checkpoint: Checkpoint) -> None:
    source = checkpoint.path
    if source is not None and source.is_dir():
        source = weights_in(source)
    if source is None or not source.name.endswith(_INDEX):
        return
    found = read_object(source, what="index", limit=INDEX_LIMIT, depth=_INDEX_DEPTH).get("metadata")
    metadata: dict[str, Any] = found if isinstance(found, dict) else {}
    metadata["total_size"] = sum(slot.count for file in files for slot in file.slots)
    weight_map = {slot.name: file.name for file in files for slot in file.slots}
    text = json.dumps({"metadata": metadata, "weight_map": weight_map}, indent=2, ensure_ascii=False)
    name = f"{_renamed(source.name.removesuffix(_INDEX), checkpoint)}{_INDEX}"
    (folder / name).write_text(f"{text}\n", encoding="utf-8")
