"""The dimension from how the number of pairs of points within a distance grows with the distance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Outcome, ParameterError, Refusal, measure
from theodolite.dimension._estimate import NeighbourDimension, common_fields, given_back
from theodolite.dimension._scale_curve import curve, plateau

Float = NDArray[np.float64]

_SCALES = 4  # of the curve between the two radii


@dataclass(frozen=True, kw_only=True)
class CorrelationDimension(NeighbourDimension):
    """Dimension from the correlation integral.

    Attributes
    ----------
    dimension : array of shape ()
        The slope between the two radii. ``extra`` has the slopes between radii in between: ``"radii"``,
        ``"dimensions"``, ``"standard_errors"``, ``"plateau"``; and the ``"counts"`` of points within each radius of
        each distinct point.
    goodness_of_fit : array of shape ()
        Largest distance at these radii between the share of pairs that lie within and the power of the radius.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    pairs : array of shape ()
        Pairs of distinct points within the larger radius.
    """

    pairs: Annotated[
        Array,
        Field(
            unit="pairs",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="more = less noise",
        ),
    ]


def _reach(_: int, parameters: Mapping[str, Any]) -> int:
    return int(parameters["k"])


@measure(cite="grassberger1983measuring", needs="neighbours", runs="host", neighbours=_reach)
def correlation_dimension(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=2)] = 20,
    start: Annotated[int, Limits(ge=1)] = 10,
) -> CorrelationDimension:
    r"""Correlation dimension: the slope of :math:`\ln C(r)` on :math:`\ln r`, with C(r) the pairs nearer than r.

    Between two radii: the medians over points of the distances to neighbour `start` and to neighbour `k`. The pairs
    are counted exactly, those beyond the lists of neighbours too; a pair at the radius itself is not within.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        Which neighbour the larger radius reaches to, at the median.
    start : int
        Which neighbour the smaller one reaches to, below `k`.

    Returns
    -------
    CorrelationDimension
        The dimension with its interval, and the slopes in between.

    Raises
    ------
    ParameterError
        If `start` is not below `k`.
    Refusal
        If there are not more than k distinct points, if both radii are equal or there are no pairs within the smaller
        one, or no more within the larger.

    Notes
    -----
    The number of pairs is a U-statistic: with :math:`h_{ij} = 1[r_{ij} < b] / C(b) - 1[r_{ij} < a] / C(a)` the error
    of the log ratio has the variance :math:`4 \sum_i \sum_{j \ne l} h_{ij} h_{il} + 2 \sum_{ij} h_{ij}^2`, whatever
    the cloud. The first sum is what density differs from place to place, the second is noise that is left where it
    doesn't; the first is taken for 0 where it comes out below. Both are found from the counts of each point. That the
    radii are medians of these points adds nothing where the law holds.

    Reads as
    --------
    As `mle`, but of pairs, not of points: dense regions count with the square of their density.

    Misleads when
    -------------
    Some regions are far denser than others: all pairs lie there. Digits give 5.1, with 7 to 9 from ratios.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; another one for points in dense regions, whose lists
    don't reach the larger radius.

    References
    ----------
    P. Grassberger and I. Procaccia, Measuring the strangeness of strange attractors, Physica D 9 (1983) 189-208. The
    variance: W. Hoeffding, A class of statistics with asymptotically normal distribution, Annals of Mathematical
    Statistics 19 (1948) 293-325.

    Examples
    --------
    >>> import numpy as np
    >>> found = correlation_dimension(np.random.default_rng(0).random((1000, 2)))
    >>> bool(abs(found.dimension - 2) < 0.2)
    True
    """
    if start >= k:
        raise ParameterError(f"start: expected a number below k = {k}, got {start}")
    near = cloud.neighbours(k)
    small, large = (float(np.median(near.distances[:, place - 1])) for place in (start, k))
    if not small < large:
        raise Refusal(Outcome.EQUAL_DISTANCES, f"both radii are {small:.6g}")
    radii = np.geomspace(small, large, _SCALES + 1)
    radii[0], radii[-1] = small, large
    counts = cloud.range_counts(np.broadcast_to(radii, (near.count, radii.size)))
    sums = counts.sum(axis=0)
    if not 0 < sums[0] < sums[-1]:
        raise Refusal(Outcome.NO_DIMENSION, f"{sums[0] // 2} pairs within the smaller radius, {sums[-1] // 2} in all")
    dimension, error = _slope(counts[:, [0, -1]], radii[[0, -1]])
    steps = [_slope(counts[:, [i, i + 1]], radii[[i, i + 1]]) for i in range(_SCALES)]
    dimensions, errors = [step[0] for step in steps], [step[1] for step in steps]
    run = plateau(dimensions, errors)
    shares = (radii / large) ** dimension
    fields = common_fields(cloud, near, (dimension, error), (float(np.abs(sums / sums[-1] - shares).max()), None))
    middles = np.sqrt(radii[1:] * radii[:-1]).tolist()
    return CorrelationDimension(
        **fields,
        pairs=given_back(cloud, float(sums[-1] // 2)),
        extra={**curve(middles, dimensions, errors, run), "counts": counts},
    )


def _slope(counts: NDArray[np.int64], radii: Float) -> tuple[float, float]:
    """Slope between two radii and its standard error, from the counts of each point within them."""
    inner, outer = counts.sum(axis=0).tolist()
    reach = float(np.log(radii[1] / radii[0]))
    each = counts[:, 1] / outer - counts[:, 0] / inner
    noise = (outer - inner) / outer**2 + inner * (1.0 / outer - 1.0 / inner) ** 2
    places = max(0.0, float(each @ each) - noise)
    return float(np.log(outer / inner)) / reach, float(np.sqrt(4.0 * places + 2.0 * noise)) / reach
