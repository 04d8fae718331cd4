"""The dimension from the mean distance to the neighbours."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from theodolite.core import Cloud, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.list_dimension import moment_fit

_LAW: Law = ("ratio", 1, 2)


@dataclass(frozen=True, kw_only=True)
class MethodOfMoments(NeighbourDimension):
    """Dimension by the first moment.

    Attributes
    ----------
    dimension : array of shape ()
        Of all points together. ``extra`` has the ``"pointwise"`` dimension of each distinct point.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the volumes within the distances, as shares of that within the last, from an even
        spread, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """


@measure(cite="amsaleg2015estimating", needs="neighbours", runs="host", neighbours=reach_of_k)
def method_of_moments(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=4)] = 20,
    convention: Literal["theodolite", "scikit-dimension"] = "theodolite",
) -> MethodOfMoments:
    r"""Dimension from the mean of :math:`r_j / r_k` over j < k and over all points, :math:`M = d / (d + 1)`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 4 or more.
    convention : {"theodolite", "scikit-dimension"}
        ``"scikit-dimension"`` takes the mean over points of :math:`\bar r / (r_k - \bar r)`, with :math:`r_k` in the
        mean distance: high at every k (7.74 for 7.5 at k = 64), and by a factor that depends on the dimension.

    Returns
    -------
    MethodOfMoments
        The dimension with its interval; the points' own in `extra`.

    Raises
    ------
    Refusal
        If there are not more than k distinct points, or the neighbours of all points (of one, under the other
        convention) lie equally far.

    Notes
    -----
    Given the last distance, the others are independent draws, each of the mean d / (d + 1) of it. The last itself is
    none of them, and the dimension is taken of the mean over all points, not the mean of dimensions: so that k adds no
    bias.

    Reads as
    --------
    As `mle`, to which it is close; it looks more at the farther neighbours and hardly at the nearest.

    Misleads when
    -------------
    k is large against n: nearly all of its weight lies on distances near the last, which reach over edges first.

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
    >>> found = method_of_moments(np.random.default_rng(0).random((1000, 2)))
    >>> float(found.dimension.round(1))
    1.9
    """
    lists = Lists.of(cloud, k)
    shares = lists.distances[:, :-1] / lists.distances[:, -1:]
    corrected = convention == "theodolite"
    level = (shares >= 1.0).all(axis=1)
    if level.all() if corrected else level.any():
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {k} of {np.count_nonzero(level)} points")
    found, own = moment_fit(lists.distances, corrected=corrected), moment_fit(lists.distances)
    distance = even_distance(law_positions(_LAW, -own.dimension * np.log(shares)))
    worth = lists.worth(own) * (k - 1)
    p_value = chance_of_distance(distance, worth, _LAW, "moments", own.dimension)
    return MethodOfMoments(**lists.fields(found, distance, p_value), extra={"pointwise": found.pointwise})
