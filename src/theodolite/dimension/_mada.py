"""The dimension from the radii that hold all neighbours and half of them."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from theodolite.core import Cloud, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.list_dimension import doubling_fit
from theodolite.numerics.ratio_dimension import log_ratios


@dataclass(frozen=True, kw_only=True)
class MADA(NeighbourDimension):
    """Manifold-adaptive dimension.

    Attributes
    ----------
    dimension : array of shape ()
        Mean over points. ``extra`` has the ``"pointwise"`` dimension of each distinct point.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the ratios of the radii from their law, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """


@measure(cite="farahmand2007manifold", needs="neighbours", runs="host", neighbours=reach_of_k)
def mada(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=5)] = 20,
    convention: Literal["theodolite", "scikit-dimension"] = "theodolite",
) -> MADA:
    r"""Manifold-adaptive dimension: the mean over points of :math:`c / \ln (r_k / r_{\lfloor k/2 \rfloor})`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 5 or more: with fewer the mean has no finite error.
    convention : {"theodolite", "scikit-dimension"}
        c is such that the mean is d exactly, or the ln 2 that it is for large k (high by 7.6 % at k = 20).

    Returns
    -------
    MADA
        The dimension with its interval; the points' own in `extra`.

    Raises
    ------
    Refusal
        If there are not more than k distinct points, or both radii of a point are equal.

    Notes
    -----
    Under constant density :math:`d \ln (r_k / r_h)` is a sum of exponential numbers with the rates h, ..., k - 1 and
    has the Laplace transform :math:`B(h + s, k - h) / B(h, k - h)`, whose integral over s is the mean of its inverse,
    1 / c. It depends on k alone.

    Reads as
    --------
    As `mle`, from two radii only: noisier, and at a larger scale, since near neighbours don't count.

    Misleads when
    -------------
    Points all but repeat: a mean of inverses, it follows the points where both radii are nearly one. `mle` doesn't.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n).

    References
    ----------
    A. M. Farahmand, C. Szepesvari and J.-Y. Audibert, Manifold-adaptive dimension estimation, ICML 2007, 265-272.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).random((1000, 2))
    >>> high = mada(points, convention="scikit-dimension").dimension
    >>> float((high / mada(points).dimension).round(4))
    1.0757
    """
    lists = Lists.of(cloud, k)
    logs = log_ratios(lists.distances, k // 2, k)
    if not np.all(logs > 0):
        raise Refusal(Outcome.EQUAL_DISTANCES, f"{k // 2} and {k} of {np.count_nonzero(logs == 0)} points")
    found = doubling_fit(lists.distances, corrected=convention == "theodolite")
    law: Law = ("ratio", k // 2, k)
    distance = even_distance(law_positions(law, doubling_fit(lists.distances).dimension * logs))
    p_value = chance_of_distance(distance, lists.worth(found), law, "mean")
    return MADA(**lists.fields(found, distance, p_value), extra={"pointwise": found.pointwise})
