"""What a model is shown: batches of inputs in whatever form they are given, and a digest that knows them again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, digest, is_array, to_numpy
from theodolite.core.parameters import check_count
from theodolite.sources.errors import CheckpointError
from theodolite.sources.opening import open_checkpoint
from theodolite.sources.running import described

INPUTS, MASK = "inputs", "attention_mask"
LEFT_OUT = frozenset({"targets", "labels"})
"""Names of what belongs to the data and is nothing that the model is shown."""

_FORMS = "expected an array, a pair (inputs, targets), a mapping of arrays by the model's keywords, or batches of such"


@dataclass(frozen=True, eq=False)
class StimulusBatch:
    """What a model is shown at once.

    Parameters
    ----------
    arguments : tuple
        Its positional arguments.
    keywords : mapping
        Its keywords.
    count : int
        How many examples there are.
    """

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    count: int

    @property
    def mask(self) -> Any | None:
        """Which tokens count, where the keywords say so."""
        found: Any = self.keywords.get(MASK)
        return found if is_array(found) and found.ndim == 2 else None

    @property
    def arrays(self) -> dict[str, Any]:
        """All arrays by name."""
        named = {INPUTS if len(self.arguments) == 1 else f"{INPUTS}.{n}": one for n, one in enumerate(self.arguments)}
        return {name: one for name, one in {**named, **self.keywords}.items() if is_array(one) and one.ndim}


class Stimuli:
    """Batches of what a model is shown.

    Parameters
    ----------
    data : array, tuple, mapping, or iterable of batches
        An array; a pair ``(inputs, targets)``, of which the targets are left out, and whose inputs may be an array, a
        list of arrays (positional arguments) or a mapping; a mapping of arrays by the model's keywords, in which
        ``"inputs"`` is positional, and ``"targets"`` and ``"labels"`` are left out; or batches of such, as a DataLoader
        gives them.
    batch_size : int
        How many examples go into a batch where arrays are given whole.

    Raises
    ------
    ParameterError
        If it is none of this, or the arrays differ in length.

    Examples
    --------
    >>> [batch.count for batch in Stimuli({"inputs": np.zeros((5, 2)), "targets": np.zeros(5)}, batch_size=2)]
    [2, 2, 1]
    """

    def __init__(self, data: Any, *, batch_size: int = 256) -> None:
        check_count("batch_size", batch_size, 1)
        self._size = batch_size
        self._passed = False
        self._marks = _Marks()
        self._whole: StimulusBatch | None = None
        self._batches: Iterable[Any] = ()
        if is_array(data) or isinstance(data, tuple | Mapping):
            self._whole = _batch(data, "data")
        elif isinstance(data, str | bytes) or not isinstance(data, Iterable):
            raise ParameterError(f"data is {described(data)}; {_FORMS}")
        else:
            self._batches = data

    @property
    def total(self) -> int | None:
        """How many batches there are; None where that isn't known before they are gone through."""
        if self._whole is not None:
            return -(-self._whole.count // self._size)
        try:
            return len(self._batches) if isinstance(self._batches, Sized) else None
        except TypeError:
            # A DataLoader has a length, unless what it loads has none.
            return None

    @property
    def identity(self) -> str:
        """Digest of everything that has been gone through, whatever the batches were.

        Tokens that the mask leaves out don't enter it, so that padding changes nothing.
        """
        return self._marks.digest()

    def __iter__(self) -> Generator[StimulusBatch, None, None]:
        if self._passed and isinstance(self._batches, Iterator):
            raise ParameterError("data is an iterator that was gone through already; give a list or a DataLoader")
        self._passed, self._marks = True, _Marks()
        for batch in self._each():
            if batch.count:
                self._marks.add(batch)
                yield batch

    def _each(self) -> Iterator[StimulusBatch]:
        if self._whole is None:
            yield from (_batch(each, "data: a batch") for each in self._batches)
            return
        for start in range(0, self._whole.count, self._size):
            taken = slice(start, start + self._size)
            cut = tuple(_cut(one, taken) for one in self._whole.arguments)
            keywords = {name: _cut(one, taken) for name, one in self._whole.keywords.items()}
            yield StimulusBatch(cut, keywords, min(self._size, self._whole.count - start))


class _Marks:
    """Running digests of arrays that come in batches."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}

    def add(self, batch: StimulusBatch) -> None:
        mask = batch.mask
        kept = None if mask is None else to_numpy(mask) != 0
        for name, array in batch.arrays.items():
            if array is mask:
                continue
            host = _plain(to_numpy(array))
            masked = kept is not None and host.shape[:2] == kept.shape
            content = np.ascontiguousarray(host[kept] if masked else host)
            # Row by row, so that it makes no difference where batches end.
            self._add(f"{name} shape", repr(host.shape[2 if masked else 1 :]).encode() * len(host))
            self._add(f"{name} {host.dtype.str}", content.view(np.uint8).data)
            if kept is not None and masked:
                self._add(f"{name} lengths", kept.sum(axis=1).astype("<i8").tobytes())

    def _add(self, key: str, piece: bytes | memoryview) -> None:
        self._running.setdefault(key, hashlib.sha256()).update(piece)

    def digest(self) -> str:
        return digest(*(part for key in sorted(self._running) for part in (key, self._running[key].digest())))


def _plain(host: NDArray[Any]) -> NDArray[Any]:
    """Bring numbers to one type each for whole ones and others, so that equal ones have equal digests."""
    return host.astype("<i8" if host.dtype.kind in "iub" else "<f8")


def _batch(data: Any, where: str) -> StimulusBatch:
    if isinstance(data, tuple | list):
        if len(data) not in (1, 2) or not _shown(data[0]):
            raise ParameterError(f"{where} is {described(data)}; {_FORMS}")
        data = data[0]
    if isinstance(data, Mapping):
        keywords = {str(name): one for name, one in data.items() if name not in LEFT_OUT}
        first = keywords.pop(INPUTS, None)
        arguments = () if first is None else tuple(first) if isinstance(first, list | tuple) else (first,)
    else:
        arguments, keywords = tuple(data) if isinstance(data, list | tuple) else (data,), {}
    batch = StimulusBatch(arguments, keywords, 0)
    lengths = {name: int(one.shape[0]) for name, one in batch.arrays.items()}
    if not lengths:
        raise ParameterError(f"{where} is {described(data)}; {_FORMS}")
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise ParameterError(f"{where}: examples of the arrays: {said}; give as many of each")
    return StimulusBatch(arguments, keywords, next(iter(lengths.values())))


def _shown(inputs: Any) -> bool:
    held = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, Sequence) else [inputs]
    return any(is_array(each) for each in held)


def _cut(value: Any, taken: slice) -> Any:
    return value[taken] if is_array(value) and value.ndim else value


def load_stimuli(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read a file of what a model is shown.

    Parameters
    ----------
    path : path
        ``.npz`` or ``.safetensors`` with ``inputs`` for the model's first argument, or with arrays named as its
        keywords (``input_ids``, ``pixel_values``); beside them perhaps ``attention_mask`` and other keywords.
        ``targets`` and ``labels`` are left out.

    Returns
    -------
    dict of str to numpy.ndarray
        The arrays.

    Raises
    ------
    ParameterError
        If there is none, or one holds no numbers.
    CheckpointError
        If the file can't be read.
    """
    with open_checkpoint(path) as opened:
        if opened.format not in {"npz", "npy", "safetensors"}:
            remedy = "Save the arrays with numpy.savez or as .safetensors."
            raise CheckpointError(f"the file is of format {opened.format}", file=Path(path), remedy=remedy)
        arrays = {record.name: record for record in opened.contents.records if record.name not in LEFT_OUT}
        if not arrays:
            raise ParameterError(f"data: {Path(path).name} holds no inputs; expected 'inputs', or the model's keywords")
        read = {name: opened[name].array() for name in arrays if name in opened}
    for name, array in read.items():
        if array.dtype.kind in "USO":
            raise ParameterError(f"data: {name} of {Path(path).name} holds no numbers")
    if opened.format == "npy":
        return {INPUTS: next(iter(read.values()))}
    return read
