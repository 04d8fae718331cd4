"""Readings: everything that was measured, as two tables with one schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from theodolite.core.fingerprint import canonical_json
from theodolite.core.flattening import flattened
from theodolite.core.names import closest
from theodolite.core.rows import MODEL, NUMBERS, SCHEMA_VERSION, TARGET_COLUMNS, VOLATILE, ReadingRow, TargetRow

if TYPE_CHECKING:
    import pandas as pd

Loader = Callable[[str], np.ndarray[Any, Any]]


class Readings:
    """The two tables of a survey: what was looked at, and what was read.

    Parameters
    ----------
    targets : iterable of TargetRow
        Everything that was looked at or listed; ids are unique.
    rows : iterable of ReadingRow
        Numbers and outcomes; each names a target.
    arrays : callable, optional
        Gives the array behind a row's `array` reference.

    Attributes
    ----------
    targets : tuple of TargetRow
    rows : tuple of ReadingRow
    schema_version : int
    """

    schema_version = SCHEMA_VERSION

    def __init__(self, targets: Iterable[TargetRow], rows: Iterable[ReadingRow], arrays: Loader | None = None) -> None:
        self.targets = tuple(targets)
        self.rows = tuple(rows)
        self._arrays = arrays
        self._by_id = {target.target: target for target in self.targets}
        if len(self._by_id) < len(self.targets):
            seen: set[str] = set()
            twice = next(t.target for t in self.targets if t.target in seen or seen.add(t.target))  # type: ignore[func-returns-value]
            raise ValueError(f"targets: {twice!r} is there twice; a target's id is unique")
        for row in self.rows:
            if row.target not in self._by_id:
                raise ValueError(f"rows: a row of {row.name} speaks of {row.target!r}, which is not among the targets")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ReadingRow]:
        return iter(self.rows)

    def __repr__(self) -> str:
        measured = len({row.target for row in self.rows if not row.target.endswith(f":{MODEL}")})
        return f"Readings({', '.join(self.models) or 'no model'}: {measured} targets measured, {len(self.rows)} rows)"

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order they were read."""
        return tuple(dict.fromkeys(target.model for target in self.targets))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of everything that was read, as `where` and `top` take them."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    def target(self, identity: str) -> TargetRow:
        """Return the target with this id.

        Parameters
        ----------
        identity : str
            ``model:tensor`` or ``model:tensor#part``.

        Returns
        -------
        TargetRow
            Its row.

        Raises
        ------
        KeyError
            If there is none; the message names the nearest.
        """
        try:
            return self._by_id[identity]
        except KeyError:
            raise KeyError(f"no target {identity!r}; {closest(identity, self._by_id)}") from None

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Both tables joined: one row a reading, with the columns of its target."""
        import pandas as pd

        left = pd.DataFrame([row.to_dict() for row in self.rows], columns=list(ReadingRow.__dataclass_fields__))
        right = pd.DataFrame([target.to_dict() for target in self.targets], columns=list(TARGET_COLUMNS))
        joined = left.merge(right, on="target", how="left", validate="many_to_one")
        order = ["model", "module", "part", "role", "block", "measure", "field", "value"]
        joined["block"] = joined["block"].astype("Int64")
        joined[list(NUMBERS)] = joined[list(NUMBERS)].astype(float)
        return joined[order + [column for column in joined.columns if column not in order]]

    @cached_property
    def targets_frame(self) -> pd.DataFrame:
        """The table of targets, those that were only listed included."""
        import pandas as pd

        frame = pd.DataFrame([target.to_dict() for target in self.targets], columns=list(TARGET_COLUMNS))
        frame["block"] = frame["block"].astype("Int64")
        return frame

    def where(self, name: str | None = None, **columns: Any) -> Readings:
        """Keep the readings that match.

        Parameters
        ----------
        name : str, optional
            A measure (``"power_law"``), a field (``"alpha"``) or both (``"power_law.alpha"``).
        **columns
            Column to value; strings may hold ``*`` and ``?``; a list means any of its values. The module ``*`` is the
            whole model, and a lone ``*`` means just that.

        Returns
        -------
        Readings
            The matching rows and all targets that they speak of.

        Raises
        ------
        ValueError
            If a column or a name is unknown, or a field's name is ambiguous.
        """
        rows = self.rows if name is None else self._named(name)
        known = {*ReadingRow.__dataclass_fields__, *TARGET_COLUMNS, "status", "name"}
        for column in columns:
            if column not in known:
                raise ValueError(f"where: unknown column {column!r}; {closest(column, known)}")
        kept = [r for r in rows if all(_matches(self._cell(r, column), wanted) for column, wanted in columns.items())]
        spoken_of = {row.target for row in kept}
        return Readings([t for t in self.targets if t.target in spoken_of], kept, self._arrays)

    def _cell(self, row: ReadingRow, column: str) -> Any:
        return getattr(row, column) if hasattr(row, column) else getattr(self._by_id[row.target], column)

    def _named(self, name: str) -> list[ReadingRow]:
        exact = [row for row in self.rows if name in (row.name, f"{row.measure}.{row.field}")]
        if exact:
            return exact
        whole = [row for row in self.rows if row.measure == name]
        if whole:
            return whole
        fields = [row for row in self.rows if row.field == name]
        owners = sorted({row.measure for row in fields})
        if len(owners) > 1:
            raise ValueError(f"{name!r} is a field of {', '.join(owners)}; write {owners[0]}.{name}")
        if not fields:
            raise ValueError(f"no reading is named {name!r}; {closest(name, self.names)}")
        return fields

    def _one_field(self, name: str) -> list[ReadingRow]:
        rows = self._named(name)
        fields = tuple(dict.fromkeys(row.name for row in rows))
        if len(fields) > 1:
            raise ValueError(f"{name!r} has several fields; choose one of {', '.join(fields)}")
        return rows

    def top(self, name: str, n: int = 10, *, largest: bool = True) -> pd.DataFrame:
        """Show the targets with the largest (or smallest) value of one field.

        Parameters
        ----------
        name : str
            ``"power_law.alpha"``, or ``"alpha"`` where only one measure has such a field.
        n : int
            How many.
        largest : bool
            False for the smallest.

        Returns
        -------
        pandas.DataFrame
            Sorted rows of `frame`, whole models left out. A name that is unknown, ambiguous, or that of several fields
            is a `ValueError`.
        """
        chosen = Readings(self.targets, [r for r in self._one_field(name) if self._by_id[r.target].module != MODEL])
        frame = chosen.frame.dropna(subset=["value"])
        return frame.sort_values("value", ascending=not largest, kind="stable").head(n).reset_index(drop=True)

    def pivot(self, *names: str) -> pd.DataFrame:
        """Lay the readings out with one row a target and one column a field.

        Parameters
        ----------
        *names : str
            Which readings; all where none is given.

        Returns
        -------
        pandas.DataFrame
            Values, NaN where there is none; indexed by target id in the order of the targets.

        Raises
        ------
        ValueError
            If a field was read twice of one target, with other parameters or another seed.
        """
        rows = self.rows if not names else tuple(row for name in names for row in self._named(name))
        import pandas as pd

        cells: dict[str, dict[str, float | None]] = {row.target: {} for row in rows}
        for row in dict.fromkeys(rows):
            if row.name in cells[row.target]:
                raise ValueError(
                    f"{row.name} was read twice of {row.target!r}; choose one with where(params=...) or where(seed=...)"
                )
            cells[row.target][row.name] = row.value
        order = [target.target for target in self.targets if target.target in cells]
        columns = list(dict.fromkeys(row.name for row in rows))
        return pd.DataFrame(
            [cells[t] for t in order], index=pd.Index(order, name="target"), columns=columns, dtype=float
        )

    def compare(self, other: Readings, name: str) -> pd.DataFrame:
        """Set one field of two surveys side by side, matched by module and part.

        Parameters
        ----------
        other : Readings
            The readings to compare with.
        name : str
            The field.

        Returns
        -------
        pandas.DataFrame
            Columns ``module``, ``part``, ``value``, ``other``, ``difference`` (other minus value), and rows in the
            order of this survey, then those that only the other has; NaN where one side has none. A name that is
            unknown or ambiguous or means several fields is a `ValueError`, as is a module that was read twice.
        """
        import pandas as pd

        mine, theirs = _by_module(self, self._one_field(name)), _by_module(other, other._one_field(name))
        keys = list(dict.fromkeys([*mine, *theirs]))
        both = pd.DataFrame(keys, columns=["module", "part"])
        both["value"] = pd.Series([mine.get(key) for key in keys], dtype=float)
        both["other"] = pd.Series([theirs.get(key) for key in keys], dtype=float)
        both["difference"] = both["other"] - both["value"]
        return both

    def flat(self, *names: str, layers: bool = True) -> dict[str, float]:
        """Lay the numbers of one model out in a flat dict, as experiment trackers take them.

        Parameters
        ----------
        *names : str
            Which readings, as `where` takes them, each with its means over the model; all where none is given.
        layers : bool
            False for the means over the whole model only.

        Returns
        -------
        dict of str to float
            ``model/power_law.alpha.mean``, and ``power_law.alpha/encoder.0.query`` layer by layer; finite values only.
            Readings of several models, or two of one name, are a `ValueError`.
        """
        rows = self.rows if not names else tuple(row for name in names for row in self._with_means(name))
        return flattened(rows, self._by_id, layers=layers)

    def _with_means(self, name: str) -> Iterator[ReadingRow]:
        rows = self._named(name)
        of = tuple({f"{row.measure}.{row.field}." for row in rows})
        yield from rows
        yield from (r for r in self.rows if self._by_id[r.target].module == MODEL and r.name.startswith(of))

    def array(self, row: ReadingRow | str) -> np.ndarray[Any, Any]:
        """Load the array that a row refers to.

        Parameters
        ----------
        row : ReadingRow or str
            A row with an `array` reference, or the reference.

        Returns
        -------
        numpy.ndarray
            For a power law: the eigenvalues it was fitted to. For correlation traps: the strength of each. For the bulk
            of an unfolded kernel: the eigenvalues with its positions scaled to one variance.

        Raises
        ------
        LookupError
            If the row refers to none, or these readings were made without arrays.
        """
        reference = row if isinstance(row, str) else row.array
        if not reference:
            kept = "rows of power_law do, of correlation_traps that count any, of marchenko_pastur of unfolded kernels"
            raise LookupError(f"this row refers to no array; {kept}")
        if self._arrays is None:
            raise LookupError("these readings carry no arrays; open the run folder, or survey into one")
        return self._arrays(reference)

    def canonical(self) -> str:
        """Write both tables in the form that is byte-identical for runs that agree.

        Returns
        -------
        str
            One JSON object a line: the schema's version, the targets sorted by id, the readings sorted by target,
            measure, parameters and field, without the columns that tell of time and place.
        """
        lines = [canonical_json({"schema": self.schema_version})]
        lines += [canonical_json(target.to_dict()) for target in sorted(self.targets, key=lambda t: t.target)]
        for row in sorted(self.rows, key=lambda r: (r.target, r.measure, r.params, r.against, r.field, r.key)):
            lines.append(canonical_json({k: v for k, v in row.to_dict().items() if k not in VOLATILE}))
        return "\n".join(lines) + "\n"

    def ndjson(self) -> Iterator[str]:
        """Write the readings for other programs: one JSON object a line, joined with its target.

        Yields
        ------
        str
            A line without its end; columns of the target and of the reading, and ``beside`` with what a measure gave
            beside its fields (the strength of each trap), where these readings carry it.
        """
        for row in self.rows:
            beside = self.beside(row)
            record = {**self._by_id[row.target].to_dict(), **row.to_dict(), **({"beside": beside} if beside else {})}
            yield json.dumps(record, allow_nan=False, ensure_ascii=False)

    def beside(self, row: ReadingRow) -> dict[str, list[Any]]:
        """Give what a measure gave beside its fields, as the strength of each trap.

        Parameters
        ----------
        row : ReadingRow
            A row.

        Returns
        -------
        dict of str to list
            By name; empty where there is nothing, or these readings were made without arrays. Eigenvalues, of which
            there are many, are left to `array`.
        """
        name = row.array.partition("#")[2]
        if self._arrays is None or not name or name.endswith("eigenvalues"):
            return {}
        return {name: np.asarray(self._arrays(row.array)).tolist()}

    def __add__(self, other: Readings) -> Readings:
        """Put the readings of two surveys into one; targets that both know must agree."""
        targets = {target.target: target for target in self.targets}
        for target in other.targets:
            if targets.setdefault(target.target, target) != target:
                raise ValueError(f"{target.target!r} differs between the two surveys; give the models different names")
        mine, theirs = self._arrays, other._arrays
        own = {row.array for row in self.rows} if mine is not None else set()

        def load(reference: str) -> np.ndarray[Any, Any]:
            loader = mine if reference in own else theirs
            if loader is None:
                raise LookupError("these readings carry no arrays; open the run folder, or survey into one")
            return loader(reference)

        return Readings(targets.values(), (*self.rows, *other.rows), load)


def _by_module(readings: Readings, rows: list[ReadingRow]) -> dict[tuple[str, str], float | None]:
    """Return the values of one field by module and part, in the order of the rows."""
    found: dict[tuple[str, str], float | None] = {}
    for row in dict.fromkeys(rows):
        target = readings.target(row.target)
        key = (target.module, target.part)
        if key in found:
            raise ValueError(f"{row.name} was read twice of {target.module!r}; choose one survey with where(...)")
        found[key] = row.value
    return found


def _matches(cell: Any, wanted: Any) -> bool:
    if isinstance(wanted, (list, tuple, set, frozenset)):
        return cell == wanted or any(_matches(cell, one) for one in wanted)
    if wanted != MODEL and isinstance(wanted, str) and isinstance(cell, str) and any(sign in wanted for sign in "*?["):
        return cell == wanted or fnmatchcase(cell, wanted)
    return bool(cell == wanted)
