"""``theodolite report``: the report of runs that were made before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from theodolite.core import Readings

USAGE = "theodolite report RUN... [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite report minilm.theodolite                HTML, in the run folder
  theodolite report minilm.theodolite -o report.md   Markdown, by the ending
  theodolite report a.theodolite b.theodolite        two runs on one page
  theodolite report minilm.theodolite -o - --format md | less"""

Format = Literal["html", "md", "json"]
_BY_SUFFIX: dict[str, Format] = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}


def report(
    *runs: Annotated[
        str,
        Parameter(
            name="RUN", required=True, help="Run folders, as theodolite survey, similarity and dimension make them."
        ),
    ],
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            allow_leading_hyphen=True,
            help="The file; - is standard output. [default: RUN/report.html]",
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the option is called --format
        Format | None, Parameter(help="[default: by the ending of the file, else html]")
    ] = None,
) -> int:
    """Write the report of runs: one page that needs no network.

    Parameters
    ----------
    *runs : str
        Run folders.
    output : Path, optional
        The file; ``-`` is standard output.
    format : {"html", "md", "json"}, optional
        What to write.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If the file can't be written.
    """  # noqa: DOC502 - raised by what is called
    from theodolite.cli.display import machine_lines, say_path, stdout

    chosen: Format = format or ("html" if output is None else format_of(output))
    write, found = _kind(read_runs(runs))

    def made(path: Path | None) -> Any:
        return write(found, path, format=chosen)

    if output is not None and str(output) == "-":
        machine_lines([str(made(None)).rstrip("\n")])
        return 0
    target = output or (Path(runs[0]) if len(runs) == 1 else Path()) / f"report.{chosen}"
    with writing(target):
        made(target)
    say_path(stdout(), "Report", target)
    return 0


def _kind(readings: Readings) -> tuple[Callable[..., Any], Any]:
    """Choose the page: clouds, against each other or each by itself, are no survey of weights."""
    from theodolite.cli.exits import CommandError
    from theodolite.reports import dimension_report, report, similarity_report
    from theodolite.study import all_pairs_of, dimensions_of
    from theodolite.surveys.clouds import VIEW

    pairs = any(row.against for row in readings.rows)
    single = any(not row.against and readings.target(row.target).view == VIEW for row in readings.rows)
    if pairs and single:
        raise CommandError(
            "The run holds pairs of clouds and single clouds, which have pages of their own.",
            "Write each with -o: theodolite similarity ... --store RUN, theodolite dimension ... --store RUN",
        )
    if single and all(readings.target(row.target).view == VIEW for row in readings.rows):
        return dimension_report, dimensions_of(readings)
    if pairs and all(row.against for row in readings.rows):
        return similarity_report, all_pairs_of(readings)
    return report, readings


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a report that can't be written into a line and its remedy.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    None
        While it is written.

    Raises
    ------
    CommandError
        In place of an `OSError`.
    """
    from theodolite.cli.exits import CommandError

    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{os.fspath(path)} can't be written: {error.strerror or error}.", "Choose another file with -o."
        ) from error


def format_of(path: Path) -> Format:
    """Tell the format of a report by the ending of its file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        ``"html"`` for standard output.

    Raises
    ------
    CommandError
        If the ending says nothing.
    """
    from theodolite.cli.exits import CommandError

    if str(path) == "-":
        return "html"
    if path.suffix.lower() not in _BY_SUFFIX:
        raise CommandError(f"-o {path}: the ending says no format.", "End it in .html, .md or .json.")
    return _BY_SUFFIX[path.suffix.lower()]


def check_page(path: Path | None) -> None:
    """Refuse, before anything is measured, a page that can't be written.

    Parameters
    ----------
    path : Path or None
        Where it is to go, if there is to be one.

    Raises
    ------
    CommandError
        If its ending says no format, or nothing can be written there.
    """  # noqa: DOC502 - raised by what is called
    if path is not None:
        format_of(path)
        check_place(path)


def check_place(path: Path) -> None:
    """Refuse a file where nothing can be written; nothing is left there.

    Parameters
    ----------
    path : Path
        The file; folders on the way to it may be missing.

    Raises
    ------
    IsADirectoryError
        If it is a folder; a `CommandError` says so.
    """
    import errno
    import tempfile

    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        tempfile.TemporaryFile(dir=above).close()


def read_runs(runs: Sequence[str]) -> Readings:
    """Read run folders as one.

    Parameters
    ----------
    runs : sequence of str
        Run folders.

    Returns
    -------
    Readings
        What they hold together.

    Raises
    ------
    CommandError
        If one is no run, or two speak differently of the same tensor.
    """
    import functools
    import operator

    from theodolite.cli.exits import CommandError, Exit
    from theodolite.surveys import RunFolderError, read_run

    found = []
    for run in runs:
        try:
            found.append(read_run(run))
        except RunFolderError as error:
            raise CommandError(f"{error}.", "", Exit.UNREADABLE) from error
        except OSError as error:
            raise CommandError(f"{run} can't be read: {error.strerror or error}.", "", Exit.UNREADABLE) from error
    try:
        together: Readings = functools.reduce(operator.add, found)
    except ValueError as error:
        raise CommandError(str(error), "Report on the runs one by one.") from error
    return together


def is_run(path: str) -> bool:
    """Tell whether a path is a run folder.

    Parameters
    ----------
    path : str
        The path.

    Returns
    -------
    bool
        Whether a survey was begun there.
    """
    from theodolite.surveys.folder import SURVEY_FILE

    return (Path(path) / SURVEY_FILE).is_file()
