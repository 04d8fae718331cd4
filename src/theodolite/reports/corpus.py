"""The report on a corpus of models: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from theodolite.core.bibliography import reference
from theodolite.core.outcomes import Missing
from theodolite.reports.frame import framed
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.study import Association, Coefficient, Corpus, Trend

SCRIPTS = ("elements.js", "theme.js", "corpus.js")
SOURCES = (
    "kendall1938measure",
    "spearman1904proof",
    "kendall1942partial",
    "simpson1951interpretation",
    "holm1979sequentially",
    "martin2021predicting",
    "martin2021post",
)
MOST_DRAWN = 60
"""Metrics in the chart; the table has them all."""

MOST_TOLD = 12
"""Metrics whose words stand open; those of the others can be opened."""

FIRST = ("reversed", "perhaps reversed", "between groups", "within groups", "consistent", "trend", "none")
"""Findings in the order in which they are told."""

READS = (
    (
        "Over all models: do better models have higher (or lower) values, whatever else sets them apart? Families of "
        "models differ in many things at once, and any of them may be the reason."
    ),
    (
        "Within groups: the same question, asked of pairs of models of one group alone. What is the same for a whole "
        "group can’t be the reason here. Where the two answers have opposite signs, that is Simpson’s paradox."
    ),
    (
        "Kendall’s τ is the share of pairs in one order minus the share in the other: of models drawn in pairs, "
        "(1 + τ)/2 come in the same order by metric and by quality. Spearman’s ρ is the correlation of ranks."
    ),
    (
        "Given baselines: what is left of the correlation of ranks when that with size, depth or the untrained network "
        "is taken out of both. A metric of which nothing is left may be right all the same, and say nothing more."
    ),
    (
        "The p-values put the quality into random order (within groups for what is within groups). Those called "
        "corrected count how many metrics were tried; only they decide what is called beyond chance here. Those of "
        "single groups are not corrected and decide nothing."
    ),
)


@overload
def corpus_report(corpus: Corpus, path: None = None, *, format: Format = "html") -> str: ...


@overload
def corpus_report(corpus: Corpus, path: str | os.PathLike[str], *, format: Format = "html") -> Path: ...


def corpus_report(
    corpus: Corpus,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
) -> Path | str:
    """Write what a corpus of models shows.

    Parameters
    ----------
    corpus : Corpus
        What `corpus` gave.
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
    return written(lambda form: made[form](corpus), path, format)


def _json(corpus: Corpus) -> str:
    return corpus.to_json() + "\n"


def ranked(corpus: Corpus) -> list[Trend]:
    """Sort metrics for people: paradoxes first, then by finding and strength.

    Parameters
    ----------
    corpus : Corpus
        What was found.

    Returns
    -------
    list of Trend
        All metrics.
    """
    return sorted(corpus.trends, key=lambda trend: (FIRST.index(trend.finding), -trend.strength))


def _title(corpus: Corpus) -> str:
    count = len(corpus.trends)
    return f"{'One metric' if count == 1 else f'{count} metrics'} against {corpus.table.quality}"


def _facts(corpus: Corpus) -> str:
    from importlib.metadata import version

    sampling, table = corpus.sampling, corpus.table
    correction = {"holm": "Holm’s correction", "bh": "Benjamini and Hochberg’s correction", "none": "no correction"}
    parts = [f"{len(table.models)} models"]
    parts += [f"{len(table.group_names)} groups of {table.grouping}"] if table.grouping else []
    parts += [f"intervals {100 * sampling.level:g} % of {sampling.resamples} resamples"]
    parts += [f"{sampling.permutations} permutations, all where they are few", correction[corpus.correction]]
    return " · ".join([*parts, f"seed {sampling.seed}", f"theodolite {version('theodolite')}"])


def _head(corpus: Corpus) -> list[str]:
    within = ["within", "interval", "p", "corrected"] if corpus.table.grouping else []
    given = ["given baselines, ρ", "p"] if any(trend.partial for trend in corpus.trends) else []
    groups = [f"{name}" for name in corpus.table.group_names]
    return ["finding", "all models", "interval", "p", "corrected", *within, *given, *groups, "models"]


def _cells(trend: Trend, head: Sequence[str], threshold: float) -> list[str]:
    from theodolite.study.corpora.words import signed

    cells = [trend.finding if trend.finding != "none" else "–", *_four(trend.overall)]
    if trend.within is not None:
        cells += _four(trend.within)
    if "given baselines, ρ" in head:
        first = trend.partial[0].spearman if trend.partial else None
        cells += ["–", "–"] if first is None or isinstance(first, Missing) else [signed(first.value), _p(first)]
    for one in trend.groups:
        star = "*" if not isinstance(one.kendall, Missing) and one.kendall.says(threshold) else ""
        cells.append("–" if one.tau is None else f"{signed(one.tau)}{star}")
    return [*cells, str(trend.overall.models)]


def _four(one: Association) -> list[str]:
    from theodolite.study.corpora.words import signed

    tau = one.kendall
    if isinstance(tau, Missing):
        return [tau.outcome.name.lower().replace("_", " "), "–", "–", "–"]
    ends = "–" if tau.low is None or tau.high is None else f"{signed(tau.low)} to {signed(tau.high)}"
    return [signed(tau.value), ends, _p(tau, adjusted=False), "–" if tau.p_adjusted is None else _p(tau)]


def _p(coefficient: Coefficient, *, adjusted: bool = True) -> str:
    p = coefficient.p_adjusted if adjusted and coefficient.p_adjusted is not None else coefficient.p_value
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def _markdown(corpus: Corpus) -> str:
    return "\n".join(_lines(corpus)).rstrip() + "\n"


def _lines(corpus: Corpus) -> Iterator[str]:
    head = _head(corpus)
    yield from (f"# {plain(_title(corpus))}", "", f"**{plain(corpus.headline)}**", "")
    yield from (f"- {plain(sentence)}" for sentence in corpus.sentences)
    yield from ("", "## Metric by metric", "")
    yield from (f"- {plain(' '.join(trend.sentences))}" for trend in ranked(corpus))
    yield from ("", "## Kendall’s τ", "", "Of single groups, * marks p-values below the level, uncorrected.", "")
    rows = [*ranked(corpus), *corpus.baselines]
    yield from table(
        ["metric", *map(plain, head)], ([code(trend.name), *_cells(trend, head, corpus.threshold)] for trend in rows)
    )
    if corpus.table.left_out:
        yield from ("", "## Columns left out", "")
        yield from (f"- {code(name)}: {reason}" for name, reason in corpus.table.left_out.items())
    yield from ("", "## Reads as", "", *(f"- {plain(text)}" for text in READS))
    yield from ("", "## How to cite", "", *(f"- {plain(reference(key).text)}" for key in SOURCES), "")
    yield plain(_facts(corpus))


def _page(corpus: Corpus) -> str:
    from theodolite.reports.charts.corpus import group_marks

    head, shown = _head(corpus), ranked(corpus)
    return framed(
        "corpus",
        _payload(corpus, shown),
        SCRIPTS,
        ("corpus.css.jinja",),
        title=_title(corpus),
        facts=_facts(corpus),
        corpus=corpus,
        shown=shown,
        told=MOST_TOLD,
        drawn=min(MOST_DRAWN, len(shown)),
        head=head,
        rows=[(trend.name, _cells(trend, head, corpus.threshold)) for trend in (*shown, *corpus.baselines)],
        metrics=len(shown),
        groups=group_marks(corpus),
        reads=READS,
        sources=[reference(key).text for key in SOURCES],
    )


def _payload(corpus: Corpus, shown: Sequence[Trend]) -> dict[str, Any]:
    """Gather what the page's code draws."""
    import altair as alt

    from theodolite.reports.charts.corpus import dot_chart, dot_rows, scatter_chart

    table, groups = corpus.table, corpus.table.group_names
    numbers = {**table.metrics, **table.baselines}
    with alt.utils.schemapi.debug_mode(False):
        rows = dot_rows(shown[:MOST_DRAWN])
        dots = dot_chart(rows, groups).to_dict(validate=False)
        scatter = scatter_chart(groups, table.quality).to_dict(validate=False)
    for spec in (dots, scatter):
        spec.pop("config", None)
    return {
        "models": list(table.models),
        "groups": list(table.groups),
        "quality": _listed(table.values),
        "metrics": [
            {"name": trend.name, "values": _listed(numbers[trend.name]), "says": list(trend.sentences)}
            for trend in (*shown, *corpus.baselines)
        ],
        "drawn": len(rows),
        "charts": {"dots": dots, "scatter": scatter},
    }


def _listed(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
