"""HDF5 files of Keras weights: datasets of this file alone, and nothing in it is executed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.containers import OPTIMIZER_STATE
from theodolite.sources.dtypes import ELEMENT_TYPES, code_of
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.keras import Named, Variable, named
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.stored import FileTensor, StoredTensor

_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What h5py raises on damaged files."""
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_FILTERS = frozenset({_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF})
_BEST_COMPRESSION = 1040
_LARGEST_CHUNK = 1 << 26
_CACHE = 1 << 25
_DEEPEST = 32
_WIDEST = 8
_NUMBERS = "fiubc"
_DAMAGED = "The file is damaged or hostile: fetch or save it again."
_ELSEWHERE = "Save the weights anew into one file of their own, with model.save_weights(...)."


def read_hdf5(path: Path) -> Contents:
    """Read the layout of an HDF5 file; its datasets are read when they are asked for, in slices.

    The configuration that Keras stores beside the weights, which can hold code, is not looked at. Datasets that lie
    outside of the file (external links and storage, virtual datasets) and compression that would need a plug-in are
    refused.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Contents
        Its datasets, the optimizer's included, by layer; those of one layer in the order they were written in.

    Raises
    ------
    CheckpointError
        If h5py is missing, the file is damaged, points outside of itself, or holds no datasets.
    """
    file = SourceFile(path)
    h5py = _h5py(path)
    try:
        with _opened(file) as root:
            found = sorted(_datasets(h5py, root, file), key=_natural)
            variables = [Variable(tuple(where.split("/")), _shape(dataset)) for where, dataset, _ in found]
            names = named(variables)
            if len({name.name for name in names}) < len(names):
                names = [name.unshortened() for name in names]
            records = [
                _record(h5py, name, (where, dataset, address), file)
                for name, (where, dataset, address) in zip(names, found, strict=True)
            ]
    except CheckpointError:
        raise
    except _ERRORS as error:
        problem = f"the HDF5 file cannot be read ({_said(error)})"
        raise CheckpointError(problem, file=path, remedy=_DAMAGED) from error
    finally:
        file.close()
    if not records:
        raise CheckpointError("the file holds no datasets", file=path, remedy="Save it with model.save_weights(...).")
    _check_apart(records, path)
    return Contents(records, "hdf5", (file,))


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise CheckpointError(
            "reading HDF5 files (Keras) needs h5py, which is not installed",
            file=path,
            remedy="Install it with: pip install 'theodolite[keras]'",
        ) from error
    return h5py


@contextmanager
def _opened(file: SourceFile) -> Iterator[Any]:
    # A read of the descriptor notices a file that changed since it was opened.
    file.read(0, 1)
    with _h5py(file.path).File(file.path, "r", locking=False, rdcc_nbytes=_CACHE) as root:
        yield root


def _datasets(h5py: Any, root: Any, file: SourceFile) -> Iterator[tuple[str, Any, int]]:
    """Go through groups by hard links alone, and into each of them once."""
    waiting: list[tuple[str, Any]] = [("", root)]
    entered: set[int] = set()
    while waiting:
        place, group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in entered:
            continue
        entered.add(address)
        if place.count("/") > _DEEPEST:
            raise _damaged(file.path, place, f"groups are nested more than {_DEEPEST} deep")
        for name in group:
            where = f"{place}/{name}".lstrip("/")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                problem = "it is a link to another place or file, and links are not followed"
                raise CheckpointError(problem, file=file.path, tensor=where, remedy=_ELSEWHERE)
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((where, item))
            elif isinstance(item, h5py.Dataset):
                yield where, item, h5py.h5o.get_info(item.id).addr


def _natural(found: tuple[str, Any, int]) -> tuple[Any, ...]:
    """Sort by group, ``conv10`` after ``conv2``, and then by place."""
    groups = [
        [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", group)]
        for group in found[0].split("/")[:-1]
    ]
    return groups, found[2]


def _shape(dataset: Any) -> tuple[int, ...]:
    # A dataset with an empty dataspace has no shape.
    return (0,) if dataset.shape is None else tuple(int(n) for n in dataset.shape)


def _record(h5py: Any, name: Named, found: tuple[str, Any, int], file: SourceFile) -> Record:
    where, dataset, address = found
    if dataset.is_virtual or dataset.external:
        problem = "its data lie in other files, which are not read"
        raise CheckpointError(problem, file=file.path, tensor=where, remedy=_ELSEWHERE)
    shape, dtype = _shape(dataset), dataset.dtype
    if 0 in shape:
        return Record(name.name, shape, code_of(dtype), None, file.name, "it has no elements")
    if dtype.kind not in _NUMBERS or dtype.hasobject or dtype.subdtype is not None:
        problem = f"entries of type {shown(str(dtype), 60)} are no numbers that can be measured"
        return Record(name.name, shape, dtype.name.upper(), None, file.name, problem)
    code = code_of(dtype)
    tensor = _tensor(h5py, where, dataset, file)
    reason = OPTIMIZER_STATE if name.optimizer else name.reason
    if reason is None and code not in ELEMENT_TYPES:
        reason = f"entries of type {code} are no numbers that can be measured"
    return Record(
        name.name, shape, code, tensor, file.name, reason, name.layer, None, (str(file.path), address), name.layout
    )


def _tensor(h5py: Any, where: str, dataset: Any, file: SourceFile) -> StoredTensor:
    shape, dtype = _shape(dataset), dataset.dtype
    little = dtype.newbyteorder("<")
    plist = dataset.id.get_create_plist()
    filters = [int(plist.get_filter(i)[0]) for i in range(plist.get_nfilters())]
    foreign = [number for number in filters if number not in _FILTERS]
    if foreign:
        problem = f"its compression (filter {foreign[0]}) needs a plug-in, and plug-ins are not loaded"
        raise CheckpointError(problem, file=file.path, tensor=where, remedy="Save it with gzip or uncompressed.")
    wanted, given = math.prod(shape) * dtype.itemsize, int(dataset.id.get_storage_size())
    direct = dtype == little and dataset.id.get_type().equal(h5py.h5t.py_create(dtype))
    if plist.get_layout() == h5py.h5d.CHUNKED:
        chunk = math.prod(dataset.chunks) * dtype.itemsize
        room = _BEST_COMPRESSION * min(given, file.size)
        fits = wanted <= room and chunk <= max(_LARGEST_CHUNK, wanted)
    else:
        # A stored type that NumPy lacks is converted to one that is wider.
        fits = given == wanted if direct else wanted <= _WIDEST * given
    if not fits or given > file.size:
        raise _damaged(file.path, where, f"shape {shape} of {dtype} takes {wanted} bytes, but {given} are stored")
    offset = dataset.id.get_offset()
    if direct and plist.get_layout() == h5py.h5d.CONTIGUOUS and offset is not None:
        if offset + wanted > file.size:
            raise _damaged(file.path, where, "the dataset reaches past the end of the file")
        return FileTensor(file, int(offset), shape, dtype)
    return _Dataset(file, where, shape, little)


@dataclass(frozen=True, repr=False)
class _Dataset(StoredTensor):
    """A dataset that is compressed, in chunks, or of a type that has to be converted."""

    file: SourceFile
    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._read(slice(start, stop))

    def read(self) -> NDArray[np.generic]:
        return self._read(())

    def _read(self, which: slice | tuple[()]) -> NDArray[np.generic]:
        try:
            with _opened(self.file) as root:
                return np.ascontiguousarray(root[self.where][which], dtype=self.dtype).reshape(
                    self.shape if isinstance(which, tuple) else (which.stop - which.start, *self.shape[1:])
                )
        except CheckpointError:
            raise
        except _ERRORS as error:
            raise _damaged(self.file.path, self.where, f"it cannot be unpacked ({_said(error)})") from error


def _check_apart(records: list[Record], path: Path) -> None:
    """Refuse datasets that share bytes without being the same."""
    places = {
        (record.content.offset, record.size * record.content.dtype.itemsize): record.name
        for record in records
        if isinstance(record.content, FileTensor)
    }
    end = 0
    for (offset, count), name in sorted(places.items()):
        if offset < end:
            raise _damaged(path, name, "the dataset overlaps another one")
        end = offset + count


def _damaged(path: Path, tensor: str | None, problem: str) -> CheckpointError:
    return CheckpointError(problem, file=path, tensor=tensor, remedy=_DAMAGED)


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0], 160) if lines else type(error).__name__
