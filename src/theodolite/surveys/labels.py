"""Labels beside clouds: which rows of each they belong to, and a digest that knows them again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Measure, ParameterError, closest, digest, is_array, to_numpy
from theodolite.sources import Features
from theodolite.surveys.clouds import Item

LABELS = "labels"
"""What the argument of a measure is called that takes them, and what stands for them among a reading's parameters."""

_SHOWN = 12


@dataclass(frozen=True, eq=False)
class RowLabels:
    """Labels that were given for many clouds.

    Parameters
    ----------
    given : ndarray, or mapping of str to ndarray
        One array for all clouds, or one for each by its name or id.
    """

    given: NDArray[Any] | Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, given: Any) -> RowLabels:
        """Take labels as users give them.

        Parameters
        ----------
        given : array, sequence, or mapping of str to these
            The labels.

        Returns
        -------
        RowLabels
            The same on the host.

        Raises
        ------
        ParameterError
            If they are none.
        """  # noqa: DOC502 - raised by what is called
        if isinstance(given, Mapping):
            return cls({str(name): _plain(one, f"labels of {name!r}") for name, one in given.items()})
        return cls(_plain(given, LABELS))

    @property
    def digest(self) -> str:
        """Digest of all of them, the beginning."""
        named = sorted(self.given.items()) if isinstance(self.given, Mapping) else [("", self.given)]
        return digest(*(part for name, one in named for part in (name, *map(str, one.tolist()))))[:_SHOWN]

    def beside(self, item: Item) -> NDArray[Any]:
        """Choose those that belong to the rows of a cloud.

        Parameters
        ----------
        item : Item
            The cloud.

        Returns
        -------
        ndarray of shape (rows,)
            One for each row.

        Raises
        ------
        ParameterError
            If there are none for it, or another number than it has rows.
        """
        name, rows = item.row.target, item.row.shape[0]
        found = self._of(item)
        if len(found) == rows:
            return found
        kind, seen, index = _rows(item)
        if index is not None and len(found) == seen:
            return np.asarray(found[index])
        said = f"labels: {len(found)} labels, and {name} has {rows} rows"
        if index is not None and seen != rows:
            said += f", kept of {seen} {kind}"
        if kind not in {"", "examples"}:
            said += f"; its rows are {kind}: record one row for each example (features='flatten', tokens='mean')"
            raise ParameterError(f"{said}, or give a label for each row")
        raise ParameterError(f"{said}; give one for each row, or choose layers")

    def _of(self, item: Item) -> NDArray[Any]:
        if not isinstance(self.given, Mapping):
            return self.given
        for name in (item.row.target, item.row.module):
            if name in self.given:
                return self.given[name]
        raise ParameterError(
            f"labels: none are given for {item.row.target}; {closest(item.row.module, self.given)}, or choose layers"
        )


def takes_labels(measure: Measure[..., Any]) -> bool:
    """Tell whether a measure looks at labels beside its view.

    Parameters
    ----------
    measure : Measure
        Without wrappers.

    Returns
    -------
    bool
        True also where it does without.
    """
    return any(one.name == LABELS for one in beside_view(measure))


def needs_data(measure: Measure[..., Any]) -> list[str]:
    """List what a measure can't do without beside its view.

    Parameters
    ----------
    measure : Measure
        Without wrappers.

    Returns
    -------
    list of str
        Names of its arguments.
    """
    return [one.name for one in beside_view(measure) if one.default is one.empty]


def beside_view(measure: Measure[..., Any]) -> list[inspect.Parameter]:
    """List the data that a measure takes behind its view.

    Parameters
    ----------
    measure : Measure
        Without wrappers.

    Returns
    -------
    list of inspect.Parameter
        Its positional arguments but the first.
    """
    given = inspect.signature(measure).parameters.values()
    return [one for one in given if one.kind is one.POSITIONAL_ONLY][1:]


def _rows(item: Item) -> tuple[str, int, NDArray[np.int64] | None]:
    """Say what is known of the rows of a cloud: their kind, of how many they were kept, and which."""
    if not isinstance(item.source, Features):
        return "", item.row.shape[0], None
    rows = next(layer.rows for layer in item.source.layers if layer.name == item.name)
    return rows.kind, rows.seen, rows.index


def _plain(given: Any, name: str) -> NDArray[Any]:
    if hasattr(given, "to_list"):  # a column of a table
        given = given.to_list()
    try:
        host = to_numpy(given) if is_array(given) else np.asarray(given) if isinstance(given, list | tuple) else None
    except ValueError:
        raise ParameterError(f"{name}: expected one label for each row, got lists of different lengths") from None
    if host is None or host.ndim != 1:
        seen = type(given).__name__ if host is None else f"an array of shape {host.shape}"
        raise ParameterError(f"{name}: expected one label for each row, got {seen}")
    if host.dtype == object or isinstance(given, list | tuple):
        if len({isinstance(one, str) for one in given}) > 1:
            raise ParameterError(f"{name}: some are strings and some are not; give all in one form")
        host = np.asarray([*given])
    whole = host.dtype.kind == "f" and bool(np.all(np.isfinite(host) & (host == np.round(host))))
    if not whole and host.dtype.kind not in "biuUS":
        raise ParameterError(
            f"{name}: expected whole numbers or strings, got {host.dtype}; sort real numbers into bins"
        )
    return host
