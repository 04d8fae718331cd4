"""Texts out of files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from theodolite.sources.columns import SEPARATORS, column_named, read_column
from theodolite.sources.errors import CheckpointError, shown

_BY_LINE = (".jsonl", ".ndjson")
_COLUMN, _WHAT = "text", "the texts"


def read_texts(path: str | os.PathLike[str], column: str | None = None) -> list[str]:
    """Read the texts of a file.

    Parameters
    ----------
    path : path
        ``.jsonl``: a string, or an object, on each line. ``.csv`` and ``.tsv``: a text in each row under the headings.
        Anything else is plain text: what blank lines separate where there are any, else a text on each line.
    column : str, optional
        Which field or column holds the text; by default ``"text"``, and the only one where there is one only.

    Returns
    -------
    list of str
        The texts, without those that are blank.

    Raises
    ------
    CheckpointError
        If the file can't be read, has no such column, or holds no text.
    """
    file = Path(path)
    try:
        if file.suffix.lower() in SEPARATORS:
            found = read_column(file, column, (_COLUMN,), _WHAT)
        else:
            told = file.read_text(encoding="utf-8-sig")
            found = list(_of_lines(file, told, column)) if file.suffix.lower() in _BY_LINE else _plain(told)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        cause = "there is no such file" if missing else error.strerror or str(error)
        remedy = "Check the path." if missing else "Give a file of texts."
        raise CheckpointError(cause, file=file, remedy=remedy) from error
    except UnicodeDecodeError as error:
        remedy = "Give plain text, .jsonl or .csv, in UTF-8."
        raise CheckpointError(f"it is no text in UTF-8 (byte {error.start})", file=file, remedy=remedy) from error
    texts = [text.strip() for text in found if text.strip()]
    if not texts:
        raise CheckpointError("it holds no text", file=file, remedy="Give a file with a text on each line.")
    return texts


def _plain(told: str) -> list[str]:
    parts = re.split(r"\n[ \t]*\n", told.replace("\r\n", "\n").strip())
    return parts if len(parts) > 1 else told.splitlines()


def _of_lines(file: Path, told: str, column: str | None) -> Iterator[str]:
    for number, line in enumerate(told.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"line {number} is no JSON", file=file, remedy="Give one on each line.") from error
        if isinstance(entry, dict):
            entry = entry[column_named(file, [str(key) for key in entry], column, (_COLUMN,), _WHAT)]
        if not isinstance(entry, str):
            remedy = "Name the field that holds the text."
            raise CheckpointError(f"line {number} holds no text but {shown(repr(entry), 40)}", file=file, remedy=remedy)
        yield entry
