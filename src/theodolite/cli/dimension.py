"""``theodolite dimension``: how many dimensions each layer of a network has, with error bars."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit
from theodolite.cli.options import JSON, STORE, at_once, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core.progress import Progress
    from theodolite.study import DimensionProfile

USAGE = "theodolite dimension FEATURES ... | MODEL DATA --model FUNCTION [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite dimension a.safetensors
  theodolite dimension a.npz b.npz -o profile.html --store a.run
  theodolite dimension a.npz -m two_nn -m 'mle[k=10]' -m 'gride[largest=256]'
  theodolite dimension a.npz --layers 'layer*' --json
  theodolite dimension a.npz -m label_sharpness --labels y.csv:class
  theodolite dimension m.pt x.npz --model nets:build

FEATURES are files of `theodolite record`, or arrays of rows x features from
elsewhere (.npy, .npz, .safetensors). With --model, MODEL is a checkpoint, and
what its layers give on DATA is measured. The nearest neighbours of a layer are
found once for all measures; theodolite list names them.
With --store, what was computed is kept: the same command again goes on.
Exit codes: 0 ok, 2 wrong usage, 3 some readings failed or no layer has a
number, 4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is measured")
_HOW = Group.create_ordered("By which measures")
_OUT = Group.create_ordered("What is kept and written")
_MOST_ROWS = 40
_OPTIONS = {"labels": "--labels", "layers": "--layers", "rows": "--rows", "measures": "--measure"}


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is measured.

    Parameters
    ----------
    layers : str, optional
        Which layers.
    model : str, optional
        A function that builds the module.
    rows : int
        How many rows are kept.
    labels : str, optional
        A file of labels.
    """

    layers: Annotated[str | None, Parameter(help="Only layers whose name matches: 'layer*', '*.mlp,*.out'.")] = None
    model: Annotated[
        str | None,
        Parameter(help="package.module:function, which builds the torch module; then give MODEL and DATA."),
    ] = None
    rows: Annotated[int, Parameter(help="With --model: how many rows of each layer are kept.", show_default=True)] = (
        4096
    )
    labels: Annotated[
        str | None,
        Parameter(
            name="--labels",
            help="FILE[:KEY], a label for each row, for measures that look at them: .npy, .npz, .safetensors (an array "
            "named KEY), .csv, .tsv (a column, under headings), .txt (one on each line). "
            "[default KEY: labels, targets, label, target, or the only one]",
        ),
    ] = None


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """By which measures.

    Parameters
    ----------
    measure : tuple of str
        Measures.
    seed : int
        Where drawing starts.
    """

    measure: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--measure", "-m"],
            help="A measure of one cloud, with parameters as 'mle[k=10]'; each with its own -m. "
            "[default: two_nn, gride, mle]",
        ),
    ] = ()
    seed: Annotated[int, Parameter(help="Where everything drawn starts.", show_default=True)] = 0


@Parameter(name="*", group=_OUT)
@dataclass(frozen=True)
class Out:
    """What is kept and written.

    Parameters
    ----------
    store : Path, optional
        The run folder.
    jobs : int
        How many layers at once.
    output : Path, optional
        A page.
    json : bool
        JSON on standard output.
    """

    store: STORE = None
    jobs: Annotated[int, at_once("layers")] = 1
    output: Annotated[Path | None, page("charts")] = None
    json: JSON = False


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT, _OUT_BY_DEFAULT = What(), How(), Out()


def dimension(
    *paths: Annotated[
        str, Parameter(name="FEATURES", required=True, help="Files of features; with --model, a checkpoint and data.")
    ],
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Estimate how many dimensions the layers of a network have, each number with its interval.

    A table of layers by measures, the dimension over scales, and what stands in the place of numbers or beside them.

    Parameters
    ----------
    *paths : str
        Files of features; or a checkpoint and data.
    what : What
        What is measured.
    how : How
        By which measures.
    out : Out
        What is written.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If they can't be read or measured.
    """
    from theodolite.cli.display import machine_lines, progress_bar, say_path, stderr, stdout
    from theodolite.cli.exits import by_option, check_jobs, ending, kept, reading_input, sentence
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.reports import dimension_report
    from theodolite.surveys import RunFolderError, RunLocked

    check_jobs(out.jobs)
    check_page(out.output)
    try:
        with reading_input(), progress_bar() as progress:
            found = _measured(paths, what, how, out, progress)
    except (RunFolderError, RunLocked) as error:
        raise CommandError(f"{error}.", "Choose another folder with --store.") from error
    except (ValueError, TypeError) as error:
        raise CommandError(sentence(by_option(str(error), _OPTIONS)), "See theodolite dimension --help") from error
    except KeyboardInterrupt:
        raise CommandError("Stopped.", kept(out.store), Exit.INTERRUPTED) from None
    where = stderr() if out.json else stdout()
    if out.json:
        machine_lines([dimension_report(found, format="json").rstrip("\n")])
    else:
        _show(where, found)
    if out.output is not None:
        with writing(out.output):
            dimension_report(found, out.output, format=format_of(out.output))
        say_path(where, "Report", out.output)
    if out.store is not None:
        say_path(where, "Run", out.store)
    return ending(found.readings.rows)


def _measured(paths: Sequence[str], what: What, how: How, out: Out, progress: Any) -> DimensionProfile:
    from theodolite.study import dimensions
    from theodolite.surveys import Survey
    from theodolite.surveys.each_cloud import DEFAULTS, asked_of_clouds
    from theodolite.surveys.labels import LABELS, needs_data

    layers = None if what.model else what.layers
    survey = Survey.of([*(how.measure or DEFAULTS)], seed=how.seed, layers=layers)
    needy = [request.name for request in survey.measures if needs_data(request.bare) == [LABELS]]
    if needy and what.labels is None:
        raise CommandError(f"{needy[0]} needs labels.", "Give one for each row: --labels FILE[:KEY]")
    asked = asked_of_clouds(survey, labels=what.labels is not None)
    labels = None if what.labels is None else _labels(what.labels)
    sources: Any = list(paths)
    if what.model is not None:
        if len(paths) != 2:
            problem = f"With --model, a checkpoint and data are needed, and {len(paths)} files were given."
            raise CommandError(problem, "Give both: theodolite dimension MODEL DATA --model package.module:function")
        sources = _recorded(os.fspath(paths[0]), Path(paths[1]), what.model, what, progress)
    return dimensions(sources, asked, labels=labels, store=out.store, jobs=out.jobs, progress=progress)


def _labels(told: str) -> Any:
    """Read FILE or FILE:KEY; a file that is there is no key, whatever colons its name has."""
    from theodolite.sources.labels import load_labels

    file, colon, key = told.rpartition(":")
    if not colon or not file or Path(told).exists():
        return load_labels(told)
    return load_labels(file, key)


def _recorded(path: str, data: Path, named: str, what: What, progress: Callable[[Progress], None] | None) -> Any:
    """Run the checkpoint over the data."""
    from theodolite.generalization.loading import load_factory, load_model
    from theodolite.sources import open_checkpoint, record_features
    from theodolite.sources.stimuli import load_stimuli

    factory = load_factory(named, folder=Path.cwd())
    stimuli = load_stimuli(data)
    with open_checkpoint(path) as checkpoint:
        model, name = load_model(factory, checkpoint), checkpoint.model
    return record_features(model, stimuli, what.layers, name=name, rows=what.rows, progress=progress)


def _show(where: Console, found: DimensionProfile) -> None:
    from rich.text import Text

    from theodolite.cli.display import table
    from theodolite.reports.dimension import profile_table, whose

    where.print(Text(", ".join(found.models), style="bold"))
    head, rows = profile_table(found)
    made = table(*head, right=head[1:], wrap=head[:1])
    for row in rows[:_MOST_ROWS]:
        made.add_row(*row)
    where.print(made)
    if len(rows) > _MOST_ROWS:
        where.print(f"and {len(rows) - _MOST_ROWS} more (-o PAGE.html or --json has them all)", style="dim")
    told = [cell for row in rows[:_MOST_ROWS] for cell in row[2:]]
    if any(cell.endswith("*") for cell in told):
        where.print("* a doubt, told below", style="dim")
    where.print()
    for sentence in found.explain().splitlines():
        where.print(sentence, soft_wrap=True)
    for name, why, clouds in found.doubtful:
        where.print(Text(f"* {name}, {whose(clouds)}: {why}"), soft_wrap=True, style="dim")
