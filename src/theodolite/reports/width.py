"""The report on a family of widths: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from theodolite.core.bibliography import references
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.study import MatchedMatrix, WidthTransfer

SOURCES = ("fan2025robust", "yang2022tensor")
READS = (
    """A slope of 0: the largest singular value is the same at every width, so that learning rate and weight decay that
    are right for the narrow model are right for the wide one.""",
    """A slope of 0.75: what the law of the steady state leaves when learning rate and weight decay are the same at
    every width. 0.25: learning rate as 1/width, constant weight decay. −0.25: learning rate as 1/width, their product
    constant.""",
    """The law is that of the steady state, which takes a few times 1/(learning rate · weight decay) steps to reach. A
    model that was not trained that long still shows its initialisation: slope 0.5 for entries of one size, 0 for
    entries of size 1/√width.""",
    """Shapes that lie on each other say that only the level depends on the width. Their distance is that of Kolmogorov
    and Smirnov between the singular values over the largest; steps of 1/n are its resolution.""",
)


@overload
def width_report(found: WidthTransfer, path: None = None, *, format: Format = "html") -> str: ...


@overload
def width_report(found: WidthTransfer, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def width_report(
    found: WidthTransfer,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write what a family of widths shows.

    Parameters
    ----------
    found : WidthTransfer
        What `width_transfer` gave.
    path : path, optional
        Where to write it. A file that is there is replaced at once and whole, or not at all.
    format : {"html", "md", "json"}
        As for `report`.

    Returns
    -------
    Path or str
        The path; the text itself where none was given.

    Raises
    ------
    ValueError
        If the format is unknown.
    IsADirectoryError
        If the path is a folder.
    """  # noqa: DOC502 - raised by what is called
    made = {"html": _page, "md": _markdown, "json": _json}
    return written(lambda form: made[form](found), path, format)


def _json(found: WidthTransfer) -> str:
    return json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _markdown(found: WidthTransfer) -> str:
    lines = [f"# Width transfer: {plain(', '.join(found.models))}", "", f"**{plain(found.headline())}**", ""]
    lines += [f"*Rule.* {plain(found.rule)}", "", f"Widths: {plain(found.width_is)}.", "", "## Matrices", ""]
    lines += table(_head(found), (_row(matrix) for matrix in found.matrices))
    if found.vectors:
        lines += ["", "## Gains and biases", ""]
        lines += table(
            ("vector", "slope of its root mean square", "from", "to"),
            ([code(v.name), *(number_text(x) for x in (v.slope, v.low, v.high))] for v in found.vectors),
        )
    if found.unmatched:
        lines += ["", "## Not in all models", ""]
        lines += [f"- {code(name)}: only in {plain(', '.join(models))}" for name, models in found.unmatched.items()]
    lines += ["", "## Reads as", "", *(f"- {plain(line)}" for line in _reads())]
    lines += ["", "## How to cite", "", *(f"- {plain(text)}" for text in _sources())]
    return "\n".join(lines) + "\n"


def _head(found: WidthTransfer) -> Sequence[str]:
    sigma = [f"σ₁ at {width:g}" for width in found.widths]
    return ("matrix", "answer", "kind", "slope", "from", "to", "with √(in/out)", "shapes apart", *sigma)


def _row(matrix: MatchedMatrix) -> list[str]:
    return [code(matrix.name), *_cells(matrix)]


def _cells(matrix: MatchedMatrix) -> list[str]:
    from theodolite.reports.charts.width import hedged_answer

    numbers = (matrix.slope, matrix.low, matrix.high, matrix.rms_slope, matrix.shape_distance, *matrix.sigma)
    return [
        matrix.note or hedged_answer(matrix),
        matrix.kind,
        *(number_text(None if x is None or math.isnan(x) else x) for x in numbers),
    ]


def _reads() -> list[str]:
    return [" ".join(line.split()) for line in READS]


def _sources() -> list[str]:
    known = references()
    return [known[key].text for key in SOURCES]


def _page(found: WidthTransfer) -> str:
    from theodolite.reports.charts.width import growth_chart, shape_chart, slope_chart

    charts = {}
    if any(matrix.slope is not None for matrix in found.matrices):
        charts = {"growth": growth_chart(found), "slopes": slope_chart(found), "shapes": shape_chart(found)}
    return framed(
        "width",
        {"charts": {name: chart.to_dict() for name, chart in charts.items()}},
        EVERY_CHART,
        title=f"Width transfer: {found.models[0]} and {len(found.models) - 1} more",
        found=found,
        charts=list(charts),
        head=_head(found),
        rows=[(matrix.name, _cells(matrix)) for matrix in found.matrices],
        reads=_reads(),
        sources=_sources(),
    )
