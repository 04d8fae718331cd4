"""The file format of readings: groups of lines, each closed by a line that commits it."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from theodolite.core import ReadingRow, TargetRow
from theodolite.surveys.errors import RunFolderError


class Inventory(msgspec.Struct, frozen=True):
    """Everything that a model holds under one way of looking at it, in the model's order.

    Parameters
    ----------
    model, convention, view : str
        The model and the way of looking.
    targets : tuple of str
        Ids of all targets, those that are only listed included.
    """

    model: str
    convention: str
    view: str
    targets: tuple[str, ...]


class Commit(msgspec.Struct, frozen=True):
    """What closes a group.

    Parameters
    ----------
    lines : int
        How many lines it closes.
    digest : str
        Their hash, so that lines of two writers can't be taken for one group.
    at : float
        When, in seconds since 1970: of two groups about one target the later counts.
    """

    lines: int
    digest: str
    at: float


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    inventory: Inventory | None = None
    target: TargetRow | None = None
    reading: ReadingRow | None = None
    commit: Commit | None = None


@dataclass(frozen=True)
class Group:
    """Rows that were committed together: those of one task, or what a run found when it began.

    Parameters
    ----------
    targets : tuple of TargetRow
        What is spoken of.
    readings : tuple of ReadingRow
        What was read; each row's target is among `targets`.
    inventories : tuple of Inventory
        What the models hold.
    at : float
        When it was committed.
    """

    targets: tuple[TargetRow, ...] = ()
    readings: tuple[ReadingRow, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    at: float = 0.0


_COMMIT = b'{"commit":'
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def encode(group: Group) -> bytes:
    """Write a group as lines closed by a commit.

    Parameters
    ----------
    group : Group
        The rows; `at` is written as it is.

    Returns
    -------
    bytes
        JSON lines.
    """
    lines = [_Line(inventory=inventory) for inventory in group.inventories]
    lines += [_Line(target=target) for target in group.targets]
    lines += [_Line(reading=reading) for reading in group.readings]
    body = _encoder.encode_lines(lines)
    return body + _encoder.encode(_Line(commit=Commit(len(lines), _digest(body), group.at))) + b"\n"


def decode(data: bytes, source: Path) -> tuple[list[Group], int]:
    """Read the committed groups, and drop what no commit closes wherever it stands.

    Parameters
    ----------
    data : bytes
        Content of a file of readings.
    source : Path
        Its path, for errors.

    Returns
    -------
    groups : list of Group
        In the order of the file.
    end : int
        Where the last committed group ends; what follows is torn.
    """
    groups: list[Group] = []
    open_lines: list[bytes] = []
    place = end = 0
    for line in data.splitlines(keepends=True):
        place += len(line)
        if not line.startswith(_COMMIT):
            open_lines.append(line)
            continue
        commit = _commit(line)
        body = b"" if commit is None else b"".join(open_lines[len(open_lines) - commit.lines :])
        if commit is not None and commit.lines <= len(open_lines) and _digest(body) == commit.digest:
            groups.append(_group(open_lines[len(open_lines) - commit.lines :], commit.at, source))
            end = place
        open_lines = []
    return groups, end


def _commit(line: bytes) -> Commit | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return _decoder.decode(line).commit
    except msgspec.DecodeError:
        return None


def _group(lines: Iterable[bytes], at: float, source: Path) -> Group:
    try:
        read = [_decoder.decode(line) for line in lines]
    except msgspec.DecodeError as error:
        raise RunFolderError(source, f"a committed line can't be read ({error})", "was it edited by hand?") from None
    return Group(
        tuple(line.target for line in read if line.target is not None),
        tuple(line.reading for line in read if line.reading is not None),
        tuple(line.inventory for line in read if line.inventory is not None),
        at,
    )


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()


class Journal:
    """A file of readings that one process appends to.

    What a killed writer left unclosed at the end is cut off when the journal is opened.

    Parameters
    ----------
    path : Path
        The file; made where there is none. The caller holds the lock.
    after : float
        Time of the latest commit that there is: new ones are later even if the clock has been set back.
    """

    def __init__(self, path: Path, after: float = 0.0) -> None:
        self._path, self._latest = path, after
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _, self._end = decode(path.read_bytes(), path)
            os.ftruncate(self._descriptor, self._end)
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, group: Group) -> Group:
        """Write a group at once; what can't be written whole leaves no trace.

        Parameters
        ----------
        group : Group
            The rows.

        Returns
        -------
        Group
            The same with the time of the commit.
        """
        self._latest = max(time.time(), math.nextafter(self._latest, math.inf))
        stamped = Group(group.targets, group.readings, group.inventories, self._latest)
        data = encode(stamped)
        os.lseek(self._descriptor, self._end, os.SEEK_SET)
        try:
            written = os.write(self._descriptor, data)
            while written < len(data):  # a full disk or a quota may take a part
                written += os.write(self._descriptor, data[written:])
        except BaseException:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(data)
        return stamped

    def close(self) -> None:
        """Bring what was written to the disk and close the file."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)
