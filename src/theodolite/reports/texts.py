"""The report on the dimensions of texts: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from theodolite.core.bibliography import references
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.study import GenreComparison, GenreSummary, TextDimensions

READS = (
    """A number stands for a text; that of a genre is the mean over its texts with its standard error, and in brackets
    what drawing other parts of one text changes. Texts of one length compare with each other and with nothing else:
    all of these numbers depend on how many tokens there are.""",
    """AUC is how often a text of the first genre has the larger number: a half where they don't differ. Its interval
    covers what other texts of the same genres would change.""",
    """The vectors of a repeated word lie close together, and that alone lowers every dimension. Where the share of
    different words or tokens tells genres apart the same way, as far or farther, the dimension shows nothing that
    counting words wouldn't.""",
)

_FIRST = 12
"""Sentences at the head of the page; the others stand where genres are compared."""

_SOURCES = ("tulchinskii2023intrinsic", "facco2017estimating", "levina2004maximum", "pedashenko2025unveiling")


@overload
def text_dimension_report(found: TextDimensions, path: None = None, *, format: Format = "html") -> str: ...


@overload
def text_dimension_report(found: TextDimensions, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def text_dimension_report(
    found: TextDimensions,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write how many dimensions the token vectors of texts have, and how genres differ by them.

    Parameters
    ----------
    found : TextDimensions
        What `text_dimension` gave.
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


def genre_table(found: TextDimensions) -> tuple[list[str], list[list[str]]]:
    """Lay out every genre with its numbers.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    head : list of str
        Titles.
    rows : list of list of str
        Name, texts, and the mean of each number with its standard error; in brackets the spread over reruns.
    """
    from theodolite.study.texts.result import QUANTITIES

    known = {(one.genre, one.quantity): one for one in found.summaries}
    rows = []
    for genre in found.genres:
        cells = [known[genre, quantity] for quantity in QUANTITIES]
        rows.append([genre, f"{max(cell.count for cell in cells):,}", *map(_summary, cells)])
    return ["genre", "texts", *QUANTITIES], rows


def comparison_table(found: TextDimensions) -> tuple[list[str], list[list[str]]]:
    """Lay out how well each number tells two genres apart.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    head : list of str
        Titles.
    rows : list of list of str
        Two for each pair of genres: the AUC with its interval, and the p-values. None without two genres.
    """
    from theodolite.study.texts.result import QUANTITIES

    known = {(one.first, one.second, one.quantity): one for one in found.comparisons}
    rows = []
    for first, second in dict.fromkeys((one.first, one.second) for one in found.comparisons):
        cells = [known.get((first, second, quantity)) for quantity in QUANTITIES]
        rows.append([f"{first} > {second}", *map(_area, cells)])
        rows.append(["  p", *("–" if one is None else number_text(one.p_value, 2) for one in cells)])
    return ["AUC", *QUANTITIES], rows


def notes(found: TextDimensions) -> list[str]:
    """List refusals and doubts.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    list of str
        A sentence each.
    """
    said = [f"{names}: no number for {_texts(count)}. {why}" for names, why, count in _together(found.refusals)]
    doubts = _together(found.doubts)
    return said + [f"{names}: beside the numbers of {_texts(count)}. {why}" for names, why, count in doubts]


def _together(remarks: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, str, int]]:
    """Say once what is said of several numbers of as many texts."""
    names: dict[tuple[str, int], list[str]] = {}
    for name, why, count in remarks:
        names.setdefault((why, count), []).append(_whose(name))
    for (why, count), alike in names.items():
        yield ", ".join(alike), why, count


def _whose(name: str) -> str:
    return "every number" if name == "all" else name


def _texts(count: int) -> str:
    return _counted(count, "text")


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def table_key(found: TextDimensions) -> str:
    """Say what the signs in the table of genres mean.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Returns
    -------
    str
        Of brackets only where there are some.
    """
    brackets = "; in brackets what drawing parts anew changes in one text"
    return "mean over texts ± its standard error" + (
        brackets if any(one.spread is not None for one in found.summaries) else ""
    )


def _summary(cell: GenreSummary) -> str:
    if cell.mean is None:
        return "–"
    told = number_text(cell.mean)
    told += "" if cell.error is None else f" ± {number_text(cell.error, 2)}"
    return told if cell.spread is None else f"{told} ({number_text(cell.spread, 2)})"


def _area(one: GenreComparison | None) -> str:
    return "–" if one is None else f"{one.auc:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _title(found: TextDimensions) -> str:
    names = ", ".join(found.genres) if len(found.genres) <= 4 else f"{len(found.genres)} genres"
    return f"The dimension of texts: {names}"


def _facts(found: TextDimensions) -> str:
    from importlib.metadata import version

    told = found.settings
    tokens, repeats, reruns = (
        _counted(number, noun)
        for number, noun in ((told.length, "token"), (told.repeats, "repeat"), (told.reruns, "rerun"))
    )
    return (
        f"{found.model}, {found.layer} · {tokens} of each text · α {told.alpha:g}, {repeats}, {reruns}, k {told.k} · "
        f"seed {told.rng} · theodolite {version('theodolite')}"
    )


def _sources() -> list[str]:
    known = references()
    return [known[key].text for key in _SOURCES]


def _json(found: TextDimensions) -> str:
    from importlib.metadata import version

    record = {"theodolite": version("theodolite"), "sentences": found.explain().splitlines(), **found.to_dict()}
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def _markdown(found: TextDimensions) -> str:
    return "\n".join(_lines(found)) + "\n"


def _lines(found: TextDimensions) -> Iterator[str]:
    yield from (f"# {plain(_title(found))}", "")
    yield from (f"- {plain(sentence)}" for sentence in found.explain().splitlines())
    head, rows = genre_table(found)
    yield from ("", "## Genres", "")
    yield from table([*map(plain, head)], ([code(row[0]), *map(plain, row[1:])] for row in rows))
    head, rows = comparison_table(found)
    if rows:
        yield from ("", "## Told apart by", "")
        yield from table([*map(plain, head)], ([*map(plain, row)] for row in rows))
    said = notes(found)
    if said:
        yield from ("", "## Notes and refusals", "", *(f"- {plain(one)}" for one in said))
    yield from ("", "## Reads as", "")
    yield from (f"- {plain(' '.join(line.split()))}" for line in READS)
    yield from ("", "## How to cite", "", *(f"- {plain(text)}" for text in _sources()), "", plain(_facts(found)))


def _page(found: TextDimensions) -> str:
    from theodolite.reports.charts.texts import MOST_DRAWN, areas_drawn, numbers_drawn

    head, rows = genre_table(found)
    areas_head, areas = comparison_table(found)
    numbers, sentences = numbers_drawn(found), found.explain().splitlines()
    return framed(
        "texts",
        {"charts": _charts(found)},
        EVERY_CHART,
        ("compare.css.jinja",),
        title=_title(found),
        facts=_facts(found),
        sentences=sentences,
        first=_FIRST if areas else len(sentences),
        numbers=numbers,
        most_drawn=MOST_DRAWN if any(cell.count > MOST_DRAWN for cell in found.summaries) else None,
        repetition=bool({"ph_dimension", "unique_token_ratio"} <= set(numbers)),
        matrices=areas_drawn(found),
        head=head,
        rows=rows,
        key=table_key(found),
        areas_head=areas_head,
        areas=areas,
        notes=notes(found),
        reads=[" ".join(line.split()) for line in READS],
        sources=_sources(),
    )


def _charts(found: TextDimensions) -> dict[str, Any]:
    import altair as alt

    from theodolite.reports.charts.texts import (
        area_chart,
        areas_drawn,
        distribution_chart,
        numbers_drawn,
        repetition_chart,
    )

    numbers = numbers_drawn(found)
    with alt.utils.schemapi.debug_mode(False):
        charts: dict[str, Any] = {f"texts-{name}": distribution_chart(found, name) for name in numbers}
        if {"ph_dimension", "unique_token_ratio"} <= set(numbers):
            charts["repetition"] = repetition_chart(found)
        charts |= {f"auc-{name}": area_chart(found, name) for name in areas_drawn(found)}
        specs = {name: chart.to_dict(validate=False) for name, chart in charts.items()}
    for spec in specs.values():
        spec.pop("config", None)
    return specs
