"""The command ``theodolite``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError, Group, Parameter

from theodolite.cli import (
    allocate,
    cite,
    compare,
    corpus,
    demo,
    dimension,
    explain,
    gradients,
    inspect,
    metrics,
    record,
    report,
    similarity,
    smooth,
    survey,
    text_dimension,
    track,
    transfer,
    update_check,
    width,
)
from theodolite.cli import list as list_command
from theodolite.cli.docstring import read
from theodolite.cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from types import ModuleType

HELP = "Measure trained neural networks, through their weights and what their layers give, and read the answer."

EXAMPLES = """\
Start here

  theodolite demo                        a first look, offline, in seconds
  theodolite inspect model.safetensors   what is in a checkpoint
  theodolite survey model.safetensors    measure it: a summary, and a report
  theodolite explain power_law           what a number means

Every command shows its own examples: theodolite survey --help"""

_COMMANDS: tuple[tuple[str, Any, ModuleType], ...] = (
    ("demo", demo.demo, demo),
    ("survey", survey.survey, survey),
    ("report", report.report, report),
    ("compare", compare.compare, compare),
    ("track", track.track, track),
    ("smooth", smooth.smooth, smooth),
    ("allocate", allocate.allocate, allocate),
    ("update-check", update_check.update_check, update_check),
    ("gradients", gradients.gradients, gradients),
    ("record", record.record, record),
    ("similarity", similarity.similarity, similarity),
    ("dimension", dimension.dimension, dimension),
    ("text-dimension", text_dimension.text_dimension, text_dimension),
    ("metrics", metrics.metrics, metrics),
    ("corpus", corpus.corpus, corpus),
    ("width", width.width, width),
    ("transfer", transfer.transfer, transfer),
    ("inspect", inspect.inspect, inspect),
    ("list", list_command.list_measures, list_command),
    ("explain", explain.explain, explain),
    ("cite", cite.cite, cite),
)


def _version() -> str:
    from theodolite import __version__

    return str(__version__)


def _told(function: Any) -> str:
    """Take what a docstring says before its sections, in paragraphs that the terminal may wrap."""
    told = read(function.__doc__)
    paragraphs = (" ".join(paragraph.split()) for paragraph in (told.summary, *told.body.split("\n\n")))
    return "\n\n".join(filter(None, paragraphs))


def build() -> App:
    """Put the commands together; none of them loads anything heavy before it runs.

    Returns
    -------
    cyclopts.App
        The command line.
    """
    options = Group("Options", sort_key=2)
    app = App(
        name="theodolite",
        help=HELP,
        help_epilogue=f"{EXAMPLES}\n",
        help_format="plaintext",
        usage="theodolite COMMAND [OPTIONS]",
        version=_version,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative="", show_default=False),
        group_commands=Group("Commands", sort_key=1),
    )
    for position, (name, function, module) in enumerate(_COMMANDS):
        epilogue = f"{module.EXAMPLES}\n"
        app.command(
            function, name=name, help=_told(function), usage=module.USAGE, help_epilogue=epilogue, sort_key=position
        )
    app.register_install_completion_command(
        help="Install completion for your shell, with a line in its startup file.", group=options
    )
    for flag in ("--help", "--version"):
        app[flag].group = (options,)
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    tokens : sequence of str, optional
        The arguments; those of the process where none are given.

    Returns
    -------
    int
        The exit code, as `theodolite.cli.exits.Exit` names it.
    """
    arguments = sys.argv[1:] if tokens is None else [*tokens]
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = build()(arguments, result_action="return_value", print_error=False, exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        error.verbose = False
        return _complain(str(error), f"See {_asked_for(arguments)} --help", Exit.USAGE)
    except CommandError as error:
        return _complain(error.problem, error.remedy, error.code)
    except BrokenPipeError:
        # The reader has seen enough. Nothing may be written any more, not even when Python closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return _complain("Interrupted.", "", Exit.INTERRUPTED)
    return code if isinstance(code, int) else Exit.OK


def _complain(problem: str, remedy: str, code: Exit) -> int:
    from rich.text import Text

    from theodolite.cli.display import stderr

    where = stderr()
    where.print(Text.assemble(("error: ", "bold red"), (problem, "red")), soft_wrap=True)
    if remedy:
        where.print(Text(remedy), soft_wrap=True)
    return int(code)


def _asked_for(arguments: Sequence[str]) -> str:
    """Name the command that was meant, for the line that points to its help."""
    known = {name for name, _, _ in _COMMANDS}
    return f"theodolite {arguments[0]}" if arguments and arguments[0] in known else "theodolite"
