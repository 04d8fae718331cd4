"""What a model's layers say together: derived from the layers' rows, never stored."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator

from theodolite.core import ReadingRow, TargetRow, digest
from theodolite.core.rows import MODEL

STATISTICS = ("mean", "median", "weighted_mean", "count")
"""What is said of each field: ``alpha.mean`` and so on; the weights are numbers of parameters."""

_WITHOUT_WEIGHTS = ("cloud",)
_WITHOUT_KERNEL = ("", "matrix")


def model_rows(targets: Iterable[TargetRow], rows: Iterable[ReadingRow]) -> tuple[list[TargetRow], list[ReadingRow]]:
    """Summarise the layers of each model, field by field.

    Layers without a value are left out of the means; the row of the count says how many and why.

    Parameters
    ----------
    targets : iterable of TargetRow
        The layers, and what was only listed.
    rows : iterable of ReadingRow
        Their readings.

    Returns
    -------
    targets : list of TargetRow
        One for each model, each convention it was measured under and each view of its convolutions (``model@fft:*``),
        which linear layers belong to alike; its `parameters` are those of the measured layers.
    rows : list of ReadingRow
        Four for each field that a layer was asked for.
    """
    layers = {one.target: one for one in targets if not one.listed_because and one.view not in _WITHOUT_WEIGHTS}
    groups: dict[tuple[str, ...], list[ReadingRow]] = {}
    for row in rows:
        if row.target in layers and not row.against:
            of = layers[row.target]
            asked = (of.model, of.convention, row.measure, row.field, row.params, str(row.seed), str(row.version))
            groups.setdefault(asked, []).append(row)
    models: dict[str, TargetRow] = {}
    summaries: list[ReadingRow] = []
    for (name, convention, *_), group in groups.items():
        for view in _views(convention, [layers[row.target] for row in group]):
            model = _model(name, convention, view, layers.values())
            models[model.target] = model
            seen = [row for row in group if _within(layers[row.target], view)]
            summaries += _summary(model.target, seen, layers)
    return list(models.values()), summaries


def _views(convention: str, layers: Iterable[TargetRow]) -> list[str]:
    """List the views that kernels of convolutions were seen in; under another convention all go together."""
    if convention != "theodolite":
        return [""]
    return list(dict.fromkeys(layer.view for layer in layers if layer.view not in _WITHOUT_KERNEL)) or ["unfold"]


def _within(layer: TargetRow, view: str) -> bool:
    return not view or layer.view == view or layer.view in _WITHOUT_KERNEL


def _model(name: str, convention: str, view: str, layers: Iterable[TargetRow]) -> TargetRow:
    own = [one for one in layers if (one.model, one.convention) == (name, convention) and _within(one, view)]
    unusual = view if view in ("slices", "fft") else ""
    way = unusual if convention == "theodolite" else convention
    return TargetRow(
        target=f"{name}@{way}:{MODEL}" if way else f"{name}:{MODEL}",
        model=name,
        module=MODEL,
        role="model",
        parameters=sum(one.parameters for one in own),
        view=unusual,
        convention=convention,
    )


def _summary(model: str, group: list[ReadingRow], layers: dict[str, TargetRow]) -> Iterator[ReadingRow]:
    first = group[0]
    read = [(row.value, layers[row.target].parameters) for row in group if row.value is not None]
    excluded = Counter(row.outcome for row in group if row.value is None)
    because = ", ".join(f"{count} {outcome}" for outcome, count in sorted(excluded.items()))
    note = f"{excluded.total()} of {len(group)} layers left out: {because}" if excluded else ""
    key = digest("model", model, *sorted(row.key for row in group))
    values: dict[str, float] = {"count": float(len(read))}
    if read:
        # Summed exactly, so that the order of the layers can't show.
        values["mean"] = math.fsum(value / len(read) for value, _ in read)
        low, high = (middle(value for value, _ in read) for middle in (statistics.median_low, statistics.median_high))
        values["median"] = low / 2 + high / 2  # halved first, so that huge values can't overflow
        whole = sum(weight for _, weight in read)
        values["weighted_mean"] = math.fsum(value * (weight / whole) for value, weight in read)
    for name in STATISTICS:
        if name in values:
            yield ReadingRow(
                target=model,
                measure=first.measure,
                field=f"{first.field}.{name}",
                value=values[name],
                unit="layer" if name == "count" else first.unit,
                note=note if name == "count" else "",
                params=first.params,
                seed=first.seed,
                version=first.version,
                key=digest(key, name),
            )
