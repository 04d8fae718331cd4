"""Labels that stand beside a cloud: which rows are of one class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Outcome, Refusal, is_array, namespace, to_numpy

_WHOLE, _REAL, _STRINGS, _BYTES = "whole numbers", "real numbers", "strings", "bytes"
_OF_DTYPES = dict.fromkeys("biu", _WHOLE) | dict.fromkeys("UT", _STRINGS) | {"S": _BYTES}


@dataclass(frozen=True)
class Classes:
    """The classes of the rows of a cloud.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        From 0, in the order of the labels.
    counts : ndarray of int, shape (classes,)
        Rows of each class.
    """

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Any, cloud: Cloud, *, fewest: int = 1) -> Classes:
        """Read labels.

        Parameters
        ----------
        labels : array of shape (rows,), sequence, or anything that NumPy reads (a column of a table)
            Whole numbers, truth values or strings; none missing.
        cloud : Cloud
            What they label.
        fewest : int
            How many classes there must be.

        Returns
        -------
        Classes
            Of all rows.

        Raises
        ------
        Refusal
            If there are too few classes.
        ValueError
            If they are not one label for each row.
        """
        host = _on_host(labels, cloud)
        if host.shape != (cloud.count,):
            raise ValueError(f"labels: expected one for each of {cloud.count} rows, got shape {host.shape}")
        _check(host)
        _, codes, counts = np.unique(host, return_inverse=True, return_counts=True)
        if counts.size < fewest:
            raise Refusal(Outcome.ONE_CLASS)
        return cls(codes.reshape(-1).astype(np.int64), counts.astype(np.int64))

    def among(self, chosen: NDArray[np.int64]) -> Classes:
        """Look at some of the rows alone.

        Parameters
        ----------
        chosen : ndarray of int
            Which rows.

        Returns
        -------
        Classes
            Those that these rows are of.
        """
        _, codes, counts = np.unique(self.codes[chosen], return_inverse=True, return_counts=True)
        return Classes(codes.reshape(-1).astype(np.int64), counts.astype(np.int64))

    @property
    def count(self) -> int:
        """How many classes there are."""
        return int(self.counts.size)


def _on_host(labels: Any, cloud: Cloud) -> NDArray[Any]:
    if is_array(labels):
        if not isinstance(labels, np.ndarray):
            try:
                namespace(labels, cloud.points)
            except (TypeError, ValueError):
                raise TypeError("labels: expected NumPy, a list, or an array of the library of the cloud") from None
        return to_numpy(labels)
    if hasattr(labels, "__array__"):
        return np.asarray(labels)
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Sequence):
        raise TypeError(f"labels: expected an array or a list, got {type(labels).__name__}")
    try:
        host = np.asarray(labels)
    except ValueError:
        raise ValueError("labels: expected one for each row, got rows of different lengths") from None
    # NumPy writes numbers that stand among strings as strings: "nan" would become a class, and 1 be the same as "1".
    return host if host.dtype.kind in "biuf" or host.ndim != 1 else np.asarray(labels, dtype=object)


def _check(host: NDArray[Any]) -> None:
    """Refuse what names no class, or names classes in two ways."""
    entries = host.tolist() if host.dtype.kind in "fO" else []
    missing = sum(_is_missing(one) for one in entries)
    if missing:
        raise ValueError(f"labels: {missing} of {host.size} are missing; leave out these rows, or name their class")
    kinds = {_kind(one) for one in entries} or {_OF_DTYPES.get(host.dtype.kind, str(host.dtype))}
    if len(kinds) > 1 or not kinds <= set(_OF_DTYPES.values()):
        bins = "; sort real numbers into bins" if _REAL in kinds else ""
        raise ValueError(f"labels: expected whole numbers or strings, got {' and '.join(sorted(kinds))}{bins}")


def _is_missing(label: Any) -> bool:
    """Tell None, NaN, and what tables have in their place: it differs from itself, or can't be compared at all."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except TypeError:
        return True
    except ValueError:  # an array of several numbers
        return False


def _kind(label: Any) -> str:
    if isinstance(label, (float, np.floating)):
        return _WHOLE if float(label).is_integer() else _REAL
    for kind, name in ((str, _STRINGS), (bytes, _BYTES), ((int, np.integer, np.bool_), _WHOLE)):
        if isinstance(label, kind):
            return name
    return type(label).__name__
