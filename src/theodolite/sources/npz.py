"""NumPy archives and single arrays, without pickles and without trust in their headers."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.dtypes import ELEMENT_TYPES, code_of
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.formats import ZIP_ERRORS
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.stored import FileTensor, StoredTensor

_HEADER_LIMIT = 1 << 16
_LOCAL_HEADER = 30
_BEST_COMPRESSION = 1040
_DAMAGED = "The file is damaged or hostile: fetch or save it again."
_HEADER_ERRORS = (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError, AttributeError, EOFError)


@dataclass(frozen=True)
class _Array:
    """The header of one .npy file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    header: int


def read_npy(path: Path) -> Contents:
    """Read the header of one .npy file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Contents
        Its single tensor, named after the file.
    """
    file = SourceFile(path)
    array = _header(bytes(file.read(0, min(file.size, _HEADER_LIMIT))), file.size, path, path.stem)
    tensor = FileTensor(file, array.header, array.shape[:: -1 if array.fortran else 1], array.dtype)
    return Contents([_record(path.stem, array, tensor, file)], "npy", (file,))


def read_npz(path: Path) -> Contents:
    """Read the headers of the arrays in an .npz archive.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Contents
        Its arrays in the order of the archive.

    Raises
    ------
    CheckpointError
        If the archive or one of its arrays cannot be read safely.
    """
    file = SourceFile(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            _check_members(members, file)
            records = [_member(archive, info, file) for info in members]
    except CheckpointError:
        raise
    except ZIP_ERRORS as error:
        problem = f"the archive cannot be read ({shown(str(error))})"
        raise CheckpointError(problem, file=path, remedy=_DAMAGED) from error
    if not records:
        raise CheckpointError("the archive holds no arrays", file=path, remedy="Save it with numpy.savez.")
    return Contents(records, "npz", (file,))


def _check_members(members: list[zipfile.ZipInfo], file: SourceFile) -> None:
    seen: set[str] = set()
    for info in members:
        name = info.filename.removesuffix(".npy")
        if name in seen:
            raise _damaged(file.path, name, "the archive holds two arrays of this name")
        seen.add(name)
        if info.flag_bits & 0x1:
            raise CheckpointError("the array is encrypted", file=file.path, tensor=name, remedy="Save it without.")
        if info.compress_size > file.size or info.file_size > _BEST_COMPRESSION * info.compress_size + _HEADER_LIMIT:
            raise _damaged(file.path, name, f"the archive claims {info.file_size} bytes from {info.compress_size}")
    if sum(info.compress_size for info in members) > file.size:
        raise _damaged(file.path, None, "the arrays of the archive overlap")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: SourceFile) -> Record:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as stream:
        head = stream.read(_HEADER_LIMIT)
    array = _header(head, info.file_size, file.path, name)
    shape = array.shape[:: -1 if array.fortran else 1]
    tensor: StoredTensor
    if info.compress_type == zipfile.ZIP_STORED:
        local = file.read(info.header_offset, _LOCAL_HEADER)
        skip = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        start = info.header_offset + _LOCAL_HEADER + skip + array.header
        if start + math.prod(shape) * array.dtype.itemsize > file.size:
            raise _damaged(file.path, name, "the array reaches past the end of the file")
        tensor = FileTensor(file, start, shape, array.dtype)
    else:
        tensor = _CompressedTensor(file, info.filename, array.header, shape, array.dtype)
    return _record(name, array, tensor, file)


def _record(name: str, array: _Array, tensor: StoredTensor, file: SourceFile) -> Record:
    code = code_of(array.dtype)
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and not np.little_endian):
        tensor = _Converted(tensor, tensor.shape, array.dtype.newbyteorder("<"))
    if array.fortran:
        tensor = _Turned(tensor, array.shape, tensor.dtype)
    reason = None if code in ELEMENT_TYPES else f"entries of type {code} are no numbers that can be measured"
    return Record(name, array.shape, code, tensor, file.name, reason)


def _header(head: bytes, size: int, path: Path, name: str) -> _Array:
    stream = BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        reader: Callable[..., tuple[tuple[int, ...], bool, np.dtype[Any]]]
        if version == (1, 0):
            reader = np.lib.format.read_array_header_1_0
        elif version in {(2, 0), (3, 0)}:
            reader = np.lib.format.read_array_header_2_0
        else:
            raise ValueError(f"version {version} is not known")
        shape, fortran, dtype = reader(stream)
    except _HEADER_ERRORS as error:
        raise _damaged(path, name, f"the array's header cannot be read ({shown(str(error), 120)})") from error
    if dtype.hasobject:
        raise CheckpointError(
            "the array holds pickled objects, which can run any code when they are read",
            file=path,
            tensor=name,
            remedy="Save plain numeric arrays.",
        )
    if len(shape) > 32 or any(type(n) is not int or not 0 <= n < 1 << 63 for n in shape):
        raise _damaged(path, name, f"its shape {shown(repr(shape), 80)} is not a list of sizes")
    if 0 in shape or dtype.itemsize == 0:
        remedy = "Save the checkpoint again without it."
        raise CheckpointError(f"it has the shape {shape}: no elements", file=path, tensor=name, remedy=remedy)
    given, wanted = size - stream.tell(), math.prod(shape) * dtype.itemsize
    if given != wanted:
        raise _damaged(path, name, f"shape {shape} of {dtype} takes {wanted} bytes, but there are {given}")
    return _Array(tuple(shape), dtype, fortran, stream.tell())


@dataclass(frozen=True)
class _CompressedTensor(StoredTensor):
    """An array in a compressed member, decompressed as far as it is read."""

    file: SourceFile
    member: str
    header: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        return self._at(start * width, (stop - start, *self.shape[1:]))

    def read(self) -> NDArray[np.generic]:
        return self._at(0, self.shape)

    def chunks(self) -> Iterator[memoryview]:
        # In one pass: to begin anew at each piece would cost the square of the size.
        size = self.size * self.dtype.itemsize
        piece = self._rows_at_once * size // self.shape[0] if self.shape else size
        with self._unpacked(0) as stream:
            for start in range(0, size, piece):
                yield _filled(stream, min(piece, size - start)).data

    def _at(self, offset: int, shape: tuple[int, ...]) -> NDArray[np.generic]:
        with self._unpacked(offset) as stream:
            block = _filled(stream, math.prod(shape) * self.dtype.itemsize)
        return block.view(self.dtype).reshape(shape)

    @contextmanager
    def _unpacked(self, offset: int) -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(self.file.path) as archive, archive.open(self.member) as stream:
                stream.seek(self.header + offset)
                yield stream
        except ZIP_ERRORS as error:
            problem = f"it cannot be unpacked ({error})"
            raise _damaged(self.file.path, self.member.removesuffix(".npy"), problem) from error


@dataclass(frozen=True)
class _Turned(StoredTensor):
    """An array in Fortran order."""

    source: StoredTensor
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return np.ascontiguousarray(self.source.read().T[start:stop])

    def read(self) -> NDArray[np.generic]:
        return np.ascontiguousarray(self.source.read().T)


@dataclass(frozen=True)
class _Converted(StoredTensor):
    """An array in big-endian order."""

    source: StoredTensor
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self.source.rows(start, stop).astype(self.dtype)

    def read(self) -> NDArray[np.generic]:
        return self.source.read().astype(self.dtype)


def _filled(stream: IO[bytes], count: int) -> NDArray[np.uint8]:
    block = np.empty(count, dtype=np.uint8)
    done = 0
    while done < count:
        piece = stream.read(min(count - done, 1 << 20))
        if not piece:
            raise EOFError(f"{count - done} bytes are missing")
        block[done : done + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        done += len(piece)
    return block


def _damaged(path: Path, tensor: str | None, problem: str) -> CheckpointError:
    return CheckpointError(problem, file=path, tensor=tensor, remedy=_DAMAGED)
