"""Shares that were counted: accuracies and their differences, with standard errors and intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Estimate, Interval

Z95 = 1.959963984540054
LEVEL = 0.95


def share(right: NDArray[np.int64], counts: NDArray[np.int64]) -> Estimate:
    r"""Give a share with its standard error and Wilson's interval.

    With one target an example the standard error is the binomial :math:`\sqrt{p (1 - p) / n}`. With several, targets of
    one example go together: it is that of a ratio of sums over examples, and the interval is Wilson's for as many
    independent targets as would have the same.

    Parameters
    ----------
    right : ndarray of shape (examples,)
        How many targets of every example were met.
    counts : ndarray of shape (examples,)
        Of how many.

    Returns
    -------
    Estimate
        The share.
    """
    total = int(counts.sum())
    value = int(right.sum()) / total
    se = float(np.sqrt(np.square(right - value * counts).sum())) / total
    effective = min(value * (1 - value) / se**2, total) if se > 0 else np.count_nonzero(counts)
    shrink = Z95**2 / effective
    middle = (value + shrink / 2) / (1 + shrink)
    half = Z95 * math.sqrt(value * (1 - value) / effective + shrink / (4 * effective)) / (1 + shrink)
    return Estimate(value, Interval(max(middle - half, 0.0), min(middle + half, 1.0), LEVEL, se))


def paired_difference(first: NDArray[np.int64], second: NDArray[np.int64], counts: NDArray[np.int64]) -> Estimate:
    r"""Give the difference of two shares of the same examples with its standard error and interval.

    The standard error is that of the paired differences. The interval is that of Bonett and Price, who add one example
    of each kind, so that it doesn't shrink to a point where the two agree everywhere.

    Parameters
    ----------
    first, second : ndarray of shape (examples,)
        How many targets of every example were met by the one and by the other.
    counts : ndarray of shape (examples,)
        Of how many.

    Returns
    -------
    Estimate
        The first share less the second.
    """
    total = int(counts.sum())
    differences = (first - second).astype(np.float64)
    value = float(differences.sum()) / total
    se = float(np.sqrt(np.square(differences - value * counts).sum())) / total
    size = total / np.count_nonzero(counts)
    wider, sizes = np.append(differences, (size, -size)), np.append(counts, (size, size))
    middle = float(wider.sum() / sizes.sum())
    half = Z95 * float(np.sqrt(np.square(wider - middle * sizes).sum()) / sizes.sum())
    return Estimate(value, Interval(max(middle - half, -1.0), min(middle + half, 1.0), LEVEL, se))
