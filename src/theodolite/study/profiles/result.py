"""What was read of single clouds of points."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.catalogue import measures as catalogue
from theodolite.core import ParameterError, ReadingRow, Readings, Traits, closest
from theodolite.core.rows import NUMBERS
from theodolite.study.profiles.curves import ScaleCurve, curve_of
from theodolite.study.similarities.quantities import Quantity, quantities_of
from theodolite.study.similarities.remarks import Remark, remarks
from theodolite.surveys.evidence import taken_apart
from theodolite.surveys.labels import takes_labels

if TYPE_CHECKING:
    import pandas as pd

Float = NDArray[np.float64]

COLUMNS = ("value", "se", "low", "high", "level", "p_value")
"""Columns of a reading that `DimensionProfile.to_dict` gives."""


@dataclass(frozen=True, eq=False)
class DimensionProfile:
    """Clouds of points, each with its dimension by several measures.

    Attributes
    ----------
    readings : Readings
        What was read, cloud by cloud.
    clouds : tuple of str
        Ids of the clouds, in order.
    traits : mapping of str to Traits
        What the measures declare, by name.
    """

    readings: Readings
    clouds: tuple[str, ...]
    traits: Mapping[str, Traits]

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that the clouds belong to."""
        return tuple(dict.fromkeys(self.readings.target(one).model for one in self.clouds))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the clouds: those of layers, with the model's before them where there are several models."""
        targets = [self.readings.target(one) for one in self.clouds]
        return tuple(target.module if len(self.models) == 1 else target.target for target in targets)

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows each cloud has, coinciding ones included."""
        return tuple(self.readings.target(one).shape[0] for one in self.clouds)

    @cached_property
    def _quantities(self) -> dict[tuple[str, str, str], Quantity]:
        return quantities_of(self.readings.rows, self.traits)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every number that was read of every cloud."""
        return tuple(self._quantities.values())

    @cached_property
    def profile(self) -> Mapping[str, Quantity]:
        """One number for each measure, the first that it declares, by the name of the measure."""
        found: dict[tuple[str, str], list[Quantity]] = {}
        for one in self.quantities:
            found.setdefault((one.measure, one.params), []).append(one)
        return {label(one): one for one in map(self._standing, found.values())}

    @property
    def by_labels(self) -> tuple[str, ...]:
        """Names of the other numbers of measures that look at labels; without labels, of those that need none."""
        known, standing = catalogue(), {*self.profile.values()}
        taking = {name for name in self.traits if name in known and takes_labels(known[name])}
        return tuple(
            one.name
            for one in self.quantities
            if one not in standing
            if "labels" in json.loads(one.params)
            or (one.measure in taking and any(row.value is not None for row in self._cells[one].values()))
        )

    @property
    def labelled(self) -> bool:
        """Whether a measure was given labels."""
        return any("labels" in json.loads(one.params) for one in self.quantities)

    def _standing(self, numbers: list[Quantity]) -> Quantity:
        """Choose what stands for a measure; readings from a file may have come in any order."""
        by_field = {one.field: one for one in numbers}
        traits = self.traits.get(numbers[0].measure)
        return next((by_field[name] for name in (traits.fields if traits else ()) if name in by_field), numbers[0])

    @cached_property
    def _cells(self) -> dict[Quantity, dict[str, ReadingRow]]:
        found: dict[Quantity, dict[str, ReadingRow]] = {one: {} for one in self.quantities}
        for row in self.readings.rows:
            found[self._quantities[row.measure, taken_apart(row.params)[0], row.field]][row.target] = row
        return found

    def quantity(self, name: str | None = None) -> Quantity:
        """Find what was read by its name.

        Parameters
        ----------
        name : str, optional
            ``"two_nn"``, ``"mle[k=10]"``, ``"two_nn.goodness_of_fit"``; the first of the profile where not given.

        Returns
        -------
        Quantity
            Where a measure alone is named, the number that stands for it in the profile.

        Raises
        ------
        ParameterError
            If there is none of this name, or several are meant.
        """
        if name is None:
            return next(iter(self.profile.values()))
        exact = {one.name: one for one in self.quantities} | dict(self.profile)
        if name in exact:
            return exact[name]
        meant = [key for key, one in self.profile.items() if one.measure == name]
        if len(meant) > 1:
            raise ParameterError(f"{name!r} may be {', '.join(meant)}; choose one")
        if not meant:
            raise ParameterError(f"{name!r} was not read; {closest(name, exact)}")
        return self.profile[meant[0]]

    def reading(self, cloud: str, name: str | None = None) -> ReadingRow | None:
        """Find the reading of one cloud.

        Parameters
        ----------
        cloud : str
            Its id or name.
        name : str, optional
            Which number, as for `quantity`.

        Returns
        -------
        ReadingRow or None
            None where it wasn't read.

        Raises
        ------
        ParameterError
            If there is no such cloud or number.
        """
        ids = dict(zip(self.names, self.clouds, strict=True)) | {one: one for one in self.clouds}
        if cloud not in ids:
            raise ParameterError(f"no cloud {cloud!r}; {closest(cloud, ids)}")
        return self._cells[self.quantity(name)].get(ids[cloud])

    def values(self, name: str | None = None, column: str = "value") -> Float:
        """Lay one number of all clouds out.

        Parameters
        ----------
        name : str, optional
            Which number, as for `quantity`.
        column : {"value", "se", "low", "high", "level", "chance", "percentile", "p_value"}
            Which column of the readings.

        Returns
        -------
        ndarray of shape (clouds,)
            NaN where there is none; `refusals` says why.

        Raises
        ------
        ParameterError
            If there is no such number or column.
        """
        if column not in NUMBERS:
            raise ParameterError(f"column is {column!r}; {closest(column, NUMBERS)}")
        cells = self._cells[self.quantity(name)]
        numbers = [getattr(cells.get(one), column, None) for one in self.clouds]
        return np.array([np.nan if number is None else number for number in numbers])

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each cloud: how many rows it has, and each measure's number with both ends of its interval."""
        import pandas as pd

        made: dict[str, Any] = {"rows": self.rows}
        for name in self.profile:
            made[name] = self.values(name)
            made |= {f"{name} {end}": self.values(name, end) for end in ("low", "high")}
        return pd.DataFrame(made, index=pd.Index(self.names, name="cloud"))

    @cached_property
    def curves(self) -> tuple[ScaleCurve, ...]:
        """The curves over scales, of every measure that gives one and every cloud."""
        found = (
            curve_of(self.readings, row, name)
            for name, one in self.profile.items()
            for row in (self._cells[one].get(cloud) for cloud in self.clouds)
            if row is not None
        )
        return tuple(one for one in found if one is not None)

    @property
    def refusals(self) -> list[Remark]:
        """Where there is no number: which, why (with an example of what was seen), and of how many clouds."""
        return remarks(self._shown, beside=False)

    @property
    def doubts(self) -> list[Remark]:
        """Notes beside numbers: which, the doubt, and of how many clouds."""
        return remarks(self._shown, beside=True)

    @property
    def doubtful(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """The same notes, with the names of the clouds instead of how many there are."""
        rows: dict[str, list[tuple[str, ReadingRow]]] = {}
        for name, row in self._shown:
            rows.setdefault(row.target, []).append((name, row))
        found: dict[tuple[str, str], list[str]] = {(name, why): [] for name, why, _ in self.doubts}
        for cloud, short in zip(self.clouds, self.names, strict=True):
            for name, why, _ in remarks(rows.get(cloud, ()), beside=True):
                found[name, why].append(short)
        return [(name, why, tuple(clouds)) for (name, why), clouds in found.items()]

    def in_doubt(self, cloud: str, name: str | None = None) -> bool:
        """Say whether there is a note beside a number.

        Parameters
        ----------
        cloud : str
            Id or name of the cloud.
        name : str, optional
            Which number, as for `quantity`.

        Returns
        -------
        bool
            Of the number that stands for a measure, also where the note is beside another of the measure's numbers.

        Raises
        ------
        ParameterError
            If there is no such cloud or number.
        """  # noqa: DOC502 - raised by what is called
        meant = self.quantity(name)
        alike = [one for one in self.quantities if (one.measure, one.params) == (meant.measure, meant.params)]
        asked = alike if meant in self.profile.values() else [meant]
        found = (self.reading(cloud, label(one) if one in self.profile.values() else one.name) for one in asked)
        return any(row is not None and row.value is not None and bool(row.outcome) for row in found)

    @property
    def _shown(self) -> Iterator[tuple[str, ReadingRow]]:
        standing = {*self.profile.values()}
        for quantity, cells in self._cells.items():
            for row in cells.values():
                # What takes the place of one number takes that of all its measure gives: said once.
                if quantity in standing or row.value is not None:
                    yield (label(quantity) if quantity in standing else quantity.name), row

    def explain(self) -> str:
        """Say what was found.

        Returns
        -------
        str
            A sentence a line.
        """
        from theodolite.study.profiles.words import sentences

        return "\n".join(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            The clouds, every number with its interval, with the outcome in the place of numbers, and the curves.
        """
        shapes = [self.readings.target(one) for one in self.clouds]
        return {
            "clouds": [
                {"cloud": one.target, "model": one.model, "layer": one.module, "shape": [*one.shape]} for one in shapes
            ],
            "profile": list(self.profile),
            "quantities": [self._record(one) for one in self.quantities],
            "curves": [curve.to_dict() for curve in self.curves],
        }

    def _record(self, quantity: Quantity) -> dict[str, Any]:
        cells = [self._cells[quantity].get(one) for one in self.clouds]
        told = {key: value for key, value in quantity.to_dict().items() if key != "kind"}
        numbers = {name: [getattr(cell, name, None) for cell in cells] for name in COLUMNS}
        beside = {name: [getattr(cell, name, None) or None for cell in cells] for name in ("outcome", "note")}
        return {**told, **numbers, **beside}

    def __repr__(self) -> str:
        return f"DimensionProfile({len(self.clouds)} clouds: {', '.join(self.profile)})"


def label(quantity: Quantity) -> str:
    """Name a measure with what tells it from others, without the field.

    Parameters
    ----------
    quantity : Quantity
        One of its numbers.

    Returns
    -------
    str
        ``"two_nn"``, ``"mle[k=10]"``.
    """
    return quantity.name.removesuffix(f".{quantity.field}")
