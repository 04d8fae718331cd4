"""Readings of several models as a table with one row a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.core import Readings
from theodolite.core.rows import MODEL

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS, LAYERS = "parameters", "layers"


def models_frame(readings: Readings) -> pd.DataFrame:
    """Lay the means over layers out with one row a model.

    Parameters
    ----------
    readings : Readings
        What `survey` gave of several models, under one convention and one view.

    Returns
    -------
    pandas.DataFrame
        Indexed by model: ``parameters`` and ``layers`` that were measured, then the mean over layers of each field that
        was read, named as the field is (``"power_law.alpha"``).

    Raises
    ------
    ValueError
        If one model was measured under two conventions or views, or one field in two ways.
    """
    import pandas as pd

    whole = [target for target in readings.targets if target.module == MODEL]
    ids = {target.target: target.model for target in whole}
    if len(set(ids.values())) < len(ids):
        raise ValueError(
            "data: a model was measured in several ways; choose one with where(convention=...) or where(view=...)"
        )
    layers: dict[str, set[str]] = {model: set() for model in ids.values()}
    for row in readings.rows:
        target = readings.target(row.target)
        if target.module != MODEL and target.model in layers:
            layers[target.model].add(row.target)
    cells: dict[str, dict[str, float | None]] = {
        target.model: {PARAMETERS: float(target.parameters), LAYERS: float(len(layers[target.model]))}
        for target in whole
    }
    for row in readings.rows:
        field, _, statistic = row.field.rpartition(".")
        if row.target not in ids or statistic != "mean":
            continue
        name = row.measure if field == "value" else f"{row.measure}.{field}"
        of = cells[ids[row.target]]
        if name in of:
            raise ValueError(f"data: {name} was read twice of {ids[row.target]!r}; choose one with where(params=...)")
        of[name] = row.value
    return pd.DataFrame.from_dict(cells, orient="index")
