"""Tensors that are the same: by shared memory, or an output head that repeats the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

import numpy as np

from theodolite.sources.anatomy import Anatomy
from theodolite.sources.record import Record
from theodolite.sources.roles import role_of
from theodolite.sources.stored import StoredTensor


class Tying:
    """Which tensors are copies of which.

    Tensors that share memory are known at once. In formats that cannot share, embeddings and heads of one shape and
    type are compared when one of them is first asked about, so that opening reads no data.

    Parameters
    ----------
    records : mapping of str to Record
        All tensors.
    anatomy : Anatomy
        The checkpoint they belong to.
    """

    def __init__(self, records: Mapping[str, Record], anatomy: Anatomy) -> None:
        self._records, self._anatomy = records, anatomy
        self._first: dict[str, str | None] = {}
        self._repeats: dict[str, bool] = {}
        self._alike: dict[tuple[object, ...], list[str]] = {}
        seen: dict[tuple[object, ...], str] = {}
        for name, record in records.items():
            first = None if record.storage is None else seen.setdefault(record.storage, name)
            if first not in {None, name}:
                self._first[name] = first
            elif len(record.shape) == 2:
                self._alike.setdefault((record.shape, record.dtype), []).append(name)

    def __call__(self, name: str) -> str | None:
        """Name the tensor that one is a copy of.

        Parameters
        ----------
        name : str
            A tensor.

        Returns
        -------
        str or None
            The first tensor with its content, None where it is itself the first.
        """
        if name not in self._first:
            self._first[name] = next((other for other in self._before(name) if self._same(other, name)), None)
        return self._first[name]

    def _before(self, name: str) -> list[str]:
        """Embeddings and heads of the same shape and type that come before one of them."""
        record = self._records[name]
        group = self._alike.get((record.shape, record.dtype), [])
        if not self._may_repeat(name):
            return []
        return [other for other in takewhile(lambda other: other != name, group) if self._may_repeat(other)]

    def _may_repeat(self, name: str) -> bool:
        if name not in self._repeats:
            record = self._records[name]
            role = role_of(name, record.shape, self._anatomy, record.layer)
            self._repeats[name] = role in {"embedding", "head"}
        return self._repeats[name]

    def _same(self, one: str, other: str) -> bool:
        first, second = self._records[one].content, self._records[other].content
        if not (isinstance(first, StoredTensor) and isinstance(second, StoredTensor)):
            return False
        middle = first.shape[0] // 2
        if not np.array_equal(
            first.rows(middle, middle + 1).view(np.uint8), second.rows(middle, middle + 1).view(np.uint8)
        ):
            return False
        return all(a == b for a, b in zip(first.chunks(), second.chunks(), strict=True))
