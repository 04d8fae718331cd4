"""What two versions of a model decided on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, is_array, to_numpy

IGNORED = -100
"""The label of a position that doesn't count, as for `torch.nn.functional.cross_entropy`."""

Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Decisions:
    """Predictions of both versions beside the labels, one row for each example and a column for each position.

    Attributes
    ----------
    old, new : ndarray of int, shape (examples, positions)
        Predicted classes.
    labels : ndarray of int, shape (examples, positions)
        The right ones.
    counted : ndarray of bool, shape (examples, positions)
        False where the label is -100.
    scores : tuple of ndarray, or None
        For each version the probability of the right class, of the same shape; None where only classes are known.
    """

    old: Whole
    new: Whole
    labels: Whole
    counted: NDArray[np.bool_]
    scores: tuple[NDArray[np.float64], NDArray[np.float64]] | None

    def of(self, rows: NDArray[np.bool_]) -> Decisions:
        """Keep some of the examples.

        Parameters
        ----------
        rows : ndarray of bool, shape (examples,)
            Which.

        Returns
        -------
        Decisions
            Of these.
        """
        scores = None if self.scores is None else (self.scores[0][rows], self.scores[1][rows])
        return Decisions(self.old[rows], self.new[rows], self.labels[rows], self.counted[rows], scores)


@dataclass(frozen=True, eq=False)
class Answers:
    """What one version answers to examples.

    Attributes
    ----------
    predicted : ndarray of int, shape (examples, positions)
        Predicted classes.
    scores : ndarray, shape (examples, positions)
        Probability of the right class.
    labels : ndarray of int, shape (examples, positions)
        The right classes, -100 where none counts.
    embeddings : ndarray of shape (examples, features), or None
        What the layer gave that was asked for.
    """

    predicted: Whole
    scores: NDArray[np.float64]
    labels: Whole
    embeddings: NDArray[np.float64] | None = None


def decisions(old: Any, new: Any, labels: Any) -> Decisions:
    """Read what was decided.

    Parameters
    ----------
    old, new : array of shape (examples, ...) or (examples, ..., classes), or Answers
        Whole numbers are predicted classes; floats are logits or probabilities, of which the largest decides.
    labels : array of shape (examples,) or (examples, positions), or None
        The right classes, -100 where none counts; those of `Answers` where it is None.

    Returns
    -------
    Decisions
        All as two-dimensional arrays.

    Raises
    ------
    ParameterError
        If shapes or types don't go together, numbers are not finite, or no label counts.
    """
    wanted = _labels(old, new) if labels is None else _whole(labels, "labels")
    if wanted.ndim not in (1, 2) or not wanted.size:
        raise ParameterError(f"labels: got shape {wanted.shape}; expected (examples,) or (examples, positions)")
    counted = wanted != IGNORED
    if not counted.any():
        raise ParameterError("labels: there is no example with a label that counts")
    predicted, scores = zip(
        *(_decided(given, name, wanted) for given, name in ((old, "old"), (new, "new"))), strict=True
    )
    graded = None if scores[0] is None or scores[1] is None else (_table(scores[0]), _table(scores[1]))
    return Decisions(_table(predicted[0]), _table(predicted[1]), _table(wanted), _table(counted), graded)


def _labels(old: Any, new: Any) -> Whole:
    known = [one.labels for one in (old, new) if isinstance(one, Answers)]
    if not known:
        raise ParameterError("labels: there are none; give the right class of each example")
    if len(known) == 2 and not np.array_equal(known[0], known[1]):
        raise ParameterError("new: its labels are not those of old; run both on the same data in the same order")
    return known[0]


def _decided(given: Any, name: str, labels: Whole) -> tuple[Whole, NDArray[np.float64] | None]:
    if isinstance(given, Answers):
        table = labels.reshape(len(labels), -1)
        if not np.array_equal(given.labels, table):
            raise ParameterError(f"{name}: it was run on other labels, or in another order")
        return given.predicted.reshape(labels.shape), given.scores.reshape(labels.shape)
    if not is_array(given):
        raise ParameterError(f"{name}: expected an array of predictions or logits, got {type(given).__name__}")
    host = to_numpy(given)
    if host.shape == labels.shape and host.dtype.kind in "iub":
        return host.astype(np.int64), None
    if (
        host.ndim != labels.ndim + 1
        or host.shape[:-1] != labels.shape
        or host.shape[-1] < 2
        or host.dtype.kind in "iub"
    ):
        expected = f"whole numbers of shape {labels.shape}, or floats of shape {(*labels.shape, 'classes')}"
        raise ParameterError(f"{name}: got {host.dtype} of shape {host.shape}; expected {expected}".replace("'", ""))
    logits = host.astype(np.float64)
    counted = labels != IGNORED
    wrong = int(np.count_nonzero(~np.isfinite(logits[counted]).all(axis=-1)))
    if wrong:
        raise ParameterError(f"{name}: {wrong} of {int(counted.sum())} predictions hold NaN or infinite numbers")
    known = np.where(counted, labels, 0)
    if known.min() < 0 or known.max() >= logits.shape[-1]:
        seen = int(known.min()) if known.min() < 0 else int(known.max())
        raise ParameterError(f"labels: one is {seen}, and {name} has {logits.shape[-1]} classes; count them from 0")
    logits = np.where(counted[..., None], logits, 0.0)
    return logits.argmax(axis=-1), np.take_along_axis(_probabilities(logits), known[..., None], axis=-1)[..., 0]


def _probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take rows that are probabilities as they are, others through the softmax."""
    if logits.min() >= 0 and np.allclose(logits.sum(axis=-1), 1.0, rtol=0, atol=1e-3):
        return logits
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _whole(given: Any, name: str) -> Whole:
    if not is_array(given):
        raise ParameterError(f"{name}: expected an array of classes, got {type(given).__name__}")
    host = to_numpy(given)
    if host.dtype.kind not in "iub":
        raise ParameterError(f"{name}: got {host.dtype}; expected whole numbers, counted from 0")
    return host.astype(np.int64)


def _table(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(len(array), -1)
