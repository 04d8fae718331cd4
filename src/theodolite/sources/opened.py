"""Files that are read at given places, safely from many threads."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from theodolite.sources.errors import CheckpointError

_READ_AT_ONCE = 1 << 30
_CHECK = "Check its permissions and the disk."


class _Descriptor:
    """An open descriptor that closes itself when the last reader lets go of it."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        self.lock = threading.Lock()

    def __del__(self) -> None:
        number, self.number = getattr(self, "number", -1), -1
        if number >= 0:
            os.close(number)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.number, [buffer], offset)
        with self.lock:
            os.lseek(self.number, offset, os.SEEK_SET)
            data = os.read(self.number, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class SourceFile:
    """A file that is read in pieces, reopened on demand, and known to be the same file.

    Memory mapping is not used: mapped pages count as resident memory.

    Parameters
    ----------
    path : Path
        The file, which must exist.

    Raises
    ------
    CheckpointError
        If the file cannot be opened or is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: _Descriptor | None = None
        self._identity: tuple[int, int, int, int] | None = None
        self._lock = threading.Lock()
        self._open()

    @property
    def size(self) -> int:
        """Bytes in the file when it was first opened.

        Returns
        -------
        int
            The size.
        """
        return self._identity[2] if self._identity else 0

    @property
    def name(self) -> str:
        """Name of the file without its folder.

        Returns
        -------
        str
            The name.
        """
        return self.path.name

    def close(self) -> None:
        """Let go of the descriptor; a later read opens the file again."""
        with self._lock:
            self._descriptor = None

    def read(self, offset: int, count: int) -> bytearray:
        """Read exactly `count` bytes.

        Parameters
        ----------
        offset : int
            Where to begin.
        count : int
            How many bytes.

        Returns
        -------
        bytearray
            The bytes.
        """
        buffer = bytearray(count)
        self.read_into(memoryview(buffer), offset)
        return buffer

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill a buffer from the file.

        Parameters
        ----------
        buffer : memoryview
            Writable bytes to fill.
        offset : int
            Where in the file to begin.

        Raises
        ------
        CheckpointError
            If the file ends before the buffer is full, or cannot be read.
        """
        descriptor = self._open()
        done = 0
        while done < len(buffer):
            try:
                count = descriptor.read_into(buffer[done : done + _READ_AT_ONCE], offset + done)
            except OSError as error:
                raise CheckpointError(_cause(error), file=self.path, remedy=_CHECK) from error
            if count == 0:
                raise CheckpointError(
                    f"the file ends {len(buffer) - done} bytes before the data it announces",
                    file=self.path,
                    remedy="It is truncated or was cut while being read: fetch or save it again.",
                )
            done += count

    def _open(self) -> _Descriptor:
        with self._lock:
            if self._descriptor is None:
                try:
                    if not self.path.is_file():
                        raise CheckpointError(
                            "there is no such file", file=self.path, remedy="Check the path, or fetch the file again."
                        )
                    descriptor = _Descriptor(self.path)
                    status = os.fstat(descriptor.number)
                except OSError as error:
                    raise CheckpointError(_cause(error), file=self.path, remedy=_CHECK) from error
                identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if self._identity not in {None, identity}:
                    raise CheckpointError(
                        "the file changed after the checkpoint was opened",
                        file=self.path,
                        remedy="Open the checkpoint again.",
                    )
                self._identity, self._descriptor = identity, descriptor
            return self._descriptor

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_identity": self._identity}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self._identity = state["path"], state["_identity"]
        self._descriptor, self._lock = None, threading.Lock()

    def __repr__(self) -> str:
        return f"SourceFile({str(self.path)!r})"


def _cause(error: OSError) -> str:
    return f"the file cannot be read ({error.strerror or error})"
