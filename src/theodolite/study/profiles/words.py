"""A profile of dimensions in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from theodolite.study.profiles.result import DimensionProfile


def sentences(found: DimensionProfile) -> Iterator[str]:
    """Say what a profile shows.

    Parameters
    ----------
    found : DimensionProfile
        The readings.

    Yields
    ------
    str
        A sentence.
    """
    models = f" of {len(found.models)} models" if len(found.models) > 1 else ""
    few, many = min(found.rows), max(found.rows)
    rows = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    names = (*found.profile, *found.by_labels)
    surely = any(np.isfinite(found.values(name, "low")).any() for name in names)
    intervals = "; ± and brackets: the 95 % interval" if surely else ""
    yield f"{_counted(len(found.clouds), 'cloud')}{models} of {rows} rows{intervals}."
    for name in names:
        yield from _one(found, name)
    for name, why, count in found.refusals:
        yield f"{name}: no number for {_counted(count, 'cloud')}. {why}"


def _one(found: DimensionProfile, name: str) -> Iterator[str]:
    values = found.values(name)
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return
    least, most = (int(known[pick(values[known])]) for pick in (np.argmin, np.argmax))
    if least == most:
        yield f"{name}: {_told(found, name, least)}."
        return
    yield f"{name}: from {_told(found, name, least)} to {_told(found, name, most)}."


def _told(found: DimensionProfile, name: str, place: int) -> str:
    value, low, high = (found.values(name, column)[place] for column in ("value", "low", "high"))
    told = f"{value:.3g}"
    if np.isfinite(low) and np.isfinite(high):
        lopsided = abs((high - value) - (value - low)) > 0.01 * (high - low)
        told += f" [{low:.3g}, {high:.3g}]" if lopsided else f" ± {high - value:.2g}"
    return f"{told} ({found.names[place]})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
