"""``theodolite track``: every metric through the checkpoints of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit, check_jobs, ending, reading_input
from theodolite.cli.options import JSON, at_once, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.study import Track

USAGE = "theodolite track FOLDER | RUN_A RUN_B ... [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite track runs/my-training             a folder of checkpoints
  theodolite track out --store out.run -o training.html
  theodolite track a.theodolite b.theodolite    runs of `theodolite survey`
  theodolite track step0.npz step9.npz -m stable_rank -m power_law
  theodolite track out --steps 0,1000,5000 --json

A folder may hold checkpoint-500, step_1000.safetensors and the like. They are
surveyed into one run folder, where only matrices with new content are measured:
the same command again, with more checkpoints, costs the new ones alone. Steps
are read off trainer_state.json or the names.
Exit codes: 0 ok, 2 wrong usage, 3 some readings failed or there is no number,
4 the input can't be read, 130 interrupted."""

_HOW = Group.create_ordered("What is followed")
_OUT = Group.create_ordered("What is written")
_SHOWN = 10


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """What is followed.

    Parameters
    ----------
    measure : tuple of str
        Measures.
    steps : str, optional
        The steps.
    store : Path, optional
        The run folder of the checkpoints.
    jobs : int
        How many tensors at once.
    """

    measure: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--measure", "-m"],
            help="A measure to make of checkpoints (or a preset), or to keep of runs; each with its own -m.",
        ),
    ] = ()
    steps: Annotated[
        str | None, Parameter(help="The step of each, with commas. [default: trainer_state.json, or the names]")
    ] = None
    store: Annotated[Path | None, Parameter(help="Run folder of the checkpoints. [default: ./FOLDER.theodolite]")] = (
        None
    )
    jobs: Annotated[int, at_once("tensors")] = 1


@Parameter(name="*", group=_OUT)
@dataclass(frozen=True)
class Out:
    """What is written.

    Parameters
    ----------
    output : Path, optional
        A page.
    json : bool
        JSON on standard output.
    """

    output: Annotated[Path | None, page("curves")] = None
    json: JSON = False


_HOW_BY_DEFAULT, _OUT_BY_DEFAULT = How(), Out()


def track(
    *paths: Annotated[
        str, Parameter(name="PATH", required=True, help="A folder of checkpoints, or checkpoints, or run folders.")
    ],
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Follow every metric through the checkpoints of a training.

    What moved beyond its interval or its chance, which layers stopped looking untrained, and the curves. Checkpoints
    are surveyed into one run folder, and only what changed between them is measured.

    Parameters
    ----------
    *paths : str
        A folder of checkpoints, or checkpoints, or run folders.
    how : How
        What is followed.
    out : Out
        What is written.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If they are no checkpoints of one model, or can't be read.
    """
    from theodolite.cli.display import machine_lines, say_path, stderr, stdout
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.core import ParameterError
    from theodolite.reports import track_report
    from theodolite.surveys import RunFolderError, RunLocked

    check_jobs(how.jobs)
    check_page(out.output)
    steps = _steps(how.steps)
    try:
        with reading_input():
            found, store = _followed(paths, how, steps)
    except ParameterError as error:
        raise CommandError(f"{error}.", "See theodolite track --help") from error
    except (RunFolderError, RunLocked) as error:
        raise CommandError(f"{error}.", "Choose another folder with --store.") from error
    except KeyboardInterrupt:
        remedy = "What was measured is kept: run the same command again to go on."
        raise CommandError("Stopped.", remedy, Exit.INTERRUPTED) from None
    where = stderr() if out.json else stdout()
    if out.json:
        machine_lines([track_report(found, format="json").rstrip("\n")])
    else:
        _show(where, found)
    if out.output is not None:
        with writing(out.output):
            track_report(found, out.output, format=format_of(out.output))
        say_path(where, "Report", out.output)
    if store is not None:
        say_path(where, "Run", store)
    return ending(row for readings in found.readings for row in readings.rows)


def _steps(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise CommandError(f"--steps is {text!r}.", "Give numbers with commas: --steps 0,1000,5000") from None


def _followed(paths: tuple[str, ...], how: How, steps: list[float] | None) -> tuple[Track, Path | None]:
    """Read runs, or survey checkpoints."""
    from theodolite.cli.display import progress_bar
    from theodolite.cli.report import is_run
    from theodolite.cli.running import default_output
    from theodolite.sources.folders import model_name
    from theodolite.study import track as tracked
    from theodolite.study import track_checkpoints

    runs = [is_run(path) for path in paths]
    if all(runs):
        if how.store is not None:
            raise CommandError("--store is for checkpoints, and these are runs.", "Leave it out.")
        return tracked(paths, steps=steps, measures=how.measure or None), None
    if any(runs):
        path = paths[runs.index(True)]
        raise CommandError(f"{path} is a run, and others are checkpoints.", "Give runs alone, or checkpoints alone.")
    single = len(paths) == 1
    if single and not Path(paths[0]).is_dir():
        raise CommandError(f"{paths[0]} is one checkpoint or none.", "Give several, or the folder that holds them.")
    store = how.store or default_output([model_name(Path(path)) for path in paths])
    with progress_bar() as progress:
        found = track_checkpoints(
            paths[0] if single else paths,
            [*how.measure] or "standard",
            store=store,
            steps=steps,
            jobs=how.jobs,
            progress=progress,
        )
    return found, store


def _show(where: Console, found: Track) -> None:
    from rich.text import Text

    from theodolite.cli.display import table
    from theodolite.reports.layers import number_text
    from theodolite.study.tracks.result import moved_most

    where.print(Text(f"{found.names[0]} → {found.names[-1]}", style="bold"))
    for sentence in found.explain().splitlines():
        where.print(sentence, soft_wrap=True)
    moved = moved_most(found.curves)
    if not moved:
        return
    numbers = ("first", "last")
    shown = table("moved most", "metric", *numbers, "beyond", right=numbers, wrap=("moved most",))
    for curve in moved[:_SHOWN]:
        ends = (number_text(curve.values[0]), number_text(curve.values[-1]))
        shown.add_row(curve.name, curve.metric, *ends, curve.beyond)
    where.print()
    where.print(shown)
    if len(moved) > _SHOWN:
        where.print(f"and {len(moved) - _SHOWN} more (-o PAGE.html or --json has them all)", style="dim")
