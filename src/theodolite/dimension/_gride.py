"""The dimension from two neighbours that are farther and farther off: the dimension over scales."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, reach
from theodolite.dimension._scale_curve import curve, plateau, plateau_notes
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.ratio_dimension import DimensionFit, log_ratios, ratio_fit


@dataclass(frozen=True, kw_only=True)
class Gride(NeighbourDimension):
    """Dimension at one scale, and over all.

    Attributes
    ----------
    dimension : array of shape ()
        At the scale that was chosen. ``extra`` has the curve: ``"radii"`` (mean distance of the farther neighbour),
        ``"dimensions"`` and ``"standard_errors"`` for neighbours 1 and 2, 2 and 4, 4 and 8, ..., and ``"plateau"``: the
        places in it at which the dimension stays as it is.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the ratios at that scale from their law, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    plateau : array of shape ()
        How many scales in a row one dimension would do for.
    """

    plateau: Annotated[
        Array,
        Field(
            unit="scales",
            bounds=(1, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="below 3 = the dimension depends on the scale",
        ),
    ]


def _reach(count: int, parameters: Mapping[str, Any]) -> int:
    return reach(_farthest(count, parameters["neighbour"], parameters["largest"]), count)


def _farthest(count: int, neighbour: int, largest: int) -> int:
    """Say which neighbour the curve reaches."""
    return max(2 * neighbour, min(largest, count - 1))


@measure(cite="denti2022generalized", needs="neighbours", runs="host", neighbours=_reach)
def gride(
    cloud: Cloud,
    /,
    *,
    neighbour: Annotated[int, Limits(ge=1)] = 2,
    largest: Annotated[int, Limits(ge=2)] = 64,
    convention: Literal["theodolite", "scikit-dimension"] = "theodolite",
) -> Gride:
    r"""GRIDE: the likeliest dimension for the ratio :math:`\mu = r_{2 n_1} / r_{n_1}`, at the scales n₁ = 1, 2, 4, ...

    The ratio has the density

    .. math:: \frac{d\, (\mu^d - 1)^{n_2 - n_1 - 1}}{B(n_2 - n_1, n_1)\, \mu^{(n_2 - 1) d + 1}}, \qquad n_2 = 2 n_1,

    whose likelihood has one maximum. n₁ = 1 is `two_nn` with ``fit="ml"``.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    neighbour : int
        n₁ of the scale that `dimension` is given at.
    largest : int
        The farthest neighbour that the curve reaches, as far as there are points.
    convention : {"theodolite", "scikit-dimension"}
        ``"scikit-dimension"`` leaves out, at each scale, points whose neighbours are equally far, and ratios above the
        median by 20 times the distance from it to the 95th percentile.

    Returns
    -------
    Gride
        The dimension at the scale with its interval, the curve, and over how many scales it stays.

    Raises
    ------
    Refusal
        If there are not more than ``2 * neighbour`` distinct points, or the neighbours of each lie equally far.

    Notes
    -----
    The longest run of scales for which one dimension lies within 5 percent or two standard errors of each is the
    plateau; where it has fewer than three scales, `plateau` comes with the note *no plateau*. The interval is that of
    the scale alone, and holds no doubt about the choice of the scale.

    Reads as
    --------
    A curve that falls from the left and then stays: noise up to there, the manifold from there. A curve that falls to
    the right end: edges and curvature.

    Misleads when
    -------------
    A large scale is taken for the precise one: its standard error is the smaller, its bias the larger (a ball of 5
    dimensions with 2000 points: 4.64 with an error of 0.13 at n₁ = 1, 4.38 with 0.04 at n₁ = 32).

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n) for each scale.

    References
    ----------
    F. Denti, D. Doimo, A. Laio and A. Mira, The generalized ratios intrinsic dimension estimator, Scientific Reports
    12 (2022) 20005.

    Examples
    --------
    >>> import numpy as np
    >>> torus = np.exp(2j * np.pi * np.random.default_rng(0).random((500, 2))).view(float)
    >>> found = gride(torus)
    >>> found.extra["dimensions"].round()
    array([2., 2., 2., 2., 2., 2.])
    """
    count = cloud.distinct.count if cloud.known is None else cloud.known.k + 1
    k = _farthest(count, neighbour, largest)
    lists = Lists.of(cloud, k)
    scales = [2**power for power in range(k.bit_length() - 1)]
    logs = {scale: log_ratios(lists.distances, scale, 2 * scale) for scale in {*scales, neighbour}}
    flat = not logs[neighbour].any()
    if flat or lists.near.count < 3:
        raise Refusal(Outcome.EQUAL_DISTANCES, f"the neighbours {neighbour} and {2 * neighbour} of all points")
    fits = {scale: _fitted(given, scale, convention) for scale, given in logs.items() if given.any()}
    known = [scale for scale in scales if scale in fits]
    dimensions = [fits[scale].dimension for scale in known]
    errors = [lists.to(2 * scale).error(fits[scale]) for scale in known]
    radii = [float(lists.distances[:, 2 * scale - 1].mean()) for scale in known]
    law: Law = ("ratio", neighbour, 2 * neighbour)
    found, own = fits[neighbour], lists.to(2 * neighbour)
    distance = even_distance(law_positions(law, found.dimension * logs[neighbour]))
    common = own.fields(found, distance, chance_of_distance(distance, own.worth(found), law))
    run = plateau(dimensions, errors)
    common["notes"] += plateau_notes(run)
    return Gride(
        **common,
        plateau=lists.give(float(max(1, run.stop - run.start))),
        extra=curve(radii, dimensions, errors, run),
    )


def _fitted(logs: NDArray[np.float64], scale: int, convention: str) -> DimensionFit:
    if convention == "theodolite":
        return ratio_fit(logs, scale, 2 * scale)
    ratios = np.exp(logs)
    middle, high = np.quantile(ratios, [0.5, 0.95])
    kept = (ratios < middle + 20.0 * (high - middle)) & (logs > 0)
    if np.count_nonzero(kept) < 2:
        return ratio_fit(logs, scale, 2 * scale)
    some = ratio_fit(logs[kept], scale, 2 * scale)
    influence = np.zeros(logs.size)
    influence[kept] = some.influence
    return DimensionFit(some.dimension, influence)
