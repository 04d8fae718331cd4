"""The report in each of its forms, and its figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, overload

from theodolite.core.names import closest
from theodolite.core.readings import Readings
from theodolite.files import replacing

Format = Literal["html", "md", "json"]
FORMATS: tuple[Format, ...] = ("html", "md", "json")


@overload
def report(readings: Readings, path: None = None, *, format: Format = "html") -> str: ...


@overload
def report(readings: Readings, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def report(
    readings: Readings,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write what a survey found.

    Parameters
    ----------
    readings : Readings
        What the survey gave.
    path : path, optional
        Where to write it. A file that is there is replaced at once and whole, or not at all.
    format : {"html", "md", "json"}
        ``"html"``: one page that needs no network, with charts and a table to choose layers in. ``"md"``: the same
        findings as Markdown. ``"json"``: verdicts with their evidence, and the readings, for other programs.

    Returns
    -------
    Path or str
        The path; the text itself where none was given.

    Raises
    ------
    ValueError
        If the format is unknown.
    IsADirectoryError
        If the path is a folder.

    Examples
    --------
    >>> from theodolite.core import Readings
    >>> print(report(Readings([], []), format="md"))
    # An empty survey
    <BLANKLINE>
    Nothing was read.
    <BLANKLINE>
    """  # noqa: DOC502 - raised by what is called
    return written(lambda form: _text(readings, form), path, format)


def written(make: Callable[[Format], str], path: str | os.PathLike[str] | None, form: Format) -> Path | str:
    """Make a report in one of its forms, and write it where it was asked for.

    Parameters
    ----------
    make : callable
        Takes the format and gives the text.
    path : path or None
        Where to write it.
    form : {"html", "md", "json"}
        The format.

    Returns
    -------
    Path or str
        The path; the text itself where none was given.

    Raises
    ------
    ValueError
        If the format is unknown.
    IsADirectoryError
        If the path is a folder.
    """
    if form not in FORMATS:
        raise ValueError(f"format: {form!r} is unknown; {closest(str(form), FORMATS)}")
    if path is not None and Path(path).is_dir():
        raise IsADirectoryError(f"path: {os.fspath(path)} is a folder; name a file in it")
    text = make(form)
    return text if path is None else replace_file(Path(path), text)


def _text(readings: Readings, form: Format) -> str:
    if form == "html":
        from theodolite.reports.page import page

        return page(readings)
    if form == "md":
        from theodolite.reports.markdown import markdown

        return markdown(readings)
    from theodolite.reports.export import export

    return export(readings)


def replace_file(path: Path, text: str) -> Path:
    """Write beside the file, then move into its place: whoever reads it sees the old one or the new one.

    Parameters
    ----------
    path : Path
        The file; folders on the way to it are made.
    text : str
        What it is to hold.

    Returns
    -------
    Path
        The file.
    """
    # Where a file stands in the folder's place, writing into it says so in better words.
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())
    return path
