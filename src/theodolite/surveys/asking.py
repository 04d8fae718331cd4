"""Asking: a measure's answer as rows, and any error as rows too. No other place catches every error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from theodolite.core import Note, Outcome, ReadingRow, Refusal, TargetRow, View
from theodolite.core.results import FieldReading, arrays_beside, field_readings
from theodolite.surveys.chance import chance
from theodolite.surveys.folder import array_reference
from theodolite.surveys.keys import Question, stream

T = TypeVar("T")

_LONGEST_NOTE = 500
_BESIDE = ("se", "low", "high", "level", "chance", "percentile", "p_value")


def attempted(make: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Do something, and take its error for an answer.

    Parameters
    ----------
    make : callable
        What to do.

    Returns
    -------
    made : object or None
        What it gave.
    error : Exception or None
        What it raised, without its traceback.
    """
    try:
        return make(), None
    except Exception as error:
        return None, error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class About:
    """What all rows of one measure about one target share.

    Parameters
    ----------
    question : Question
        What is asked.
    row : TargetRow
        The target.
    key : str
        The key of the readings.
    array : str
        What they refer to.
    against : str
        Id of the target that it is compared with.
    """

    question: Question
    row: TargetRow
    key: str
    array: str = ""
    against: str = ""

    def reading(self, field: str, **columns: Any) -> ReadingRow:
        """Make a row.

        Parameters
        ----------
        field : str
            The field.
        **columns
            What it says.

        Returns
        -------
        ReadingRow
            The row.
        """
        question = self.question
        return ReadingRow(
            target=self.row.target,
            against=self.against,
            measure=question.request.name,
            field=field,
            unit=question.traits.fields[field].unit,
            params=question.params,
            array=self.array,
            seed=question.seed,
            version=question.traits.version,
            key=self.key,
            **columns,
        )

    def instead(self, outcome: Outcome, note: str) -> list[ReadingRow]:
        """Put an outcome in the place of every number.

        Parameters
        ----------
        outcome : Outcome
            Why.
        note : str
            What was seen.

        Returns
        -------
        list of ReadingRow
            One for each field.
        """
        return [self.reading(field, outcome=outcome.name, note=note) for field in self.question.traits.fields]


def ask(
    about: About,
    view: View | None,
    content: str,
    instead: Exception | None,
    arrays: dict[str, np.ndarray[Any, Any]],
    beside: tuple[Any, ...] = (),
) -> list[ReadingRow]:
    """Ask one question; no error comes out.

    Parameters
    ----------
    about : About
        What the rows share.
    view : View
        What is measured; None where there is an error instead.
    content : str
        Hash of what is measured, which the random stream starts from.
    instead : Exception or None
        The error that stands in the place of every answer.
    arrays : dict
        Receives what the answer holds beside its fields.
    beside : tuple
        Data that the measure takes behind its view: labels.

    Returns
    -------
    list of ReadingRow
        One for each field.
    """
    question, bare = about.question, about
    try:
        if instead is not None:
            raise instead
        rng = {"rng": stream(question.seed, content)} if question.random else {}
        result = question.request.measure(view, *beside, **question.parameters, **rng)
        found = _arrays(about, result)
        if found and not about.array:
            about = replace(about, array=next(iter(found)))
        levels, notes = _levels(question, view), _doubts(question, view)
        parts = field_readings(result, question.traits.fields)
        made = [_reading(about, replace(part, note=part.note or notes.get(part.field)), levels) for part in parts]
    except Refusal as refusal:
        return bare.instead(refusal.outcome, refusal.detail)
    except Exception as error:
        return bare.instead(Outcome.UNEXPECTED, cause(error))
    arrays.update(found)
    return made


def _levels(question: Question, view: Any) -> Mapping[str, float]:
    """Give the chance levels that have a closed form."""
    closed = question.traits.chance
    if closed is None or not question.chance:
        return {}
    levels = closed(view, question.parameters)
    return {name: float(level) for name, level in levels.items() if math.isfinite(level)}


def _doubts(question: Question, view: Any) -> Mapping[str, Note]:
    """Give the notes that a measure of bare numbers has no place for."""
    raised = question.traits.doubts
    return {} if raised is None else {note.field: note for note in raised(view, question.parameters)}


def _arrays(about: About, result: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Name the arrays beside a result; nothing refers to an empty one."""
    beside = arrays_beside(result).items()
    return {array_reference(about.row, name, about.key): values for name, values in beside if values.size}


def _reading(about: About, part: FieldReading, levels: Mapping[str, float]) -> ReadingRow:
    beside = part.missing or part.note
    columns: dict[str, Any] = {"outcome": beside.outcome.name, "note": beside.detail} if beside else {}
    if part.field in levels and part.value is not None:
        columns["chance"] = levels[part.field]
    elif about.question.chance and part.value is not None:
        level = chance(f"{about.question.request.name}.{part.field}", part.value, about.row.shape)
        columns = {**level, **columns}
    for name in _BESIDE:
        if getattr(part, name) is not None:
            columns[name] = getattr(part, name)
    return about.reading(part.field, value=part.value, **columns)


def timed(readings: list[ReadingRow], started: float) -> tuple[ReadingRow, ...]:
    """Write into rows that nobody has seen yet how long they took.

    Parameters
    ----------
    readings : list of ReadingRow
        The rows of one task.
    started : float
        When it began, by ``time.perf_counter``.

    Returns
    -------
    tuple of ReadingRow
        The same rows.
    """
    seconds = time.perf_counter() - started
    for reading in readings:  # copies of them all would cost more than most measures
        object.__setattr__(reading, "seconds", seconds)
    return tuple(readings)


def cause(error: Exception | None) -> str:
    """Say what an error was, in one line.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    str
        Its kind and its words.
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_LONGEST_NOTE] if text else type(error).__name__
