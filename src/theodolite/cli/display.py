"""What the terminal shows: consoles, plain tables, progress, and lines for other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH_OF_A_PIPE = 120


def console(stream: TextIO) -> Console:
    """Make a console that heeds ``NO_COLOR`` and ``FORCE_COLOR`` and is wide enough where nobody looks.

    Parameters
    ----------
    stream : text stream
        Where it writes: ``sys.stdout`` or ``sys.stderr``.

    Returns
    -------
    rich.console.Console
        The console.
    """
    from rich.console import Console

    known = stream.isatty() or "COLUMNS" in os.environ
    return Console(file=stream, highlight=False, markup=False, width=None if known else _WIDTH_OF_A_PIPE)


def stdout() -> Console:
    """Make the console for answers.

    Returns
    -------
    rich.console.Console
        Writes to standard output.
    """
    return console(sys.stdout)


def stderr() -> Console:
    """Make the console for everything that is not the answer.

    Returns
    -------
    rich.console.Console
        Writes to standard error.
    """
    return console(sys.stderr)


def table(*columns: str, right: Sequence[str] = (), wrap: Sequence[str] = (), title: str = "") -> Table:
    """Make a table without lines, whose header is dim.

    Parameters
    ----------
    *columns : str
        Headings.
    right : sequence of str
        Headings of the columns of numbers, which are set flush right.
    wrap : sequence of str
        Headings of the columns that give way where the terminal is narrow.
    title : str
        Printed above it.

    Returns
    -------
    rich.table.Table
        The empty table.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=title or None)
    made.title_justify, made.title_style = "left", "bold"
    for column in columns:
        made.add_column(
            column, justify="right" if column in right else "left", no_wrap=column not in wrap, overflow="fold"
        )
    return made


def say_path(where: Console, label: str, path: Path) -> None:
    """Print a path whole, so that it can be copied, with a link to it where it is a file.

    Parameters
    ----------
    where : rich.console.Console
        Where to print.
    label : str
        What it is.
    path : Path
        The path.
    """
    from rich.text import Text

    where.print(Text.assemble((f"{label:<9}", "bold"), str(path)), soft_wrap=True)
    if path.is_file():
        where.print(Text(" " * 9 + path.resolve().as_uri(), style="dim"), soft_wrap=True)


def machine_lines(lines: Iterable[str]) -> None:
    """Write lines for another program to standard output, in UTF-8 whatever the terminal's encoding.

    Parameters
    ----------
    lines : iterable of str
        Lines without their ends.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", newline="\n")
    for line in lines:
        sys.stdout.write(line + "\n")


def count(amount: int, noun: str) -> str:
    """Write a count with its noun.

    Parameters
    ----------
    amount : int
        How many.
    noun : str
        Singular.

    Returns
    -------
    str
        ``"1 tensor"``, ``"2,048 tensors"``.
    """
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


@contextmanager
def progress_bar() -> Iterator[Callable[[Any], None] | None]:
    """Show how far a survey is, with the time left, on a terminal only.

    Yields
    ------
    callable or None
        What a survey calls with its progress; None where standard error is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"), TextColumn("{task.description}"))
    with Progress(*columns, console=stderr(), transient=True) as shown:
        task = shown.add_task("", total=None, left="")

        def update(now: Any) -> None:
            failed = f"  {now.failed} failed" if now.failed else ""
            shown.update(
                task, completed=now.done, total=now.total, left=_left(now.seconds_left), description=now.target + failed
            )

        yield update


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min left"
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"
