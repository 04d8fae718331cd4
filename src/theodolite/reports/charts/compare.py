"""Two checkpoints in pictures: where they differ, and how their leading singular vectors resemble each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from theodolite.study import Comparison, LayerComparison

MOST_DRAWN = 6
"""Layers whose singular vectors are drawn."""

OUTSIDE = "outside"
"""Column of the layers that belong to no block."""

_NARROWEST = 34


def drawn(found: Comparison) -> list[LayerComparison]:
    """Choose the layers whose singular vectors are worth a picture.

    Parameters
    ----------
    found : Comparison
        The comparison.

    Returns
    -------
    list of LayerComparison
        Those with intruders first, then those that changed most.
    """
    able = [layer for layer in found.layers if layer.intruders and min(layer.after.shape) > found.settings.k]
    able = able or [layer for layer in found.layers if layer.intruders]

    def weight(layer: LayerComparison) -> tuple[int, float]:
        count = sum(one.count for one in layer.intruders.values())
        size = layer.change.relative if layer.change is not None else None
        return -count, -(size or 0.0)

    return sorted(able, key=weight)[:MOST_DRAWN]


def change_map(found: Comparison, *, width: int = 700) -> alt.LayerChart:
    """Draw the relative change of every matrix as a tone, by role and block.

    Parameters
    ----------
    found : Comparison
        The comparison.
    width : int
        Of the cells together at most, in pixels.

    Returns
    -------
    altair.LayerChart
        A cell for each role and block; where several matrices share one, the largest change is shown.
    """
    cells = _cells(found)
    columns = _columns(cells)
    step = max(8, min(64, width // max(1, len(columns))))
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("block:N", sort=columns, title="block").axis(labelAngle=0, labelOverlap=True, ticks=False),
        y=alt.Y("role:N", sort=list(dict.fromkeys(str(c["role"]) for c in cells)), title=None).axis(
            ticks=False, labelFontSize=12
        ),
        tooltip=[
            alt.Tooltip("layers:N", title="layer"),
            alt.Tooltip("says:N", title="relative change"),
            alt.Tooltip("intruders:Q", title="intruders (left)"),
        ],
    )
    tone = alt.Opacity("change:Q", title="relative change").scale(type="sqrt", zero=True, range=[0.04, 0.62])
    tone = tone.legend(
        orient="bottom", direction="horizontal", titleOrient="left", format=".2~%", tickCount=4, symbolType="square"
    )
    marks: list[Any] = [base.mark_rect(cornerRadius=2, style="tone").encode(opacity=tone)]
    if step >= _NARROWEST:
        marks.append(base.mark_text(fontSize=11, style="number").encode(text="says:N"))
    intruded = base.transform_filter(alt.datum.intruders > 0)
    marks.append(intruded.mark_rect(cornerRadius=2, filled=False, fill="transparent", style="chosen", strokeWidth=2))
    return alt.layer(*marks).properties(width=alt.Step(step), height=alt.Step(30))


def _cells(found: Comparison) -> list[dict[str, Any]]:
    from theodolite.study.comparisons.words import percent

    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for layer in found.layers:
        size = layer.quantities()["relative_change"]
        if size is None:
            continue
        block = OUTSIDE if layer.after.block is None else str(layer.after.block)
        new = {"role": layer.after.role, "block": block, "change": size, "layers": layer.name, "says": percent(size)}
        new["intruders"] = layer.intruders["left"].count if layer.intruders else 0
        old = cells.get((layer.after.role, block))
        if old is not None:
            new["intruders"] = max(new["intruders"], old["intruders"])
        if old is None or size > old["change"]:
            cells[layer.after.role, block] = new
        else:
            old["intruders"] = new["intruders"]
    return list(cells.values())


def _columns(cells: Sequence[dict[str, Any]]) -> list[str]:
    blocks = {str(cell["block"]) for cell in cells}
    return sorted(blocks, key=lambda block: (block != OUTSIDE, int(block) if block != OUTSIDE else 0))


def overlap_chart(layer: LayerComparison, side: str, *, size: int = 190) -> alt.LayerChart:
    """Draw the absolute cosines of the leading singular vectors before and after.

    Parameters
    ----------
    layer : LayerComparison
        A layer with intruder dimensions, of which there may be none.
    side : {"left", "right"}
        Which vectors.
    size : int
        Of the square, in pixels.

    Returns
    -------
    altair.LayerChart
        A cell for each pair; columns of intruders are framed.
    """
    found = layer.intruders[side]
    rows = [
        {"before": i + 1, "after": j + 1, "cosine": round(float(cosine), 4)}
        for i, line in enumerate(found.similarity)
        for j, cosine in enumerate(line)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("after:O", title="after").axis(labelAngle=0, labelOverlap=True, ticks=False),
        y=alt.Y("before:O", title="before").axis(labelOverlap=True, ticks=False),
    )
    tone = alt.Opacity("cosine:Q", legend=None).scale(domain=[0, 1], range=[0.03, 1])
    cells = base.mark_rect(style="tone").encode(
        opacity=tone, tooltip=["before:O", "after:O", alt.Tooltip("cosine:Q", title="|cosine|", format=".3f")]
    )
    marks: list[Any] = [cells]
    if found.count:
        frames = [{"after": j + 1, "nearest": round(float(found.block_cosines[j]), 3)} for j in found.indices]
        frame = alt.Chart(alt.Data(values=frames)).mark_rect(
            filled=False, fill="transparent", style="chosen", strokeWidth=2
        )
        marks.append(
            frame.encode(
                x="after:O",
                y=alt.value(0),
                y2=alt.value(size),
                tooltip=[alt.Tooltip("after:O", title="intruder"), alt.Tooltip("nearest:Q", title="nearest before")],
            )
        )
    return alt.layer(*marks).properties(width=size, height=size)
