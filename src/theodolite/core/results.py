"""What a measure gives back, beyond a bare number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from theodolite.core.arrays import Array, to_numpy
from theodolite.core.outcomes import Missing, Note


@dataclass(frozen=True)
class Interval:
    """How far an estimate may be off.

    Parameters
    ----------
    low, high : array
        Ends of the interval.
    level : float
        Confidence level in (0, 1).
    se : array, optional
        Standard error.
    """

    low: Array
    high: Array
    level: float
    se: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of every result with several fields; each field is an array or `Missing`.

    Parameters
    ----------
    notes : tuple of Note
        Doubts about fields that stand.
    intervals : mapping of str to Interval
        Uncertainty of the fields that know theirs.
    """

    notes: tuple[Note, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __getstate__(self) -> dict[str, Any]:
        # A read-only mapping can't be pickled.
        return {**self.__dict__, "intervals": dict(self.intervals)}


@dataclass(frozen=True)
class Estimate:
    """One number with its uncertainty and doubts: what a scalar measure gives when it knows them.

    Parameters
    ----------
    value : array
        The number.
    interval : Interval, optional
        Its uncertainty.
    notes : tuple of Note
        Doubts about it.
    """

    value: Array
    interval: Interval | None = None
    notes: tuple[Note, ...] = ()

    def __float__(self) -> float:
        return float(self.value)


@dataclass(frozen=True)
class FieldReading:
    """One field of one result, on the host.

    Attributes
    ----------
    field : str
    value : float or None
        None where `missing` says why.
    se, low, high, level : float or None
    missing : Missing or None
    note : Note or None
    """

    field: str
    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    missing: Missing | None = None
    note: Note | None = None


def field_readings(result: Any, fields: Mapping[str, Any]) -> Iterator[FieldReading]:
    """Take a measure's result apart into its declared fields.

    Parameters
    ----------
    result : array, Estimate or Result
        What a measure gave.
    fields : mapping
        The fields that the measure declares.

    Yields
    ------
    FieldReading
        One for each declared field, in order.
    """
    if isinstance(result, Result):
        parts = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
        intervals, notes = result.intervals, {note.field: note for note in result.notes}
    elif isinstance(result, Estimate):
        parts = {"value": result.value}
        intervals = {"value": result.interval} if result.interval is not None else {}
        notes = {note.field: note for note in result.notes}
    else:
        parts, intervals, notes = {"value": result}, {}, {}
    for name in fields:
        part = parts[name]
        if isinstance(part, Missing):
            yield FieldReading(name, None, missing=part)
            continue
        yield FieldReading(name, number(part), **_uncertainty(intervals.get(name)), note=notes.get(name))


def _uncertainty(interval: Interval | None) -> dict[str, Any]:
    if interval is None:
        return {}
    se = None if interval.se is None else number(interval.se)
    return {"se": se, "low": number(interval.low), "high": number(interval.high), "level": float(interval.level)}


def number(value: Array) -> float:
    """Bring a 0-dimensional array of any library to a Python float.

    Parameters
    ----------
    value : array or number
        One number.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ValueError
        If it is not finite: a failure never becomes a number.
    """
    plain = float(value) if isinstance(value, (int, float)) else float(to_numpy(value))
    if not np.isfinite(plain):
        raise ValueError(f"a measure gave {plain}; where there is no finite answer it must refuse with an outcome")
    return plain
