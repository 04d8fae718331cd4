"""``theodolite corpus``: which metrics go with the quality of models, over all of them and within groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from theodolite.study import Association, Corpus

USAGE = "theodolite corpus TABLE --quality COLUMN [--group COLUMN] [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite corpus models.csv --quality accuracy
  theodolite corpus models.csv --quality top1_error --lower-is-better
  theodolite corpus models.csv --quality accuracy --group family -o models.html
  theodolite corpus models.tsv --quality loss --baseline width --metric alpha
  theodolite corpus models.csv.gz --quality accuracy --json

TABLE has one row a model and a header: comma-separated, or tabs in a .tsv; .gz
is read as it is. Every other column of numbers is a metric; size and depth are
recognised as baselines by their names, and METRIC_init as a metric's value
before training. Correlations are with the column as it stands.
Exit codes: 0 ok, 2 wrong usage, 4 the table can't be read."""

_WHAT = Group.create_ordered("What is in the table")
_HOW = Group.create_ordered("How chance is drawn")

_SHOWN = 8


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is in the table.

    Parameters
    ----------
    group : list of str
        Columns that say which models are of one family.
    baseline : list of str
        Columns that a metric has to say more than.
    no_baselines : bool
        No column is a baseline, whatever its name.
    metric : list of str
        The metrics.
    name : str, optional
        The column with the names of the models.
    higher_is_better, lower_is_better : bool
        Which way the quality is better.
    """

    group: Annotated[
        list[str] | None,
        Parameter(help="Column that says which models are of one family; several make finer groups."),
    ] = None
    baseline: Annotated[
        list[str] | None, Parameter(help="Column that a metric has to say more than. [default: by their names]")
    ] = None
    no_baselines: Annotated[bool, Parameter(help="Take no column for a baseline, whatever its name.")] = False
    metric: Annotated[list[str] | None, Parameter(help="Look at these columns alone. [default: all numbers]")] = None
    name: Annotated[str | None, Parameter(help="Column with the names of the models. [default: model or name]")] = None
    higher_is_better: Annotated[bool, Parameter(help="Better models have a higher quality, as accuracy.")] = False
    lower_is_better: Annotated[bool, Parameter(help="Better models have a lower quality, as error or loss.")] = False


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How chance is drawn.

    Parameters
    ----------
    seed : int
        Where the random streams start.
    resamples, permutations : int
        How many are drawn.
    correction : {"holm", "bh", "none"}
        For the number of metrics.
    """

    seed: Annotated[int, Parameter(help="Where resamples and permutations start.", show_default=True)] = 0
    resamples: Annotated[int, Parameter(help="For the intervals.", show_default=True)] = 2000
    permutations: Annotated[
        int, Parameter(help="For the p-values, where there are too many orders to go through all.", show_default=True)
    ] = 9999
    correction: Annotated[
        Literal["holm", "bh", "none"], Parameter(help="Of p-values, for the number of metrics.", show_default=True)
    ] = "holm"


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT = What(), How()


def corpus(
    table: Annotated[str, Parameter(name="TABLE", help="One row a model: .csv or .tsv, also .gz.")],
    /,
    *,
    quality: Annotated[str, Parameter(help="Column with the quality of the models.")],
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    json: Annotated[bool, Parameter(help="Everything as JSON on standard output; the rest to standard error.")] = False,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A page: .html, .md or .json, by its ending.")
    ] = None,
) -> int:
    """Say which metrics go with the quality of models, over all of them and within groups.

    Rank correlations of every metric with the quality, with intervals and p-values, Simpson's paradox called by its
    name, and what is left of a metric given size, depth and the untrained network.

    Parameters
    ----------
    table : str
        One row a model.
    quality : str
        The column of the quality.
    what : What
        What is in the table.
    how : How
        How chance is drawn.
    json : bool
        Everything as JSON on standard output.
    output : Path, optional
        A page.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If options exclude each other, a column is wrong, or the table or the page can't be read or written.
    """
    from theodolite.cli.display import machine_lines, say_path, stderr, stdout
    from theodolite.cli.exits import CommandError, Exit
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.core import ParameterError
    from theodolite.reports import corpus_report
    from theodolite.study import corpus as study

    if what.higher_is_better and what.lower_is_better:
        raise CommandError("--higher-is-better and --lower-is-better exclude each other.", "Give one of them.")
    if what.baseline and what.no_baselines:
        raise CommandError("--baseline and --no-baselines exclude each other.", "Give one of them.")
    check_page(output)
    direction = True if what.higher_is_better else False if what.lower_is_better else None
    try:
        found = study(
            read_table(table),
            quality=quality,
            group=what.group,
            baselines=() if what.no_baselines else what.baseline,
            higher_is_better=direction,
            rng=how.seed,
            metrics=what.metric,
            names=what.name,
            resamples=how.resamples,
            permutations=how.permutations,
            correction=how.correction,
        )
    except ParameterError as error:
        problem = f"--{str(error).removeprefix('corpus: ')}."
        raise CommandError(problem, "See theodolite corpus --help") from error
    except ValueError as error:
        problem = str(error) if str(error).endswith("?") else f"{error}."
        raise CommandError(problem, f"The columns stand in the first line of {table}.") from error
    where = stderr() if json else stdout()
    if json:
        machine_lines([found.to_json()])
    else:
        _show(where, found)
    if output is not None:
        with writing(output):
            corpus_report(found, output, format=format_of(output))
        say_path(where, "Report", output)
    return Exit.OK


def read_table(path: str) -> pd.DataFrame:
    """Read a table of models.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    pandas.DataFrame
        One row a model.

    Raises
    ------
    CommandError
        If it can't be read.
    """
    import pandas as pd

    from theodolite.cli.exits import CommandError, Exit

    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    separator = "\t" if ".tsv" in suffixes or ".tab" in suffixes else ","
    try:
        frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", skipinitialspace=True)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror or error}.", "", Exit.UNREADABLE) from error
    except (ValueError, EOFError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise CommandError(
            f"{path} is no table: {reason}.", "TABLE is a .csv or .tsv with a header.", Exit.UNREADABLE
        ) from error
    return frame


def _show(where: Console, found: Corpus) -> None:
    from theodolite.reports.corpus import ranked

    where.print(found.headline, style="bold")
    for sentence in found.sentences:
        where.print(sentence)
    where.print()
    shown = ranked(found)
    for trend in shown[:_SHOWN]:
        where.print(" ".join(trend.sentences))
    if len(shown) > _SHOWN:
        where.print(f"{len(shown) - _SHOWN} more metrics stand in the table; their words in the page (-o PAGE.html).")
    where.print()
    _numbers(where, found)


def _numbers(where: Console, found: Corpus) -> None:
    from theodolite.cli.display import table
    from theodolite.reports.corpus import ranked

    groups = found.table.group_names[:6] if found.table.grouping else ()
    within = ("within", "p within") if found.table.grouping else ()
    heads = ("metric", "finding", "all models", "p", *within, *groups)
    made = table(*heads, right=heads[2:], title=f"Kendall's τ with {found.table.quality}; p-values corrected")
    for trend in (*ranked(found), *found.baselines):
        cells = [*_cells(trend.overall), *(_cells(trend.within) if trend.within else ())]
        cells += [_cells(one)[0] for one in trend.groups[:6]]
        finding = trend.finding if trend in found.trends else f"baseline: {trend.finding}"
        made.add_row(trend.name, finding, *cells)
    where.print(made)


def _cells(one: Association) -> tuple[str, str]:
    from theodolite.study import Coefficient
    from theodolite.study.corpora.words import signed

    if not isinstance(one.kendall, Coefficient):
        return "–", "–"
    p = one.kendall.p_value if one.kendall.p_adjusted is None else one.kendall.p_adjusted
    return signed(one.kendall.value), f"{p:.2g}"
