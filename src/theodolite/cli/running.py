"""A survey carried out from the command line: into a folder, with progress, a summary and a report."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from theodolite.cli.exits import CommandError, Exit, ending, reading_input

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core import Readings
    from theodolite.sources import Checkpoint
    from theodolite.surveys import Survey

REPORT = "report.html"
_LONGEST = 80


@dataclass(frozen=True)
class Run:
    """Where and how a survey is carried out, and what is shown of it.

    Attributes
    ----------
    output : Path or None
        The run folder; None for one named after the models, in the working directory.
    jobs : int
        How many tensors are measured at once.
    shard : tuple of int or None
        Which share of the work this process does, counted from 1, of how many.
    fresh : bool
        Whether an old run there is set aside.
    report : bool
        Whether the report is written.
    form : {"summary", "json", "csv"}
        What goes to standard output.
    """

    output: Path | None = None
    jobs: int = 1
    shard: tuple[int, int] | None = None
    fresh: bool = False
    report: bool = True
    form: Literal["summary", "json", "csv"] = "summary"


def default_output(models: Sequence[str]) -> Path:
    """Name the run folder after what is surveyed.

    Parameters
    ----------
    models : sequence of str
        Names of the models.

    Returns
    -------
    Path
        ``MODEL.theodolite``, relative to the working directory.
    """
    joined = "+".join(models)
    if len(joined) > _LONGEST and len(models) > 1:
        joined = f"{models[0]}+{len(models) - 1}-more"
    plain = re.sub(r"[^\w.+@-]+", "-", joined).strip("-.")
    return Path(f"{plain or 'model'}.theodolite")


def carry_out(checkpoints: Sequence[Checkpoint], what: Survey, run: Run) -> int:
    """Survey checkpoints into a run folder, and show what came out.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint
        What to survey.
    what : Survey
        What to measure.
    run : Run
        Where and how.

    Returns
    -------
    int
        The exit code: 0, or 3 where some readings failed or there is no number at all.
    """
    from theodolite.cli.display import progress_bar, say_path, stderr, stdout
    from theodolite.surveys import set_aside, survey

    output = run.output or default_output([checkpoint.model for checkpoint in checkpoints])
    with _stoppable(output), reading_input():
        if run.fresh and (kept := set_aside(output)):
            stderr().print(f"The old run is kept as {kept}", soft_wrap=True)
        with progress_bar() as progress:
            target = list(checkpoints)
            readings = survey(target, what, store=output, jobs=run.jobs, shard=run.shard, progress=progress)
    page = _write_report(output) if run.report and run.shard is None else None
    where = stdout() if run.form == "summary" else stderr()
    _show(where, readings, run.form)
    if page is not None:
        say_path(where, "Report", page)
    say_path(where, "Run", output)
    _advise(where, readings, output, run)
    return ending(readings.rows)


@contextmanager
def _stoppable(output: Path) -> Iterator[None]:
    """Say how to go on where the user stops a survey, and what to do where another writes to the same run."""
    from theodolite.surveys import RunFolderError, RunLocked

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(
            f"Stopped. What was measured is kept in {output}.",
            "Run the same command again (without --fresh) to go on from there.",
            Exit.INTERRUPTED,
        ) from None
    except (RunFolderError, RunLocked) as error:
        raise CommandError(f"{error}.", "Choose another folder with -o.") from error
    except OSError as error:
        raise CommandError(
            f"{error.filename or output} can't be written: {error.strerror or error}.",
            "Free some space or choose another folder with -o; what was measured is kept.",
        ) from error


def _write_report(output: Path) -> Path:
    from theodolite.reports import report
    from theodolite.surveys import read_run

    page = output / REPORT
    report(read_run(output), page)
    return page


def _show(where: Console, readings: Readings, form: str) -> None:
    from theodolite.cli.display import machine_lines
    from theodolite.cli.summary import show_summary

    if form == "json":
        machine_lines(readings.ndjson())
    elif form == "csv":
        machine_lines(csv_lines(readings))
    else:
        show_summary(where, readings)


def csv_lines(readings: Readings) -> Iterator[str]:
    """Write readings as a table that spreadsheets read: a header, then one reading a line, joined with its target.

    Parameters
    ----------
    readings : Readings
        What to write.

    Yields
    ------
    str
        A line without its end.
    """
    import csv
    import io

    from theodolite.core.rows import READING_COLUMNS, TARGET_COLUMNS

    columns = list(dict.fromkeys((*TARGET_COLUMNS, *READING_COLUMNS)))
    line = io.StringIO()
    writer = csv.DictWriter(line, columns, lineterminator="")
    writer.writeheader()
    yield line.getvalue()
    for row in readings.rows:
        target = readings.target(row.target).to_dict()
        line.seek(0)
        line.truncate()
        writer.writerow({**target, **row.to_dict(), "shape": "x".join(map(str, target["shape"]))})
        yield line.getvalue()


def _advise(where: Console, readings: Readings, output: Path, run: Run) -> None:
    """Say what to try next."""
    name = shlex.quote(str(output))
    measured = {row.measure for row in readings.rows}
    if run.shard is not None:
        tries = [f"theodolite report {name}        when all {run.shard[1]} shards are done"]
    else:
        tries = [] if run.report else [f"theodolite report {name}"]
        first = "power_law" if "power_law" in measured else min(measured, default="")
        tries += [f"theodolite explain {first}"] if first else []
        tries.append(f"theodolite cite {name}")
    for position, line in enumerate(tries):
        where.print(f"{'' if position else 'Next':<9}{line}", soft_wrap=True)
