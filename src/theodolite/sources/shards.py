"""Checkpoints in several files, held together by an index."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.folders import homes
from theodolite.sources.formats import format_of
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.safetensors import read_safetensors
from theodolite.sources.untrusted_json import read_object

INDEX_LIMIT = 100_000_000
_DEPTH = 16
_REPAIR = "The index and its shards do not belong together: fetch or save the whole checkpoint again."


def read_sharded(index: Path) -> Contents:
    """Read a sharded checkpoint.

    Every tensor must lie in the shard that the index names, and a shard may hold no tensor beyond the index: both are
    signs of files that do not belong together.

    Parameters
    ----------
    index : Path
        ``model.safetensors.index.json``, ``pytorch_model.bin.index.json`` or the like.

    Returns
    -------
    Contents
        The tensors of all shards, in the order of the shards' names.
    """
    places = _weight_map(read_object(index, what="index", limit=INDEX_LIMIT, depth=_DEPTH), index)
    by_shard: dict[str, set[str]] = {}
    for tensor, shard in places.items():
        by_shard.setdefault(shard, set()).add(tensor)
    paths = {shard: _shard_path(shard, index, next(iter(tensors))) for shard, tensors in by_shard.items()}
    found = {shard: _read_shard(paths[shard]) for shard in sorted(by_shard, key=_natural)}
    records: list[Record] = []
    for shard, contents in found.items():
        _check_shard(contents, by_shard[shard], paths[shard], index)
        records += contents.records
    formats = {contents.format for contents in found.values()}
    files = tuple(file for contents in found.values() for file in contents.files)
    first = next(iter(found.values()))
    return Contents(records, formats.pop(), files, first.metadata)


def _weight_map(parsed: dict[str, Any], index: Path) -> dict[str, str]:
    places = parsed.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError("the index has no weight_map", file=index, remedy=_REPAIR)
    for tensor, shard in places.items():
        if not isinstance(shard, str) or not shard:
            raise CheckpointError(
                f"the index names {shown(repr(shard), 60)} as its shard", file=index, tensor=tensor, remedy=_REPAIR
            )
    return places


def _shard_path(shard: str, index: Path, tensor: str) -> Path:
    """Find a shard, which must lie in the index's own folder."""
    parts = {*PurePosixPath(shard).parts, *PureWindowsPath(shard).parts}
    rooted = PurePosixPath(shard).is_absolute() or PureWindowsPath(shard).anchor
    if rooted or ".." in parts or "\0" in shard:
        raise CheckpointError(
            f"the shard {shown(shard)!r} is outside the checkpoint's folder",
            file=index,
            tensor=tensor,
            remedy="The index may be hostile: shards must be named relative to it, without '..'.",
        )
    path = index.parent / shard
    try:
        present = path.is_file()
    except OSError:  # no file can have this name
        present = False
    if not present:
        raise CheckpointError(
            f"the shard {shown(shard)!r} is missing",
            file=index,
            tensor=tensor,
            remedy="Fetch the missing file into the folder of the index.",
        )
    if not any(path.resolve().is_relative_to(home) for home in homes(index.parent)):
        raise CheckpointError(
            f"the shard {shown(shard)!r} is a link to a place outside the checkpoint's folder",
            file=index,
            tensor=tensor,
            remedy="Put the file itself into the folder.",
        )
    return path


def _read_shard(path: Path) -> Contents:
    file = SourceFile(path)
    try:
        kind = format_of(file)
    finally:
        file.close()
    if kind == "safetensors":
        return read_safetensors(path)
    if kind.startswith("torch"):
        from theodolite.sources.torch_files import read_torch

        return read_torch(path, kind)
    raise CheckpointError("a shard is neither safetensors nor a PyTorch file", file=path, remedy=_REPAIR)


def _check_shard(contents: Contents, expected: set[str], path: Path, index: Path) -> None:
    held = {record.name for record in contents.records}
    for tensor in sorted(expected - held):
        raise CheckpointError(
            f"the index says that it is in {shown(path.name)!r}, which does not hold it",
            file=index,
            tensor=tensor,
            remedy=_REPAIR,
        )
    for tensor in sorted(held - expected):
        raise CheckpointError(
            f"{shown(path.name)!r} holds it, but the index does not say so", file=index, tensor=tensor, remedy=_REPAIR
        )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
