"""The run folder: what lies where, and how it is read."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.core import Readings, digest
from theodolite.core.rows import SCHEMA_VERSION, TargetRow
from theodolite.files import UNFINISHED, replacing
from theodolite.surveys.assembly import assembled
from theodolite.surveys.errors import RunFolderError
from theodolite.surveys.journal import Group, decode
from theodolite.surveys.lock import FileLock

SURVEY_FILE = "survey.json"
READINGS = "readings"
ARRAYS = "arrays"
SURVEY_LOCK = "survey.lock"
_REFERENCE = re.compile(rf"({ARRAYS}/[\w.-]+\.safetensors)#(\w+)")


def read_run(folder: str | os.PathLike[str]) -> Readings:
    """Read a run folder: all of its surveys, all of its shards, and the rows of the models.

    Parameters
    ----------
    folder : path
        The run folder; one that a survey is writing to right now may be read too.

    Returns
    -------
    Readings
        Both tables; arrays are loaded when they are asked for.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or was written by a later version of this package.

    Examples
    --------
    >>> read_run("nowhere")
    Traceback (most recent call last):
    theodolite.surveys.errors.RunFolderError: nowhere: there is no such folder; give the folder that a survey wrote
    """  # noqa: DOC502 - raised by what is called
    path = Path(folder)
    read_manifest(path)
    return assembled(read_groups(path), lambda reference: load_array(path, reference))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read ``survey.json``.

    Parameters
    ----------
    folder : Path
        A run folder.

    Returns
    -------
    dict
        ``schema``, ``version`` (of the package that began the run) and ``surveys``.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, or was written by a later version of this package.
    """
    file = folder / SURVEY_FILE
    if not folder.exists():
        raise RunFolderError(folder, "there is no such folder", "give the folder that a survey wrote")
    if not file.is_file():
        raise RunFolderError(folder, f"it is no run folder: it has no {SURVEY_FILE}", "give the folder of a survey")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        schema = int(manifest["schema"])
        manifest["surveys"], manifest["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            file, f"it is no description of a run ({error!r})", "restore or remove the folder"
        ) from None
    if schema > SCHEMA_VERSION:
        raise RunFolderError(
            file, f"its schema {schema} is later than {SCHEMA_VERSION}, which this version reads", "upgrade theodolite"
        )
    return dict(manifest)


def read_groups(folder: Path) -> list[Group]:
    """Read every committed group of every shard.

    Parameters
    ----------
    folder : Path
        A run folder.

    Returns
    -------
    list of Group
        In the order of their commits.
    """
    found = []
    for file in sorted((folder / READINGS).glob("*.jsonl")):
        groups, _ = decode(file.read_bytes(), file)
        found += [(group.at, file.name, index, group) for index, group in enumerate(groups)]
    return [group for *_, group in sorted(found, key=lambda entry: entry[:3])]


def array_reference(target: TargetRow, name: str = "eigenvalues", key: str = "") -> str:
    """Name an array of a target, whatever folder it will lie in.

    Parameters
    ----------
    target : TargetRow
        The target with its fingerprint.
    name : str
        What the array is.
    key : str
        Key of the reading that it belongs to; none for what all readings of the target share.

    Returns
    -------
    str
        ``arrays/<file>.safetensors#<name>``; other content, another way of looking or another key gives another file.
    """
    beside = (key,) if key else ()
    identity = digest(target.target, target.fingerprint, target.view, target.convention, str(target.shape), *beside)
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", target.target)[-80:].strip("-")
    return f"{ARRAYS}/{slug}-{identity[:16]}.safetensors#{name}"


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write arrays so that every file of them is there whole or not at all.

    Parameters
    ----------
    folder : Path
        The run folder.
    arrays : mapping of str to numpy.ndarray
        By reference, as `array_reference` gives it; all arrays of a file are given together.
    """
    from safetensors.numpy import save

    files: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    for reference, values in arrays.items():
        file, _, name = reference.partition("#")
        files.setdefault(file, {})[name] = np.ascontiguousarray(values)
    for file, content in files.items():
        with replacing(folder / file) as out:
            out.write(save(content))


def load_array(folder: Path, reference: str) -> np.ndarray[Any, Any]:
    """Load the array behind a reference.

    Parameters
    ----------
    folder : Path
        The run folder.
    reference : str
        ``arrays/<name>.safetensors#<key>``.

    Returns
    -------
    numpy.ndarray
        The array.

    Raises
    ------
    RunFolderError
        If the reference is of another form, or the file is not there.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise RunFolderError(folder, f"{reference!r} refers to no array of a run", "take the column 'array' of a row")
    arrays = load_arrays(folder, found[1])
    if found[2] not in arrays:
        file = folder / found[1]
        raise RunFolderError(file, f"it holds no {found[2]!r}", "survey again into a fresh folder")
    return arrays[found[2]]


def load_arrays(folder: Path, file: str) -> dict[str, np.ndarray[Any, Any]]:
    """Load all arrays of a file.

    Parameters
    ----------
    folder : Path
        The run folder.
    file : str
        ``arrays/<name>.safetensors``.

    Returns
    -------
    dict of str to numpy.ndarray
        By name.

    Raises
    ------
    RunFolderError
        If the file is not there, or holds no arrays.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / file
    try:
        return dict(load(path.read_bytes()))
    except (OSError, SafetensorError) as error:
        raise RunFolderError(path, f"the array can't be read ({error})", "survey again into a fresh folder") from None


def prepare(folder: Path, version: str) -> None:
    """Make sure that a folder is a run folder, or make one where nothing is.

    Parameters
    ----------
    folder : Path
        A run folder, an empty folder, or nothing yet.
    version : str
        Version of the package that begins the run.

    Raises
    ------
    RunFolderError
        If something else is there, of which nothing is touched; or if the folder can't be made or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(folder, "it is a file, not a folder", "give a folder for the run")
    try:
        foreign = _foreign(folder)
        if foreign:
            problem = f"it is no run folder, and not empty (it holds {min(foreign)!r})"
            raise RunFolderError(folder, problem, "give another folder; nothing was changed")
        folder.mkdir(parents=True, exist_ok=True)
        with _described(folder) as manifest:
            manifest.setdefault("schema", SCHEMA_VERSION)
            manifest.setdefault("version", version)
            manifest.setdefault("surveys", [])
        for name in (READINGS, ARRAYS):
            (folder / name).mkdir(exist_ok=True)
    except OSError as error:
        problem = f"it can't be written: {error.strerror or error}"
        raise RunFolderError(folder, problem, "give another folder") from error


def enrol(folder: Path, entry: dict[str, Any]) -> None:
    """Note in ``survey.json`` which survey is run into the folder, once.

    Parameters
    ----------
    folder : Path
        A prepared folder.
    entry : dict
        ``version``, ``models`` and ``survey``.
    """
    with _described(folder) as manifest:
        if entry not in manifest["surveys"]:
            manifest["surveys"].append(entry)


@contextmanager
def _described(folder: Path) -> Iterator[dict[str, Any]]:
    """Give the description to be changed; several shards may want to at the same time."""
    file = folder / SURVEY_FILE
    with FileLock(folder / SURVEY_LOCK, patience=30.0):
        manifest = read_manifest(folder) if file.exists() else {}
        before = json.dumps(manifest)
        yield manifest
        if json.dumps(manifest) != before:
            with replacing(file) as out:
                out.write((json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())


def _foreign(folder: Path) -> list[str]:
    """Name what lies in a folder that no run has begun in; what a killed beginning leaves is not foreign."""
    if not folder.is_dir() or (folder / SURVEY_FILE).exists():
        return []
    return [e.name for e in folder.iterdir() if e.name != SURVEY_LOCK and not e.name.startswith(UNFINISHED)]


def set_aside(folder: str | os.PathLike[str]) -> Path | None:
    """Rename a run folder, so that a fresh run can take its name.

    Parameters
    ----------
    folder : path
        The run folder.

    Returns
    -------
    Path or None
        Its new name, ``<folder>.1`` or the next number that is free; None where there was nothing.

    Raises
    ------
    RunFolderError
        If the folder is no run folder.
    RunLocked
        If a survey is writing to it.
    """  # noqa: DOC502 - raised by what is called
    path = Path(folder)
    if not path.exists():
        return None
    if path.is_dir() and not (path / SURVEY_FILE).exists() and not _foreign(path):
        return None
    read_manifest(path)
    for lock in sorted((path / READINGS).glob("*.lock")):
        with FileLock(lock):
            pass
    numbers = (number for number in range(1, sys.maxsize) if not path.with_name(f"{path.name}.{number}").exists())
    return path.rename(path.with_name(f"{path.name}.{next(numbers)}"))
