"""Readings of the same content in another model: what one checkpoint shares with the next is not measured again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from theodolite.core import ReadingRow, TargetRow
from theodolite.surveys.folder import array_reference
from theodolite.surveys.journal import Group

_NOTHING: frozenset[str] = frozenset()


class SameContent:
    """What was read of each tensor, whichever model it belongs to.

    A key says by itself what content a reading was made of. Keys are kept by tensor, so that a task takes only those
    along that may matter to it.

    Parameters
    ----------
    groups : iterable of Group
        What was committed.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self._found: dict[str, tuple[TargetRow, tuple[ReadingRow, ...]]] = {}
        keys: dict[tuple[str, ...], set[str]] = {}
        for group in groups:
            targets = {target.target: target for target in group.targets}
            answers: dict[tuple[str, str], list[ReadingRow]] = {}
            for row in group.readings:
                answers.setdefault((row.target, row.key), []).append(row)
            for (target, key), rows in answers.items():
                if target in targets and all(row.status != "failed" and not row.against for row in rows):
                    self._found.setdefault(key, (targets[target], tuple(rows)))
                    keys.setdefault(_tensor(targets[target]), set()).add(key)
        self._keys = {tensor: frozenset(known) for tensor, known in keys.items()}

    def keys(self, target: TargetRow) -> frozenset[str]:
        """Give the keys of everything that was read of a tensor, in any model and with any content.

        Parameters
        ----------
        target : TargetRow
            The target.

        Returns
        -------
        frozenset of str
            The keys.
        """
        return self._keys.get(_tensor(target), _NOTHING)

    def copies(self, target: TargetRow, keys: Sequence[str]) -> tuple[list[ReadingRow], dict[str, str]]:
        """Give readings as they would have been made of another target with the same content.

        Parameters
        ----------
        target : TargetRow
            The target.
        keys : sequence of str
            Which readings.

        Returns
        -------
        rows : list of ReadingRow
            They took no time.
        renamed : dict of str to str
            Reference to an array that one of the rows had, by the one that it has now.
        """
        rows: list[ReadingRow] = []
        renamed: dict[str, str] = {}
        for key in keys:
            source, found = self._found[key]
            for row in found:
                array = _renamed(row, source, target)
                if array:
                    renamed[array] = row.array
                rows.append(replace(row, target=target.target, array=array, seconds=0.0))
        return rows, renamed


def renamed_arrays(
    renamed: Mapping[str, str], arrays_of: Callable[[str], Mapping[str, np.ndarray[Any, Any]]]
) -> dict[str, np.ndarray[Any, Any]]:
    """Load arrays under their new references, with all that lie in the same files.

    Parameters
    ----------
    renamed : mapping of str to str
        As `SameContent.copies` gives it.
    arrays_of : callable
        Gives all arrays of a file by name.

    Returns
    -------
    dict of str to numpy.ndarray
        By new reference.
    """
    files = {new.partition("#")[0]: old.partition("#")[0] for new, old in renamed.items()}
    return {f"{new}#{name}": values for new, old in files.items() for name, values in arrays_of(old).items()}


def _tensor(target: TargetRow) -> tuple[str, ...]:
    return (target.target.removeprefix(target.model), target.view, str(target.shape))


def _renamed(row: ReadingRow, source: TargetRow, target: TargetRow) -> str:
    """Refer to the array as a reading of `target` would: by its own key only where the old reference did."""
    if not row.array:
        return ""
    name = row.array.partition("#")[2]
    shared = row.array == array_reference(source, name)
    return array_reference(target, name, "" if shared else row.key)
