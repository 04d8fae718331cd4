"""``theodolite compare``: what became of the weights between two checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit, check_jobs, reading_input
from theodolite.cli.options import JSON, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core import ParameterError
    from theodolite.core.conditions import Condition, Verdict
    from theodolite.study import Comparison, LayerComparison

USAGE = "theodolite compare BEFORE AFTER [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite compare base tuned                 what changed, and how
  theodolite compare base ./my-lora-adapter     a PEFT folder over its base
  theodolite compare base tuned -o diff.html    a page with the pictures
  theodolite compare a b --map 'encoder.*=model.encoder.*'
  theodolite compare base tuned --measures none --json > diff.json
  theodolite compare base tuned --fail-if 'intruders >= 1'

Conditions of --fail-if compare names with numbers: relative_change,
relative_spectral_change, delta_rank, overlap.left, overlap.right, intruders
(left; intruders.right), intruder_energy, and METRIC.before, .after, .shift,
as in alpha.shift. A name alone means "in any layer"; .max .min .mean .median
.sum .count make one number of all. changed, identical, not_compared and
unmatched count. Join with and, or, not: 'relative_change.max > 5 % or
alpha.shift.median > 1'.
Exit codes: 0 ok, 1 a condition of --fail-if holds, 2 wrong usage, 4 the input
can't be read, 130 interrupted."""

_HOW = Group.create_ordered("How they are compared")
_OUT = Group.create_ordered("What is written, and when it fails")


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How they are compared.

    Parameters
    ----------
    map : tuple of str
        Renamed tensors.
    k : int
        How many leading singular vectors.
    epsilon : float
        Cosine below which one is an intruder.
    gap : float
        Relative gap of near-degenerate singular values.
    measures : str
        Metrics of both.
    jobs : int
        How many matrices at once.
    """

    map: Annotated[
        tuple[str, ...], Parameter(help="OLD=NEW for renamed tensors, * for the same text in both; may be repeated.")
    ] = ()
    k: Annotated[int, Parameter(help="How many leading singular vectors are compared.", show_default=True)] = 10
    epsilon: Annotated[
        float, Parameter(help="A vector nearer to none before than this cosine is an intruder.", show_default=True)
    ] = 0.5
    gap: Annotated[
        float, Parameter(help="Singular values this near, relatively, count as one group.", show_default=True)
    ] = 1e-4
    measures: Annotated[
        str,
        Parameter(
            name=["--measures", "-m"],
            help="Metrics whose shifts are told: a preset, measures with commas, or none.",
            show_default=True,
        ),
    ] = "standard"
    jobs: Annotated[
        int, Parameter(help="How many matrices are worked on at once; -1: one per core.", show_default=True)
    ] = 1


@Parameter(name="*", group=_OUT)
@dataclass(frozen=True)
class Out:
    """What is written, and when it fails.

    Parameters
    ----------
    output : Path, optional
        A page.
    json : bool
        JSON on standard output.
    fail_if : str, optional
        A condition.
    """

    output: Annotated[Path | None, page("pictures")] = None
    json: JSON = False
    fail_if: Annotated[str | None, Parameter(help="Exit with 1 if this condition holds, see below.")] = None


_HOW_BY_DEFAULT, _OUT_BY_DEFAULT = How(), Out()


def compare(
    before: Annotated[str, Parameter(name="BEFORE", help="A checkpoint: the base, or the earlier one.")],
    after: Annotated[str, Parameter(name="AFTER", help="A checkpoint, or an adapter folder of PEFT (LoRA).")],
    /,
    *,
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Compare two checkpoints: what changed, where, by how much, and in which directions.

    Tensors are matched by name. For each matrix: the relative change, the rank of it, how far the leading singular
    subspaces are the same, intruder dimensions, and the shifts of its metrics, with chance levels.

    Parameters
    ----------
    before : str
        A checkpoint.
    after : str
        A checkpoint or an adapter.
    how : How
        How they are compared.
    out : Out
        What is written, and when it fails.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If they can't be compared, or the page can't be written.
    """
    from theodolite.cli.display import progress_bar, say_path, stderr, stdout
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.core import ParameterError
    from theodolite.core.conditions import Condition
    from theodolite.reports import comparison_report
    from theodolite.study import compare as compared

    check_jobs(how.jobs)
    check_page(out.output)
    try:
        gate = None if out.fail_if is None else Condition(out.fail_if)
        with reading_input(), progress_bar() as progress:
            found = compared(
                before,
                after,
                _measures(how.measures),
                map=_renames(how.map),
                jobs=how.jobs,
                progress=progress,
                k=how.k,
                epsilon=how.epsilon,
                gap=how.gap,
            )
    except ParameterError as error:
        raise CommandError(f"{error}.", "See theodolite compare --help") from error
    except KeyboardInterrupt:
        raise CommandError("Stopped. Nothing was written.", "", Exit.INTERRUPTED) from None
    gate, verdict, mistake = _judged(found, gate)
    where = stderr() if out.json else stdout()
    if out.json:
        _json(found, gate)
    else:
        _show(where, found)
    if out.output is not None:
        with writing(out.output):
            comparison_report(found, out.output, format=format_of(out.output), condition=gate)
        say_path(where, "Report", out.output)
    if mistake is not None:
        raise CommandError(f"--fail-if: {mistake}.", "See theodolite compare --help") from mistake
    if verdict is None:
        return Exit.OK
    where.print(f"{'Violated' if verdict.holds else 'Not violated'}: {out.fail_if}", style="bold", soft_wrap=True)
    for says in verdict.evidence:
        where.print(f"  {says}", soft_wrap=True)
    return Exit.GATE if verdict.holds else Exit.OK


def _judged(
    found: Comparison, gate: Condition | None
) -> tuple[Condition | None, Verdict | None, ParameterError | None]:
    """Put the question; what took long to find is shown before a mistake in it is told."""
    from theodolite.core import ParameterError

    try:
        return gate, None if gate is None else found.judge(gate), None
    except ParameterError as error:
        return None, None, error


def _measures(text: str) -> list[str] | None:
    if text.strip() == "none":
        return None
    import re

    # Commas within the brackets of parameters belong to the measure.
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _renames(given: tuple[str, ...]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for pair in given:
        old, equals, new = pair.partition("=")
        if not (equals and old and new):
            raise CommandError(f"--map: {pair!r} is no OLD=NEW.", "For example --map 'encoder.*=model.encoder.*'")
        if renames.setdefault(old, new) != new:
            raise CommandError(f"--map: {old!r} is renamed twice.", f"Keep one of {renames[old]!r} and {new!r}.")
    return renames


def _json(found: Comparison, gate: Condition | None) -> None:
    from theodolite.cli.display import machine_lines
    from theodolite.reports import comparison_report

    machine_lines([comparison_report(found, format="json", condition=gate).rstrip("\n")])


def _show(where: Console, found: Comparison) -> None:
    from rich.text import Text

    from theodolite.cli.display import table

    where.print(Text(f"{found.before} → {found.after}", style="bold"))
    for sentence in found.explain().splitlines():
        where.print(sentence, soft_wrap=True)
    changed = sorted(found.state("changed"), key=_size, reverse=True)
    if not changed:
        return
    numbers = ("change", "rank", "overlap", "intruders", "alpha")
    shown = table("changed most", *numbers, right=numbers, wrap=("changed most",))
    for layer in changed[:10]:
        shown.add_row(layer.name, *_cells(layer))
    where.print()
    where.print(shown)
    if len(changed) > 10:
        where.print(f"and {len(changed) - 10} more (-o PAGE.html or --json has them all)", style="dim")


def _size(layer: LayerComparison) -> float:
    return layer.quantities()["relative_change"] or 0.0


def _cells(layer: LayerComparison) -> tuple[str, ...]:
    from theodolite.study.comparisons.words import percent

    numbers = layer.quantities()
    rank = "–" if layer.change is None else str(layer.change.rank)
    both = "–" if layer.overlap is None else f"{layer.overlap.left:.2f}, {layer.overlap.right:.2f}"
    counts = "–" if not layer.intruders else f"{layer.intruders['left'].count}, {layer.intruders['right'].count}"
    alpha = layer.shifts.get("power_law.alpha")
    known = alpha is not None and alpha.before is not None and alpha.after is not None
    moved = f"{alpha.before:.2f} → {alpha.after:.2f}" if alpha is not None and known else "–"
    size = numbers["relative_change"]
    return ("–" if size is None else percent(size), rank, both, counts, moved)
