"""The report on the dimensions of clouds: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from theodolite.core.rows import ReadingRow
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written
from theodolite.reports.similarity import cited, reads

if TYPE_CHECKING:
    from theodolite.study import DimensionProfile

READS = (
    """An interval covers what other rows from the same source would change. It doesn't cover the bias of the estimate:
    with many dimensions or few rows every estimate from neighbours is low, and one with the note "too few points" is a
    lower bound.""",
    """Each measure looks at a scale of its own. Compare layers by one measure, over the same number of rows; compare
    measures to see whether the dimension depends on the scale.""",
    """Over scales: a curve that falls and then stays has noise on the left and the dimension where it stays; a curve
    that falls to the right end has no single dimension. Radii are in the units of the layer, and don't compare.""",
)

_FEW = 4
"""Clouds that are named one by one."""


@overload
def dimension_report(found: DimensionProfile, path: None = None, *, format: Format = "html") -> str: ...


@overload
def dimension_report(found: DimensionProfile, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def dimension_report(
    found: DimensionProfile,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write how many dimensions clouds of points have, layer by layer.

    Parameters
    ----------
    found : DimensionProfile
        What `dimensions` gave.
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


def interval_text(row: ReadingRow | None) -> str:
    """Write a number with its interval.

    Parameters
    ----------
    row : ReadingRow or None
        Its reading.

    Returns
    -------
    str
        ``"3.14 ± 0.05"`` where both ends are equally far, ``"3.14 [2.9, 3.2]"`` where not, and a dash for no number.
    """
    if row is None or row.value is None:
        return "–"
    told = number_text(row.value)
    if row.low is None or row.high is None:
        return told
    below, above = row.value - row.low, row.high - row.value
    if abs(above - below) <= 0.01 * (above + below):
        return f"{told} ± {number_text(above, 2)}"
    return f"{told} [{number_text(row.low)}, {number_text(row.high)}]"


def profile_table(found: DimensionProfile) -> tuple[list[str], list[list[str]]]:
    """Lay out every cloud with its numbers.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Returns
    -------
    head : list of str
        Titles.
    rows : list of list of str
        Name, number of rows, and each measure's number with its interval. A star marks a number with a doubt.
    """
    counts = [f"{count:,}" for count in found.rows]
    rows = [
        [name, count, *_cells(found, cloud, found.profile)]
        for name, cloud, count in zip(found.names, found.clouds, counts, strict=True)
    ]
    return ["layer", "rows", *found.profile], rows


def label_table(found: DimensionProfile) -> tuple[list[str], list[list[str]]]:
    """Lay out the other numbers of measures that look at labels.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Returns
    -------
    head : list of str
        Titles.
    rows : list of list of str
        Name and numbers; none where no measure looks at labels.
    """
    head = ["layer", *found.by_labels]
    named = zip(found.names, found.clouds, strict=True) if found.by_labels else ()
    return head, [[name, *_cells(found, cloud, found.by_labels)] for name, cloud in named]


def _cells(found: DimensionProfile, cloud: str, names: Iterable[str]) -> list[str]:
    names = [*names]
    cells = [found.reading(cloud, name) for name in names]
    marks = ["*" if found.in_doubt(cloud, name) else "" for name in names]
    return [interval_text(cell) + mark for cell, mark in zip(cells, marks, strict=True)]


def notes(found: DimensionProfile) -> list[str]:
    """List refusals and doubts.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Returns
    -------
    list of str
        A sentence each.
    """
    said = [f"{name}: no number for {_clouds(count)}. {why}" for name, why, count in found.refusals]
    return said + [f"{name}: beside the numbers of {whose(clouds)}. {why}" for name, why, clouds in found.doubtful]


def whose(clouds: Sequence[str]) -> str:
    """Name clouds, or count them where they are many.

    Parameters
    ----------
    clouds : sequence of str
        Their names.

    Returns
    -------
    str
        ``"block.1, block.2"``, ``"12 clouds"``.
    """
    return ", ".join(clouds) if len(clouds) <= _FEW else _clouds(len(clouds))


def _clouds(count: int) -> str:
    return "1 cloud" if count == 1 else f"{count} clouds"


def _json(found: DimensionProfile) -> str:
    from importlib.metadata import version

    record = {"theodolite": version("theodolite"), "sentences": found.explain().splitlines(), **found.to_dict()}
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def _title(found: DimensionProfile) -> str:
    models = found.models
    counted = f"{len(found.clouds)} {'cloud' if len(found.clouds) == 1 else 'clouds'}"
    if len(models) == 1:
        return f"{models[0]}: the dimension of {counted}"
    return f"{', '.join(models) if len(models) <= 3 else f'{len(models)} models'}: the dimension of {counted}"


def _facts(found: DimensionProfile) -> str:
    from importlib.metadata import version

    seeds = ", ".join(sorted({str(row.seed) for row in found.readings.rows}))
    return f"{len(found.clouds)} clouds · seed {seeds} · theodolite {version('theodolite')}"


def _markdown(found: DimensionProfile) -> str:
    return "\n".join(_lines(found)) + "\n"


def _lines(found: DimensionProfile) -> Iterator[str]:
    yield from (f"# {plain(_title(found))}", "")
    yield from (f"- {plain(sentence)}" for sentence in found.explain().splitlines())
    head, rows = profile_table(found)
    yield from ("", "## Layers", "")
    yield from table([*map(plain, head)], ([code(row[0]), *map(plain, row[1:])] for row in rows))
    head, rows = label_table(found)
    if rows:
        yield from ("", f"## {_beside(found)}", "")
        yield from table([*map(plain, head)], ([code(row[0]), *map(plain, row[1:])] for row in rows))
    if found.curves:
        yield from ("", "## Over scales", "")
        yield from table(
            ["cloud", "measure", "radius: dimension"],
            (
                [
                    code(curve.cloud),
                    code(curve.quantity),
                    ", ".join(
                        f"{number_text(radius)}: {number_text(dimension)}"
                        for radius, dimension in zip(curve.radii, curve.dimensions, strict=True)
                    ),
                ]
                for curve in found.curves
            ),
        )
    said = notes(found)
    if said:
        yield from ("", "## Notes and refusals", "", *(f"- {plain(one)}" for one in said))
    yield from ("", "## Reads as", "")
    for name, says, misleads in reads(found):
        yield f"- {code(name)}: {plain(says)}" + (f" Misleads when: {plain(misleads)}" if misleads else "")
    yield from (f"- {plain(' '.join(line.split()))}" for line in READS)
    yield from ("", "## How to cite", "", *(f"- {plain(text)}" for text in cited(found)), "", plain(_facts(found)))


def _page(found: DimensionProfile) -> str:
    from theodolite.reports.charts.dimension import drawn_curves, drawn_profiles

    head, rows = profile_table(found)
    label_head, label_rows = label_table(found)
    several = len(found.models) > 1
    return framed(
        "dimension",
        {"charts": _charts(found)},
        EVERY_CHART,
        ("compare.css.jinja",),
        title=_title(found),
        facts=_facts(found),
        sentences=found.explain().splitlines(),
        profiles=[_headed(model, ", ".join(names), several=several) for model, names in drawn_profiles(found)],
        curves=[_headed(model, name, several=several) for model, name in drawn_curves(found)],
        head=head,
        rows=rows,
        label_head=label_head,
        label_rows=label_rows,
        label_title=_beside(found),
        notes=notes(found),
        measures=reads(found),
        reads=[" ".join(line.split()) for line in READS],
        sources=cited(found),
    )


def _beside(found: DimensionProfile) -> str:
    return "With labels" if found.labelled else "Without labels"


def _headed(model: str, told: str, *, several: bool) -> str:
    return f"{model}: {told}" if several else told


def _charts(found: DimensionProfile) -> dict[str, Any]:
    import altair as alt

    from theodolite.reports.charts.dimension import drawn_curves, drawn_profiles, profile_chart, scale_chart

    with alt.utils.schemapi.debug_mode(False):
        charts = {f"profile-{i}": profile_chart(found, *one) for i, one in enumerate(drawn_profiles(found))}
        charts |= {f"curves-{i}": scale_chart(found, *one) for i, one in enumerate(drawn_curves(found))}
        specs = {name: chart.to_dict(validate=False) for name, chart in charts.items()}
    for spec in specs.values():
        spec.pop("config", None)
    return specs
