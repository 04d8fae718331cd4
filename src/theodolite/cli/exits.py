"""How a command ends: its exit codes, and the one line that an expected error becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theodolite.core import ReadingRow


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    GATE = 1
    """A limit that the user set was violated."""
    USAGE = 2
    """The command was called wrongly."""
    SOME_FAILED = 3
    """Everything ran, and some readings failed, or there is no number at all."""
    UNREADABLE = 4
    """The input can't be read."""
    INTERRUPTED = 130
    """Stopped by the user; what was done is kept."""


class CommandError(Exception):
    """An error that the user can mend; it is printed as one line and its remedy, without a traceback.

    Parameters
    ----------
    problem : str
        What is wrong.
    remedy : str
        What to do about it.
    code : Exit
        The exit code.
    """

    def __init__(self, problem: str, remedy: str = "", code: Exit = Exit.USAGE) -> None:
        self.problem = problem
        self.remedy = remedy
        self.code = code
        super().__init__(f"{problem} {remedy}".strip())


@contextmanager
def reading_input() -> Iterator[None]:
    """Turn an unreadable checkpoint into a `CommandError` with exit code 4.

    Yields
    ------
    None
        While the input is read.

    Raises
    ------
    CommandError
        In place of a `CheckpointError`.
    """
    from theodolite.sources import CheckpointError

    try:
        yield
    except CheckpointError as error:
        remedy = getattr(error, "remedy", "")
        problem = str(error).removesuffix(remedy).rstrip().removesuffix(".") if remedy else str(error)
        raise CommandError(problem, remedy, Exit.UNREADABLE) from error


def by_option(text: str, options: Mapping[str, str]) -> str:
    """Name the option in a message that begins with a parameter.

    Parameters
    ----------
    text : str
        The message.
    options : mapping of str to str
        Parameter to option.

    Returns
    -------
    str
        As it was, where it begins with none.

    Examples
    --------
    >>> options = {"data": "--data"}
    >>> by_option("data: x.npz holds 'a'", options), by_option("model 'x' is odd", options)
    ("--data: x.npz holds 'a'", "model 'x' is odd")
    """
    name = text.partition(" ")[0].rstrip(":")
    option = options.get(name)
    return text if option is None else option + text.removeprefix(name)


def sentence(text: str) -> str:
    """Close a message with a full stop, where it doesn't end as a sentence does.

    Parameters
    ----------
    text : str
        The message.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> sentence("no 'k'"), sentence("no 'k'; did you mean 'l'?")
    ("no 'k'.", "no 'k'; did you mean 'l'?")
    """
    return text if text.endswith((".", "?", "!")) else f"{text}."


def ending(rows: Iterable[ReadingRow]) -> Exit:
    """Say how a run ends that measured what there was.

    Parameters
    ----------
    rows : iterable of ReadingRow
        Its readings.

    Returns
    -------
    Exit
        `SOME_FAILED` where a reading failed, and where every one was refused: a script would else go on with nothing.
    """
    told = list(rows)
    failed = any(row.status == "failed" for row in told)
    nothing = bool(told) and all(row.value is None for row in told)
    return Exit.SOME_FAILED if failed or nothing else Exit.OK


def kept(store: object) -> str:
    """Say what is left of a run that the user stopped.

    Parameters
    ----------
    store : Path or None
        The run folder, where one was given.

    Returns
    -------
    str
        A remedy.

    Examples
    --------
    >>> kept(None)
    'Nothing is kept: with --store, the same command would go on.'
    """
    if store is None:
        return "Nothing is kept: with --store, the same command would go on."
    return "What was measured is kept: run the same command again to go on."


def check_jobs(jobs: int) -> None:
    """Refuse a number of jobs that there can't be.

    Parameters
    ----------
    jobs : int
        What was given with ``--jobs``.

    Raises
    ------
    CommandError
        If it is 0, or below -1.
    """
    if jobs == 0 or jobs < -1:
        raise CommandError(f"--jobs is {jobs}.", "Give how many tensors to work on at once, or -1: one per core.")
