"""The report on two checkpoints: a page that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from theodolite.core.bibliography import references
from theodolite.reports.frame import EVERY_CHART, framed
from theodolite.reports.layers import number_text, shape_text
from theodolite.reports.markdown import code, plain, table
from theodolite.reports.report import Format, written

if TYPE_CHECKING:
    from theodolite.core.conditions import Condition
    from theodolite.study import Comparison, LayerComparison

SOURCES = ("shuttleworth2024lora", "hu2021lora", "golub2013matrix")
METRICS = (("power_law.alpha", "alpha"), ("stable_rank", "stable rank"), ("effective_rank", "effective rank"))
READS = (
    """Relative change: how large the difference is against what was there, both as the root of the sum of squares. It
    says nothing about whether the model got better.""",
    """Rank of the change: singular values of the difference above what rounding to the stored types can make. A merged
    LoRA shows its rank here.""",
    """Overlap: 1 says that the leading directions are the same, whatever became of their strengths. Random directions
    overlap by k over the dimension, which the table gives as chance.""",
    """Intruder dimensions are leading singular vectors that resemble none from before. Shuttleworth et al. (2024) found
    them in models fine-tuned by LoRA and not in those fine-tuned whole, and that models with them forget more. Whether
    this model forgets is for an evaluation to say.""",
    """On the longer side of a matrix the vectors before span a part of the space only: whatever lies outside is new, so
    that count is the less strict one. Both sides are given.""",
)


@overload
def comparison_report(
    found: Comparison, path: None = None, *, format: Format = "html", condition: Condition | None = None
) -> str: ...


@overload
def comparison_report(
    found: Comparison, path: str | os.PathLike[str], *, format: Format = "html", condition: Condition | None = None
) -> Path: ...


def comparison_report(
    found: Comparison,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format = "html",  # noqa: A002 - what everybody calls it
    condition: Condition | None = None,
) -> Path | str:
    """Write what a comparison of two checkpoints found.

    Parameters
    ----------
    found : Comparison
        What `compare` gave.
    path : path, optional
        Where to write it. A file that is there is replaced at once and whole, or not at all.
    format : {"html", "md", "json"}
        As for `report`.
    condition : Condition, optional
        A gate whose outcome stands on the page.

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
    return written(lambda form: made[form](found, condition), path, format)


def _json(found: Comparison, condition: Condition | None) -> str:
    gate = {} if condition is None else {"gate": _gate(found, condition)}
    return json.dumps(found.to_dict() | gate, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _gate(found: Comparison, condition: Condition) -> dict[str, Any]:
    verdict = found.judge(condition)
    return {"condition": condition.text, "violated": verdict.holds, "evidence": [*verdict.evidence]}


def _markdown(found: Comparison, condition: Condition | None) -> str:
    first, *rest = found.explain().splitlines()
    lines = [f"# {plain(_title(found))}", "", f"**{plain(first)}**", "", *(f"- {plain(one)}" for one in rest), ""]
    if condition is not None:
        gate = _gate(found, condition)
        said = "Violated" if gate["violated"] else "Not violated"
        lines += [f"**{said}: {code(condition.text)}**", "", *(f"- {plain(one)}" for one in gate["evidence"]), ""]
    lines += ["## Matrices", ""]
    rows = [_cells(found, layer) for layer in found.layers]
    lines += table(_head(found), ([code(cells[0]), *map(plain, cells[1:])] for cells in rows))
    for says, names in _lists(found):
        lines += ["", f"- {plain(says)}: {', '.join(map(code, names))}"]
    lines += ["", "## Reads as", "", *(f"- {plain(line)}" for line in _reads())]
    lines += ["", "## How to cite", "", *(f"- {plain(text)}" for text in _sources()), "", plain(_facts(found))]
    return "\n".join(lines) + "\n"


def _title(found: Comparison) -> str:
    return f"{found.before} → {found.after}"


def _facts(found: Comparison) -> str:
    from importlib.metadata import version

    settings = found.settings
    parts = [f"{len(found.layers)} matrices"]
    parts += ["the second is an adapter laid over the first"] if found.adapter else []
    parts += [f"k {settings.k}", f"epsilon {settings.epsilon:g}", f"gap {settings.gap:g}"]
    return " · ".join([*parts, f"theodolite {version('theodolite')}"])


def _head(found: Comparison) -> list[str]:
    read = [title for _, title in _metrics(found)]
    pair = ["relative change", "rank", "effective rank of it", "overlap left", "overlap right", "by chance"]
    return ["matrix", "shape", *pair, "intruders left", "right", "energy", *read]


def _metrics(found: Comparison) -> list[tuple[str, str]]:
    return [(name, title) for name, title in METRICS if any(name in layer.shifts for layer in found.layers)]


def _cells(found: Comparison, layer: LayerComparison) -> list[str]:
    from theodolite.study.comparisons.words import percent

    shape = shape_text(layer.after.shape)
    if layer.state != "changed" or layer.change is None:
        cells = [layer.name, shape, layer.state, *["–"] * 8]
    else:
        change, overlap = layer.change, layer.overlap
        cells = [layer.name, shape, "–" if change.relative is None else percent(change.relative), str(change.rank)]
        cells.append(number_text(change.effective_rank))
        if overlap is None:
            cells += ["–"] * 6
        else:
            left, right = layer.intruders["left"], layer.intruders["right"]
            cells += [f"{overlap.left:.3f}", f"{overlap.right:.3f}"]
            cells += [f"{overlap.left_chance:.3f}, {overlap.right_chance:.3f}"]
            cells += [str(left.count), str(right.count), percent(left.energy) if left.count else "–"]
    return [*cells, *(_shift(layer, name) for name, _ in _metrics(found))]


def _shift(layer: LayerComparison, name: str) -> str:
    one = layer.shifts.get(name)
    if one is None:
        return "–"
    chance = "" if one.chance is None else f" ({number_text(one.chance)})"
    if one.before is None and one.after is None:
        return "–"
    if layer.state == "identical":
        return f"{number_text(one.before)}{chance}"
    return f"{number_text(one.before)} → {number_text(one.after)}{chance}"


def _lists(found: Comparison) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for layer in found.state("not compared"):
        groups.setdefault(layer.note, []).append(layer.name)
    for one in found.others:
        groups.setdefault(f"{one.note}; {one.state}", []).append(one.after)
    lists = [*groups.items()]
    lists += [(f"Only in {found.before}", [*found.matching.only_before])] if found.matching.only_before else []
    lists += [(f"Only in {found.after}", [*found.matching.only_after])] if found.matching.only_after else []
    return lists


def _reads() -> list[str]:
    return [" ".join(text.split()) for text in READS]


def _sources() -> list[str]:
    known = references()
    return [known[key].text for key in SOURCES]


def _page(found: Comparison, condition: Condition | None) -> str:
    from theodolite.reports.charts.compare import drawn

    shown = drawn(found)
    charts = _charts(found, shown)
    return framed(
        "compare",
        {"charts": charts},
        EVERY_CHART,
        ("compare.css.jinja",),
        title=_title(found),
        facts=_facts(found),
        sentences=found.explain().splitlines(),
        condition=None if condition is None else condition.text,
        verdict=None if condition is None else found.judge(condition),
        charts=bool(charts),
        pictures=[{"name": layer.name, "says": _says(layer)} for layer in shown],
        head=_head(found),
        rows=[_cells(found, layer) for layer in found.layers],
        lists=_lists(found),
        reads=_reads(),
        sources=_sources(),
    )


def _says(layer: LayerComparison) -> str:
    from theodolite.study.comparisons.words import percent

    size = layer.quantities()["relative_change"]
    parts = [] if size is None else [f"changed by {percent(size)}"]
    for side, one in layer.intruders.items():
        few = "intruder" if one.count == 1 else "intruders"
        spans = "" if one.spans else ", whose vectors before span a part of the space only"
        parts.append(f"{one.count} {few} on the {side}{spans if one.count else ''}")
    return "; ".join(parts)


def _charts(found: Comparison, shown: Sequence[LayerComparison]) -> dict[str, Any]:
    import altair as alt

    from theodolite.reports.charts.compare import change_map, overlap_chart

    if all(layer.quantities()["relative_change"] is None for layer in found.layers):
        return {}
    with alt.utils.schemapi.debug_mode(False):
        charts = {"map": change_map(found).to_dict(validate=False)}
        for index, layer in enumerate(shown):
            for side in ("left", "right"):
                charts[f"{side}-{index}"] = overlap_chart(layer, side).to_dict(validate=False)
    for spec in charts.values():
        spec.pop("config", None)
    return charts
