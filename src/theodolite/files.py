"""Files that are there whole or as they were, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

UNFINISHED = ".tmp-"
"""How the name of a file begins while it is being written."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write beside a file, bring it to the disk, then move it into its place.

    Whoever reads the file sees the old one or the new one. If the block raises, the file is as it was.

    Parameters
    ----------
    path : Path
        The file. Its folder exists. What is there keeps its permissions; a new file gets the usual ones.

    Yields
    ------
    binary file
        Where to write the new content.
    """
    handle, name = tempfile.mkstemp(prefix=f"{UNFINISHED}{path.name[:40]}-", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are private; what people wait for is as readable as any other file.
        beside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk where the system can.

    Parameters
    ----------
    path : Path
        A file or a folder.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def umask() -> int:
    """Tell which permissions new files are not given.

    Returns
    -------
    int
        The mask of this process.
    """
    mask = os.umask(0)
    os.umask(mask)
    return mask
