"""Centred Gram and kernel matrices of a pair of clouds, through their inner products alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from theodolite.core import Array, Cloud, Note, Outcome, Pair, Refusal, namespace, to_numpy
from theodolite.numerics.gram_products import GramProducts, linear_products, mean_products
from theodolite.numerics.kernels import Kernel, Kind, Points, kernel_sums, middle_pairs

Estimator = Literal["unbiased", "biased", "minibatch"]

Bounds = tuple[tuple[int, int], ...]

FEWEST = {"unbiased": 4, "minibatch": 4, "biased": 3}
"""Rows that an estimator needs: with fewer, all clouds look the same to it, or it is undefined."""

_AT_MEAN = 1e-24
_UNIT_EXPONENT = 0.7


@dataclass(frozen=True)
class KernelChoice:
    """A kernel in units that don't depend on the cloud.

    Parameters
    ----------
    kind : {"rbf", "laplace", "cosine", "polynomial", "distance"}
        Which.
    bandwidth : float
        Length of the first two over the median distance.
    degree : int
        Of the polynomial.
    """

    kind: Kind
    bandwidth: float = 1.0
    degree: int = 2


def linear_grams(pair: Pair, estimator: Estimator, batch_size: int = 0) -> GramProducts:
    """Inner products of the centred Gram matrices of a pair of clouds, from moments where they suffice.

    Parameters
    ----------
    pair : Pair
        The clouds.
    estimator : {"unbiased", "biased", "minibatch"}
        U-centring, double centring, or the mean of U-centring within batches of rows.
    batch_size : int
        Rows of each batch at least.

    Returns
    -------
    GramProducts
        A cloud of which nothing is left is a `Refusal`, and so are too few rows.
    """
    _check(pair, estimator)
    if estimator != "minibatch":
        return _sound(pair.once(("linear grams", estimator), lambda: _linear(pair, unbiased=estimator == "unbiased")))
    pair.require(["rows"])
    batches = [
        Pair(pair.x.centred[start:stop, :], pair.y.centred[start:stop, :])
        for start, stop in _batches(pair.count, batch_size)
    ]
    return _sound(_mean([_linear(batch, unbiased=True) for batch in batches], [batch.count for batch in batches]))


def kernel_grams(pair: Pair, choice: KernelChoice, estimator: Estimator, batch_size: int = 0) -> GramProducts:
    """Inner products of the centred kernel matrices of a pair of clouds, a block of rows at a time.

    Parameters
    ----------
    pair : Pair
        The clouds; they must have rows.
    choice : KernelChoice
        The kernel.
    estimator : {"unbiased", "biased", "minibatch"}
        U-centring, double centring, or the mean of U-centring within batches of rows.
    batch_size : int
        Rows of each batch at least.

    Returns
    -------
    GramProducts
        A cloud of which nothing is left is a `Refusal`, and so are too few rows.
    """
    pair.require(["rows"])
    _check(pair, estimator)
    bounds: Bounds = ((0, pair.count),)
    if estimator == "minibatch":
        bounds = _batches(pair.count, batch_size)
    kernels = [_kernel(cloud, choice, bounds) for cloud in (pair.x, pair.y)]
    points = [_points(cloud) for cloud in (pair.x, pair.y)]
    parts = []
    for start, stop in bounds:
        x, y = ((kernel, all_points.of(start, stop)) for kernel, all_points in zip(kernels, points, strict=True))
        parts.append(kernel_sums(x, y).centred(unbiased=estimator != "biased"))
    return _sound(_mean(parts, [stop - start for start, stop in bounds]))


def repeated_stimuli(pair: Pair) -> int:
    """Count the rows that repeat another in both clouds.

    Rows of one cloud alone may coincide (a dead layer, a rare token): the correction for bias then still holds.

    Parameters
    ----------
    pair : Pair
        The clouds.

    Returns
    -------
    int
        0 where only moments are known.
    """
    if "rows" not in pair.has:
        return 0
    x, y = pair.x.distinct, pair.y.distinct
    if pair.count in {x.count, y.count}:
        return 0
    return pair.count - int(np.unique(x.of * y.count + y.of).size)


def repeated_notes(pair: Pair, parameters: Mapping[str, Any]) -> tuple[Note, ...]:
    """Say that stimuli are there several times, where that undoes the correction for bias.

    Parameters
    ----------
    pair : Pair
        The clouds.
    parameters : mapping
        With the ``"estimator"``; the biased one corrects nothing.

    Returns
    -------
    tuple of Note
        One, or none.
    """
    repeated = 0 if parameters["estimator"] == "biased" else repeated_stimuli(pair)
    return (Note(Outcome.DUPLICATE_ROWS, f"{repeated} rows repeat others in both clouds"),) if repeated else ()


def _check(pair: Pair, estimator: Estimator) -> None:
    if pair.count < FEWEST[estimator]:
        need = f"{pair.count} rows; estimator={estimator!r} needs {FEWEST[estimator]}"
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, need)
    for name, total in zip("xy", pair.totals, strict=True):
        if not bool(total > 0):
            raise Refusal(Outcome.CONSTANT_CLOUD, name)


def _sound(products: GramProducts) -> GramProducts:
    for name, vanishing in zip("xy", products.vanishing, strict=True):
        if vanishing:
            raise Refusal(Outcome.EQUIDISTANT, name)
    return products


def _linear(pair: Pair, *, unbiased: bool) -> GramProducts:
    if "rows" not in pair.has:
        (x, y), fourth = pair.scatters, pair.fourth
        squares = _square(x, x), _square(pair.cross, pair.cross), _square(y, y)
    else:
        wide = pair.count < max(pair.widths)
        mixed = (pair.x.gram, pair.y.gram) if wide else (pair.cross, pair.cross)
        squares = _own_square(pair.x, wide=wide), _square(*mixed), _own_square(pair.y, wide=wide)
        x, y = pair.x.squares, pair.y.squares
        fourth = _square(x, x), _square(x, y), _square(y, y)
    return linear_products(pair.count, squares, pair.totals, fourth if unbiased else None)


def _square(one: Array, other: Array) -> Array:
    return namespace(one, other).sum(one * other)


def _own_square(cloud: Cloud, *, wide: bool) -> Array:
    """Square the norm of the Gram matrix, which is that of the scatter matrix: take the smaller."""
    matrix = cloud.gram if wide else cloud.scatter
    return cloud.in_any_order("square of the Gram matrix", lambda: _square(matrix, matrix))


def _batches(count: int, size: int) -> Bounds:
    """Cut rows into batches of nearly equal size, at least the one asked for."""
    edges = np.linspace(0, count, max(1, count // size) + 1).round().astype(int)
    return tuple((int(start), int(stop)) for start, stop in pairwise(edges))


def _mean(parts: list[GramProducts], counts: Iterable[int]) -> GramProducts:
    """Average estimates of the independence criterion; one part stays as it is."""
    if len(parts) == 1:
        return parts[0]
    return mean_products(parts, [1.0 / (count * (count - 3)) / len(parts) for count in counts])


def _points(cloud: Cloud) -> Points:
    gram = cloud.gram if cloud.count < cloud.width else None
    return Points(cloud.centred, cloud.squares, cloud.total / cloud.count, gram)


def _kernel(cloud: Cloud, choice: KernelChoice, bounds: Bounds) -> Kernel:
    points = _points(cloud)
    if choice.kind == "cosine" and bool(namespace(points.squares).min(points.norms_squared) < _AT_MEAN):
        raise Refusal(Outcome.ROW_AT_MEAN)
    if choice.kind not in {"rbf", "laplace"}:
        return Kernel(choice.kind, degree=choice.degree)
    remembered = cloud.in_any_order if len(bounds) == 1 else cloud.once
    median = remembered(("median distance", bounds), lambda: _median(points, bounds))
    if not bool(median > 0):
        raise Refusal(Outcome.COINCIDENT_ROWS)
    exponent = 0.5 / choice.bandwidth**2 if choice.kind == "rbf" else 1.0 / choice.bandwidth
    return Kernel(choice.kind, choice.bandwidth * median, wide=exponent < _UNIT_EXPONENT)


def _median(points: Points, bounds: Bounds) -> Array:
    """Measure the median distance between rows within the same bounds; found on the host, with its gradient."""
    gram = None if points.gram is None else to_numpy(points.gram)
    host = Points(to_numpy(points.rows), to_numpy(points.squares), to_numpy(points.unit), gram)
    middle = middle_pairs([host.of(start, stop) for start, stop in bounds])
    lower, upper = (points.distance(bounds[group][0] + one, bounds[group][0] + other) for group, one, other in middle)
    return (lower + upper) / 2.0
