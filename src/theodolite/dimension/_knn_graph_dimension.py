"""The dimension from how the length of the graph of nearest neighbours grows with the number of points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from theodolite.core import Cloud, Limits, Outcome, Refusal, measure, to_numpy
from theodolite.dimension._growth import GrowthDimension, growth_fields
from theodolite.numerics.growth_law import growing_parts, smallest_part
from theodolite.numerics.halves import HALVINGS
from theodolite.numerics.part_lists import distances_within

_ENOUGH = 6  # times as many neighbours are listed as the smallest part needs on average, for its half


@dataclass(frozen=True, kw_only=True)
class KNNGraphDimension(GrowthDimension):
    """Dimension from graphs of neighbours.

    Attributes
    ----------
    dimension : array of shape () or Missing
        power / (1 - slope); missing where the slope is 1 or more. ``extra`` has the line: ``"sizes"``, and
        ``"lengths"`` at each.
    inverse : array of shape ()
        (1 - slope) / power, with its standard error; the interval of the dimension is this one's.
    slope : array of shape ()
        Of the logarithm of the graph's length in that of the number of points.
    r_squared : array of shape ()
        Share of the variance of the logarithms that the line explains: the goodness of fit.
    points, duplicates : array of shape ()
        Distinct points, rows that repeat another.
    searched : array of shape ()
        How often lists of neighbours ran out, so that a point had to be compared with all others of its part.
    """


def _reach(count: int, parameters: Mapping[str, Any]) -> int:
    k = int(parameters["k"])
    return min(count - 1, math.ceil(_ENOUGH * k * count / _smallest(count, k, parameters["share"])))


def _smallest(count: int, k: int, share: float) -> int:
    """Say how many points the smallest part has, whose halves are to have neighbours enough."""
    return max(smallest_part(count, share), 2 * (k + 1))


@measure(cite="costa2004geodesic", needs="rows", runs="host", neighbours=_reach)
def knn_graph_dimension(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=1)] = 4,
    power: Annotated[float, Limits(gt=0)] = 1.0,
    share: Annotated[float, Limits(gt=0, le=0.5)] = 0.2,
    repeats: Annotated[int, Limits(ge=1)] = 3,
    rng: int | np.random.Generator = 0,
) -> KNNGraphDimension:
    r"""Costa and Hero's dimension: the graph of neighbours of m points is about :math:`m^{1 - \gamma / d}` long.

    The length is :math:`L_\gamma = \sum_i \sum_{j \le k} r_{ij}^\gamma`; with the slope s of its logarithm,
    :math:`d = \gamma / (1 - s)`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours of each.
    power : float
        γ, of the edges; below the dimension.
    share : float
        Share of the points in the smallest part, which has 40 at least.
    repeats : int
        How often all points are dealt out at each size.
    rng : int or numpy.random.Generator
        Draws the parts.

    Returns
    -------
    KNNGraphDimension
        The dimension, its inverse and the slope, with intervals.

    Raises
    ------
    Refusal
        If there are fewer than 4 (k + 1) + 4 distinct points.

    Notes
    -----
    Six sizes in equal steps of their logarithm, up to all points, drawn without replacement: with a handful of points
    in a part, as scikit-dimension draws by default, the answer is whatever comes. The standard error is that of
    `ph_dimension`: of the slopes of random halves of the cloud.

    Reads as
    --------
    As `ph_dimension`, with more edges of which none is long.

    Misleads when
    -------------
    The cloud has an edge and d is high: then it is low. Points come in clumps: small parts see between the clumps and
    large ones into them, which is noted as a bent line.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k) for each of some 160 passes over the
    points.

    References
    ----------
    J. A. Costa and A. O. Hero, Geodesic entropic graphs for dimension and entropy estimation in manifold learning, IEEE
    Transactions on Signal Processing 52 (2004) 2210-2221.

    Examples
    --------
    >>> import numpy as np
    >>> torus = np.exp(2j * np.pi * np.random.default_rng(0).random((1000, 2))).view(float)
    >>> found = knn_graph_dimension(torus)
    >>> bool(found.intervals["dimension"].low < 2 < found.intervals["dimension"].high)
    True
    """
    count, fewest = cloud.distinct.count, 4 * (k + 1) + 4
    if count < fewest:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{count} distinct points, {fewest} needed for k = {k}")
    smallest = _smallest(count, k, share)
    known = cloud.neighbours(_reach(count, {"k": k, "share": share}))
    points = np.asarray(to_numpy(cloud.rows), np.float64)[cloud.distinct.first]
    parts = growing_parts(count, smallest, 6, (repeats, HALVINGS), np.random.default_rng(rng))
    # In units of the longest edge, whose powers stay in range.
    unit = float(known.distances.max())
    lengths, searched = np.empty(len(parts.members)), 0
    for place, part in enumerate(parts.members):
        near, lacking = distances_within(known, part, k, points)
        lengths[place] = ((near / unit) ** power).sum()
        searched += lacking
    return KNNGraphDimension(**growth_fields(cloud, parts.growth(lengths), power, searched))
