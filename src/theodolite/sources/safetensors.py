"""A reader of safetensors files that trusts nothing in the header.

Every number is checked against the size of the file before it is used, so that a hostile header costs no more memory
than parsing its own bytes, of which there may be no more than the format allows. Element types that the reference
implementation cannot give to NumPy (BF16, FP8) are read.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.sources.dtypes import ELEMENT_TYPES
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.stored import FileTensor, RawBytes
from theodolite.sources.untrusted_json import parse_object

HEADER_LIMIT = 16_000_000
_DEPTH = 3
_LENGTH_BYTES = 8
_MOST_AXES = 32
_PLAUSIBLE_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,23}")
_DAMAGED = "The file is damaged or hostile: fetch or save it again."


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(path: Path) -> Contents:
    """Read the header of one safetensors file.

    Holes between tensors, overlaps and bytes past the last tensor are errors, as the format's specification has it; so
    is a tensor without elements, because nothing can be measured of it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Contents
        Its tensors in the order of their bytes.
    """
    file = SourceFile(path)
    header, data_start = _header(file)
    metadata = _metadata(header.pop("__metadata__", {}), path)
    entries = [_entry(name, value, path) for name, value in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    _check_layout(entries, file.size - data_start, path)
    records = [_record(entry, file, data_start) for entry in entries]
    return Contents(records, "safetensors", (file,), metadata)


def _header(file: SourceFile) -> tuple[dict[str, Any], int]:
    if file.size == 0:
        raise CheckpointError("the file is empty", file=file.path, remedy="Fetch or save it again.")
    if file.size < _LENGTH_BYTES:
        raise CheckpointError(
            f"the file has {file.size} bytes, too few for the length of a header",
            file=file.path,
            remedy="It is truncated: fetch or save it again.",
        )
    (length,) = struct.unpack("<Q", file.read(0, _LENGTH_BYTES))
    if length > HEADER_LIMIT:
        raise CheckpointError(
            f"the header claims {length} bytes, more than the {HEADER_LIMIT} that are read",
            file=file.path,
            remedy="It is damaged or no safetensors file: fetch or save it again (in shards, if it is that large).",
        )
    if length > file.size - _LENGTH_BYTES:
        raise CheckpointError(
            f"the header claims {length} bytes but the file has only {file.size - _LENGTH_BYTES} after its length",
            file=file.path,
            remedy="It is truncated: fetch or save it again.",
        )
    data = file.read(_LENGTH_BYTES, length)
    if not data.startswith(b"{"):
        raise CheckpointError("the header does not begin with '{'", file=file.path, remedy=_DAMAGED)
    return parse_object(data, file=file.path, what="header", depth=_DEPTH), _LENGTH_BYTES + length


def _metadata(value: Any, path: Path) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise CheckpointError("__metadata__ is not a map from text to text", file=path, remedy=_DAMAGED)
    return dict(value)


def _entry(name: str, value: Any, path: Path) -> _Entry:
    def bad(problem: str) -> CheckpointError:
        return CheckpointError(problem, file=path, tensor=name, remedy=_DAMAGED)

    if not name or any("\ud800" <= c <= "\udfff" for c in name):
        raise bad("the tensor's name is empty or not valid text")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise bad("the entry must hold dtype, shape and data_offsets and nothing else")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or not _PLAUSIBLE_TYPE.fullmatch(dtype):
        raise bad(f"its dtype is {shown(repr(dtype), 60)}, which names no element type")
    if not isinstance(shape, list) or len(shape) > _MOST_AXES or not all(_is_size(n) for n in shape):
        raise bad(f"its shape {shown(repr(shape), 80)} is not a list of at most {_MOST_AXES} sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(n) for n in offsets):
        raise bad(f"its data_offsets {shown(repr(offsets), 80)} are not two places in the file")
    begin, end = offsets
    if begin > end:
        raise bad(f"its data ends at {end}, before it begins at {begin}")
    entry = _Entry(name, dtype, tuple(shape), begin, end)
    _check_size(entry, path)
    return entry


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _check_size(entry: _Entry, path: Path) -> None:
    if 0 in entry.shape:
        raise CheckpointError(
            f"it has the shape {entry.shape}: a tensor without elements",
            file=path,
            tensor=entry.name,
            remedy="Save the checkpoint again without it.",
        )
    size, count = math.prod(entry.shape), entry.end - entry.begin
    element = ELEMENT_TYPES.get(entry.dtype)
    if element is None:
        # An element takes at least one bit, whatever its type: more elements than bits are a lie.
        if size > 8 * count:
            problem = f"shape {entry.shape} does not fit into its {count} bytes"
            raise CheckpointError(problem, file=path, tensor=entry.name, remedy=_DAMAGED)
    elif size * element.bits != 8 * count:
        raise CheckpointError(
            f"shape {entry.shape} of {entry.dtype} takes {-(-size * element.bits // 8)} bytes, "
            f"but its offsets give it {count}",
            file=path,
            tensor=entry.name,
            remedy=_DAMAGED,
        )


def _check_layout(entries: list[_Entry], available: int, path: Path) -> None:
    expected, before = 0, None
    for entry in entries:
        if entry.end > available:
            raise CheckpointError(
                f"its data ends at byte {entry.end}, but the file holds {available} bytes of data",
                file=path,
                tensor=entry.name,
                remedy="The file is truncated: fetch or save it again.",
            )
        if entry.begin < expected:
            problem = f"its data overlaps that of {shown(str(before))!r}"
            raise CheckpointError(problem, file=path, tensor=entry.name, remedy=_DAMAGED)
        if entry.begin > expected:
            raise CheckpointError(
                f"{entry.begin - expected} bytes before its data belong to no tensor",
                file=path,
                tensor=entry.name,
                remedy=_DAMAGED,
            )
        expected, before = entry.end, entry.name
    if expected != available:
        raise CheckpointError(
            f"{available - expected} bytes after the last tensor belong to no tensor", file=path, remedy=_DAMAGED
        )


def _record(entry: _Entry, file: SourceFile, data_start: int) -> Record:
    element = ELEMENT_TYPES.get(entry.dtype)
    offset = data_start + entry.begin
    content: FileTensor | RawBytes
    if element is None or element.numpy is None:
        content = RawBytes(file, offset, entry.end - entry.begin)
    else:
        content = FileTensor(file, offset, entry.shape, element.numpy)
    return Record(entry.name, entry.shape, entry.dtype, content, file.name)
