"""A writer of safetensors files that holds one tensor at a time."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from theodolite.sources.dtypes import ELEMENT_TYPES
from theodolite.sources.errors import CheckpointError
from theodolite.sources.safetensors import HEADER_LIMIT

_ALIGNMENT = 8
_STORABLE = frozenset(ELEMENT_TYPES) - {"C128"}


@dataclass(frozen=True)
class Slot:
    """The place of one tensor in a file that is to be written.

    Parameters
    ----------
    name : str
        Its name.
    dtype : str
        Its element type, as ``"BF16"``.
    shape : tuple of int
        Its shape.
    raw : int, optional
        Bytes that it takes, where its element type is one that only its reader knows.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: int | None = None

    @property
    def count(self) -> int:
        """Bytes that it takes.

        Returns
        -------
        int
            The number.

        Raises
        ------
        CheckpointError
            If the format has no such element type.
        """
        if self.raw is not None:
            return self.raw
        if self.dtype not in _STORABLE:
            raise CheckpointError(
                f"safetensors files have no element type {self.dtype}",
                tensor=self.name,
                remedy="Cast it, or save the checkpoint again without it.",
            )
        return -(-math.prod(self.shape) * ELEMENT_TYPES[self.dtype].bits // 8)


class SafetensorsWriter:
    """Writes one safetensors file: the header at once, then tensor after tensor, each in pieces.

    It is used with ``with``. Left without an error, the file is complete and on the disk; left with one, it is gone.

    Parameters
    ----------
    path : Path
        A file that is not there yet.
    slots : sequence of Slot
        What it will hold, in order.
    metadata : mapping of str to str
        Free text for the header.

    Raises
    ------
    CheckpointError
        If two tensors share a name, an element type has no place in the format, or the header would be too long.
    """

    def __init__(self, path: Path, slots: Sequence[Slot], metadata: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._waiting = list(slots)[::-1]
        header = _header(slots, metadata or {}, path)
        self._stream = path.open("xb")
        self._stream.write(header)

    def write(self, name: str, pieces: Iterable[memoryview | bytes]) -> None:
        """Write the next tensor.

        Parameters
        ----------
        name : str
            Its name, which must be that of the next slot.
        pieces : iterable of bytes
            Its elements in little-endian C order.

        Raises
        ------
        ValueError
            If it is another tensor's turn, or the pieces are longer or shorter than the tensor.
        """
        if not self._waiting or self._waiting[-1].name != name:
            expected = repr(self._waiting[-1].name) if self._waiting else "nothing more"
            raise ValueError(f"name: got {name!r}; the file expects {expected}")
        slot = self._waiting.pop()
        left = slot.count
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                break
            self._stream.write(piece)
        if left:
            problem = "more" if left < 0 else f"{left} fewer"
            raise ValueError(f"pieces: {name} of shape {slot.shape} takes {slot.count} bytes; there are {problem}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complete = False
        try:
            if kind is None:
                if self._waiting:
                    raise ValueError(f"{self.path.name}: {len(self._waiting)} tensors were announced and not written")
                self._stream.flush()
                os.fsync(self._stream.fileno())
                complete = True
        finally:
            self._stream.close()
            if not complete:
                self.path.unlink(missing_ok=True)


def _header(slots: Sequence[Slot], metadata: Mapping[str, str], path: Path) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for slot in slots:
        if slot.name in entries or slot.name == "__metadata__":
            raise CheckpointError("the name is taken", file=path, tensor=slot.name, remedy="Rename the tensor.")
        end = begin + slot.count
        entries[slot.name] = {"dtype": slot.dtype, "shape": list(slot.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    # Spaces after the header put the data where its elements are aligned.
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > HEADER_LIMIT:
        raise CheckpointError(
            f"its header would take {len(text)} bytes, more than the {HEADER_LIMIT} of the format",
            file=path,
            remedy="Split the checkpoint into shards.",
        )
    return struct.pack("<Q", len(text)) + text
