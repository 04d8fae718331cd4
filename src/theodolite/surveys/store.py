"""Where a survey keeps what it read: a run folder, or memory."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.surveys import folder as run_folder
from theodolite.surveys.assembly import LEFT_OUT, answered_keys, assembled, current_targets
from theodolite.surveys.journal import Group, Inventory, Journal
from theodolite.surveys.lock import FileLock
from theodolite.surveys.reuse import SameContent, renamed_arrays

_NOTHING: frozenset[str] = frozenset()


class Store(ABC):
    """What was committed, and the place for more; one coordinating process writes to it."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._known = answered_keys(groups)
        self._same = SameContent(groups)
        self._targets = current_targets(groups)
        self._inventories = {(i.model, i.convention, i.view): i for group in groups for i in group.inventories}

    def known(self, target: str) -> frozenset[str]:
        """Give the keys of the readings that there are.

        Parameters
        ----------
        target : str
            A target's id.

        Returns
        -------
        frozenset of str
            Keys that need no computing.
        """
        return self._known.get(target, _NOTHING)

    def known_elsewhere(self, target: TargetRow) -> frozenset[str]:
        """Give the keys of what was read of the same tensor in other models, whatever its content.

        Parameters
        ----------
        target : TargetRow
            The target; its fingerprint may not be known yet.

        Returns
        -------
        frozenset of str
            Keys; one that a question about the target has, was made of the same content.
        """
        return self._same.keys(target)

    def copies(
        self, target: TargetRow, keys: Sequence[str]
    ) -> tuple[list[ReadingRow], dict[str, np.ndarray[Any, Any]]]:
        """Give readings that were made of the same content as this target's.

        Parameters
        ----------
        target : TargetRow
            The target with its fingerprint.
        keys : sequence of str
            Of those that `known_elsewhere` gave.

        Returns
        -------
        rows : list of ReadingRow
            As they would have been read of this target.
        arrays : dict of str to numpy.ndarray
            What they refer to.
        """
        rows, renamed = self._same.copies(target, keys)
        return rows, renamed_arrays(renamed, self._arrays_beside)

    def begin(self, inventories: Sequence[Inventory], listed: Sequence[TargetRow]) -> None:
        """Commit what a run found before it measured anything, where that is new.

        Parameters
        ----------
        inventories : sequence of Inventory
            What the models hold.
        listed : sequence of TargetRow
            Tensors that are not measured.
        """
        new = [i for i in inventories if self._inventories.get((i.model, i.convention, i.view)) != i]
        rows = [row for row in listed if not self._has(row)]
        if new or rows:
            self._append(Group(tuple(rows), (), tuple(new)))

    def commit(
        self,
        target: TargetRow,
        readings: Sequence[ReadingRow],
        arrays: Mapping[str, np.ndarray[Any, Any]],
        against: TargetRow | None = None,
    ) -> None:
        """Commit a target with its readings; its arrays are in place before.

        Parameters
        ----------
        target : TargetRow
            The target.
        readings : sequence of ReadingRow
            What was computed.
        arrays : mapping of str to numpy.ndarray
            The arrays that readings refer to, by reference.
        against : TargetRow, optional
            What the target is compared with.
        """
        if arrays:
            self._keep(arrays)
        if readings or self._targets.get(target.target) != target:
            self._append(Group((target,) if against is None else (target, against), tuple(readings)))

    def _has(self, row: TargetRow) -> bool:
        known = self._targets.get(row.target)
        return known is not None and (known == row or row.listed_because.startswith(LEFT_OUT))

    @abstractmethod
    def readings(self) -> Readings:
        """Give everything that was committed, earlier runs included."""

    @abstractmethod
    def _append(self, group: Group) -> None: ...

    @abstractmethod
    def _keep(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None: ...

    @abstractmethod
    def _arrays_beside(self, file: str) -> Mapping[str, np.ndarray[Any, Any]]: ...


class MemoryStore(Store):
    """Keeps readings and arrays in memory."""

    def __init__(self) -> None:
        super().__init__(())
        self._groups: list[Group] = []
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}

    def readings(self) -> Readings:
        """Give everything that was committed.

        Returns
        -------
        Readings
            With the arrays.
        """
        return assembled(self._groups, self._arrays.__getitem__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def _append(self, group: Group) -> None:
        self._groups.append(replace(group, at=float(len(self._groups))))

    def _keep(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._arrays.update(arrays)

    def _arrays_beside(self, file: str) -> Mapping[str, np.ndarray[Any, Any]]:
        named = ((*reference.partition("#"), values) for reference, values in self._arrays.items())
        return {name: values for at, _, name, values in named if at == file}


class FolderStore(Store):
    """Keeps readings and arrays in a run folder, under a lock from making it to leaving its context.

    Parameters
    ----------
    folder : Path
        A run folder, an empty folder, or nothing yet.
    shard : tuple of int, optional
        Which part of how many this process does; each part has its own file.
    entry : dict
        What ``survey.json`` is to say of this run.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] | None, entry: dict[str, Any]) -> None:
        run_folder.prepare(folder, entry["version"])
        name = "all" if shard is None else f"{shard[0]}-of-{shard[1]}"
        place = folder / run_folder.READINGS
        with contextlib.ExitStack() as opened:
            opened.enter_context(FileLock(place / f"{name}.lock"))
            run_folder.enrol(folder, entry)
            self._folder = folder
            groups = run_folder.read_groups(folder)
            self._journal = Journal(place / f"{name}.jsonl", max((group.at for group in groups), default=0.0))
            opened.callback(self._journal.close)
            super().__init__(groups)
            self._opened = opened.pop_all()

    def readings(self) -> Readings:
        """Read the folder.

        Returns
        -------
        Readings
            All surveys and shards that were run into it.
        """
        return run_folder.read_run(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def _append(self, group: Group) -> None:
        self._journal.append(group)

    def _keep(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        run_folder.write_arrays(self._folder, arrays)

    def _arrays_beside(self, file: str) -> Mapping[str, np.ndarray[Any, Any]]:
        return run_folder.load_arrays(self._folder, file)
