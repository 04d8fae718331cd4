"""Clouds at hand while all pairs are measured, with what was computed of each, and the pairs that they make."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from theodolite.core import Cloud, CrossMoments, FeatureMapPair, Outcome, Pair, Refusal
from theodolite.sources import Features
from theodolite.surveys.clouds import Item


class Shelf:
    """Clouds with what was computed of them: those of the rows at hand stay, those of the columns come and go.

    Parameters
    ----------
    columns : int
        How many clouds are kept beside those that stay.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._staying: dict[str, Cloud] = {}
        self._passing: OrderedDict[str, Cloud] = OrderedDict()
        self._expected: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def clear(self, staying: Iterable[Item]) -> None:
        """Begin another block of rows.

        Parameters
        ----------
        staying : iterable of Item
            Its clouds.
        """
        with self._lock:
            known = {**self._passing, **self._staying}
            self._passing.clear()
            ids = [item.row.target for item in staying]
            self._staying = {name: known[name] for name in ids if name in known}
            self._expected = frozenset(ids)

    def cloud(self, item: Item) -> Cloud:
        """Give a cloud, loaded where it is not at hand.

        Parameters
        ----------
        item : Item
            Which.

        Returns
        -------
        Cloud
            The one that all who ask share.
        """
        name = item.row.target
        with self._lock:
            if name in self._staying:
                return self._staying[name]
            if name in self._passing:
                self._passing.move_to_end(name)
                return self._passing[name]
            cloud = item.load()
            if name in self._expected:
                self._staying[name] = cloud
            else:
                self._passing[name] = cloud
                while len(self._passing) > self._columns:
                    self._passing.popitem(last=False)
            return cloud

    def pair(self, one: Item, other: Item) -> Pair:
        """Give two clouds as a pair.

        Parameters
        ----------
        one, other : Item
            Which.

        Returns
        -------
        Pair
            Of their rows, or of the moments that their source holds.

        Raises
        ------
        Refusal
            If their rows are not the same, or only moments are known, and not those of the two together.
        """
        sources = (one.source, other.source)
        if all(isinstance(source, Features) for source in sources):
            return self._recorded(one, other)
        if one.rows and other.rows:
            return Pair(self.cloud(one), self.cloud(other))
        if not isinstance(one.source, CrossMoments) or one.source is not other.source:
            raise Refusal(Outcome.RECORDED_APART, f"{one.row.target} and {other.row.target}")
        return one.source.pair(one.name, other.name)

    def _recorded(self, one: Item, other: Item) -> Pair:
        """Let the features say which rows the two share, and take the clouds at hand where these are all."""
        try:
            made: Pair = one.source.pair(one.name, other.name, other.source)
        except Refusal:
            raise
        except ValueError as error:
            raise Refusal(Outcome.OTHER_ROWS, str(error)) from None
        if made.known is not None or (made.x.count, made.y.count) != (one.row.shape[0], other.row.shape[0]):
            return made
        return Pair(self.cloud(one), self.cloud(other))

    def map_pair(self, one: Item, other: Item) -> FeatureMapPair:
        """Give the maps of two layers as a pair.

        Parameters
        ----------
        one, other : Item
            Which.

        Returns
        -------
        FeatureMapPair
            Of maps with one height and width.

        Raises
        ------
        Refusal
            If one of them has no maps, or they differ in height or width.
        """
        try:
            if isinstance(one.source, Features) and isinstance(other.source, Features):
                return one.source.pair_of_maps(one.name, other.name, other.source)
            if one.maps is not None and other.maps is not None:
                return FeatureMapPair(one.maps(), other.maps())
        except Refusal:
            raise
        except (ValueError, TypeError) as error:
            raise Refusal(Outcome.NEEDS_MAPS, str(error)) from None
        lacking = one if one.maps is None else other
        raise Refusal(Outcome.NEEDS_MAPS, f"{lacking.row.target} holds rows")

    def __getstate__(self) -> dict[str, Any]:
        # Another process loads for itself.
        return {"_columns": self._columns, "_staying": {}, "_passing": OrderedDict(), "_expected": self._expected}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
