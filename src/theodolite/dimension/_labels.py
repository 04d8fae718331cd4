"""Labels that stand beside a cloud: which rows are of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Outcome, Refusal, is_array, namespace, to_numpy


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
        labels : array of shape (rows,), or sequence
            Whole numbers, truth values or strings.
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
        if host.dtype.kind not in "biuUS" and not _whole(host):
            raise ValueError(
                f"labels: expected whole numbers or strings, got {host.dtype}; sort real numbers into bins"
            )
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
    if not isinstance(labels, (list, tuple)):
        raise TypeError(f"labels: expected an array or a list, got {type(labels).__name__}")
    return np.asarray(labels)


def _whole(host: NDArray[Any]) -> bool:
    if host.dtype.kind != "f":
        return False
    return bool(np.all(np.isfinite(host)) and np.all(host == np.round(host)))
