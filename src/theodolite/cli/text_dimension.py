"""``theodolite text-dimension``: how many dimensions the token vectors of texts have, and whether genres differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit
from theodolite.cli.options import JSON, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.study import TextDimensions

USAGE = "theodolite text-dimension MODEL FILE ... [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite text-dimension models/minilm essays.txt
  theodolite text-dimension models/minilm abstracts.csv stories.jsonl
  theodolite text-dimension models/gpt2 a.csv b.csv --column body --length 256
  theodolite text-dimension models/minilm a.txt b.txt --layer encoder.layer.3
  theodolite text-dimension models/minilm a.txt b.txt -o texts.html
  theodolite text-dimension models/minilm a.txt b.txt --json > texts.json

MODEL is a folder with config.json, weights and a tokenizer, as the package
transformers writes it; nothing is fetched, and no code of the model is run.
FILE is a genre: plain text (texts between blank lines, or one on each line),
.jsonl or .csv. Several genres are compared: AUC is how often a text of the
first has the larger number. Read it beside that of the type-token ratio:
texts that repeat their words have fewer dimensions for that reason alone.
Exit codes: 0 ok, 2 wrong usage, 3 no text has a dimension, 4 the input can't
be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is measured")
_HOW = Group.create_ordered("How")
_OUT = Group.create_ordered("What is written")
_OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in ("layer", "length", "alpha", "repeats", "reruns", "k", "seed", "batch_size")
} | {"rng": "--seed"}


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is measured.

    Parameters
    ----------
    layer : str, optional
        Whose vectors.
    length : int
        Tokens of each text.
    column : str, optional
        Which column holds the texts.
    """

    layer: Annotated[
        str | None, Parameter(help="Whose vectors are taken: 'encoder.layer.3'. [default: the block in the middle]")
    ] = None
    length: Annotated[
        int, Parameter(help="Texts are cut to so many tokens, and shorter ones left out.", show_default=True)
    ] = 160
    column: Annotated[
        str | None, Parameter(help="Column of .csv, field of .jsonl. [default: text, or the only one]")
    ] = None


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How it is measured.

    Parameters
    ----------
    alpha : float
        Power of the edges.
    repeats : int
        Parts of each size.
    reruns : int
        How often parts are drawn anew.
    k : int
        Neighbours of mle.
    seed : int
        Where drawing starts.
    batch_size : int
        Texts that run together.
    """

    alpha: Annotated[float, Parameter(help="Power of the tree's edges in PHD.", show_default=True)] = 1.0
    repeats: Annotated[
        int, Parameter(help="How often all tokens are dealt out into parts of each size.", show_default=True)
    ] = 10
    reruns: Annotated[
        int, Parameter(help="How often PHD starts anew; the spread over these is shown.", show_default=True)
    ] = 3
    k: Annotated[int, Parameter(help="How many neighbours mle looks at.", show_default=True)] = 20
    seed: Annotated[int, Parameter(help="Where everything drawn starts.", show_default=True)] = 0
    batch_size: Annotated[int, Parameter(help="Texts that run together.", show_default=True)] = 16


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

    output: Annotated[Path | None, page("charts")] = None
    json: JSON = False


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT, _OUT_BY_DEFAULT = What(), How(), Out()


def text_dimension(
    model: Annotated[str, Parameter(name="MODEL", help="A folder with a transformer and its tokenizer.")],
    /,
    *files: Annotated[Path, Parameter(name="FILE", required=True, help="Texts; each file is a genre.")],
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Estimate how many dimensions the token vectors of each text have, and compare genres by them.

    PHD, TwoNN and MLE of a layer of a transformer, text by text, all texts cut to one length; beside them how much the
    texts repeat their words, which may explain a difference.

    Parameters
    ----------
    model : str
        A folder.
    *files : Path
        Texts.
    what : What
        What is measured.
    how : How
        How.
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
    from theodolite.cli.display import machine_lines, say_path, stderr, stdout
    from theodolite.cli.exits import by_option, reading_input, sentence
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.reports import text_dimension_report
    from theodolite.study.texts.estimates import DIMENSIONS

    check_page(out.output)
    try:
        with reading_input():
            found = _measured(model, files, what, how)
    except (ValueError, TypeError) as error:
        raise CommandError(sentence(by_option(str(error), _OPTIONS)), "See theodolite text-dimension --help") from error
    except ImportError as error:
        raise CommandError(f"{error}.", "pip install 'theodolite[transformers]'") from error
    except KeyboardInterrupt:
        raise CommandError("Stopped.", "", Exit.INTERRUPTED) from None
    where = stderr() if out.json else stdout()
    if out.json:
        machine_lines([text_dimension_report(found, format="json").rstrip("\n")])
    else:
        _show(where, Path(model).name, found)
    if out.output is not None:
        with writing(out.output):
            text_dimension_report(found, out.output, format=format_of(out.output))
        say_path(where, "Report", out.output)
    nothing = all(text.estimates[name].value is None for text in found.texts for name in DIMENSIONS)
    return Exit.SOME_FAILED if nothing else Exit.OK


def _measured(model: str, files: tuple[Path, ...], what: What, how: How) -> TextDimensions:
    from theodolite.cli.display import progress_bar
    from theodolite.study import load_transformer, read_texts, text_dimension
    from theodolite.study.texts.settings import TextSettings

    options = {name: value for name, value in asdict(how).items() if name != "seed"}
    options |= {"rng": how.seed, "length": what.length}
    TextSettings.of(**options)
    alike = len({file.stem for file in files}) < len(files)
    texts = {str(file) if alike else file.stem: read_texts(file, what.column) for file in files}
    if len(texts) < len(files):
        raise CommandError("A file was given twice.", "Each file is a genre; give each once.")
    network, tokenizer = load_transformer(model)
    with progress_bar() as progress:
        return text_dimension(network, tokenizer, texts, layer=what.layer, progress=progress, **options)


def _show(where: Console, name: str, found: TextDimensions) -> None:
    from rich.text import Text

    from theodolite.cli.display import table
    from theodolite.reports.texts import comparison_table, genre_table, notes, table_key

    where.print(Text(f"{name}, {found.layer}", style="bold"))
    head, rows = genre_table(found)
    made = table(*head, right=head[1:], wrap=head[:1])
    for first, *cells in rows:
        made.add_row(Text(first), *cells)
    where.print(made)
    where.print(table_key(found), style="dim")
    head, rows = comparison_table(found)
    if rows:
        made = table(*head, right=head[1:], wrap=head[:1])
        for first, *cells in rows:
            made.add_row(Text(first), *cells)
        where.print()
        where.print(made)
    where.print()
    for sentence in (*found.explain().splitlines(), *notes(found)):
        where.print(Text(sentence), soft_wrap=True)
