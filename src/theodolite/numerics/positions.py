"""The positions of an unfolded kernel, brought to noise of one variance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.bulk import fit_bulk
from theodolite.numerics.slices import positive_eigenvalues

__all__ = ["balanced_kernel", "position_scales"]

Vector = NDArray[np.float64]

_LEVEL = 0.001
_FEWEST = 8


def position_scales(matrix: NDArray[Any], positions: int) -> Vector:
    """Find by what each position of a kernel is multiplied for noise of one variance.

    The noise of a position is that of its own bulk, so that what stands out at one position doesn't lower its noise.

    Parameters
    ----------
    matrix : ndarray of shape (out, channels * positions)
        An unfolded kernel, the positions running fastest.
    positions : int
        How many there are.

    Returns
    -------
    ndarray, shape (positions,)
        The root mean square noise over that of each position; 0 for a position without weights, which has no noise.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((40, 30, 2)) * [1.0, 3.0]
    >>> one, other = position_scales(noise.reshape(40, 60), 2)
    >>> round(float(one / other))
    3
    """
    variances = np.array([_variance_of_noise(part) for part in _stack(matrix, positions)])
    scales, live = np.zeros(positions), variances > 0.0
    if live.any():
        scales[live] = np.sqrt(variances[live].mean() / variances[live])
    return scales


def balanced_kernel(matrix: NDArray[Any], positions: int) -> NDArray[np.float64]:
    """Multiply each position of a kernel by its scale.

    Parameters
    ----------
    matrix : ndarray of shape (out, channels * positions)
        As for `position_scales`.
    positions : int
        How many there are.

    Returns
    -------
    ndarray of shape (out, channels * live positions)
        One position beside the other, those without weights left out; the kernel as it is where none has any.
    """
    scales = position_scales(matrix, positions)
    live = scales > 0.0
    if not live.any():
        return np.ascontiguousarray(matrix, dtype=np.float64)
    return np.concatenate(list(_stack(matrix, positions)[live] * scales[live, None, None]), axis=1)


def _stack(matrix: NDArray[Any], positions: int) -> NDArray[np.float64]:
    taps = matrix.reshape(matrix.shape[0], -1, positions)
    return np.ascontiguousarray(np.moveaxis(taps, 2, 0), dtype=np.float64)


def _variance_of_noise(part: NDArray[np.float64]) -> float:
    (values,) = positive_eigenvalues(part)
    bulk = fit_bulk(values, max(part.shape), _LEVEL) if values.size >= _FEWEST else None
    return float(np.mean(part**2)) if bulk is None else bulk.variance
