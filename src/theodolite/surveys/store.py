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

_NOTHING: frozenset[str] = frozenset()


class Store(ABC):
    """What was committed, and the place for more; one coordinating process writes to it."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._known = answered_keys(groups)
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
        self, target: TargetRow, readings: Sequence[ReadingRow], arrays: Mapping[str, np.ndarray[Any, Any]]
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
        """
        if arrays:
            self._keep(arrays)
        if readings or self._targets.get(target.target) != target:
            self._append(Group((target,), tuple(readings)))

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
