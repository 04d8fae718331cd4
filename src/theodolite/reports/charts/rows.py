"""The one table that all charts of layers are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from theodolite.reports.charts.quantities import Quantity
from theodolite.reports.questions import Judgement

ROLES = (
    "embedding",
    "query",
    "key",
    "value",
    "qkv",
    "output",
    "gate",
    "up",
    "gate_up",
    "down",
    "router",
    "expert",
    "conv",
    "adapter",
    "other",
    "head",
)
"""Roles in the order in which data passes them; others follow in the order of the file."""

APART_FROM_DEPTH = ("embedding", "head")
"""Roles that have no place along the depth of a model."""


def roles_of(judgements: Sequence[Judgement]) -> list[str]:
    """List the roles of some layers, in the order in which charts show them.

    Parameters
    ----------
    judgements : sequence of Judgement
        The layers.

    Returns
    -------
    list of str
        Every role once.
    """
    there = list(dict.fromkeys(judgement.layer.target.role for judgement in judgements))
    return sorted(there, key=lambda role: ROLES.index(role) if role in ROLES else len(ROLES) + there.index(role))


def places(judgements: Sequence[Judgement]) -> tuple[list[tuple[int, str]], str]:
    """Find where each layer stands along the depth of its model.

    Parameters
    ----------
    judgements : sequence of Judgement
        The layers of one model.

    Returns
    -------
    places : list of (int, str)
        Order along the depth and its label, for each layer. Blocks where no role has two layers in one block (layers
        outside the blocks come after them), else how many layers of the role come before.
    axis : str
        What the labels count.
    """
    targets = [judgement.layer.target for judgement in judgements]
    in_blocks = [(target.role, target.block) for target in targets if target.block is not None]
    if not in_blocks or len(set(in_blocks)) < len(in_blocks):
        positions = [judgement.layer.position for judgement in judgements]
        return [(position + 1, str(position + 1)) for position in positions], "place among the layers of its role"
    first_outside = max(block for _, block in in_blocks if block is not None) + 1
    outside: dict[str, int] = {}
    found = []
    for target in targets:
        if target.block is not None:
            found.append((target.block, str(target.block)))
            continue
        count = outside[target.role] = outside.get(target.role, -1) + 1
        found.append((first_outside + count, "–" + (f" {count + 1}" if count else "")))
    return found, "block"


def chart_rows(judgements: Sequence[Judgement], quantity: Quantity) -> list[dict[str, Any]]:
    """Lay out the layers of one model as a chart's data.

    Parameters
    ----------
    judgements : sequence of Judgement
        The layers.
    quantity : Quantity
        What the chart shows.

    Returns
    -------
    list of dict
        One row a layer that has the quantity: ``i`` (its index), ``layer``, ``role``, ``role_order``, ``order`` and
        ``place`` (along the depth), ``apart``, ``verdict``, ``value``, ``low``, ``high``, ``chance``, ``percentile``.
    """
    roles = roles_of(judgements)
    rows = []
    for index, (judgement, (order, place)) in enumerate(zip(judgements, places(judgements)[0], strict=True)):
        layer = judgement.layer
        row = layer.rows.get(quantity.name)
        if row is None or row.value is None or (quantity.scale == "log" and row.value <= 0):
            continue
        rows.append(
            {
                "i": index,
                "layer": layer.name,
                "role": layer.target.role,
                "role_order": roles.index(layer.target.role),
                "order": order,
                "place": place,
                "apart": bool(judgement.apart),
                "verdict": judgement.verdict,
                "value": quantity.of(layer, row.value),
                "low": quantity.of(layer, row.low),
                "high": quantity.of(layer, row.high),
                "chance": quantity.of(layer, row.chance),
                "percentile": row.percentile,
            }
        )
    return rows
