"""The two kinds of row that everything right of a measure works on, and their one schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from theodolite.core.outcomes import Outcome

SCHEMA_VERSION = 1
"""Raised whenever a column is added, dropped or changes its meaning."""

MODEL = "*"
"""The module name of a row that speaks of the whole model."""


NUMBERS = ("value", "se", "low", "high", "level", "chance", "percentile", "p_value")
"""The columns of a reading that hold a finite number or nothing."""


class _Row:
    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Make a row of a record, as JSON gives it.

        Parameters
        ----------
        record : mapping
            Column to value; unknown columns are refused, since they would be lost.

        Returns
        -------
        row
            The row.
        """
        return cls(**record)

    def to_dict(self) -> dict[str, Any]:
        """Give the row as a record of JSON values.

        Returns
        -------
        dict
            Column to value, in the order of the schema.
        """
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow(_Row):
    """One thing that was looked at, or left out and why.

    Attributes
    ----------
    target : str
        Its id: ``model:tensor`` with ``#part`` where a tensor has several parts; ``model:*`` is the model.
    model, module : str
        The checkpoint's name; the module's name in it (``*`` is the model).
    part : str
        Part of a packed tensor (``"query"``, ``"expert.3"``), else empty.
    role : str
        What it does: ``"query"``, ``"embedding"``, ``"conv"``, ...
    block : int or None
        Index of the block it belongs to.
    shape : tuple of int
        Of the matrix that was measured, or of the tensor as stored where it was not.
    dtype : str
        As stored: ``"BF16"``, ``"F32"``, ...
    parameters : int
        Number of entries.
    view : str
        How it was made a matrix: ``"matrix"``, ``"unfold"``, ``"slices"``, ``"fft"``; empty where it was not.
    convention : str
        ``"theodolite"`` or ``"weightwatcher"``.
    fingerprint : str
        Content hash in hexadecimal; empty where it was not measured.
    file : str
        Name of the file it lies in.
    tied_to : str
        Tensor that holds the same numbers and is measured in its stead; empty where there is none.
    listed_because : str
        Why it was not measured; empty where it was.
    """

    target: str
    model: str
    module: str
    part: str = ""
    role: str = "other"
    block: int | None = None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    parameters: int = 0
    view: str = ""
    convention: str = "theodolite"
    fingerprint: str = ""
    file: str = ""
    tied_to: str = ""
    listed_because: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(side) for side in self.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow(_Row):
    """One number about one target, or the outcome that stands in its place.

    Attributes
    ----------
    target, against : str
        Id of the target; id of the target it is compared with, else empty.
    measure, field : str
        Name of the measure; name of the field (``"value"`` for a scalar measure).
    value : float or None
        Finite, or None with an outcome.
    se, low, high, level : float or None
        Standard error; interval and its confidence level.
    chance, percentile : float or None
        Median under the null of a matrix of this shape; percentile (0–100) of `value` under it.
    p_value : float or None
        Of a test, where one was made.
    unit : str
        Unit of `value`.
    outcome, note : str
        Name of the `Outcome` (a refusal, a failure, or a note beside a value); what was seen.
    params : str
        The measure's parameters as canonical JSON.
    array : str
        Reference to an array that lies beside (``file#name``), else empty.
    seconds : float
        Time of the whole task that made this row.
    device, seed, version : str, int, int
        Where it ran; the survey's seed; the measure's version.
    key : str
        What makes it valid: the hash of target, view, convention, measure, version, parameters, seed, against.
    """

    target: str
    measure: str
    field: str = "value"
    against: str = ""
    value: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    chance: float | None = None
    percentile: float | None = None
    p_value: float | None = None
    unit: str = "1"
    outcome: str = ""
    note: str = ""
    params: str = "{}"
    array: str = ""
    seconds: float = 0.0
    device: str = "cpu"
    seed: int = 0
    version: int = 1
    key: str = ""

    def __post_init__(self) -> None:
        # A failure never becomes a number: a finite value, or an outcome that takes its place.
        where = f"{self.target} {self.measure}.{self.field}"
        if self.outcome and self.outcome not in Outcome.__members__:
            raise ValueError(f"{where}: outcome {self.outcome!r} is not in the enumeration")
        severity = Outcome[self.outcome].severity if self.outcome else "ok"
        if self.value is None:
            if severity in {"ok", "note"}:
                raise ValueError(f"{where}: a row without a value needs an outcome that says why")
        elif severity not in {"ok", "note"}:
            raise ValueError(f"{where}: outcome {self.outcome} takes the place of a value, got {self.value}")
        for column in NUMBERS:
            number = getattr(self, column)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{where}: {column} is {number}; a failure never becomes a number")

    @property
    def status(self) -> str:
        """``"ok"``, ``"note"``, ``"skipped"`` or ``"failed"``."""
        if not self.outcome:
            return "ok"
        return {"note": "note", "refused": "skipped", "failed": "failed"}[Outcome[self.outcome].severity]

    @property
    def name(self) -> str:
        """``"measure.field"``, or the measure's name alone for a scalar measure."""
        return self.measure if self.field == "value" else f"{self.measure}.{self.field}"


TARGET_COLUMNS = tuple(f.name for f in fields(TargetRow))
READING_COLUMNS = tuple(f.name for f in fields(ReadingRow))
VOLATILE = ("seconds", "device")
"""Columns that may differ between two runs that agree."""
