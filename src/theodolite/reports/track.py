"""The report on a training: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, overload

from theodolite.core.bibliography import references
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.study import Track

SOURCES = ("martin2021predicting",)
HEAD = ("layer", "metric", "first", "last", "change", "beyond")
MOST_SHOWN = 400
"""Rows of the table of curves; the JSON has them all."""

READS = (
    """A point is the mean over the layers, or one layer, at one checkpoint. Dashed is the median of what a Gaussian
    matrix of the same shape shows, which does not depend on the step.""",
    """A change is beyond its interval where the intervals at the first and the last checkpoint are apart. A metric
    without intervals is judged by chance: one of the two numbers is within the central 98 % of chance, the other
    outside.""",
    """Checkpoints of one training are no independent draws: a curve that goes one way is not more than one finding, and
    with hundreds of curves some intervals are apart by chance.""",
    """A layer looks untrained where exponent, distance of the fit and stable rank all lie where Gaussian matrices have
    them. It says nothing of why: the layer may be frozen, or the spectrum may not show what it learned.""",
)


@overload
def track_report(track: Track, path: None = None, *, format: Format = "html") -> str: ...


@overload
def track_report(track: Track, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def track_report(
    track: Track,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write what became of a model through its training.

    Parameters
    ----------
    track : Track
        What `track` gave.
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
    return written(lambda form: made[form](track), path, format)


def _json(track: Track) -> str:
    return json.dumps(track.to_dict(), ensure_ascii=False, allow_nan=False) + "\n"


def _title(track: Track) -> str:
    return f"{len(track.names)} checkpoints: {track.names[0]} to {track.names[-1]}"


def _rows(track: Track) -> list[list[str]]:
    """List what moved, the furthest first, then every other curve of the drawn metrics."""
    from theodolite.reports.charts.track import drawn_metrics
    from theodolite.study.tracks.result import moved_most

    moved = moved_most(track.curves)
    seen = set(moved)
    drawn = drawn_metrics(track)
    rest = [one for one in track.curves if one not in seen and one.metric in drawn and not one.whole_model]
    return [
        [
            curve.name,
            curve.metric,
            number_text(curve.values[0]),
            number_text(curve.values[-1]),
            number_text(curve.change),
            curve.beyond or "–",
        ]
        for curve in (*moved, *rest)[:MOST_SHOWN]
    ]


def _checkpoints(track: Track) -> tuple[tuple[str, ...], list[list[str]]]:
    from theodolite.study.tracks.words import step_text

    head: tuple[str, ...] = ("checkpoint", "position" if track.steps_are == "positions" else "step")
    rows = [[name, step_text(step)] for name, step in zip(track.names, track.steps, strict=True)]
    if track.computed:
        head = (*head, "measured", "reused")
        rows = [
            [*row, str(computed), str(reused)]
            for row, computed, reused in zip(rows, track.computed, track.reused, strict=True)
        ]
    return head, rows


def _markdown(track: Track) -> str:
    return "\n".join(_lines(track)) + "\n"


def _lines(track: Track) -> Iterator[str]:
    head, checkpoints = _checkpoints(track)
    yield from (f"# {plain(_title(track))}", "")
    yield from (f"- {plain(sentence)}" for sentence in track.explain().splitlines())
    yield from ("", "## What moved", "")
    yield from table(HEAD, ([code(row[0]), *row[1:]] for row in _rows(track)))
    yield from ("", "## Checkpoints", "")
    yield from table(head, ([code(row[0]), *row[1:]] for row in checkpoints))
    yield from ("", "## Reads as", "", *(f"- {plain(line)}" for line in _reads()))
    yield from ("", "## How to cite", "", *(f"- {plain(text)}" for text in _sources()))


def _reads() -> list[str]:
    return [" ".join(line.split()) for line in READS]


def _sources() -> list[str]:
    known = references()
    return [known[key].text for key in SOURCES]


def _page(track: Track) -> str:
    import altair as alt

    from theodolite.reports.charts.track import drawn_metrics, model_chart, role_chart

    metrics = drawn_metrics(track)
    with alt.utils.schemapi.debug_mode(False):
        charts = {"model": model_chart(track).to_dict(validate=False)} if metrics else {}
        for position, metric in enumerate(metrics):
            charts[f"roles-{position}"] = role_chart(track, metric).to_dict(validate=False)
    head, checkpoints = _checkpoints(track)
    return framed(
        "track",
        {"charts": charts},
        EVERY_CHART,
        title=_title(track),
        sentences=track.explain().splitlines(),
        metrics=metrics,
        head=HEAD,
        rows=_rows(track),
        checkpoint_head=head,
        checkpoints=checkpoints,
        reads=_reads(),
        sources=_sources(),
    )
