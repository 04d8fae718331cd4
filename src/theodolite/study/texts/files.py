"""Texts out of files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from theodolite.core import closest
from theodolite.sources.errors import CheckpointError, shown

_BY_LINE = (".jsonl", ".ndjson")
_TABLES = {".csv": ",", ".tsv": "\t"}
_COLUMN = "text"


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
        if file.suffix.lower() in _TABLES:
            found = _of_table(file, column)
        else:
            told = file.read_text(encoding="utf-8-sig")
            found = list(_of_lines(file, told, column)) if file.suffix.lower() in _BY_LINE else _plain(told)
    except OSError as error:
        raise CheckpointError(error.strerror or str(error), file=file, remedy="Give a file of texts.") from error
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
            entry = entry[_named(file, [str(key) for key in entry], column)]
        if not isinstance(entry, str):
            remedy = "Name the field that holds the text."
            raise CheckpointError(f"line {number} holds no text but {shown(repr(entry), 40)}", file=file, remedy=remedy)
        yield entry


def _of_table(file: Path, column: str | None) -> list[str]:
    import pandas as pd

    try:
        read = pd.read_csv(
            file, sep=_TABLES[file.suffix.lower()], dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        seen = shown(str(error).splitlines()[0])
        raise CheckpointError(
            f"it is no table ({seen})", file=file, remedy="Give headings in the first row."
        ) from error
    return [str(text) for text in read[_named(file, [str(name) for name in read.columns], column)]]


def _named(file: Path, names: Sequence[str], column: str | None) -> str:
    wanted = column if column is not None else (names[0] if len(names) == 1 else _COLUMN)
    if wanted not in names:
        listed = ", ".join(shown(name, 40) for name in names[:12])
        why = closest(wanted, names) if column is not None else f"it has {listed}"
        raise CheckpointError(f"no column is named {wanted!r}; {why}", file=file, remedy="Name the one with the texts.")
    return wanted
