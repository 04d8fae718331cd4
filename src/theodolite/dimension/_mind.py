"""The dimension from the nearest of k + 1 neighbours."""

from dataclasses import dataclass
from math import floor
from typing import Annotated, Literal

import numpy as np

from theodolite.core import Cloud, Interval, Limits, Outcome, Refusal, measure, to_numpy
from theodolite.dimension._estimate import HALF, Lists, NeighbourDimension, reach_of_one_more
from theodolite.numerics.ball_calibration import norm_divergence
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.ratio_dimension import DimensionFit, log_ratios, ratio_fit, ratio_likelihood


@dataclass(frozen=True, kw_only=True)
class MiND(NeighbourDimension):
    """Minimum neighbour distance dimension.

    Attributes
    ----------
    dimension : array of shape ()
        The likeliest, or the likeliest integer, with its interval; the standard error is that of the former.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the ratios from the law of the likeliest dimension, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """


@measure(cite="rozza2012novel", needs="neighbours", runs="host", neighbours=reach_of_one_more)
def mind(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=1)] = 10,
    values: Literal["real", "integer"] = "real",
) -> MiND:
    r"""MiND: the likeliest dimension for :math:`\rho = r_1 / r_{k+1}`, over all numbers or over the integers.

    The density of ρ is :math:`k d \rho^{d-1} (1 - \rho^d)^{k-1}`; the logarithm of the likelihood is concave in d, and
    the root of its slope is bracketed and found to the last digits.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        One fewer than the neighbours that are looked at.
    values : {"real", "integer"}
        Whether the dimension may be fractional: MiND_MLk, or MiND_MLi.

    Returns
    -------
    MiND
        The dimension with its interval.

    Raises
    ------
    Refusal
        If there are not more than k + 1 distinct points, or the neighbours of all (of one, for k above 1) lie equally
        far.

    Notes
    -----
    A search that starts from the likeliest integer and stops there gives 2 for a swiss roll, where the likelihood is
    highest at 1.95. With k = 1 the ratio is that of `two_nn`.

    The interval of an integer reaches half a unit to either side at least, as a whole number tells no more, and to the
    integers that are the likeliest at the ends of the interval of the real number.

    Reads as
    --------
    As `two_nn`, with the nearest neighbour set against one that is farther off, and so less noisy.

    Misleads when
    -------------
    There is noise, which has its own dimension at the distance of the nearest neighbour. An integer hides
    which side of it the likeliest number is on; take ``values="real"`` to see.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n) for each of some ten steps.

    References
    ----------
    A. Rozza, G. Lombardi, C. Ceruti, E. Casiraghi and P. Campadelli, Novel high intrinsic dimensionality estimators,
    Machine Learning 89 (2012) 37-65.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).random((1000, 3))
    >>> float(mind(points, values="integer").dimension)
    3.0
    """
    lists = Lists.of(cloud, k + 1)
    logs = log_ratios(lists.distances, 1, k + 1)
    if not (logs.any() if k == 1 else np.all(logs > 0)):
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {k + 1} of {np.count_nonzero(logs == 0)} points")
    likeliest = ratio_fit(logs, 1, k + 1, unbiased=False)
    law: Law = ("ratio", 1, k + 1)
    positions = law_positions(law, likeliest.dimension * logs)
    distance = even_distance(positions)
    # Points that are each other's nearest have one distance, which counts for more in the law than in the dimension.
    worth = lists.worth(likeliest, positions)
    common = lists.fields(likeliest, distance, chance_of_distance(distance, worth, law))
    if values == "integer":
        integer = _likeliest_integer(logs, k, likeliest)
        common["dimension"] = lists.give(float(integer))
        common["intervals"] = {"dimension": _of_integer(integer, k, common["intervals"]["dimension"], lists)}
    return MiND(**common)


def _of_integer(integer: int, k: int, real: Interval, lists: Lists) -> Interval:
    """Turn the interval of the real number into that of the integer."""
    low, high = (_integer_of(float(to_numpy(end)), k) for end in (real.low, real.high))
    ends = min(integer - HALF, low), max(integer + HALF, high)
    return Interval(lists.give(ends[0]), lists.give(ends[1]), real.level, real.se)


def _integer_of(dimension: float, k: int) -> int:
    """Say which integer is the likeliest for data of a dimension, in expectation."""
    below = max(1, floor(dimension))
    if dimension <= below:
        return below
    return min((below, below + 1), key=lambda integer: norm_divergence(integer / dimension, k))


def _likeliest_integer(logs: np.ndarray[tuple[int], np.dtype[np.float64]], k: int, likeliest: DimensionFit) -> int:
    # The logarithm of the likelihood is concave, so that only the integers next to its maximum can be the likeliest.
    below = max(1, floor(likeliest.dimension))
    return max((below, below + 1), key=lambda integer: ratio_likelihood(logs, 1, k + 1, float(integer)))
