"""What was read of pairs of clouds: one measure's number, with its parameters and what it promises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from theodolite.core import ReadingRow, Traits
from theodolite.core.traits import Field
from theodolite.surveys.evidence import taken_apart

Kind = Literal["distance", "similarity", ""]


@dataclass(frozen=True)
class Quantity:
    """One number of one measure with one set of parameters.

    Attributes
    ----------
    name : str
        ``"cka"``, or with what tells it from others: ``"cka[estimator=biased]"``, ``"rsa.correlation"``.
    measure, field, params : str
        The measure, its field, its parameters as canonical JSON (those of wrappers left out).
    promise : Field or None
        What the measure declares about the number; None where the measure isn't known here.
    """

    name: str
    measure: str
    field: str
    params: str
    promise: Field | None = None

    @property
    def kind(self) -> Kind:
        """Whether it is a distance (0 for a cloud and itself), a similarity (at most 1), or neither."""
        if self.promise is None or self.promise.of_test:
            return ""
        if self.promise.of_itself == 0:
            return "distance"
        return "similarity" if self.promise.of_itself == 1 or self.promise.bounds[1] == 1 else ""

    @property
    def symmetric(self) -> bool:
        """Whether it is the same both ways."""
        return self.promise is not None and "exchange" in self.promise.invariant_to

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Name, measure, field, parameters and kind.
        """
        return {
            "name": self.name,
            "measure": self.measure,
            "field": self.field,
            "params": json.loads(self.params),
            "kind": self.kind,
            "unit": None if self.promise is None else self.promise.unit,
            "reads": "" if self.promise is None else self.promise.reads,
        }


def quantities_of(rows: Iterable[ReadingRow], traits: Mapping[str, Traits]) -> dict[tuple[str, str, str], Quantity]:
    """List what was read.

    Parameters
    ----------
    rows : iterable of ReadingRow
        The readings.
    traits : mapping of str to Traits
        What measures declare, by name.

    Returns
    -------
    dict of (str, str, str) to Quantity
        By measure, parameters and field, in the order of the readings. Where a measure was asked with several sets of
        parameters, those that differ stand in the names.
    """
    found = list(dict.fromkeys((row.measure, taken_apart(row.params)[0], row.field) for row in rows))
    return {key: _quantity(key, found, traits.get(key[0])) for key in found}


def _quantity(key: tuple[str, str, str], among: list[tuple[str, str, str]], traits: Traits | None) -> Quantity:
    measure, params, field = key
    own = json.loads(params)
    others = [json.loads(other) for name, other, _ in among if name == measure and other != params]
    telling = [name for name in own if any(other.get(name) != own[name] for other in others)]
    shown = ", ".join(f"{name}={_text(own[name])}" for name in telling)
    name = measure + (f"[{shown}]" if shown else "") + ("" if field == "value" else f".{field}")
    promise = None if traits is None else traits.fields.get(field)
    return Quantity(name, measure, field, params, promise)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
