"""Rows that speak of the model as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.core.readings import Readings
from theodolite.core.rows import MODEL
from theodolite.reports.layers import model_names

STATISTICS = ("mean", "median", "weighted_mean", "count")


@dataclass(frozen=True)
class WholeModel:
    """One field over all layers of a model.

    Attributes
    ----------
    name : str
        ``"power_law.alpha"``, or the measure alone for a scalar measure; with the view of convolutions where it is
        not the usual one.
    statistics : dict of str to float or None
        Mean, median, mean weighted by parameters, and the number of layers that have a value.
    """

    name: str
    statistics: dict[str, float | None]


def whole_model(readings: Readings, model: str) -> tuple[WholeModel, ...]:
    """Collect the rows of a model as a whole.

    Parameters
    ----------
    readings : Readings
        What a survey gave.
    model : str
        The model.

    Returns
    -------
    tuple of WholeModel
        In the order of the readings.
    """
    names = model_names(readings)
    found: dict[str, dict[str, float | None]] = {}
    for row in readings.rows:
        target = readings.target(row.target)
        if names[row.target] != model or target.module != MODEL:
            continue
        field, _, statistic = row.field.rpartition(".")
        if statistic not in STATISTICS:
            continue
        name = row.measure if field in ("", "value") else f"{row.measure}.{field}"
        if target.view:
            name = f"{name} ({target.view})"
        # A measure that was asked for twice, with different parameters, shows what was asked for first.
        statistics = found.setdefault(name, dict.fromkeys(STATISTICS))
        if statistics[statistic] is None:
            statistics[statistic] = row.value
    return tuple(WholeModel(name, statistics) for name, statistics in found.items())
