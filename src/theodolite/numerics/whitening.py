"""Principal axes of a cloud, and maps that even out the spread along them in part or in full."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np

__all__ = ["mixed_gains", "principal_axes"]


def principal_axes(scatter: Any, count: int) -> tuple[Any, Any]:
    """Diagonalise a scatter matrix, and leave out directions in which nothing is spread.

    Parameters
    ----------
    scatter : array of shape (d, d)
        Of centred rows.
    count : int
        How many rows there are.

    Returns
    -------
    spreads : array of shape (rank,)
        Singular values of the centred rows, descending. A direction counts where the square of its spread exceeds
        ``max(n, d) eps`` times the largest: what is smaller, rounding of the scatter matrix would make as well.
    axes : array of shape (d, rank)
        Orthonormal columns.

    Examples
    --------
    >>> spreads, axes = principal_axes(np.diag([4.0, 0.0, 9.0]), 5)
    >>> spreads
    array([3., 2.])
    """
    library = compat.array_namespace(scatter)
    values, axes = library.linalg.eigh(scatter)
    values, axes = library.flip(values), library.flip(axes, axis=1)
    least = max(count, int(scatter.shape[0])) * float(np.finfo(np.float64).eps) * values[0]
    rank = min(int(library.sum(library.astype(values > least, library.int64))), count - 1)
    return library.sqrt(values[:rank]), axes[:, :rank]


def mixed_gains(spreads: Any, alpha: float) -> Any:
    """Say by what partial whitening multiplies each principal axis.

    Parameters
    ----------
    spreads : array of shape (rank,)
        Singular values of the centred rows.
    alpha : float
        1 leaves the cloud as it is, 0 gives every axis the spread 1.

    Returns
    -------
    array of shape (rank,)
        ``alpha + (1 - alpha) / spreads``.

    Examples
    --------
    >>> mixed_gains(np.array([4.0, 0.5]), 0.5)
    array([0.625, 1.5  ])
    """
    return alpha + (1.0 - alpha) / spreads
