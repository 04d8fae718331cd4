"""The dimension from the two nearest neighbours of each point."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.ratio_dimension import log_ratios, ratios_differ, two_nn_fit

_LAW: Law = ("ratio", 1, 2)


@dataclass(frozen=True, kw_only=True)
class TwoNN(NeighbourDimension):
    """Dimension from two neighbours.

    Attributes
    ----------
    dimension : array of shape ()
        With a standard error that holds what neighbouring points have in common. ``extra`` has the line of the fit:
        ``"log_ratios"``, ascending, and ``"log_tails"``, of shape (points - 1,).
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of all ratios from the Pareto law of their likeliest dimension, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    ties : array of shape ()
        Points whose two neighbours lie equally far.
    """

    ties: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(0, None),
            unspecified=("scale", "translation", "rotation", "permutation", "order"),
            reads="many = coarsely rounded features",
        ),
    ]


def _reach(count: int, _: Mapping[str, Any]) -> int:
    return reach(2, count)


@measure(cite="facco2017estimating", needs="neighbours", runs="host", neighbours=_reach)
def two_nn(
    cloud: Cloud,
    /,
    *,
    fit: Literal["linear", "ml", "censored"] = "linear",
    discard: Annotated[float, Limits(ge=0, lt=1)] = 0.1,
) -> TwoNN:
    r"""TwoNN: the ratio :math:`\mu = r_2 / r_1` of the two nearest distances follows :math:`P(\mu > u) = u^{-d}`.

    Whatever the density, as long as it is the same at both neighbours, in d dimensions.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    fit : {"linear", "ml", "censored"}
        A line through the origin, :math:`-\ln(1 - i/n) = d \ln \mu_{(i)}`, without the share `discard` of the largest
        ratios. Or the likelihood of all, unbiased: :math:`(n - 1) / \sum \ln \mu`. Or the likelihood with the largest
        ratios censored: of them counts only that they are the largest.
    discard : float
        Share of the largest ratios that the line leaves out, or that are censored; ``"ml"`` uses all.

    Returns
    -------
    TwoNN
        The dimension with its interval, and how well the law fits.

    Raises
    ------
    Refusal
        If there are fewer than three distinct points, or the ratios are all 1.

    Notes
    -----
    The standard error is that of the sum of each point's influence over the graph of neighbours: points that share
    neighbours err together, and an error that takes them for independent is 1.1 to 1.3 times too small. The p-value
    takes the law's fitted dimension and that loss of independent points into account.

    Reads as
    --------
    The number of directions in which a point's nearest neighbours lie, at the smallest scale there is.

    Misleads when
    -------------
    There is noise: at the smallest scale it has the dimension of the space. Look at `gride` over scales. The dimension
    is high: points are then near the edge and all estimates from neighbours are low (16 of 20 dimensions with 2000
    points). It is noted where the estimate is above :math:`2 \log_{10} n`, Eckmann and Ruelle's limit for the
    correlation dimension: at it, in a cube, this one is low by about a tenth, and one from 20 neighbours by a fifth.
    Features are coarsely rounded: ratios of 1 (`ties`) count as they are, and raise the number.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared with all measures of neighbours; then O(n log n).

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez and A. Laio, Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information, Scientific Reports 7 (2017) 12140. The limit: J.-P. Eckmann and D. Ruelle,
    Fundamental limitations for estimating dimensions and Lyapunov exponents in dynamical systems, Physica D 56 (1992)
    185-187.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.random.default_rng(0).random((1000, 2)) @ np.random.default_rng(1).random((2, 50))
    >>> found = two_nn(plane)
    >>> bool(found.intervals["dimension"].low < 2 < found.intervals["dimension"].high)
    True
    """
    lists = Lists.of(cloud, 2)
    logs = log_ratios(lists.distances, 1, 2)
    if lists.near.count < 3 or not ratios_differ(logs, fit, discard):
        raise Refusal(Outcome.EQUAL_DISTANCES, f"{np.count_nonzero(logs == 0)} of {logs.size} points")
    found, likeliest = two_nn_fit(logs, fit, discard), two_nn_fit(logs, "ml", 0.0)
    distance = even_distance(law_positions(_LAW, likeliest.dimension * logs))
    ascending = np.sort(logs)[:-1]
    tails = -np.log1p(-np.arange(1, logs.size) / logs.size)
    return TwoNN(
        **lists.fields(found, distance, chance_of_distance(distance, lists.worth(likeliest), _LAW)),
        ties=lists.give(float(np.count_nonzero(logs == 0))),
        extra={"log_ratios": ascending, "log_tails": tails},
    )
