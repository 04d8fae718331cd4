"""How many points no plane separates from others at given margins, and the sphere on which as many are not."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, lambertw

__all__ = ["MARGINS", "equivalent_dimension", "inseparable_counts", "inseparable_share", "on_sphere"]

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Law = Literal["limit", "exact"]

MARGINS = np.arange(0.6, 1.0, 0.02)
_ENTRIES_AT_ONCE = 1 << 22
_AT_CENTRE = 1e-9  # relative to the root mean square; rounding alone gives such rows a direction
_LEAST = 1.0 + 1e-9  # dimensions; at 1 the sphere is two points
_STEP = 1e-4


def on_sphere(centred: Float, condition: float) -> Float:
    """Bring rows to their leading principal directions, whiten them, and put them on the unit sphere.

    Parameters
    ----------
    centred : ndarray, shape (rows, features)
        Rows about their mean, not all zero.
    condition : float
        Directions are kept whose variance is above that of the first divided by this.

    Returns
    -------
    ndarray, shape (some, directions)
        Of the rows that have a direction.

    Examples
    --------
    >>> found = on_sphere(np.array([[2.0, 1.0], [-2.0, -1.0], [2.0, -1.0], [-2.0, 1.0]]), 10.0)
    >>> (found**2).round(6)
    array([[0.5, 0.5],
           [0.5, 0.5],
           [0.5, 0.5],
           [0.5, 0.5]])
    """
    rows = centred / np.abs(centred).max()
    tall = rows.shape[0] > rows.shape[1]
    values, vectors = np.linalg.eigh(rows.T @ rows if tall else rows @ rows.T)
    kept = values > values[-1] / condition
    white = rows @ (vectors[:, kept] / np.sqrt(values[kept])) if tall else vectors[:, kept]
    lengths = np.linalg.norm(white, axis=1)
    far = lengths > _AT_CENTRE * np.sqrt(np.mean(lengths**2))
    return np.asarray(white[far] / lengths[far, None])


def inseparable_counts(points: Float) -> Index:
    """Count for each point the others that it isn't separable from, at every margin.

    Parameters
    ----------
    points : ndarray, shape (points, directions)
        On the unit sphere.

    Returns
    -------
    ndarray of int, shape (points, margins)
        Others whose inner product with it is above the margin.
    """
    count = len(points)
    found = np.zeros((count, MARGINS.size), np.int64)
    step = max(1, _ENTRIES_AT_ONCE // count)
    for start in range(0, count, step):
        products = points[start : start + step] @ points.T
        products[np.arange(len(products)), start + np.arange(len(products))] = -1.0
        for place, margin in enumerate(MARGINS):
            found[start : start + step, place] = np.count_nonzero(products > margin, axis=1)
            if not found[start : start + step, place].any():
                break
    return found


def inseparable_share(dimension: float, margin: float, law: Law) -> float:
    """Give the share of inseparable pairs of points even on a sphere.

    Parameters
    ----------
    dimension : float
        Of the space that the sphere lies in; above 1 for the exact law.
    margin : float
        Between 0 and 1.
    law : {"limit", "exact"}
        The form for many dimensions, or the cap of the sphere itself.

    Returns
    -------
    float
        A probability; the limit may exceed a half.

    Examples
    --------
    >>> round(inseparable_share(3, 0.6, "exact"), 12)
    0.2
    """
    if law == "exact":
        return 0.5 * float(betainc((dimension - 1.0) / 2.0, 0.5, 1.0 - margin**2))
    return float((1.0 - margin**2) ** ((dimension - 1.0) / 2.0) / (margin * np.sqrt(2.0 * np.pi * dimension)))


def equivalent_dimension(share: float, margin: float, law: Law) -> tuple[float, float]:
    """Find the dimension whose sphere has a share of inseparable pairs.

    Parameters
    ----------
    share : float
        Above 0.
    margin : float
        Between 0 and 1.
    law : {"limit", "exact"}
        As in `inseparable_share`.

    Returns
    -------
    dimension : float
        Of the space that the sphere lies in. The exact law has no share above a half, and 1 stands there.
    sensitivity : float
        By how much it falls for a relative rise of the share.
    """
    if law == "exact":
        most = 2.0
        while inseparable_share(most, margin, law) > share:
            most *= 2.0
        if share >= inseparable_share(_LEAST, margin, law):
            return 1.0, 0.0
        found = float(brentq(lambda n: np.log(inseparable_share(n, margin, law) / share), _LEAST, most, xtol=1e-13))
        ahead = inseparable_share(found * (1.0 + _STEP), margin, law)
        return found, found * _STEP / float(np.log(share / ahead))
    squared = margin**2
    width = -float(np.log1p(-squared))
    found = float(np.real(lambertw(width / (2.0 * np.pi * share**2 * squared * (1.0 - squared))))) / width
    return found, 2.0 / (width + 1.0 / found)
