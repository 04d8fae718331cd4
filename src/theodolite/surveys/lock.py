"""One writer at a time: a file lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_BYTE = 1 << 30
"""Where the lock lies on systems that lock a range of bytes: beyond the number in the file, which stays readable."""


class RunLocked(RuntimeError):  # noqa: N818 - the run is locked; nothing is broken
    """Another process is writing to the run folder.

    Parameters
    ----------
    path : Path
        The lock file.
    pid : int or None
        Number of the process that holds it, where it could be read.

    Attributes
    ----------
    path : Path
    pid : int or None
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"{path.parent.parent}: {who} is writing to this run; wait for it, end it, or survey into another folder"
        )

    def __reduce__(self) -> tuple[type[RunLocked], tuple[Path, int | None]]:
        return RunLocked, (self.path, self.pid)


class FileLock:
    """A lock on a file, held from entering to leaving the context.

    It belongs to the open file: a killed process leaves none behind, and a second one in the same process is refused.

    Parameters
    ----------
    path : Path
        The lock file; it stays behind, and holds the number of the last process that had it.
    patience : float
        Seconds to wait for another holder.
    """

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        self._path = path
        self._patience = patience
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        deadline = time.monotonic() + self._patience
        try:
            while not _locked(descriptor):
                if time.monotonic() >= deadline:
                    raise RunLocked(self._path, _pid(descriptor))
                time.sleep(0.02)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def _pid(descriptor: int) -> int | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with contextlib.suppress(ValueError, OSError):
        return int(os.read(descriptor, 32))
    return None


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
