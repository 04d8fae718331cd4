"""What was read of all pairs of clouds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, ReadingRow, Readings, Traits, closest
from theodolite.core.rows import NUMBERS
from theodolite.study.arrangements.clustering import Clustering, cluster
from theodolite.study.arrangements.distances import Distances
from theodolite.study.arrangements.embedding import Embedding, Method, embed
from theodolite.study.similarities.matches import BestMatch, best_places, ordered_path
from theodolite.study.similarities.quantities import Quantity, quantities_of
from theodolite.study.similarities.remarks import Remark, remarks
from theodolite.surveys.evidence import taken_apart

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]

COLUMNS = ("value", "chance", "low", "high", "percentile", "p_value")
"""Columns of a reading that `AllPairs.to_dict` gives as matrices."""


@dataclass(frozen=True, eq=False)
class AllPairs:
    """Clouds of points, each against each other, or those of one set against those of another.

    Attributes
    ----------
    readings : Readings
        What was read, pair by pair: `target` against `against`.
    rows, columns : tuple of str
        Ids of the clouds that stand in the rows and columns of every matrix.
    traits : mapping of str to Traits
        What the measures declare, by name.
    """

    readings: Readings
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    traits: Mapping[str, Traits]

    @property
    def square(self) -> bool:
        """Whether rows and columns are the same clouds."""
        return self.rows == self.columns

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that the clouds belong to."""
        return tuple(dict.fromkeys(self.readings.target(one).model for one in (*self.rows, *self.columns)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rows: those of layers, with the model's before them where several models have rows."""
        return self._short(self.rows)

    @property
    def against(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._short(self.columns)

    def _short(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        targets = [self.readings.target(one) for one in ids]
        alone = len({target.model for target in targets}) == 1
        return tuple(target.module if alone else target.target for target in targets)

    @cached_property
    def _quantities(self) -> dict[tuple[str, str, str], Quantity]:
        return quantities_of(self.readings.rows, self.traits)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What was read of every pair."""
        return tuple(self._quantities.values())

    @cached_property
    def _cells(self) -> dict[Quantity, dict[tuple[str, str], ReadingRow]]:
        found: dict[Quantity, dict[tuple[str, str], ReadingRow]] = {one: {} for one in self.quantities}
        for row in self.readings.rows:
            quantity = self._quantities[row.measure, taken_apart(row.params)[0], row.field]
            found[quantity][row.target, row.against] = row
        return found

    def quantity(self, name: str | None = None) -> Quantity:
        """Find what was read by its name.

        Parameters
        ----------
        name : str, optional
            ``"cka"``, ``"cka[estimator=biased]"``, ``"rsa.correlation"``; the first that was read where not given.

        Returns
        -------
        Quantity
            It.

        Raises
        ------
        ParameterError
            If there is none of this name, or several measures' numbers are meant.
        """
        if name is None:
            return self.quantities[0]
        exact = [one for one in self.quantities if one.name == name]
        meant = exact or [one for one in self.quantities if one.measure == name]
        if len(meant) > 1:
            raise ParameterError(f"{name!r} may be {', '.join(one.name for one in meant)}; choose one")
        if not meant:
            raise ParameterError(f"{name!r} was not read; {closest(name, [one.name for one in self.quantities])}")
        return meant[0]

    def reading(self, row: str, column: str, name: str | None = None) -> ReadingRow | None:
        """Find the reading of one pair.

        Parameters
        ----------
        row, column : str
            Ids of the clouds.
        name : str, optional
            Which number.

        Returns
        -------
        ReadingRow or None
            Of the first against the second, or the other way round where that is the same; None for a cloud and
            itself where the measure says by definition what that gives.
        """
        return self._cell(self.quantity(name), row, column)

    def _cell(self, quantity: Quantity, row: str, column: str) -> ReadingRow | None:
        cells = self._cells[quantity]
        found = cells.get((row, column))
        return cells.get((column, row)) if found is None and quantity.symmetric else found

    def matrix(self, name: str | None = None, column: str = "value") -> Matrix:
        """Lay one number of all pairs out.

        Parameters
        ----------
        name : str, optional
            Which number.
        column : {"value", "chance", "low", "high", "se", "level", "percentile", "p_value"}
            Which column of the readings.

        Returns
        -------
        ndarray of shape (rows, columns)
            NaN where there is none; `refusals` says why. The diagonal of a square one is what the measure gives by
            definition, where it declares that and the cloud has a number with another one.

        Raises
        ------
        ParameterError
            If there is no such number or column.
        """
        if column not in NUMBERS:
            raise ParameterError(f"column is {column!r}; {closest(column, NUMBERS)}")
        quantity = self.quantity(name)
        made = np.full((len(self.rows), len(self.columns)), np.nan)
        for i, one in enumerate(self.rows):
            for j, other in enumerate(self.columns):
                row = self._cell(quantity, one, other)
                number = None if row is None else getattr(row, column)
                made[i, j] = np.nan if number is None else number
        own = None if quantity.promise is None else quantity.promise.of_itself
        if column == "value" and self.square and own is not None:
            for place in np.flatnonzero(np.isfinite(made).any(axis=1)):
                made[place, place] = own
        return made

    def frame(self, name: str | None = None, column: str = "value") -> pd.DataFrame:
        """Lay one number of all pairs out, with names.

        Parameters
        ----------
        name, column : str
            As for `matrix`.

        Returns
        -------
        pandas.DataFrame
            Rows and columns by name.
        """
        import pandas as pd

        return pd.DataFrame(self.matrix(name, column), index=[*self.names], columns=[*self.against])

    def between(self, first: str, second: str) -> AllPairs:
        """Look at the clouds of one model against those of another.

        Parameters
        ----------
        first, second : str
            Names of models; they may be the same.

        Returns
        -------
        AllPairs
            Those of the first in the rows, those of the second in the columns.

        Raises
        ------
        ParameterError
            If there is no such model.
        """
        sides = []
        for name, among in ((first, self.rows), (second, self.columns)):
            chosen = tuple(one for one in among if self.readings.target(one).model == name)
            if not chosen:
                raise ParameterError(f"no model {name!r}; {closest(name, self.models)}")
            sides.append(chosen)
        return replace(self, rows=sides[0], columns=sides[1])

    def best_match(self, name: str | None = None) -> BestMatch:
        """Find the best match of every row among the columns, of every column among the rows, and the best in order.

        Parameters
        ----------
        name : str, optional
            By which number.

        Returns
        -------
        BestMatch
            Where rows and columns are the same clouds, none is its own best match; and where these are of several
            models, the best match is one of another model.

        Raises
        ------
        ParameterError
            If the number is neither a distance nor a similarity.
        """
        quantity = self.quantity(name)
        if not quantity.kind:
            raise ParameterError(f"{quantity.name} is neither a distance nor a similarity, so no match is the best")
        values, lowest = self.matrix(quantity.name), quantity.kind == "distance"
        others = np.where(self._alike, np.nan, values) if self.square else values
        path = () if self.square else ordered_path(values, lowest=lowest)
        best, back = best_places(others, lowest=lowest), best_places(others.T, lowest=lowest)
        return BestMatch(quantity.name, self.names, self.against, best, back, path, values)

    @property
    def _alike(self) -> NDArray[np.bool_]:
        """Whether two clouds are no match worth naming: the same cloud, or layers of one model of several."""
        models = np.array([self.readings.target(one).model for one in self.rows])
        same = np.eye(len(models), dtype=bool)
        return same | (models[:, None] == models) if len(self.models) > 1 else same

    def distances(self, name: str | None = None, *, without_gaps: bool = False) -> Distances:
        """Give the distances between all clouds.

        Parameters
        ----------
        name : str, optional
            A distance, or a similarity s of at most 1, of which ``sqrt(2 (1 - s))`` is made: the chord between two unit
            vectors whose cosine is s, as CKA and mutual neighbours are. By default the first distance that was read,
            else the first similarity.
        without_gaps : bool
            Leave clouds out until every pair of those that stay has a number.

        Returns
        -------
        Distances
            Where two clouds have none, it is a `ParameterError` that names them.

        Raises
        ------
        ParameterError
            If rows and columns differ, or the number can't be made a distance.
        """
        if not self.square:
            raise ParameterError("distances: rows and columns are different clouds; compare all with all")
        quantity = self.quantity(name) if name is not None else self._distance()
        if not quantity.kind:
            raise ParameterError(f"{quantity.name} is neither a distance nor a similarity of at most 1")
        values, names = self.matrix(quantity.name), [*self.names]
        made_of = quantity.name
        if quantity.kind == "similarity":
            values = np.sqrt(2 * np.maximum(1 - values, 0.0))
            np.fill_diagonal(values, np.where(np.isnan(np.diag(values)), np.nan, 0.0))
            made_of = f"√(2 (1 − {quantity.name}))"
        while without_gaps and len(names) > 2 and np.isnan(values).any():
            worst = int(np.argmax(np.isnan(values).sum(axis=0) + np.isnan(values).sum(axis=1)))
            values = np.delete(np.delete(values, worst, axis=0), worst, axis=1)
            del names[worst]
        return Distances(values, names, made_of)

    def _distance(self) -> Quantity:
        for kind in ("distance", "similarity"):
            for one in self.quantities:
                if one.kind == kind and one.symmetric:
                    return one
        return self.quantities[0]

    def embed(self, name: str | None = None, *, method: Method = "classical", dims: int = 2, rng: int = 0) -> Embedding:
        """Lay the clouds out as points.

        Parameters
        ----------
        name : str, optional
            As for `distances`.
        method, dims, rng : as for `theodolite.study.embed`
            How.

        Returns
        -------
        Embedding
            A point for each.
        """
        return embed(self.distances(name), method=method, dims=dims, rng=rng)

    def cluster(self, name: str | None = None) -> Clustering:
        """Group the clouds by their distances.

        Parameters
        ----------
        name : str, optional
            As for `distances`.

        Returns
        -------
        Clustering
            The tree of average linkage.
        """
        return cluster(self.distances(name))

    @property
    def refusals(self) -> list[Remark]:
        """Where there is no number: which, why (with an example of what was seen), and of how many pairs."""
        return remarks(self._shown, beside=False)

    @property
    def doubts(self) -> list[Remark]:
        """Notes beside numbers: which, the doubt, and of how many pairs."""
        return remarks(self._shown, beside=True)

    @property
    def _shown(self) -> Iterator[tuple[str, ReadingRow]]:
        for quantity, cells in self._cells.items():
            for (one, other), row in cells.items():
                if one in self.rows and other in self.columns:
                    yield quantity.name, row

    def explain(self) -> str:
        """Say what was found.

        Returns
        -------
        str
            A sentence a line.
        """
        from theodolite.study.similarities.words import sentences

        return "\n".join(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            Names, and for each number its matrices, the outcomes in the place of numbers, and the best matches.
        """
        return {
            "rows": [*self.rows],
            "columns": [*self.columns],
            "quantities": [self._record(quantity) for quantity in self.quantities],
        }

    def _record(self, quantity: Quantity) -> dict[str, Any]:
        outcomes = [
            [
                None if (row := self.reading(one, other, quantity.name)) is None else row.outcome or None
                for other in self.columns
            ]
            for one in self.rows
        ]
        matrices = {column: _listed(self.matrix(quantity.name, column)) for column in COLUMNS}
        match = {"best_match": self.best_match(quantity.name).to_dict()} if quantity.kind else {}
        return {**quantity.to_dict(), **matrices, "outcome": outcomes, **match}

    def __repr__(self) -> str:
        read = ", ".join(one.name for one in self.quantities)
        return f"AllPairs({len(self.rows)} x {len(self.columns)}: {read})"


def _listed(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(number) else float(number) for number in row] for row in matrix]
