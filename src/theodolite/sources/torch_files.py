"""PyTorch files: tensors only, on the CPU, and no class that is not torch's own."""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

from theodolite.sources.containers import Leaf, find_tensors
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.torch_tensors import code_of_torch, outgrows_storage, storage_of, stored_tensor

_ERRORS = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_FOREIGN_CLASS = re.compile(
    r"GLOBAL ([\w.]+) was not an allowed global|Unsupported class ([\w.]+)|class ([\w.]+) is not"
)
# Compressed members are unpacked into memory; no weights shrink to a 32nd, zeros aside.
_BEST_COMPRESSION = 32
_ROOM = 1 << 24
_LEGACY_PICKLES = 5
_LONGEST_LINE = 1 << 16
_INTEGERS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG"})
_DAMAGED = "The file is damaged: fetch or save it again."


def read_torch(path: Path, kind: str) -> Contents:
    """Read a PyTorch file with ``weights_only=True``.

    Files in the zip format are mapped into memory and not copied; legacy files are read whole, since their format
    leaves no other way.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        ``"torch_zip"`` or ``"torch_legacy"``.

    Returns
    -------
    Contents
        Its tensors, optimizer moments included.

    Raises
    ------
    CheckpointError
        If torch is missing, the file is damaged or holds no tensors, or needs a class that is not torch's own.
    """
    torch = _torch(path)
    file = SourceFile(path)
    try:
        if kind == "torch_zip":
            saved = _load(torch, path, mapped=_check_zip(torch, file))
        else:
            _check_legacy(file)
            saved = _load(torch, path, mapped=False)
    finally:
        file.close()
    leaves = find_tensors(saved, torch.Tensor)
    if not leaves:
        raise CheckpointError("the file holds no tensors", file=path, remedy="Save the model's state_dict().")
    return Contents(_records(leaves, path), "torch", (file,))


def _torch(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise CheckpointError(
            "reading PyTorch files needs torch, which is not installed",
            file=path,
            remedy="Install it with: pip install 'theodolite[torch]'",
        ) from error
    return torch


def _check_zip(torch: Any, file: SourceFile) -> bool:
    """Refuse foreign classes and bombs; tell whether the file can be mapped."""
    try:
        with zipfile.ZipFile(file.path) as archive:
            members = archive.infolist()
        unpacked = sum(info.file_size for info in members)
        if unpacked > _BEST_COMPRESSION * file.size + _ROOM:
            raise CheckpointError(
                f"the archive of {file.size} bytes unpacks to {unpacked}",
                file=file.path,
                remedy="It is damaged or hostile: save it again uncompressed, as torch.save does.",
            )
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(str(file.path))
    except CheckpointError:
        raise
    except _ERRORS as error:
        raise _damaged(file.path, error) from error
    if foreign:
        raise _refused(file.path, foreign)
    return all(info.compress_type == zipfile.ZIP_STORED for info in members)


def _check_legacy(file: SourceFile) -> None:
    """Compare every length in the file's pickles with the file before torch makes room for it."""
    try:
        with file.path.open("rb") as stream:
            bounded = _BoundedStream(stream, file.size)
            for _ in range(_LEGACY_PICKLES):
                _check_pickle(bounded, file)
    except CheckpointError:
        raise
    except _ERRORS as error:
        raise _damaged(file.path, error) from error


def _check_pickle(stream: _BoundedStream, file: SourceFile) -> None:
    numbers: list[int] = []
    for opcode, argument, _place in pickletools.genops(cast("BinaryIO", stream)):
        if opcode.name == "PROTO" and argument not in {2, 3, 4, 5}:
            raise ValueError(f"pickle protocol {argument}")
        if opcode.name == "MARK":
            numbers = []
        elif isinstance(argument, int) and opcode.name in _INTEGERS:
            numbers.append(argument)
        # A storage is named by a tuple whose only numbers are its size and, in views, places within it.
        elif opcode.name == "BINPERSID" and any(n < 0 or n > file.size for n in numbers):
            raise CheckpointError(
                f"a storage claims {max(numbers)} elements, more than the file has bytes",
                file=file.path,
                remedy=_DAMAGED,
            )


class _BoundedStream:
    """A stream that makes no room for what the file cannot hold."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._size - self._stream.tell():
            raise EOFError(f"{count} bytes are announced, more than the file holds")
        return self._stream.read(count)

    def readline(self) -> bytes:
        return self._stream.readline(_LONGEST_LINE)

    def tell(self) -> int:
        return self._stream.tell()


def _load(torch: Any, path: Path, *, mapped: bool) -> Any:
    try:
        return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mapped)
    except _ERRORS as error:
        named = [next(filter(None, match)) for match in _FOREIGN_CLASS.findall(str(error))]
        if named:
            raise _refused(path, named) from error
        raise _damaged(path, error) from error


def _records(leaves: list[Leaf], path: Path) -> list[Record]:
    records, seen = [], set()
    for leaf in leaves:
        tensor, name = leaf.tensor, leaf.name
        if name in seen:
            raise CheckpointError("the file holds two tensors of this name", file=path, tensor=name, remedy=_DAMAGED)
        seen.add(name)
        shape = tuple(int(n) for n in tensor.shape)
        if 0 in shape and leaf.reason is None:
            raise CheckpointError(
                f"it has the shape {shape}: a tensor without elements",
                file=path,
                tensor=name,
                remedy="Save the checkpoint again without it.",
            )
        if outgrows_storage(tensor):
            raise CheckpointError(
                f"shape {shape} is larger than the data behind it",
                file=path,
                tensor=name,
                remedy="The file is damaged, or holds an expanded view: save a contiguous copy of the tensor.",
            )
        content, reason = stored_tensor(tensor)
        code, storage = code_of_torch(tensor.dtype), storage_of(tensor)
        records.append(Record(name, shape, code, content, path.name, leaf.reason or reason, storage=storage))
    return records


def _refused(path: Path, foreign: list[str]) -> CheckpointError:
    names = ", ".join(shown(name, 120) for name in sorted(set(foreign))[:6])
    more = ", ..." if len(set(foreign)) > 6 else ""
    return CheckpointError(
        f"the file needs classes that are not torch's own, and loading them could run any code: {names}{more}",
        file=path,
        remedy="Where you trust the file, load it yourself and save model.state_dict(), or open the live module.",
    )


def _damaged(path: Path, error: BaseException) -> CheckpointError:
    first = str(error).strip().splitlines()
    problem = shown(first[0], 160) if first else type(error).__name__
    return CheckpointError(f"torch cannot read the file ({problem})", file=path, remedy=_DAMAGED)
