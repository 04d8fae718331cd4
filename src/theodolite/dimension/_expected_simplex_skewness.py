"""The dimension around each point from the angles between its neighbours."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Cloud, Limits, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.dimension._patches import distinct_points, patch_fields
from theodolite.numerics.patch_dimension import Average, Variant, simplex_skewness, skewness_fit


@dataclass(frozen=True, kw_only=True)
class ExpectedSimplexSkewness(NeighbourDimension):
    """Dimension from expected simplex skewness.

    Attributes
    ----------
    dimension : array of shape ()
        Of all points together. ``extra`` has the ``"pointwise"`` dimension of each distinct point and its
        ``"skewness"``.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the points' sums of logarithms of distances from their law at this dimension:
        small where distances tell the same as angles.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """


@measure(cite="johnsson2015low", needs="rows", runs="host", neighbours=reach_of_k)
def expected_simplex_skewness(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=4)] = 30,
    variant: Variant = "a",
    combine: Average = "mean",
) -> ExpectedSimplexSkewness:
    r"""ESS: the dimension in which triangles between neighbours are as skew as they are here on average.

    With v the vectors from the mean of the k neighbours of a point to each of them,

    .. math:: S_a = \frac{\sum_{i<j} \sqrt{|v_i|^2 |v_j|^2 - \langle v_i, v_j \rangle^2}}{\sum_{i<j} |v_i| |v_j|},
        \qquad S_b = \frac{\sum_{i<j} |\langle v_i, v_j \rangle|}{\sum_{i<j} |v_i| |v_j|},

    which in m dimensions are expected to be :math:`\Gamma(\frac m2)^2 / \Gamma(\frac{m+1}2) \Gamma(\frac{m-1}2)` and
    :math:`\Gamma(\frac m2) / \sqrt\pi\, \Gamma(\frac{m+1}2)`; between whole numbers a straight line is taken.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 4 or more. The paper and scikit-dimension take 100.
    variant : {"a", "b"}
        Areas, or projections.
    combine : {"inverse_mean", "mean", "median"}
        How the dimensions of the points are put together.

    Returns
    -------
    ExpectedSimplexSkewness
        The dimension with its interval; the points' own in `extra`. Refused where there are not more than k distinct
        points.

    Notes
    -----
    Directions don't know of edges as distances do: a patch that is cut off is still as wide, about its own mean, in
    each of its dimensions, so that the bias in high dimensions is a fraction of that of `mle`. Since the mean of the
    patch is that of the same k points, the number is high by about 1 / k, a share that falls with the dimension
    (2.03 in the plane at k = 30, 2.01 at 100). On a line it is 1 to the last digit.

    Patches share points in most pairs, and sums over the graph of neighbours leave out half of the variance. The
    interval is made of what each point has to say in all patches that it is in, and is 1 to 1.6 times as wide as the
    spread from draw to draw.

    Reads as
    --------
    The number of directions around a point, whatever the distances are.

    Misleads when
    -------------
    The dimension nears half of k (see the note). The manifold bends within the patch, or noise is thick against it:
    both count as directions. Look at larger and smaller k.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k² features) in matrix products.

    References
    ----------
    K. Johnsson, C. Soneson and M. Fontes, Low bias local intrinsic dimension estimation from expected simplex skewness,
    IEEE Transactions on Pattern Analysis and Machine Intelligence 37 (2015) 196-202.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).random((500, 8))
    >>> float(expected_simplex_skewness(rows, k=100).dimension.round())
    8.0
    >>> line = np.linspace(0, 1, 50)[:, None] * [1.0, 2.0, 3.0]
    >>> float(expected_simplex_skewness(line, k=10).dimension)
    1.0
    """
    cloud.require(["rows"])
    lists = Lists.of(cloud, k)
    near = lists.near
    skewness, parts = simplex_skewness(distinct_points(cloud), near.distances, near.indices, variant)
    fit = skewness_fit(skewness, parts, near.indices, variant, combine)
    extra = {"pointwise": fit.pointwise, "skewness": skewness}
    return ExpectedSimplexSkewness(**patch_fields(lists, fit, fit.independent_error), extra=extra)
