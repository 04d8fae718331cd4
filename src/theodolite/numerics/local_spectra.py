"""Variances of the principal directions of many neighbourhoods at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["local_spectra"]

Float = NDArray[np.float64]

_ENTRIES_AT_ONCE = 1 << 20
_ZERO = 4.0 * float(np.finfo(np.float64).eps)


def local_spectra(rows: Float, neighbours: NDArray[np.int64], without: Sequence[NDArray[np.bool_]] = ()) -> list[Float]:
    """Find the variances of the neighbours of each point, about their own mean; and without some points.

    Parameters
    ----------
    rows : ndarray, shape (points, features)
        The points, about their mean.
    neighbours : ndarray of int, shape (points, k)
        Which ones are the neighbours of each; 2 or more.
    without : sequence of ndarray of bool, shape (points,)
        Points that are left out of all neighbourhoods, for one more spectrum each.

    Returns
    -------
    list of ndarray, shape (points, min(k - 1, features))
        With all points, then without each set. Descending; what rounding may have made is 0, as are the variances of
        neighbourhoods that are left with fewer than two.

    Examples
    --------
    >>> local_spectra(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [1.0, 3.0]]), np.array([[0, 1], [2, 3]]))
    [array([[2.],
           [5.]])]
    """
    k, width = neighbours.shape[1], rows.shape[1]
    some = min(k - 1, width)
    kept = [np.ones(len(rows), np.bool_), *(~left_out for left_out in without)]
    found = [np.empty((len(neighbours), some)) for _ in kept]
    step = max(1, _ENTRIES_AT_ONCE // (k * max(k, width)))
    for start in range(0, len(neighbours), step):
        places = neighbours[start : start + step]
        patch = rows[places]
        patch -= patch[:, :1].copy()
        # By a power of two near the largest entry, so that squares neither overflow nor vanish.
        size = np.ldexp(1.0, np.frexp(np.abs(patch).max(axis=(1, 2)))[1])[:, None]
        patch /= size[:, :, None]
        patch -= patch.mean(axis=1, keepdims=True)
        gram = patch @ patch.transpose(0, 2, 1) if k <= width else None
        for each, out in zip(kept, found, strict=True):
            weights = each[places].astype(np.float64)
            out[start : start + step] = _spectra(patch, gram, weights, some) * size**2
    return found


def _spectra(patch: Float, gram: Float | None, weights: Float, some: int) -> Float:
    """Find the variances of the members of each patch that have the weight 1."""
    counts = np.maximum(weights.sum(axis=1), 2.0)[:, None]
    if gram is None:
        mean = (weights[:, None, :] @ patch) / counts[:, :, None]
        about = (patch - mean) * weights[:, :, None]
        gram = about.transpose(0, 2, 1) @ about
    elif not weights.all():
        # Products about the mean of these members, from those about the mean of all.
        toward = (gram @ weights[:, :, None]) / counts[:, :, None]
        level = (weights[:, None, :] @ toward) / counts[:, :, None]
        gram = (gram - toward - toward.transpose(0, 2, 1) + level) * (weights[:, :, None] * weights[:, None, :])
    k, width = patch.shape[1:]
    values = np.linalg.eigvalsh(gram)[:, ::-1][:, :some]
    values[values < _ZERO * max(k, width) * values[:, :1]] = 0.0
    return np.asarray(values / (counts - 1.0))
