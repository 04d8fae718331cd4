"""The dimension around each point from all distances within its neighbourhood."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from theodolite.core import Cloud, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.dimension._patches import distinct_points, patch_fields
from theodolite.numerics.patch_dimension import Average, averaged, tight_local_dimensions


@dataclass(frozen=True, kw_only=True)
class TightLocal(NeighbourDimension):
    """Dimension within tight localities.

    Attributes
    ----------
    dimension : array of shape ()
        Of all points together. ``extra`` has the ``"pointwise"`` dimension of each distinct point.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the points' sums of logarithms of distances from their law at this dimension.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """


@measure(cite="amsaleg2019intrinsic", needs="rows", runs="host", neighbours=reach_of_k)
def tight_local(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=4)] = 20,
    combine: Average = "inverse_mean",
    drop: Annotated[float, Limits(gt=0, lt=1)] = 1e-8,
    convention: Literal["theodolite", "scikit-dimension"] = "theodolite",
) -> TightLocal:
    r"""TLE: the likeliest dimension as seen from all k neighbours of a point, and from their mirror images.

    With r the distance to the k-th neighbour, u from the point to its neighbours and v among these,

    .. math:: m = \frac{-2 k (k - 1)}
        {\sum_{i \neq j} \ln \frac{s_{ij} t_{ij}}{r^2} + 2 \sum_j \ln \frac{u_j}{r}},
        \qquad s_{ij} = r\, \frac{\sqrt{w^2 + 4 v_{ij}^2 (r^2 - u_i^2)} - w}{2 (r^2 - u_i^2)},
        \quad w = u_i^2 + v_{ij}^2 - u_j^2,

    and t the same with :math:`2 u_i^2 + 2 u_j^2 - v_{ij}^2` in place of :math:`v_{ij}^2`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 4 or more.
    combine : {"inverse_mean", "mean", "median"}
        How the dimensions of the points are put together.
    drop : float
        s and t below this share of r, or u, are left out and the number of terms is lowered by them.
    convention : {"theodolite", "scikit-dimension"}
        ``"scikit-dimension"`` counts the k terms of the farthest neighbour, which are zero whatever the dimension:
        :math:`k^2` in place of k (k - 1).

    Returns
    -------
    TightLocal
        The dimension with its interval; the points' own in `extra`.

    Raises
    ------
    Refusal
        If there are not more than k distinct points, or all neighbours of a point lie equally far from it.

    Notes
    -----
    The threshold is a share of r. Where it is an absolute number, 1e-4 as usual, a cloud that is scaled by 1e-4 has the
    dimension 0. Where a factor hides: the usual number, and the paper's, is k / (k - 1) times too large under constant
    density, 5 % at k = 20, and its mean over points larger still, as means of likelihood estimates are. The roots are
    taken in the form that doesn't subtract near numbers, and short distances from differences of points, so that lines
    and patches that lie flat in many features keep their digits.

    Reads as
    --------
    As `lid`, with all :math:`k^2` distances of a neighbourhood in place of k: less noisy where k is small.

    Misleads when
    -------------
    The dimension nears half of k (see the note): so few neighbours span few directions. Density changes over the
    neighbourhood, or the manifold bends: both enter k² times.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k² features) in matrix products.

    References
    ----------
    L. Amsaleg, O. Chelly, M. E. Houle, K. Kawarabayashi, M. Radovanović and W. Treeratanajaru, Intrinsic dimensionality
    estimation within tight localities, SDM 2019, 181-189.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).random((400, 3))
    >>> float(tight_local(rows).dimension.round()), float(tight_local(1e-4 * rows).dimension.round())
    (3.0, 3.0)
    """
    cloud.require(["rows"])
    lists = Lists.of(cloud, k)
    single = tight_local_dimensions(
        distinct_points(cloud), lists.distances, lists.near.indices, drop, corrected=convention == "theodolite"
    )
    wrong = np.count_nonzero(~np.isfinite(single))
    if wrong:
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {k} of {wrong} points")
    fit = averaged(single, combine)
    return TightLocal(**patch_fields(lists, fit, lists.error(fit)), extra={"pointwise": single})
