"""``theodolite width``: whether training held the spectra of one architecture at one level through its widths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit, by_option, reading_input
from theodolite.cli.options import JSON, page

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.study import WidthTransfer

USAGE = "theodolite width MODEL MODEL... [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite width d256.safetensors d512.safetensors d1024.safetensors
  theodolite width small.h5 large.h5 --widths 16,64
  theodolite width d256 d512 d1024 -o widths.html      charts and all numbers
  theodolite width d256 d512 d1024 --check && echo "safe to scale up"
  theodolite width a b c --json > widths.json

Under AdamW the largest singular value of a matrix settles near
sqrt(lr / weight decay) * width^0.75. Where it is the same at every width,
learning rate and weight decay carry over: the slope of its logarithm on that
of the width is 0. Three models or more give the slope an interval. How to
set the two for another width: theodolite transfer --help
Exit codes: 0 ok, 1 with --check when the family fails, 2 wrong usage, 4 the
input can't be read."""

_OPTIONS = {
    "checkpoints": "MODEL",
    "widths": "--widths",
    "tolerance": "--tolerance",
    "level": "--level",
    "rename": "--rename",
}
_HOW = Group.create_ordered("How it is judged")
_OUT = Group.create_ordered("What is written")


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How it is judged.

    Parameters
    ----------
    widths : str, optional
        The models' widths, in their order.
    tolerance : float
        Largest slope with which a matrix passes.
    level : float
        Level of the intervals.
    rename : tuple of str
        Patterns and replacements for the tensors' names.
    """

    widths: Annotated[
        str | None,
        Parameter(help="Their widths, with commas. [default: the side that most matrices share and that grows]"),
    ] = None
    tolerance: Annotated[
        float, Parameter(help="Largest slope, up or down, with which a matrix passes.", show_default=True)
    ] = 0.125
    level: Annotated[float, Parameter(help="Level of the slopes' intervals.", show_default=True)] = 0.95
    rename: Annotated[
        tuple[str, ...],
        Parameter(help="PATTERN=REPLACEMENT in the tensors' names (regular expression); may be repeated."),
    ] = ()


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
    check : bool
        Whether a family that fails is an error.
    """

    output: Annotated[Path | None, page("charts")] = None
    json: JSON = False
    check: Annotated[bool, Parameter(help="Exit with 1 when the family fails.")] = False


_HOW_BY_DEFAULT, _OUT_BY_DEFAULT = How(), Out()


def width(
    *models: Annotated[
        str, Parameter(name="MODEL", required=True, help="Checkpoints of one architecture and different widths.")
    ],
    how: How = _HOW_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Compare the spectra of models of one architecture and different widths.

    Matrices are matched by name. For each: how its largest singular value grows with the width, and whether the shapes
    of its spectra lie on each other. A matrix passes where the largest singular value stays where it is.

    Parameters
    ----------
    *models : str
        Checkpoints.
    how : How
        How it is judged.
    out : Out
        What is written.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If the models can't be compared, or the page can't be written.
    """
    import json as encoder

    from theodolite.cli.display import machine_lines, say_path, stderr, stdout
    from theodolite.cli.report import check_page, format_of, writing
    from theodolite.core import ParameterError
    from theodolite.reports import width_report
    from theodolite.study import width_transfer

    check_page(out.output)
    widths, rename = _numbers(how.widths), _renames(how.rename)
    try:
        with reading_input():
            found = width_transfer(models, widths=widths, tolerance=how.tolerance, level=how.level, rename=rename)
    except ParameterError as error:
        raise CommandError(f"{by_option(str(error), _OPTIONS)}.", "See theodolite width --help") from error
    where = stderr() if out.json else stdout()
    if out.json:
        machine_lines([encoder.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False)])
    else:
        _show(where, found)
    if out.output is not None:
        with writing(out.output):
            width_report(found, out.output, format=format_of(out.output))
        say_path(where, "Report", out.output)
    return Exit.GATE if out.check and not found.passes else Exit.OK


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(word) for word in text.split(",")]
    except ValueError as error:
        problem = f"--widths: {text!r} is not a list of numbers."
        raise CommandError(problem, "For example --widths 64,128,256") from error


def _renames(given: tuple[str, ...]) -> dict[str, str]:
    import re

    for pair in given:
        pattern, equals, _ = pair.partition("=")
        try:
            re.compile(pattern)
        except re.error as error:
            raise CommandError(f"--rename: {pattern!r} is no regular expression ({error}).") from error
        if not equals:
            raise CommandError(f"--rename: {pair!r} has no '='.", "For example --rename '^model\\.='")
    return {pair.split("=", 1)[0]: pair.split("=", 1)[1] for pair in given}


def _show(where: Console, found: WidthTransfer) -> None:
    from theodolite.cli.display import table

    where.print(found.headline(), soft_wrap=True)
    where.print(f"Widths: {found.width_is}.", soft_wrap=True)
    where.print()
    numbers = ("slope", "interval", "narrowest", "widest", "shapes apart")
    shown = table("matrix", "answer", *numbers, right=numbers, wrap=("matrix",))
    for matrix in found.matrices:
        judged = {True: "passes", False: "fails", None: matrix.kind}[matrix.passes]
        answer = f"{judged}, not surely" if matrix.settled is False else judged
        if matrix.slope is None:
            shown.add_row(matrix.name, "no slope")
            continue
        interval = "" if matrix.low is None or matrix.high is None else f"{matrix.low:.2f} to {matrix.high:.2f}"
        first, last = matrix.sigma[0], matrix.sigma[-1]
        apart = "" if matrix.shape_distance is None else f"{matrix.shape_distance:.2f}"
        shown.add_row(matrix.name, answer, f"{matrix.slope:.3f}", interval, f"{first:.4g}", f"{last:.4g}", apart)
    where.print(shown)
    where.print()
    where.print(found.rule, soft_wrap=True)
    if any(matrix.settled is False for matrix in found.matrices):
        where.print("Not surely: the interval reaches across the tolerance.", soft_wrap=True)
    for matrix in found.matrices:
        if matrix.slope is None:
            where.print(f"No slope of {matrix.name}: {matrix.note}", soft_wrap=True)
    if found.unmatched:
        where.print(f"In some models only, left out: {', '.join(list(found.unmatched)[:6])}.", soft_wrap=True)
