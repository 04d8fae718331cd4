"""Variances of the principal directions of many neighbourhoods at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["local_spectra"]

Float = NDArray[np.float64]

_ENTRIES_AT_ONCE = 1 << 20
_ZERO = 4.0 * float(np.finfo(np.float64).eps)


def local_spectra(rows: Float, neighbours: NDArray[np.int64]) -> Float:
    """Find the variances of the neighbours of each point, about their own mean.

    Parameters
    ----------
    rows : ndarray, shape (points, features)
        The points, about their mean.
    neighbours : ndarray of int, shape (points, k)
        Which ones are the neighbours of each; 2 or more.

    Returns
    -------
    ndarray, shape (points, min(k - 1, features))
        Descending; what rounding may have made is 0.

    Examples
    --------
    >>> local_spectra(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [1.0, 3.0]]), np.array([[0, 1], [2, 3]]))
    array([[2.],
           [5.]])
    """
    k, width = neighbours.shape[1], rows.shape[1]
    some = min(k - 1, width)
    found = np.empty((len(neighbours), some))
    step = max(1, _ENTRIES_AT_ONCE // (k * max(k, width)))
    for start in range(0, len(neighbours), step):
        patch = rows[neighbours[start : start + step]]
        patch -= patch[:, :1].copy()
        # By a power of two near the largest entry, so that squares neither overflow nor vanish.
        size = np.ldexp(1.0, np.frexp(np.abs(patch).max(axis=(1, 2)))[1])[:, None]
        patch /= size[:, :, None]
        patch -= patch.mean(axis=1, keepdims=True)
        turned = patch.transpose(0, 2, 1)
        values = np.linalg.eigvalsh(patch @ turned if k <= width else turned @ patch)[:, ::-1][:, :some]
        values[values < _ZERO * max(k, width) * values[:, :1]] = 0.0
        found[start : start + step] = values * (size**2 / (k - 1.0))
    return found
