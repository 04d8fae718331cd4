"""``theodolite gradients``: what the examples of a data set would teach a model, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from theodolite.core import ReadingRow, Readings

USAGE = "theodolite gradients MODEL DATA --model package.module:function [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite gradients m.safetensors clean.npz --model nets:build
  theodolite gradients m.pt d.npz --model nets:build --layers '*attn*'
  theodolite gradients m.pt d.npz --model nets:build --examples 200 --json

The model is run on every example by itself; the gradient of its loss at each
linear layer is measured through two factors and never made. A checkpoint holds
no code, so --model names a function of yours that takes nothing and gives the
torch module; it is imported, also from the working directory, and the weights
of MODEL are put into what it gives. DATA holds two arrays, inputs and targets:
the numbers of classes, or -100 for none; an example's loss is its mean cross
entropy. Beside each number stands the same with the targets of all examples
dealt out anew: what examples of these lengths give whatever they say.
Exit codes: 0 ok, 2 wrong usage, 4 the input can't be read, 130 interrupted."""

_OPTIONS = {
    "factory": "--model",
    "batch_size": "--batch-size",
    **{name: f"--{name}" for name in ("layers", "examples", "null", "draws", "seed")},
}
_WHAT = Group.create_ordered("What is looked at")
_HOW = Group.create_ordered("How it is read and shown")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is looked at.

    Parameters
    ----------
    model : str, optional
        A function that builds the module.
    layers : str, optional
        Which layers.
    examples : int, optional
        How many examples.
    """

    model: Annotated[
        str | None, Parameter(help="package.module:function, which builds the torch module of this architecture.")
    ] = None
    layers: Annotated[
        str | None, Parameter(help="Only layers whose name matches: '*attn*', '*.q_proj,*.k_proj'. [default: linear]")
    ] = None
    examples: Annotated[int | None, Parameter(help="Only the first so many examples. [default: all]")] = None


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How it is read and shown.

    Parameters
    ----------
    null : {"targets", "none"}
        What stands beside every number.
    draws : int
        How often targets are dealt out.
    batch_size : int
        Examples that run together.
    seed : int
        Where the dealing starts.
    json : bool
        One JSON object a line.
    """

    null: Annotated[
        Literal["targets", "none"], Parameter(help="What stands beside every number.", show_default=True)
    ] = "targets"
    draws: Annotated[int, Parameter(help="How often targets are dealt out anew.", show_default=True)] = 1
    batch_size: Annotated[
        int, Parameter(help="Examples that run together; the numbers are of single ones.", show_default=True)
    ] = 1
    seed: Annotated[int, Parameter(help="Where the dealing starts.", show_default=True)] = 0
    json: Annotated[bool, Parameter(help="One JSON object a line to standard output, the rest to standard error.")] = (
        False
    )


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT = What(), How()


def gradients(
    path: Annotated[
        str, Parameter(name="MODEL", help="A checkpoint: .safetensors, .npz, .pt, .pth, .bin, or a folder.")
    ],
    data: Annotated[Path, Parameter(name="DATA", help="A .npz or .safetensors file with inputs and targets.")],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
) -> int:
    """Measure the gradients that single examples make: how large, of what rank, how alike between layers.

    By these numbers data for post-training have been told apart: better data gave smaller nuclear norms and higher
    effective ranks. Length alone moves both, so each stands beside what data of the same lengths give by chance.

    Parameters
    ----------
    path : str
        A checkpoint.
    data : Path
        Inputs and targets.
    what : What
        What is looked at.
    how : How
        How it is read and shown.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If no function is named that builds the model.
    """
    from theodolite.cli.display import machine_lines, progress_bar
    from theodolite.cli.exits import CommandError, Exit, reading_input

    if what.model is None:
        remedy = "Name a function of yours that takes nothing and gives the torch module."
        raise CommandError("A checkpoint holds no code: give --model package.module:function.", remedy)
    options = {name: value for name, value in asdict(how).items() if name != "json"}
    with _mendable(), reading_input():
        from theodolite.generalization.loading import load_data, load_factory, load_model
        from theodolite.sources import open_checkpoint
        from theodolite.valuation import gradients as read

        examples = load_data(data)
        with open_checkpoint(path) as checkpoint:
            model, name = load_model(load_factory(what.model, folder=Path.cwd()), checkpoint), checkpoint.model
        with progress_bar() as progress:
            found = read(
                model, examples, layers=what.layers, name=name, progress=progress, examples=what.examples, **options
            )
    if how.json:
        machine_lines(found.ndjson())
    else:
        _show(found)
    return Exit.OK


@contextmanager
def _mendable() -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.cli.exits import CommandError, Exit, by_option

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("Stopped.", "", Exit.INTERRUPTED) from None
    except ValueError as error:
        remedy = "What belongs together: theodolite gradients --help. The tensors: theodolite inspect MODEL"
        raise CommandError(f"{by_option(str(error), _OPTIONS)}.", remedy) from error


def _show(found: Readings) -> None:
    from theodolite.cli.display import count, stdout, table

    where = stdout()
    rows = {(row.target, row.field): row for row in found if not row.field.endswith("_cosine")}
    measured = [target for target in found.targets if (target.target, "nuclear_norm") in rows]
    whole = found.targets[-1]
    examples = count(int(rows[whole.target, "examples"].value or 0), "example")
    said = f"{whole.model}: {examples}, {count(len(measured), 'layer')}"
    where.print(f"{said}, loss {_number(rows[whole.target, 'loss'])}", soft_wrap=True)
    titles = ("nuclear norm", "± se", "by chance", "effective rank", "± se ", "by chance ")
    shown = table("layer", *titles, right=titles, wrap=("layer",))
    for target in measured:
        cells = [_cells(rows[target.target, field]) for field in ("nuclear_norm", "effective_rank")]
        part = f"#{target.part}" if target.part else ""
        shown.add_row(f"{target.module}{part}", *(cell for row in cells for cell in row))
    where.print(shown)
    _show_cosines(found)


def _show_cosines(found: Readings) -> None:
    from theodolite.cli.display import stdout, table

    roles = {target.target: target.role for target in found.targets}
    groups: dict[str, list[ReadingRow]] = {}
    for row in found:
        if row.field.endswith("_cosine") and row.value is not None:
            other = "next block" if row.field == "next_block_cosine" else roles[row.against]
            groups.setdefault(f"{roles[row.target]}, {other}", []).append(row)
    if not groups:
        return
    titles = ("layers", "least", "mean", "most", "by chance")
    shown = table("cosine of gradients", *titles, right=titles)
    for name, rows in groups.items():
        values = [row.value for row in rows if row.value is not None]
        chances = [row.chance for row in rows if row.chance is not None]
        by_chance = f"{sum(chances) / len(chances):.3f}" if chances else ""
        mean = sum(values) / len(values)
        shown.add_row(name, str(len(values)), f"{min(values):.3f}", f"{mean:.3f}", f"{max(values):.3f}", by_chance)
    stdout().print(shown)


def _number(row: ReadingRow) -> str:
    value, error, chance = _cells(row)
    beside = f" ({chance} by chance)" if chance else ""
    return f"{value} ± {error}{beside}" if error else f"{value}{beside}"


def _cells(row: ReadingRow) -> tuple[str, str, str]:
    if row.value is None:
        return row.outcome.lower().replace("_", " "), "", ""
    error, chance = (None if number is None else f"{number:.4g}" for number in (row.se, row.chance))
    return f"{row.value:.4g}", error or "", chance or ""
