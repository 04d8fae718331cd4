"""The dimension around each point."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import polygamma

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.list_dimension import likelihood_fit, log_sums


@dataclass(frozen=True, kw_only=True)
class LID(NeighbourDimension):
    """Local intrinsic dimension.

    Attributes
    ----------
    dimension : array of shape ()
        Median over points. ``extra`` has the dimension of every row, ``"pointwise"`` and ``"smoothed"``, both of shape
        (rows,); rows that coincide have the same.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the points' own dimensions from what one dimension everywhere would give.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    lower_quartile, upper_quartile, largest : array of shape ()
        Of the smoothed dimensions.
    heterogeneity : array of shape ()
        Standard deviation from point to point of the logarithm of the dimension, beyond that of estimates from k
        neighbours.
    """

    lower_quartile: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="a quarter of the points lies where there are fewer dimensions",
        ),
    ]
    upper_quartile: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="a quarter of the points lies where there are more dimensions",
        ),
    ]
    largest: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="far above the upper quartile = a heavy tail, or points that all but coincide",
        ),
    ]
    heterogeneity: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="0 = no more variation than one dimension everywhere gives",
        ),
    ]


@measure(cite="amsaleg2015estimating", needs="neighbours", runs="host", neighbours=reach_of_k)
def lid(cloud: Cloud, /, *, k: Annotated[int, Limits(ge=4)] = 20) -> LID:
    r"""Local intrinsic dimension :math:`(k - 2) / \sum_{j<k} \ln (r_k / r_j)` around each point, plain and smoothed.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 4 or more; usual are 20 to 100.

    Returns
    -------
    LID
        Median, quartiles and largest; the dimension of each row in `extra`.

    Raises
    ------
    Refusal
        If there are not more than k distinct points, or the k neighbours of a point lie equally far.

    Notes
    -----
    The plain estimate has no bias under constant density, and a standard error of :math:`d / \sqrt{k - 3}`. The
    smoothed one is the inverse mean of the inverses over a point and its k neighbours. The median is that of the
    points' sums, with the known bias of a median of k neighbours taken out. The heterogeneity compares the variance of
    the logarithm with its value at one dimension, :math:`\psi_1(k - 1)`.

    Reads as
    --------
    Where the cloud is thin and where it is thick: rows in the upper quartile have more ways to vary.

    Misleads when
    -------------
    Single values of the plain estimate are read: at k = 20 each is off by a quarter. Points next to an edge have too
    low a dimension, and the more so the higher it is.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k).

    References
    ----------
    L. Amsaleg, O. Chelly, T. Furon, S. Girard, M. E. Houle, K. Kawarabayashi and M. Nett, Estimating local intrinsic
    dimensionality, KDD 2015, 29-38.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> line = np.pad(rng.random((300, 1)), ((0, 0), (0, 2))) + 5.0
    >>> found = lid(np.concatenate([rng.random((300, 3)), line]), k=10)
    >>> float(found.lower_quartile.round()), bool(found.upper_quartile > 2), bool(found.heterogeneity > 0.3)
    (1.0, True, True)
    """
    lists = Lists.of(cloud, k)
    sums = log_sums(lists.distances)
    if not np.all(sums > 0):
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {k} of {np.count_nonzero(sums == 0)} points")
    found = likelihood_fit(sums, k, "median")
    smoothed = (k - 1) * (k + 1) / (sums + sums[lists.near.indices].sum(axis=1))
    law: Law = ("sum", k)
    distance = even_distance(law_positions(law, found.dimension * sums))
    p_value = chance_of_distance(distance, lists.worth(found), law, "median")
    low, high = np.quantile(smoothed, [0.25, 0.75])
    beyond = np.log(sums).var() - float(polygamma(1, k - 1))
    of = lists.near.distinct.of
    return LID(
        **lists.fields(found, distance, p_value),
        lower_quartile=lists.give(float(low)),
        upper_quartile=lists.give(float(high)),
        largest=lists.give(float(smoothed.max())),
        heterogeneity=lists.give(float(np.sqrt(max(0.0, beyond)))),
        extra={"pointwise": found.pointwise[of], "smoothed": smoothed[of]},
    )
