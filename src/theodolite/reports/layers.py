"""A survey's readings arranged by layer: what every question, table and chart of the report looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from theodolite.core.outcomes import Outcome
from theodolite.core.readings import Readings
from theodolite.core.rows import MODEL, ReadingRow, TargetRow

COUNTED = ("dimensions", "eigenvalues", "traps")
"""Units of numbers that count: whole ones are written without decimals."""


@dataclass(frozen=True)
class Layer:
    """One measured matrix, or pooled stack of matrices, with all that was read of it.

    Attributes
    ----------
    target : TargetRow
        What it is.
    rows : mapping of str to ReadingRow
        Its readings by name (``"power_law.alpha"``). Where a measure was asked for twice, with different parameters,
        the reading that was asked for first stands here.
    position : int
        How many layers of the same model and role come before it in the file.
    strengths : tuple of float
        How strong each of its traps is, descending; empty where there is none, or the readings don't carry it.
    """

    target: TargetRow
    rows: Mapping[str, ReadingRow]
    position: int = 0
    strengths: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The module's name, with the part of a packed tensor and with a view other than the usual."""
        part = f"#{self.target.part}" if self.target.part else ""
        view = f" ({self.target.view})" if self.target.view in ("slices", "fft") else ""
        return f"{self.target.module}{part}{view}"

    @property
    def smaller_side(self) -> int:
        """Smaller side of the matrix; of one slice, for a pooled stack."""
        return min(self.target.shape[-2:], default=0)

    @property
    def eigenvalue_count(self) -> int:
        """How many eigenvalues there are: slices times the smaller side."""
        return math.prod(self.target.shape[:-2]) * self.smaller_side

    @cached_property
    def shape_text(self) -> str:
        """The shape as one writes it."""
        return shape_text(self.target.shape)

    def value(self, name: str) -> float | None:
        """Return a reading's value.

        Parameters
        ----------
        name : str
            ``"measure.field"``, or the measure alone for a scalar measure.

        Returns
        -------
        float or None
            None where there is none.
        """
        row = self.rows.get(name)
        return None if row is None else row.value

    def why_missing(self, name: str, column: str = "value") -> str:
        """Say why a number isn't there.

        Parameters
        ----------
        name : str
            Name of the reading.
        column : str
            Which of its numbers: ``"value"``, ``"high"``, ``"percentile"``.

        Returns
        -------
        str
            A clause without a full stop.
        """
        row = self.rows.get(name)
        if row is None:
            return f"{name} was not measured"
        if row.value is None:
            return f"{name}: {Outcome[row.outcome].cause.rstrip('.')}"
        if column == "percentile":
            if row.outcome == Outcome.TOO_SMALL_FOR_CHANCE.name:
                return Outcome.TOO_SMALL_FOR_CHANCE.cause.rstrip(".")
            if self.target.convention == "weightwatcher":
                return f"{name} has no chance level under the convention of WeightWatcher, which changes what is fitted"
            if len(self.target.shape) > 2 or self.target.view in ("slices", "fft"):
                return f"{name} has no chance level for pooled slices; the view “unfold” has one"
            return f"{name} was measured without chance levels"
        if column in ("low", "high"):
            return f"{name} came without an interval"
        return f"{name} has no {column}"


def model_names(readings: Readings) -> dict[str, str]:
    """Name the model that each target belongs to.

    Parameters
    ----------
    readings : Readings
        What a survey gave.

    Returns
    -------
    dict of str to str
        Target's id to model's name, with the convention behind it where the readings hold several of one model: the
        same layer measured in two ways is no two layers.
    """
    conventions: dict[str, set[str]] = {}
    for target in readings.targets:
        conventions.setdefault(target.model, set()).add(target.convention)
    return {
        target.target: target.model if len(conventions[target.model]) == 1 else f"{target.model} ({target.convention})"
        for target in readings.targets
    }


def layers_of(readings: Readings, model: str | None = None) -> tuple[Layer, ...]:
    """Arrange readings by layer, in the order of the file.

    Parameters
    ----------
    readings : Readings
        What a survey gave.
    model : str, optional
        Keep this one alone, named as `model_names` does.

    Returns
    -------
    tuple of Layer
        Every target that has readings, whole models left out.
    """
    by_target: dict[str, dict[str, ReadingRow]] = {}
    for row in readings.rows:
        if not row.against:
            by_target.setdefault(row.target, {}).setdefault(row.name, row)
    names = model_names(readings)
    found, seen = [], dict[tuple[str, str], int]()
    for target in readings.targets:
        name = names[target.target]
        if target.module == MODEL or target.target not in by_target or model not in (None, name):
            continue
        place = (name, target.role)
        seen[place] = seen.get(place, -1) + 1
        rows = by_target[target.target]
        found.append(Layer(target, rows, seen[place], _strengths(readings, rows)))
    return tuple(found)


def _strengths(readings: Readings, rows: Mapping[str, ReadingRow]) -> tuple[float, ...]:
    row = rows.get("correlation_traps.count")
    if row is None or not row.array:
        return ()
    try:
        return tuple(float(strength) for strength in readings.array(row))
    except LookupError:
        return ()


def count_text(number: int) -> str:
    """Write a whole number for people, its thousands apart.

    Parameters
    ----------
    number : int
        The number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> count_text(12), count_text(1234567)
    ('12', '1\u202f234\u202f567')
    """
    return f"{number:,}".replace(",", "\u202f")


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape for people.

    Parameters
    ----------
    shape : sequence of int
        The shape.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> shape_text((3, 64, 128))
    '3 × 64 × 128'
    """
    return " × ".join(map(count_text, shape))


def number_text(value: float | None, digits: int = 3) -> str:
    """Write a number for people: so many significant digits, no exponent where it can be helped.

    Parameters
    ----------
    value : float or None
        The number; None gives a dash.
    digits : int
        Significant digits.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> number_text(3.14159), number_text(1536.2), number_text(0.000012345), number_text(None)
    ('3.14', '1536', '1.23e-05', '–')
    """
    if value is None:
        return "–"
    size = abs(value)
    if size and not 1e-4 <= size < 1e7:
        return f"{value:.{digits - 1}e}"
    decimals = 0 if size >= 10 ** (digits - 1) else max(0, digits - 1 - (math.floor(math.log10(size)) if size else 0))
    text = f"{size:.{decimals}f}"
    return f"−{text}" if value < 0 and float(text) else text
