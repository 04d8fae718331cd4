"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from theodolite.core.readings import Readings
from theodolite.reports import sections
from theodolite.reports.answers import percentile_text
from theodolite.reports.layers import COUNTED, number_text
from theodolite.reports.questions import Judgement
from theodolite.reports.summary import Summary, summary

COLUMNS = (
    ("power_law.alpha", "alpha"),
    ("power_law.distance", "distance"),
    ("stable_rank", "stable rank"),
    ("effective_rank", "effective rank"),
)
"""Readings of the table of layers, with their headings..."""

WHERE_READ = (
    ("marchenko_pastur.spikes", "spikes"),
    ("marchenko_pastur.soft_rank", "soft rank"),
    ("correlation_traps.count", "traps"),
)
"""...and those that have a column only where they were read."""

MOST_FLAGGED = 20
"""Layers of one finding that are written out before the rest is counted."""


def markdown(readings: Readings) -> str:
    """Write a survey as Markdown: the questions with their evidence, the layers, and what was read.

    Parameters
    ----------
    readings : Readings
        What the survey gave.

    Returns
    -------
    str
        The text; names are escaped.
    """
    told = summary(readings)
    if not told:
        return "# An empty survey\n\nNothing was read.\n"
    lines: list[str] = []
    for one in told:
        lines += _model(readings, one)
    sources = sections.citations(readings)
    if sources:
        lines += ["## How to cite", ""]
        lines += [f"- {', '.join(code(name) for name in names)}: {plain(source.text)}" for source, names in sources]
    return "\n".join(lines).rstrip() + "\n"


def _model(readings: Readings, told: Summary) -> Iterator[str]:
    facts = sections.provenance(readings, told.model)
    yield from (f"# {plain(told.model)}", "", f"**{plain(told.headline)}**", "")
    for finding in sections.findings(told):
        yield from (f"## {finding.question.asks}", "", f"*Rule.* {plain(finding.question.rule)}", "")
        if finding.decided:
            yield f"{len(finding.flagged) or 'None'} of {finding.decided}."
        for judgement, answer in finding.flagged[:MOST_FLAGGED]:
            yield f"- {code(judgement.layer.name)}: {plain('; '.join(check.says for check in answer.checks))}"
        if len(finding.flagged) > MOST_FLAGGED:
            yield f"- and {len(finding.flagged) - MOST_FLAGGED} more"
        for reason, count in finding.unanswered:
            yield f"- can’t be answered for {count} {'layer' if count == 1 else 'layers'}: {plain(reason)}"
        yield ""
    yield from _layers(told)
    yield from _whole(readings, told)
    for title, groups in (
        ("Where a measure gave no number", sections.refused(readings, told.model)),
        ("Listed, not measured", sections.listed(readings, told.model)),
    ):
        if groups:
            yield from (f"## {title}", "")
            yield from (f"- {group.count} × {plain(group.reason)}: {_names(group.names)}" for group in groups)
            yield ""
    yield from ("## What was read", "")
    yield f"- {facts.measured} tensors measured, {facts.listed} listed; {', '.join(facts.dtypes)}"
    yield f"- files: {_names(facts.files) or 'none'}"
    yield f"- convention {', '.join(facts.conventions)}; seed {', '.join(facts.seeds)}"
    yield f"- measures (version): {', '.join(facts.measures)}"
    yield from (f"- theodolite {facts.theodolite}, schema of readings {facts.schema}", "")


def _layers(told: Summary) -> Iterator[str]:
    if not told.judgements:
        return
    read = {name for judgement in told.judgements for name in judgement.layer.rows}
    columns = (*COLUMNS, *(column for column in WHERE_READ if column[0] in read))
    head = ("layer", "verdict", "role", "block", "shape", *(title for _, title in columns))
    yield from ("## Layers", "", "Behind each value, its percentile of chance.", "")
    yield from table(head, (_row(judgement, [name for name, _ in columns]) for judgement in told.judgements))
    yield ""


def _row(judgement: Judgement, names: Sequence[str]) -> list[str]:
    layer = judgement.layer
    verdict = ", ".join(judgement.verdicts) + (f" (apart: {judgement.apart})" if judgement.apart else "")
    block = "" if layer.target.block is None else str(layer.target.block)
    cells = [code(layer.name), verdict, layer.target.role, block, layer.shape_text]
    for name in names:
        row = layer.rows.get(name)
        behind = "" if row is None or row.percentile is None else f" ({percentile_text(row.percentile)})"
        value = layer.value(name)
        counts = row is not None and value is not None and row.unit in COUNTED and value.is_integer()
        cells.append(f"{value:.0f}{behind}" if counts else f"{number_text(value)}{behind}")
    return cells


def _whole(readings: Readings, told: Summary) -> Iterator[str]:
    rows = sections.whole_model(readings, told.model)
    if not rows:
        return
    yield from ("## The model as a whole", "")
    head = ("over all measured layers", "mean", "median", "weighted by parameters", "layers")
    statistics = ("mean", "median", "weighted_mean")
    yield from table(
        head,
        (
            [
                code(row.name),
                *(number_text(row.statistics[name], 4) for name in statistics),
                f"{row.statistics['count'] or 0:.0f}",
            ]
            for row in rows
        ),
    )
    yield ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table.

    Parameters
    ----------
    head : sequence of str
        Titles of its columns.
    rows : iterable of sequence of str
        Its cells.

    Yields
    ------
    str
        A line.
    """
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _names(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(code(name) for name in names[:most]) + more


def code(text: str) -> str:
    """Set a name as code; a name that holds back quotes gets a longer fence.

    Parameters
    ----------
    text : str
        The name.

    Returns
    -------
    str
        Markdown.
    """
    flat = re.sub(r"\s+", " ", text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    edge = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{edge}{flat}{edge}{fence}"


def plain(text: str) -> str:
    """Keep text from being read as markup.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    str
        Markdown.
    """
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", re.sub(r"\s+", " ", text))
