"""Labels out of files: one for each row of features, or for each example that a model was shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, closest
from theodolite.sources.columns import SEPARATORS, read_column
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.opening import open_checkpoint

NAMES = ("labels", "targets", "label", "target")
"""What labels are called where several arrays or columns stand in a file."""

_ARRAYS = (".npy", ".npz", ".safetensors")
_FORMS = "Give .npy, .npz, .safetensors, .csv, .tsv, or text with a label on each line."


def load_labels(path: str | os.PathLike[str], key: str | None = None) -> NDArray[Any]:
    """Read labels.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, ``.safetensors``: an array of whole numbers or strings. ``.csv``, ``.tsv``: a column, with
        headings in the first row. Anything else is text with a label on each line.
    key : str, optional
        Which array or column; by default the only one, else ``"labels"``, ``"targets"``, ``"label"`` or ``"target"``.

    Returns
    -------
    ndarray of shape (rows,)
        Whole numbers, or strings.

    Raises
    ------
    ParameterError
        If there is no such array, or it is not one label for each row.
    CheckpointError
        If the file can't be read, or a row has no label.
    """
    file = Path(path)
    if file.suffix.lower() in _ARRAYS:
        return _of_arrays(file, key)
    try:
        if file.suffix.lower() in SEPARATORS:
            told = read_column(file, key, NAMES, f"the labels, as in {file.name}:COLUMN")
        else:
            if key is not None:
                raise ParameterError(f"labels: {file.name} is text and has no {key!r}; give a label on each line")
            told = file.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        cause = "there is no such file" if missing else error.strerror or str(error)
        raise CheckpointError(cause, file=file, remedy="Check the path." if missing else _FORMS) from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"it is no text in UTF-8 (byte {error.start})", file=file, remedy=_FORMS) from error
    found = [label.strip() for label in told]
    if not all(found):
        place = found.index("") + 1
        raise CheckpointError(
            f"row {place} has no label", file=file, remedy="Give every row one; 'none' is a label as well."
        )
    if not found:
        raise CheckpointError("it holds no labels", file=file, remedy=_FORMS)
    return np.asarray(found)


def _of_arrays(file: Path, key: str | None) -> NDArray[Any]:
    with open_checkpoint(file) as opened:
        names = list(opened)
        usual = next((name for name in NAMES if name in names), None)
        wanted = key if key is not None else (names[0] if len(names) == 1 else usual)
        if wanted is None:
            some = ", ".join(repr(shown(name, 40)) for name in names[:8]) + (" and more" if len(names) > 8 else "")
            raise ParameterError(f"labels: {file.name} holds {some}; name one, as in {file.name}:{names[0]}")
        if wanted not in opened:
            raise ParameterError(f"labels: {file.name} holds no {wanted!r}; {closest(wanted, names)}")
        found = opened[wanted].array()
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        said = " x ".join(map(str, found.shape)) or "one number"
        raise ParameterError(f"labels: {wanted!r} of {file.name} is {said}; expected one label for each row")
    return found
