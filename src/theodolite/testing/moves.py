"""What is done to clouds without changing, for some measures, the answer: each move on any number of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from theodolite.testing.planted import orthogonal

Host = np.ndarray[Any, Any]
Arguments = tuple[Host, ...]
"""What a measure is called with: one array for each positional argument."""

Moved = list[tuple[Arguments, float]]
"""All moved arguments, each with the factor of the move (1.0 where it has none)."""

FACTORS = (3.7, 250.0, 2e-4)
"""Far apart, up and down: a threshold that is absolute shows under one of them."""

OFFSETS = (3.0, 2000.0)
"""In units of the largest entry: sums of squares that are not taken about a mean lose digits under the second."""


def scaled(arguments: Arguments) -> Moved:
    """Multiply every argument by the same constant.

    Parameters
    ----------
    arguments : tuple of numpy.ndarray
        The data.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data with the constant.
    """
    return [(tuple(factor * array for array in arguments), factor) for factor in FACTORS]


def separately_scaled(arguments: Arguments) -> Moved:
    """Multiply every cloud by a constant of its own.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data with the geometric mean of the constants.
    """
    moved: Moved = []
    for own in ((0.3, 40.0), (0.05, 0.0002)):
        factors = [own[place % 2] for place in range(len(arguments))]
        changed = tuple(factor * array for factor, array in zip(factors, arguments, strict=True))
        moved.append((changed, float(np.exp(np.mean(np.log(factors))))))
    return moved


def translated(arguments: Arguments) -> Moved:
    """Add a vector to the rows of each cloud, each its own.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data, once nearby and once far from the origin.
    """
    rng = np.random.default_rng(23)
    return [
        (tuple(a + offset * np.abs(a).max() * rng.standard_normal(a.shape[-1]) for a in arguments), 1.0)
        for offset in OFFSETS
    ]


def rotated(arguments: Arguments) -> Moved:
    """Map the features of each cloud by an orthogonal matrix, each by its own.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data.
    """
    rng = np.random.default_rng(21)
    return [(tuple(array @ orthogonal(array.shape[-1], rng=rng) for array in arguments), 1.0)]


def permuted(arguments: Arguments) -> Moved:
    """Put the features of each cloud into another order, each its own.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data.
    """
    rng = np.random.default_rng(20)
    return [(tuple(np.ascontiguousarray(a[..., rng.permutation(a.shape[-1])]) for a in arguments), 1.0)]


def mapped(arguments: Arguments) -> Moved:
    """Map the features of each cloud by an invertible matrix, each by its own.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data; the largest singular value of a map is eight times the smallest.
    """
    rng = np.random.default_rng(24)

    def invertible(width: int) -> Host:
        stretch = 2.0 ** np.linspace(-2.0, 1.0, width)
        return np.asarray((orthogonal(width, rng=rng) * stretch) @ orthogonal(width, rng=rng))

    return [(tuple(array @ invertible(array.shape[-1]) for array in arguments), 1.0)]


def reordered(arguments: Arguments) -> Moved:
    """Put the rows into another order, alike in every cloud.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        Moved data.
    """
    order = np.random.default_rng(25).permutation(arguments[0].shape[0])
    return [(tuple(np.ascontiguousarray(array[order]) for array in arguments), 1.0)]


def exchanged(arguments: Arguments) -> Moved:
    """Swap the clouds.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of (tuple of numpy.ndarray, float)
        The last first.
    """
    return [(arguments[::-1], 1.0)]


def alike(arguments: Arguments) -> list[Arguments]:
    """Pass each cloud in the place of all the others.

    Parameters
    ----------
    arguments : tuple of ndarray, shape (rows, columns)
        The clouds.

    Returns
    -------
    list of tuple of numpy.ndarray
        As many arguments as before, all the same.
    """
    return [tuple(array.copy() for _ in arguments) for array in arguments]
