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
        One for each model (and each convention it was measured under); its `parameters` are those of the measured
        layers.
    rows : list of ReadingRow
        Four for each field that a layer was asked for.
    """
    layers = {target.target: target for target in targets if not target.listed_because}
    owners = {layer.target: _model_of(layer) for layer in layers.values()}
    models: dict[str, TargetRow] = {}
    for layer in layers.values():
        model = owners[layer.target]
        before = models.get(model)
        models[model] = TargetRow(
            target=model,
            model=layer.model,
            module=MODEL,
            role="model",
            parameters=layer.parameters + (before.parameters if before else 0),
            convention=layer.convention,
        )
    groups: dict[tuple[str, ...], list[ReadingRow]] = {}
    for row in rows:
        if row.target in layers and not row.against:
            group = (owners[row.target], row.measure, row.field, row.params, str(row.seed), str(row.version))
            groups.setdefault(group, []).append(row)
    summaries = [made for (model, *_), group in groups.items() for made in _summary(model, group, layers)]
    spoken_of = {row.target for row in summaries}
    return [model for model in models.values() if model.target in spoken_of], summaries


def _model_of(layer: TargetRow) -> str:
    way = "" if layer.convention == "theodolite" else f"@{layer.convention}"
    return f"{layer.model}{way}:{MODEL}"


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
