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


@dataclass(frozen=True)
class Chance:
    """How a number stands against what chance gives.

    Parameters
    ----------
    median : array, optional
        The value that half of the draws from the null exceed.
    percentile : float, optional
        Percentage of the draws that the number exceeds, between 0 and 100.
    p_value : float, optional
        Of a test, in (0, 1]: against the null, two-sided; or, for a distance from a fitted law, of the fit.
    """

    median: Array | None = None
    percentile: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of every result with several fields; each field is an array or `Missing`.

    Parameters
    ----------
    notes : tuple of Note
        Doubts about fields that stand.
    intervals : mapping of str to Interval
        Uncertainty of the fields that know theirs.
    chances : mapping of str to Chance
        Fields that were set against chance.
    extra : mapping of str to array
        Arrays that stand behind the fields; they are no fields, and no table holds them. A survey keeps those that are
        not empty, and its rows refer to the first.
    """

    notes: tuple[Note, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    chances: Mapping[str, Chance] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    extra: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}), hash=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # A read-only mapping can't be pickled.
        return {**self.__dict__, **{name: dict(getattr(self, name)) for name in ("intervals", "chances", "extra")}}


BESIDE = frozenset({"notes", "intervals", "chances", "extra"})
"""Names of what a `Result` holds beside its fields."""


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
    chance : Chance, optional
        How it stands against chance.
    """

    value: Array
    interval: Interval | None = None
    notes: tuple[Note, ...] = ()
    chance: Chance | None = None

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
    chance, percentile, p_value : float or None
    missing : Missing or None
    note : Note or None
    """

    field: str
    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    chance: float | None = None
    percentile: float | None = None
    p_value: float | None = None
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
        intervals, chances, doubts = result.intervals, result.chances, result.notes
    elif isinstance(result, Estimate):
        parts = {"value": result.value}
        intervals = {} if result.interval is None else {"value": result.interval}
        chances = {} if result.chance is None else {"value": result.chance}
        doubts = result.notes
    else:
        parts, intervals, chances, doubts = {"value": result}, {}, {}, ()
    notes = {note.field: note for note in doubts}
    for name in fields:
        part = parts[name]
        if isinstance(part, Missing):
            yield FieldReading(name, None, missing=part)
            continue
        beside = {**_uncertainty(intervals.get(name)), **_standing(chances.get(name))}
        yield FieldReading(name, number(part), **beside, note=notes.get(name))


def _uncertainty(interval: Interval | None) -> dict[str, Any]:
    if interval is None:
        return {}
    se = None if interval.se is None else number(interval.se)
    return {"se": se, "low": number(interval.low), "high": number(interval.high), "level": float(interval.level)}


def _standing(chance: Chance | None) -> dict[str, Any]:
    if chance is None:
        return {}
    median = None if chance.median is None else number(chance.median)
    return {"chance": median, "percentile": chance.percentile, "p_value": chance.p_value}


def arrays_beside(result: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Bring the arrays that stand behind a result's fields to the host.

    Parameters
    ----------
    result : array, Estimate or Result
        What a measure gave.

    Returns
    -------
    dict of str to numpy.ndarray
        By name; empty for a bare number.
    """
    beside = result.extra if isinstance(result, Result) else {}
    return {name: to_numpy(array) for name, array in beside.items()}


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
