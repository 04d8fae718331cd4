"""One column out of a table in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theodolite.core import closest
from theodolite.sources.errors import CheckpointError, shown

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What stands between the cells of a table, by the ending of its file."""


def read_column(file: Path, column: str | None, usual: Sequence[str], what: str) -> list[str]:
    """Read a column of a table with headings.

    Parameters
    ----------
    file : Path
        ``.csv`` or ``.tsv``.
    column : str or None
        Its heading; by default the only one there is, else the first of `usual`.
    usual : sequence of str
        Headings that it may have.
    what : str
        What it holds, for errors: ``"the texts"``.

    Returns
    -------
    list of str
        Its cells as they are written.

    Raises
    ------
    CheckpointError
        If the file is no table, or has no such column. Errors of the system and of decoding come out as they are.
    """
    import pandas as pd

    try:
        read = pd.read_csv(
            file, sep=SEPARATORS[file.suffix.lower()], dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        seen = shown(str(error).splitlines()[0])
        raise CheckpointError(
            f"it is no table ({seen})", file=file, remedy="Give headings in the first row."
        ) from error
    names = [str(name) for name in read.columns]
    return [str(cell) for cell in read.iloc[:, names.index(column_named(file, names, column, usual, what))]]


def column_named(file: Path, names: Sequence[str], column: str | None, usual: Sequence[str], what: str) -> str:
    """Choose a column or field by its name.

    Parameters
    ----------
    file : Path
        Where it is, for errors.
    names : sequence of str
        Those that there are.
    column : str or None
        The one asked for; by default the only one there is, else the first of `usual`.
    usual : sequence of str
        Names that it may have.
    what : str
        What it holds, for errors.

    Returns
    -------
    str
        Its name.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    found = next((name for name in usual if name in names), usual[0])
    wanted = column if column is not None else (names[0] if len(names) == 1 else found)
    if wanted not in names:
        listed = ", ".join(shown(name, 40) for name in names[:12])
        why = closest(wanted, names) if column is not None else f"it has {listed}"
        raise CheckpointError(f"no column is named {wanted!r}; {why}", file=file, remedy=f"Name the one with {what}.")
    return wanted
