r"""Dimension from where the nearest neighbours of a point lie, and not only from how far off they are.

A patch is the k nearest neighbours of a point as vectors from it, over the distance to the farthest of them. All that
is computed here depends on the products of these vectors, and is done for many patches at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.ratio_dimension import DimensionFit

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Average = Literal["inverse_mean", "mean", "median"]
Variant = Literal["a", "b"]

_ENTRIES_AT_ONCE = 1 << 20
_PAIRS_AT_ONCE = 1 << 12
_MOST_DIMENSIONS = 1 << 22
_ROUNDING = 1e-14
_CANCELS = 1e-4  # squared distances below this share of what they are the difference of are taken from vectors


def patches(points: Float, distances: Float, indices: Index) -> Iterator[tuple[slice, Float]]:
    """Give the neighbours of points as vectors from them, over the distance to the farthest.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        Where they are.
    distances : ndarray, shape (points, k)
        To the neighbours of each, ascending, none 0.
    indices : ndarray of int, shape (points, k)
        Which points these are.

    Yields
    ------
    some : slice
        Which points.
    vectors : ndarray, shape (some, k, features)
        None longer than 1.
    """
    k, width = indices.shape[1], points.shape[1]
    step = max(1, _ENTRIES_AT_ONCE // (k * max(k, width)))
    for start in range(0, points.shape[0], step):
        some = slice(start, start + step)
        yield some, (points[indices[some]] - points[some, None, :]) / distances[some, -1][:, None, None]


def _apart(vectors: Float, sign: float) -> Float:
    """Compute the squared distances between the vectors of each patch (sign -1), or to their mirror images (1)."""
    products = vectors @ vectors.swapaxes(1, 2)
    squares = np.diagonal(products, axis1=1, axis2=2)
    sums = squares[:, :, None] + squares[:, None, :]
    apart = sums + 2.0 * sign * products
    patch, first, second = np.nonzero(apart < _CANCELS * sums)
    for start in range(0, patch.size, _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        p, i, j = patch[some], first[some], second[some]
        between = vectors[p, i] + sign * vectors[p, j]
        apart[p, i, j] = np.einsum("ij,ij->i", between, between)
    return np.asarray(apart)


def _reach(first: Float, second: Float, apart: Float) -> Float:
    # How far a neighbour lies from another as seen within the ball that touches the patch's rim: the root of
    # (1 - u_i²) s² + (u_i² + v² - u_j²) s - v² = 0, taken without a difference of near numbers.
    middle = (first - second) * (first + second) + apart
    rim = 1.0 - first**2
    root = np.sqrt(middle**2 + 4.0 * apart * rim)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(middle >= 0, 2.0 * apart / (root + middle), (root - middle) / (2.0 * rim))


def tight_local_dimensions(
    points: Float, distances: Float, indices: Index, drop: float, *, corrected: bool = True
) -> Float:
    """Compute the tight local dimension of each point.

    Distances to the farthest neighbour are that of the rim whichever neighbour they are taken from, and their
    logarithms zero; they have nothing to say, and counting them as terms makes the dimension k / (k - 1) times too
    large.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        Where they are.
    distances : ndarray, shape (points, k)
        To the neighbours of each, ascending, none 0.
    indices : ndarray of int, shape (points, k)
        Which points these are.
    drop : float
        Distances below this share of that to the k-th neighbour are left out.
    corrected : bool
        Whether to leave out those to the farthest neighbour too.

    Returns
    -------
    ndarray, shape (points,)
        Infinite where all neighbours lie equally far.
    """
    count, k = distances.shape
    found = np.empty(count)
    own = np.eye(k, dtype=bool)
    for some, vectors in patches(points, distances, indices):
        u = distances[some] / distances[some, -1:]
        first, second = u[:, :, None], u[:, None, :]
        near, far = (_reach(first, second, _apart(vectors, sign)) for sign in (-1.0, 1.0))
        kept = (near >= drop) & (far >= drop) & ~own
        own_kept = u >= drop
        logs = np.log(np.where(kept, near * far, 1.0)).sum(axis=(1, 2))
        logs += 2.0 * np.log(np.where(own_kept, u, 1.0)).sum(axis=1)
        counted = slice(k - 1 if corrected else k)
        terms = np.count_nonzero(kept[:, :, counted], axis=(1, 2)) + np.count_nonzero(own_kept[:, counted], axis=1)
        # What is left of a sum of zeros is rounding.
        logs = np.where(logs < -1e-12 * terms, logs, -0.0)
        with np.errstate(divide="ignore"):
            found[some] = 2.0 * terms / -logs
    return found


def simplex_skewness(points: Float, distances: Float, indices: Index, variant: Variant) -> tuple[Float, Float]:
    r"""Compute the expected skewness of the simplices that pairs of neighbours span with the middle of their patch.

    Parameters
    ----------
    points : ndarray, shape (points, features)
        Where they are.
    distances : ndarray, shape (points, k)
        To the neighbours of each, ascending, none 0.
    indices : ndarray of int, shape (points, k)
        Which points these are.
    variant : {"a", "b"}
        Areas, or projections, of pairs of vectors, over the products of their lengths; all summed before the division.

    Returns
    -------
    skewness : ndarray, shape (points,)
        Between 0 and 1.
    parts : ndarray, shape (points, k)
        By how much it would be less without each of the neighbours, about the same middle.
    """
    found, parts = np.empty(distances.shape[0]), np.empty(distances.shape)
    k = distances.shape[1]
    for some, vectors in patches(points, distances, indices):
        centred = vectors - vectors.mean(axis=1, keepdims=True)
        products = centred @ centred.swapaxes(1, 2)
        squares = np.diagonal(products, axis1=1, axis2=2).copy()
        lengths = np.sqrt(squares)
        sides = np.abs(products) if variant == "b" else _areas(squares[:, :, None] * squares[:, None, :], products)
        sides[:, np.arange(k), np.arange(k)] = 0.0
        with_each = sides.sum(axis=2)
        boxes_with_each = lengths * (lengths.sum(axis=1, keepdims=True) - lengths)
        whole, boxes = with_each.sum(axis=1) / 2.0, boxes_with_each.sum(axis=1) / 2.0
        found[some] = whole / boxes
        parts[some] = found[some, None] - (whole[:, None] - with_each) / (boxes[:, None] - boxes_with_each)
    return found, parts


def _areas(boxes: Float, inner: Float) -> Float:
    squares = np.square(inner)
    np.subtract(boxes, squares, out=squares)
    # Parallel vectors have none, and the root of what rounding leaves would look like some.
    squares[squares <= _ROUNDING * boxes] = 0.0
    return np.sqrt(squares, out=squares)


def skewness_of_dimensions(most: int, variant: Variant) -> Float:
    """Compute the expected skewness in 1, 2, ... dimensions.

    Parameters
    ----------
    most : int
        Up to which dimension, 2 or more.
    variant : {"a", "b"}
        Which.

    Returns
    -------
    ndarray, shape (most,)
        Rising to 1 from 0, or falling from 1 to 0.
    """
    lower = np.arange(1.0, most - 1.0)
    steps = lower / (lower + 1.0) if variant == "b" else lower**2 / np.maximum(lower**2 - 1.0, 1.0)
    values = np.empty(most)
    values[:2] = [1.0, 2.0 / np.pi] if variant == "b" else [0.0, 2.0 / np.pi]
    odd = 0 if variant == "b" else 2
    if variant == "a" and most > 2:
        values[2] = np.pi / 4.0
    for start in (odd, 1):
        chain = values[start::2]
        chain[1:] = chain[0] * np.cumprod(steps[start::2])
    return values


def dimensions_of_skewness(skewness: Float, variant: Variant) -> tuple[Float, Float]:
    """Find the dimensions that skewness is expected in, along straight lines between whole numbers.

    Parameters
    ----------
    skewness : ndarray
        Between 0 and 1.
    variant : {"a", "b"}
        Which.

    Returns
    -------
    dimensions : ndarray
        1 or more.
    slopes : ndarray
        By how much they grow with the skewness.
    """
    sign = 1.0 if variant == "a" else -1.0
    most, largest = 32, float((sign * skewness).max())
    while (reference := sign * skewness_of_dimensions(most, variant))[-1] < largest and most < _MOST_DIMENSIONS:
        most *= 2
    found = np.interp(sign * skewness, reference, np.arange(1.0, most + 1.0))
    below = np.minimum(found.astype(np.int64), most - 1)
    return np.asarray(found), sign / (reference[below] - reference[below - 1])


def skewness_fit(skewness: Float, parts: Float, indices: Index, variant: Variant, average: Average) -> DimensionFit:
    r"""Put together the dimensions of all points by their skewness, with the say of each point in all patches it is in.

    Patches share points in so many pairs that sums over a graph of neighbours leave out half of the variance. The
    projection of the estimate on single points is known here: what a point has of its own, and in each patch that it
    is part of. Their squares make the variance, from above (Efron and Stein 1981).

    Parameters
    ----------
    skewness : ndarray, shape (points,)
        Of each patch.
    parts : ndarray, shape (points, k)
        What each of the neighbours adds to it.
    indices : ndarray of int, shape (points, k)
        Which points these are.
    variant : {"a", "b"}
        Which.
    average : {"inverse_mean", "mean", "median"}
        How.

    Returns
    -------
    DimensionFit
        The dimension; its influences are to be taken for independent.
    """
    single, slopes = dimensions_of_skewness(skewness, variant)
    fit = averaged(single, average)
    if average == "mean":
        weights = slopes
    elif average == "inverse_mean":
        weights = slopes * (fit.dimension / single) ** 2
    else:
        reach = _median_reach(single.size)
        low, high = np.quantile(single, [0.5 - reach, 0.5 + reach])
        weights = slopes * ((single >= low) & (single <= high)) / (2.0 * reach)
    shared = np.bincount(indices.ravel(), (weights[:, None] * parts).ravel(), minlength=single.size)
    return DimensionFit(fit.dimension, fit.influence + shared, single)


def _median_reach(count: int) -> float:
    return float(min(0.25, 0.5 * count**-0.2))


def averaged(single: Float, average: Average) -> DimensionFit:
    """Put together the dimensions of all points.

    Parameters
    ----------
    single : ndarray, shape (points,)
        The dimension of each, none 0.
    average : {"inverse_mean", "mean", "median"}
        How.

    Returns
    -------
    DimensionFit
        With the influence of each point.
    """
    if average == "mean":
        mean = single.mean()
        return DimensionFit(float(mean), single - mean, single)
    if average == "inverse_mean":
        dimension = 1.0 / (1.0 / single).mean()
        return DimensionFit(float(dimension), dimension * (1.0 - dimension / single), single)
    middle = float(np.median(single))
    reach = _median_reach(single.size)
    low, high = np.quantile(single, [0.5 - reach, 0.5 + reach])
    density = 2.0 * reach / max(high - low, np.finfo(np.float64).tiny)
    return DimensionFit(middle, np.sign(single - middle) / 2.0 / density, single)
