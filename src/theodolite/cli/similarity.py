"""``theodolite similarity``: representations of networks set against each other, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit
from theodolite.cli.options import JSON, STORE, at_once, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core import ReadingRow
    from theodolite.core.progress import Progress
    from theodolite.study import AllPairs, BestMatch
    from theodolite.study.similarities.quantities import Quantity

USAGE = "theodolite similarity FEATURES [FEATURES ...] [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite similarity a.safetensors b.safetensors
  theodolite similarity a.npz                    its layers with each other
  theodolite similarity a.npz b.npz c.npz -o seeds.html --store seeds.run
  theodolite similarity a.npz b.npz -m cka -m 'cka[estimator=biased]'
  theodolite similarity a.npz b.npz --interval --null --draws 99
  theodolite similarity a.pt b.pt --model nets:build --data x.npz

FEATURES are files of `theodolite record`, or arrays of rows x features from
elsewhere (.npy, .npz, .safetensors); row i of all belongs to one stimulus. With
--model, they are checkpoints, and what their layers give on --data is compared.
Of two files, the layers of one are set against those of the other; of one or of
several, each layer against each. theodolite list names the measures.
With --store, what was computed is kept: the same command again goes on.
Exit codes: 0 ok, 2 wrong usage, 3 some readings failed or no pair has a
number, 4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is compared")
_HOW = Group.create_ordered("By which measures, how surely")
_OUT = Group.create_ordered("What is kept and written")
_MOST_ROWS = 12
_MOST_CELLS = 40
_TONES = " ░▒▓█"


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is compared.

    Parameters
    ----------
    layers : str, optional
        Which layers.
    model : tuple of str
        Functions that build the modules.
    data : Path, optional
        What the models are shown.
    rows : int
        How many rows are kept.
    """

    layers: Annotated[str | None, Parameter(help="Only layers whose name matches: 'layer*', '*.mlp,*.out'.")] = None
    model: Annotated[
        tuple[str, ...],
        Parameter(
            help="package.module:function, which builds the torch module; once, or once for each checkpoint.",
        ),
    ] = ()
    data: Annotated[Path | None, Parameter(help="With --model: a file of what the models are shown.")] = None
    rows: Annotated[int, Parameter(help="With --model: how many rows of each layer are kept.", show_default=True)] = (
        4096
    )


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """By which measures, and how surely.

    Parameters
    ----------
    measure : tuple of str
        Measures.
    interval : bool
        Intervals.
    null : bool
        Chance levels by drawing.
    draws : int, optional
        How many shuffles.
    seed : int
        Where drawing starts.
    """

    measure: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--measure", "-m"],
            help="A measure, with parameters as 'cka[estimator=biased]'; each with its own -m. "
            "[default: cka, angular_procrustes, mutual_knn]",
        ),
    ] = ()
    interval: Annotated[bool, Parameter(help="An interval for every number, by leaving out groups of rows.")] = False
    null: Annotated[
        bool, Parameter(help="A chance level and a p-value for every number, by shuffling the rows of one cloud.")
    ] = False
    draws: Annotated[int | None, Parameter(help="With --null: how many shuffles. [default: 199]")] = None
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
        How many pairs at once.
    output : Path, optional
        A page.
    json : bool
        JSON on standard output.
    """

    store: STORE = None
    jobs: Annotated[int, at_once("pairs")] = 1
    output: Annotated[Path | None, page("heat maps")] = None
    json: JSON = False


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT, _OUT_BY_DEFAULT = What(), How(), Out()


def similarity(
    *paths: Annotated[
        str, Parameter(name="FEATURES", required=True, help="Files of features; with --model, checkpoints.")
    ],
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Compare what the layers of networks give for the same stimuli: how alike, and where in depth.

    A matrix of layers against layers for each measure, the best match of every layer and the best path in the order of
    depth, all layers as points; beside each number what chance gives, in closed form where there is one, else with
    --null.

    Parameters
    ----------
    *paths : str
        Files of features, or checkpoints.
    what : What
        What is compared.
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
        If they can't be read or compared.
    """
    from theodolite.cli.display import machine_lines, progress_bar, say_path, stderr, stdout
    from theodolite.cli.exits import check_jobs, ending, kept, reading_input, sentence
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.reports import similarity_report
    from theodolite.surveys import RunFolderError, RunLocked

    check_jobs(out.jobs)
    check_page(out.output)
    try:
        with reading_input(), progress_bar() as progress:
            found, warning = _compared(paths, what, how, out, progress)
    except (RunFolderError, RunLocked) as error:
        raise CommandError(f"{error}.", "Choose another folder with --store.") from error
    except (ValueError, TypeError) as error:
        raise CommandError(sentence(str(error)), "See theodolite similarity --help") from error
    except KeyboardInterrupt:
        raise CommandError("Stopped.", kept(out.store), Exit.INTERRUPTED) from None
    where = stderr() if out.json else stdout()
    if warning:
        where.print(warning, soft_wrap=True)
    if out.json:
        machine_lines([similarity_report(found, format="json").rstrip("\n")])
    else:
        _show(where, found)
    if out.output is not None:
        with writing(out.output):
            similarity_report(found, out.output, format=format_of(out.output))
        say_path(where, "Report", out.output)
    if out.store is not None:
        say_path(where, "Run", out.store)
    return ending(_shown_rows(found))


def _compared(paths: Sequence[str], what: What, how: How, out: Out, progress: Any) -> tuple[AllPairs, str]:
    from theodolite.study import all_pairs
    from theodolite.surveys import Survey
    from theodolite.surveys.all_pairs import DEFAULTS

    if what.data is not None and not what.model:
        raise CommandError("--data goes with --model.", "Leave it out, or name the function that builds the model.")
    if how.draws is not None and not how.null:
        raise CommandError("--draws goes with --null.", "Leave it out, or add --null.")
    measures = [_wrapped(measure, how) for measure in how.measure or DEFAULTS]
    layers = None if what.model else what.layers
    asked = Survey.of(measures, seed=how.seed, layers=layers)
    sources = _recorded(paths, what, progress) if what.model else list(paths)
    found = all_pairs(sources, measures=asked, store=out.store, jobs=out.jobs, progress=progress)
    return found, _rows_that_go_together(sources) if how.interval or how.null else ""


def _rows_that_go_together(sources: Sequence[Any]) -> str:
    """Warn where several rows come from one example, which evidence from single rows takes for independent."""
    from theodolite.sources import open_features
    from theodolite.sources.features import Features

    kinds: set[str] = set()
    for source in sources:
        features = source if isinstance(source, Features) else open_features(source)
        kept = [layer for layer in features.layers if layer.array is not None]
        kinds |= {layer.rows.kind.split()[0] for layer in kept if layer.rows.kind} - {"examples"}
    if not kinds:
        return ""
    return (
        f"Rows are {' and '.join(sorted(kinds))}, and those of one example go together: intervals and p-values, which "
        "take them for independent, are too narrow and too small. Record one row for each example; or, for intervals "
        "within one model, --rows 0 --moments --folds 20."
    )


def _wrapped(measure: str, how: How) -> str:
    if how.interval:
        measure = f"with_interval({measure})"
    if how.null:
        measure = f"with_null({measure})" + ("" if how.draws is None else f"[draws={how.draws}]")
    return measure


def _recorded(paths: Sequence[str], what: What, progress: Callable[[Progress], None] | None) -> list[Any]:
    """Run each checkpoint over the data."""
    from theodolite.generalization.loading import load_factory, load_model
    from theodolite.sources import open_checkpoint, record_features
    from theodolite.sources.stimuli import load_stimuli

    if what.data is None:
        raise CommandError("--model needs --data.", "Give a file of what the models are shown: --data FILE.npz")
    if len(what.model) not in (1, len(paths)):
        problem = f"--model is given {len(what.model)} times for {len(paths)} checkpoints."
        raise CommandError(problem, "Give it once, or once for each.")
    factories = [load_factory(named, folder=Path.cwd()) for named in what.model]
    stimuli = load_stimuli(what.data)
    found = []
    for place, path in enumerate(paths):
        with open_checkpoint(path) as checkpoint:
            model = load_model(factories[place % len(factories)], checkpoint)
            name = checkpoint.model
        found.append(record_features(model, stimuli, what.layers, name=name, rows=what.rows, progress=progress))
    return found


def _show(where: Console, found: AllPairs) -> None:
    from rich.text import Text

    from theodolite.cli.display import table
    from theodolite.reports.similarity import shown_of

    shown = shown_of(found)
    where.print(Text(" × ".join(found.models), style="bold"))
    for sentence in shown.explain().splitlines():
        where.print(sentence, soft_wrap=True)
    drawn_only = [one.name for one in shown.quantities if _lacks_chance(shown, one)]
    if drawn_only:
        where.print(f"What chance gives for {', '.join(drawn_only)}: --null draws it.", style="dim", soft_wrap=True)
    _heat_map(where, shown)
    matches = [(one.name, shown.best_match(one.name)) for one in shown.quantities if one.kind]
    if not matches:
        return
    made = table("most like", *(name for name, _ in matches), wrap=[name for name, _ in matches])
    for place, name in enumerate(shown.names[:_MOST_ROWS]):
        made.add_row(name, *(_best(shown, match, place) for _, match in matches))
    where.print()
    where.print(made)
    if len(shown.names) > _MOST_ROWS:
        where.print(f"and {len(shown.names) - _MOST_ROWS} more (-o PAGE.html or --json has them all)", style="dim")


def _shown_rows(found: AllPairs) -> list[ReadingRow]:
    """Choose the readings that say how it ended: of the pairs that are shown, and wherever something failed."""
    from theodolite.reports.similarity import shown_of

    shown = shown_of(found)
    ends = {(row, column) for row in shown.rows for column in shown.columns}
    ends |= {(column, row) for row, column in ends}
    return [row for row in found.readings.rows if row.status == "failed" or (row.target, row.against) in ends]


def _lacks_chance(shown: AllPairs, quantity: Quantity) -> bool:
    """Say whether there are numbers to be read against chance and no chance level."""
    import numpy as np

    values, levels = shown.matrix(quantity.name), shown.matrix(quantity.name, "chance")
    return bool(quantity.kind and np.isfinite(values).any() and not np.isfinite(levels).any())


def _best(shown: AllPairs, match: BestMatch, place: int) -> str:
    """Name the best match with its number, and with what stands beside that."""
    from theodolite.reports.layers import number_text

    best = match.best[place]
    if best is None:
        return "–"
    row = shown.reading(shown.rows[place], shown.columns[best], match.quantity)
    told = f"{match.columns[best]} {number_text(match.value(place))}"
    if row is not None and row.low is not None:
        told += f" [{number_text(row.low)}, {number_text(row.high)}]"
    return told + (f" p {number_text(row.p_value, 2)}" if row is not None and row.p_value is not None else "")


def _heat_map(where: Console, shown: AllPairs) -> None:
    """Draw the first matrix with blocks, the more alike the fuller."""
    import numpy as np
    from rich.text import Text

    from theodolite.reports.layers import number_text

    quantity = shown.quantities[0]
    values = shown.matrix(quantity.name)
    if not quantity.kind or max(values.shape) > _MOST_CELLS or not np.isfinite(values).any():
        return
    alike = -values if quantity.kind == "distance" else values
    low, high = float(np.nanmin(alike)), float(np.nanmax(alike))
    path = () if shown.square else shown.best_match(quantity.name).path
    width = min(max(len(name) for name in shown.names), 32)
    digits = len(str(len(shown.names) - 1))
    where.print()
    where.print(
        Text(
            f"{quantity.name}: rows {_whose(shown.rows, shown)}, columns {_whose(shown.columns, shown)}, "
            f"fuller = more alike{'; · the best path in order' if path else ''}",
            style="dim",
        ),
        soft_wrap=True,
    )
    if not shown.square:
        columns = ", ".join(f"{place} = {name}" for place, name in enumerate(shown.against))
        where.print(Text(f"columns: {columns}", style="dim"), soft_wrap=True)
    for head in _places(len(shown.against)):
        where.print(Text(" " * (digits + width + 2) + head, style="dim"), no_wrap=True, crop=True)
    for place, (name, line) in enumerate(zip(shown.names, alike, strict=True)):
        text = Text(f"{place:>{digits}} {name[-width:]:>{width}} ")
        for column, number in enumerate(line):
            on_path = bool(path) and path[place] == column
            text.append(_block(number, low, high, on_path=on_path), style="bold" if on_path else "")
        where.print(text, no_wrap=True, crop=True)
    least, most = (number_text(abs(end) if quantity.kind == "distance" else end) for end in (low, high))
    where.print(Text(f"█ {most}" if high <= low else f"blank {least} … █ {most}", style="dim"))


def _places(count: int) -> list[str]:
    """Write the places of columns of two signs each: tens above units, where there are tens."""
    tens = "".join(f"{place // 10 if place % 10 == 0 and place else '':<2}" for place in range(count))
    units = "".join(f"{place % 10:<2}" for place in range(count))
    return [tens, units] if count > 10 else [units]


def _block(number: float, low: float, high: float, *, on_path: bool) -> str:
    if math.isnan(number):
        return "× "
    share = 1.0 if high <= low else (number - low) / (high - low)
    tone = _TONES[min(len(_TONES) - 1, round(share * (len(_TONES) - 1)))]
    return f"{tone}·" if on_path else tone * 2


def _whose(ids: Sequence[str], shown: AllPairs) -> str:
    models = list(dict.fromkeys(shown.readings.target(one).model for one in ids))
    return models[0] if len(models) == 1 else "all"
