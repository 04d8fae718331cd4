"""A power-law exponent whose tail starts near the peak of the spectrum's density, as AlphaLoRA's code searches it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["PeakFit", "peak_search"]

_BINS = 100


@dataclass(frozen=True)
class PeakFit:
    """A fitted tail.

    Attributes
    ----------
    alpha : float
        Exponent of the density.
    distance : float
        Largest gap between the law and the sample's steps, before each step only.
    xmin : float
        Where the tail starts.
    peak : float
        Left edge of the fullest bin of the histogram.
    """

    alpha: float
    distance: float
    xmin: float
    peak: float


def peak_search(eigenvalues: ArrayLike) -> PeakFit | None:
    r"""Fit a power law from a start near the peak of the density, as the released code of AlphaLoRA does.

    The decimal logarithms of all eigenvalues are put into 100 bins of equal width; p is ten to the left edge of the
    fullest. Every eigenvalue in :math:`[\log_{10}(0.95\,p),\, 1.5\,p]` but the largest is tried as the start, and the
    one with the smallest distance is taken. The logarithm in the lower end is the code's: it mixes units, so that
    multiplying the matrix by a number can change which starts are tried, and with them the exponent; it is never above
    0.152 p, and for p below 1.05 there is no lower end at all. It is kept because published allocations were computed
    with it.

    Parameters
    ----------
    eigenvalues : array of shape (n,)
        Squared singular values, all of them, positive, in any order.

    Returns
    -------
    PeakFit or None
        None where no start gives an exponent above 1 with a distance below 1.

    Raises
    ------
    ValueError
        If an eigenvalue is not positive and finite.

    Examples
    --------
    >>> fit = peak_search(4.0 ** np.arange(12))
    >>> round(fit.alpha, 4), fit.xmin
    (1.1312, 1.0)
    """
    ordered = np.sort(np.asarray(eigenvalues, dtype=np.float64))
    if ordered.ndim != 1 or not ordered.size or not (ordered[0] > 0 and np.isfinite(ordered[-1])):
        raise ValueError("eigenvalues: expected positive finite numbers in a row")
    counts, edges = np.histogram(np.log10(ordered), bins=_BINS)
    peak = float(10 ** edges[np.argmax(counts)])
    low, high = math.log10(0.95 * peak), 1.5 * peak
    logs = np.log(ordered)
    best: PeakFit | None = None
    for start in np.flatnonzero((ordered[:-1] >= low) & (ordered[:-1] <= high)):
        tail = logs[start:] - logs[start]
        total = float(tail.sum())
        if not total > 0:
            continue
        rate = tail.size / total
        distance = float(np.abs(-np.expm1(-rate * tail) - np.arange(tail.size) / tail.size).max())
        if distance < (1.0 if best is None else best.distance):
            best = PeakFit(1.0 + rate, distance, float(ordered[start]), peak)
    return best
