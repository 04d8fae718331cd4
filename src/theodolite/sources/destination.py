"""Where something is written: beside its place first, and in its place when it is complete."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from theodolite.files import sync, umask


class Destination:
    """A file or a folder that does not appear before it is complete.

    Parameters
    ----------
    path : Path
        A file if it ends in ``.safetensors``, else a folder.
    sources : sequence of Path
        Files and folders that are read; none of them may be touched.
    overwrite : bool
        Whether what is there may be replaced: a file, an empty folder, or a folder that holds a file named `mark`.
    mark : str
        Name of the file by which a folder of this kind is known; empty where no folder may be replaced.

    Raises
    ------
    FileExistsError
        If something is there that may not be replaced.
    ValueError
        If the path is one of the sources, or lies in one of their folders.
    """

    def __init__(self, path: Path, sources: Sequence[Path], *, overwrite: bool = False, mark: str = "") -> None:
        self.path = path
        self.is_folder = path.suffix != ".safetensors"
        self._mark = mark
        self._overwrite = overwrite
        self._check_sources(sources)
        self._check_place()

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Give a folder to write into, and put what is in it in its place.

        Yields
        ------
        Path
            A folder beside the destination. For a folder, its content; for a file, the folder that holds it under
            its name.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{self.path.name[:80]}.unfinished-", dir=self.path.parent))
        try:
            yield beside
            for each in (*beside.rglob("*"), beside):
                sync(each)
            self._check_place()
            if self.is_folder:
                beside.chmod(0o777 & ~umask())
                self._exchange(beside)
            else:
                (beside / self.path.name).replace(self.path)
            sync(self.path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _exchange(self, beside: Path) -> None:
        if not self.path.exists():
            beside.rename(self.path)
            return
        aside = beside.with_name(f"{beside.name}-replaced")
        self.path.rename(aside)
        try:
            beside.rename(self.path)
        except BaseException:
            aside.rename(self.path)
            raise
        shutil.rmtree(aside)

    def _check_sources(self, sources: Sequence[Path]) -> None:
        place = self.path.resolve()
        resolved = [source.resolve() for source in sources]
        if place in resolved or (self.path.exists() and any(_same(self.path, source) for source in resolved)):
            raise ValueError(f"path: {self.path} is the checkpoint itself; the copy needs a place of its own")
        if any(source.is_dir() and place.is_relative_to(source) for source in resolved):
            raise ValueError(f"path: {self.path} lies in the checkpoint's folder; choose a place outside of it")
        if any(source.is_relative_to(place) for source in resolved):
            raise ValueError(f"path: {self.path} holds the checkpoint itself; choose another place")

    def _check_place(self) -> None:
        if not self.path.exists() and not self.path.is_symlink():
            return
        if not self._overwrite:
            raise FileExistsError(f"{self.path} is there already; choose another place, or ask to overwrite it")
        if self.path.is_symlink() or self.path.is_dir() != self.is_folder:
            kind = "a link" if self.path.is_symlink() else "a folder" if self.path.is_dir() else "a file"
            raise FileExistsError(f"{self.path} is {kind}, which is not replaced; choose another place")
        if self.is_folder and any(self.path.iterdir()) and not (self._mark and (self.path / self._mark).is_file()):
            raise FileExistsError(
                f"{self.path} holds no {self._mark or 'earlier copy'}, so it is not replaced; remove it yourself"
            )


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
