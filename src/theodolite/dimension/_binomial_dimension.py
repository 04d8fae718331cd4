"""The dimension from how many of k neighbours lie within a share of the distance to the last."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach_of_k
from theodolite.numerics.fitted_law import binomial_distance, chance_of_binomial_distance
from theodolite.numerics.list_dimension import binomial_fit, likelihood_fit, log_sums, within_share

_LEAST_ERROR = 0.2  # share of the volume at which counts tell most of the dimension


@dataclass(frozen=True, kw_only=True)
class BinomialDimension(NeighbourDimension):
    """Dimension from binomial counts.

    Attributes
    ----------
    dimension : array of shape ()
        Of all points together. ``extra`` has the ``"counts"`` of each distinct point, and the ``"share"``.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the counts from the binomial law of their mean, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    cramer_rao : array of shape ()
        The standard error if the counts were independent: the smallest there is.
    """

    cramer_rao: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="far below the standard error = neighbouring points tell the same",
        ),
    ]


@measure(cite="macocco2023intrinsic", needs="neighbours", runs="host", neighbours=reach_of_k)
def binomial_dimension(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=3)] = 10,
    share: Annotated[float, Limits(gt=0, lt=1)] | None = None,
) -> BinomialDimension:
    r"""Dimension from counts: of k - 1 neighbours, binomially many lie within a share r of :math:`r_k`, each by r^d.

    With :math:`\bar n` their mean number, :math:`d = \ln (\bar n / (k - 1)) / \ln r`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 3 or more.
    share : float, optional
        r, between 0 and 1. By default :math:`0.2^{1/d}`, at which the error is about the least there is, with the
        dimension that `mle` gives for these neighbours.

    Returns
    -------
    BinomialDimension
        The dimension with its interval; the counts in `extra`.

    Raises
    ------
    Refusal
        If there are not more than k distinct points, if no neighbour lies within the share, or all do.

    Notes
    -----
    Distances that exceed the share by rounding count within it. The error of independent counts is
    :math:`\sqrt{(r^{-d} - 1) / (n (k - 1))} / |\ln r|`.

    Reads as
    --------
    As `mle`. Its test of the law sees what no ratio shows: counts that scatter more than binomially, where density or
    dimension differ from place to place.

    Misleads when
    -------------
    A share is given that hardly any neighbour lies within, or nearly all do: 0.8 is far too small for 50 dimensions.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k).

    References
    ----------
    I. Macocco, A. Glielmo, J. Grilli and A. Laio, Intrinsic dimension estimation for discrete metrics, Physical Review
    Letters 130 (2023) 067401. A. Di Noia, I. Macocco, A. Glielmo, A. Laio and A. Mira, Beyond the noise: intrinsic
    dimension estimation with optimal neighbourhood identification, arXiv:2405.15132.

    Examples
    --------
    >>> import numpy as np
    >>> found = binomial_dimension(np.random.default_rng(0).random((1000, 2)))
    >>> bool(found.cramer_rao < found.intervals["dimension"].se)
    True
    """
    lists = Lists.of(cloud, k)
    share = _best(lists) if share is None else share
    counts = within_share(lists.distances, share)
    if not counts.any():
        raise Refusal(Outcome.EQUAL_DISTANCES, f"none of {k} neighbours within {share:g} of the distance to the last")
    inside = float(counts.mean()) / (k - 1)
    if inside == 1.0:
        raise Refusal(Outcome.NO_DIMENSION, f"all of {k - 1} neighbours within {share:g} of the distance to the last")
    found = binomial_fit(counts, k, share)
    distance = binomial_distance(counts, k - 1)
    p_value = chance_of_binomial_distance(distance, lists.worth(found), k - 1, inside)
    least = np.sqrt((1.0 / inside - 1.0) / (counts.size * (k - 1))) / abs(np.log(share))
    return BinomialDimension(
        **lists.fields(found, distance, p_value),
        cramer_rao=lists.give(float(least)),
        extra={"counts": counts, "share": np.asarray([share])},
    )


def _best(lists: Lists) -> float:
    sums = log_sums(lists.distances)
    if not sums.any():
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {lists.near.k} of {sums.size} points")
    dimension = likelihood_fit(sums, lists.near.k, "mackay_ghahramani").dimension
    return float(min(_LEAST_ERROR ** (1.0 / dimension), 1.0 - 1e-9))
