"""The report on clouds against clouds: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from theodolite.core.bibliography import references
from theodolite.core.formula import plain as signs
from theodolite.core.parameters import ParameterError
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.study import AllPairs, Clustering, DimensionProfile, Embedding, Quantity

NARROW = 8
"""Columns of a heat map that leave room for another beside it."""

MISLEADS_ABOVE = 0.2
"""Stress from which on the picture of the points is called misleading."""

READS = (
    """Best match: the cloud of the other network that is most alike. Neighbouring layers resemble each other, so a best
    match says where in depth, not which layer. The path takes one match for each layer so that they never go back in
    depth, the best such choice there is.""",
    """By chance: what the number is on average for clouds of these sizes whose rows have nothing to do with each other.
    A similarity is to be read against it, not against 0.""",
    """Similar says nothing of equal behaviour, and no measure is the right one: those above forgive different things.
    What they agree on is safer than what one of them says.""",
)


@dataclass(frozen=True)
class Arranged:
    """What is made of the distances between all clouds, where they can be had.

    Attributes
    ----------
    embedding : Embedding or None
    clustering : Clustering or None
    says : tuple of str
        How true the pictures are, or why there are none.
    """

    embedding: Embedding | None
    clustering: Clustering | None
    says: tuple[str, ...]


@overload
def similarity_report(found: AllPairs, path: None = None, *, format: Format = "html") -> str: ...


@overload
def similarity_report(found: AllPairs, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def similarity_report(
    found: AllPairs,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write what all pairs of clouds show.

    Parameters
    ----------
    found : AllPairs
        What `all_pairs` gave. Of two models, the layers of the one are set against those of the other.
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


def shown_of(found: AllPairs) -> AllPairs:
    """Choose the matrix that is looked at: of two models, the one against the other.

    Parameters
    ----------
    found : AllPairs
        All pairs.

    Returns
    -------
    AllPairs
        A part of them, or all.
    """
    return found.between(*found.models) if found.square and len(found.models) == 2 else found


def arranged(found: AllPairs) -> Arranged:
    """Lay the clouds out as points and as a tree, leaving those out that have no distances.

    Parameters
    ----------
    found : AllPairs
        All pairs.

    Returns
    -------
    Arranged
        Both with what they hide, or why there are none.
    """
    from theodolite.study import cluster, embed

    try:
        distances = found.distances(without_gaps=True)
    except ParameterError as error:
        return Arranged(None, None, (f"No picture of all clouds: {error}.",))
    if len(distances.names) < 3:
        return Arranged(None, None, ())
    embedding, clustering = embed(distances), cluster(distances)
    says = [
        f"Distances: {distances.made_of}. Stress of the picture {number_text(embedding.stress)}"
        + (", so that it misleads in places" if embedding.stress > MISLEADS_ABOVE else "")
        + f"; share of negative eigenvalues {number_text(round(embedding.negative_share, 9))}"
        + (f"; {embedding.violations:.1%} of the triangles are broken" if embedding.violations else "")
        + f"; agreement of the tree with the distances {number_text(clustering.agreement)}."
    ]
    missing = [name for name in found.names if name not in distances.names]
    says += [f"Left out, having no distance to some: {', '.join(missing)}."] if missing else []
    return Arranged(embedding, clustering, tuple(says))


def _json(found: AllPairs) -> str:
    from importlib.metadata import version

    made = arranged(found)
    record = {
        "theodolite": version("theodolite"),
        "sentences": shown_of(found).explain().splitlines(),
        **found.to_dict(),
        "embedding": None if made.embedding is None else made.embedding.to_dict(),
        "clustering": None if made.clustering is None else made.clustering.to_dict(),
    }
    if shown_of(found) is not found:
        record["between"] = shown_of(found).to_dict()
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def _title(found: AllPairs) -> str:
    models = found.models
    if len(models) == 1:
        return f"{models[0]}: {len(found.rows)} clouds"
    return " × ".join(models) if len(models) <= 3 else f"{len(models)} models: {len(found.rows)} clouds"


def match_table(found: AllPairs) -> tuple[list[str], list[list[str]]]:
    """Lay out the best match of every row, number by number.

    Parameters
    ----------
    found : AllPairs
        The pairs.

    Returns
    -------
    head : list of str
        Titles.
    rows : list of list of str
        The name of the row; for each number its best match, the number, its interval where intervals were asked for,
        and its chance level.
    """
    matches = [(one, found.best_match(one.name)) for one in found.quantities if one.kind]
    head = ["cloud"]
    rows = [[name] for name in found.names]
    for quantity, match in matches:
        made = [_cells(found, quantity, place, match.best[place]) for place in range(len(rows))]
        bare = all(cells[2] == "–" for cells in made)
        head += [f"best by {quantity.name}", "value", *([] if bare else ["interval"]), "chance"]
        head += ["in order"] if match.path else []
        for place, row in enumerate(rows):
            best, cells = match.best[place], made[place]
            row += [*cells[:2], *cells[3:]] if bare else cells
            if match.path:
                onward = match.path[place]
                row.append("–" if onward is None else "same" if onward == best else match.columns[onward])
    return head, rows


def _cells(found: AllPairs, quantity: Quantity, place: int, best: int | None) -> list[str]:
    if best is None:
        return ["–"] * 4
    reading = found.reading(found.rows[place], found.columns[best], quantity.name)
    if reading is None:
        return [found.against[best], "–", "–", "–"]
    interval = "–" if reading.low is None else f"{number_text(reading.low)} to {number_text(reading.high)}"
    return [found.against[best], number_text(reading.value), interval, number_text(reading.chance)]


def _notes(found: AllPairs) -> list[str]:
    rows = [f"{name}: no number for {count} pairs. {why}" for name, why, count in found.refusals]
    return rows + [f"{name}: beside {count} numbers. {why}" for name, why, count in found.doubts]


def reads(found: AllPairs | DimensionProfile) -> list[tuple[str, str, str]]:
    """Take from the measures' own words how their numbers are read, and when they mislead.

    Parameters
    ----------
    found : AllPairs or DimensionProfile
        What was read.

    Returns
    -------
    list of (str, str, str)
        Measure, how to read it, when it misleads; empty strings where it doesn't say.
    """
    from theodolite.catalogue import measures

    known = measures()
    told = []
    for name in dict.fromkeys(quantity.measure for quantity in found.quantities):
        text = known[name].__doc__ if name in known else ""
        told.append((name, _section(text, "Reads as"), _section(text, "Misleads when")))
    return told


def _section(text: str | None, heading: str) -> str:
    body = re.search(
        rf"^{heading}\n-+\n(.*?)(?=\n\n[^\n]+\n-{{3,}}|\Z)", inspect.cleandoc(text or ""), re.DOTALL | re.MULTILINE
    )
    words = re.sub(r":math:`([^`]+)`", lambda found: signs(found[1]), body[1]) if body else ""
    words = re.sub(r":\w+:`~?([^`]+)`|``([^`]+)``|`([^`]+)`", r"\1\2\3", words)
    return " ".join(re.sub(r"\[\w+\]_", "", words).split())


def cited(found: AllPairs | DimensionProfile) -> list[str]:
    """List the sources of what was read.

    Parameters
    ----------
    found : AllPairs or DimensionProfile
        What was read.

    Returns
    -------
    list of str
        As they stand in a list of references, each once.
    """
    known = references()
    keys = dict.fromkeys(found.traits[one.measure].cite for one in found.quantities if one.measure in found.traits)
    return [known[key].text for key in keys if key in known]


def _facts(found: AllPairs) -> str:
    from importlib.metadata import version

    rows = found.readings.target(found.rows[0]).shape[0]
    seeds = ", ".join(sorted({str(row.seed) for row in found.readings.rows}))
    shown = shown_of(found)
    ends = {(row.target, row.against) for row in found.readings.rows}
    counted = sum(one in shown.rows and other in shown.columns for one, other in ends)
    pairs = "1 pair" if counted == 1 else f"{counted:,} pairs"
    return f"{pairs} over {rows:,} rows · seed {seeds} · theodolite {version('theodolite')}"


def _markdown(found: AllPairs) -> str:
    return "\n".join(_lines(found)) + "\n"


def _lines(found: AllPairs) -> Iterator[str]:
    shown, made = shown_of(found), arranged(found)
    yield from (f"# {plain(_title(found))}", "")
    yield from (f"- {plain(sentence)}" for sentence in shown.explain().splitlines())
    for quantity in shown.quantities:
        yield from ("", f"## {plain(quantity.name)}", "")
        values = shown.matrix(quantity.name)
        rows = zip(shown.names, values, strict=True)
        yield from table(
            ["", *map(code, shown.against)],
            ([code(name), *(_number(one) for one in numbers)] for name, numbers in rows),
        )
    head, rows_of_matches = match_table(shown)
    if len(head) > 1:
        yield from ("", "## Best matches", "")
        yield from table([*map(plain, head)], ([code(row[0]), *map(plain, row[1:])] for row in rows_of_matches))
    if made.embedding is not None:
        yield from ("", "## All clouds as points", "", *(plain(one) for one in made.says), "")
        points = zip(made.embedding.names, made.embedding.coordinates, strict=True)
        yield from table(["cloud", "x", "y"], ([code(name), _number(x), _number(y)] for name, (x, y) in points))
    notes = _notes(shown)
    if notes:
        yield from ("", "## Notes and refusals", "", *(f"- {plain(one)}" for one in notes))
    yield from ("", "## Reads as", "")
    for name, says, misleads in reads(found):
        yield from (f"- {code(name)}: {plain(says)}" + (f" Misleads when: {plain(misleads)}" if misleads else ""),)
    yield from (f"- {plain(' '.join(line.split()))}" for line in READS)
    yield from ("", "## How to cite", "", *(f"- {plain(text)}" for text in cited(found)), "", plain(_facts(found)))


def _number(value: float) -> str:
    return number_text(None if np.isnan(value) else float(value))


def _page(found: AllPairs) -> str:
    shown, made = shown_of(found), arranged(found)
    head, rows = match_table(shown)
    return framed(
        "similarity",
        {"charts": _charts(found, shown, made)},
        EVERY_CHART,
        ("compare.css.jinja",),
        title=_title(found),
        facts=_facts(found),
        sentences=shown.explain().splitlines(),
        pictures=[{"name": one.name, "says": _says(one), "kind": one.kind} for one in shown.quantities],
        narrow=len(shown.against) <= NARROW,
        in_order=not shown.square,
        points=made.embedding is not None,
        says=made.says,
        head=head,
        rows=rows if len(head) > 1 else [],
        notes=_notes(shown),
        measures=reads(found),
        reads=[" ".join(line.split()) for line in READS],
        sources=cited(found),
    )


def _says(quantity: Quantity) -> str:
    reading = "" if quantity.promise is None else quantity.promise.reads
    return reading or {"distance": "lower = more alike", "similarity": "higher = more alike", "": ""}[quantity.kind]


def _charts(found: AllPairs, shown: AllPairs, made: Arranged) -> dict[str, Any]:
    import altair as alt

    from theodolite.reports.charts.similarity import embedding_chart, pair_map, tree_chart

    with alt.utils.schemapi.debug_mode(False):
        charts = {f"map-{place}": pair_map(shown, one) for place, one in enumerate(shown.quantities)}
        if made.embedding is not None and made.clustering is not None:
            charts["points"] = embedding_chart(found, made.embedding)
            charts["tree"] = tree_chart(made.clustering)
        specs = {name: chart.to_dict(validate=False) for name, chart in charts.items()}
    for spec in specs.values():
        spec.pop("config", None)
    return specs
