"""The dimension by how much norms and angles concentrate, held against balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Note, Outcome, Refusal, measure
from theodolite.dimension._estimate import Lists, NeighbourDimension, common_fields, reach_of_one_more
from theodolite.dimension._patches import distinct_points
from theodolite.numerics.ball_calibration import concentration
from theodolite.numerics.ball_search import nearest_ball
from theodolite.numerics.fitted_law import even_distance, law_positions
from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.ratio_dimension import log_ratios

_NO_VARIANCE = 1e-14  # of all variance: directions with less are rounding


@dataclass(frozen=True, kw_only=True)
class DANCo(NeighbourDimension):
    """Dimension from angle and norm concentration.

    Attributes
    ----------
    dimension : array of shape ()
        Of the ball that the cloud is most like. ``extra`` has the ``"dimensions"`` of the balls that were drawn and
        the ``"divergences"`` from them; the ``"concentration"`` of the cloud, three numbers, and of the balls.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the ratios of distances from the law of constant density in this dimension. In
        many dimensions edges make it large, which is what the balls are there for.
    divergence : array of shape ()
        Least divergence from a ball.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """

    divergence: Annotated[
        Array,
        Field(
            unit="nats",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="0 = norms and angles are as in a ball of that dimension",
        ),
    ]


@measure(cite="ceruti2014danco", needs="rows", runs="host", neighbours=reach_of_one_more)
def danco(cloud: Cloud, /, *, k: Annotated[int, Limits(ge=3)] = 10, rng: int | np.random.Generator = 0) -> DANCo:
    r"""DANCo: the dimension of the ball whose points have neighbours at such distances and such angles.

    Three numbers of the cloud are held against those of as many points in balls of 1, 2, 3, ... dimensions: the
    likeliest dimension :math:`\hat d` of `mind`, and direction ν and concentration τ of the von Mises law of the angles
    between k neighbours, averaged over points. The dimension is where the sum of the two divergences is least,

    .. math:: H_k\, (q - 1) - \ln q + (k - 1)\, \mathrm{E} \ln \frac{1 - u}{1 - u^q}
        + \ln \frac{I_0(\tau')}{I_0(\tau)} + \frac{I_1(\tau)}{I_0(\tau)} (\tau - \tau' \cos(\nu - \nu')),

    with :math:`q = \hat d' / \hat d` and u the smallest of k even numbers.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours, 3 or more.
    rng : int or numpy.random.Generator
        Draws the balls.

    Returns
    -------
    DANCo
        The dimension with its interval, and how unlike the ball the cloud is. No interval where balls of even more
        dimensions than the points span would be more like it.

    Raises
    ------
    Refusal
        If there are not more than k + 1 distinct points, or the k + 1 neighbours of a point lie equally far.

    Notes
    -----
    Balls of the same n and k are drawn as needed, several of them where n is below 6000, and remembered, so that a
    second cloud of as many points costs little. About the least divergence the logarithms of the three numbers are
    taken to be parabolas of the logarithm of the dimension, which evens out the noise of the balls and gives the
    fractional value.

    The standard error is that of the three numbers over the graph of neighbours, carried through the search for the
    least divergence, with that of the balls. It takes no resampling.

    The expectation is an integral: written out, its terms alternate and grow like binomial coefficients, and at k = 40
    no digit is left. Bessel functions are taken scaled, as they leave the range of float64 above τ = 713.

    Reads as
    --------
    The dimension with the edges of a ball taken into account: 2000 points of a cube with 20 dimensions give 19.5 ±
    0.2, where `two_nn` gives 15.6.

    Misleads when
    -------------
    The points lie thinly on a closed surface: 1000 points of a sphere with 10 dimensions look like a ball with 11,
    which comes with a note. Density is far from even. The cloud has few points: balls of neighbouring dimensions then
    differ by less than their noise. It is a line, where angles are 0 or half a turn and say little.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), and about ten for balls, O(n² dimension) each, the first time;
    then O(n k² features).

    References
    ----------
    C. Ceruti, S. Bassis, A. Rozza, G. Lombardi, E. Casiraghi and P. Campadelli, DANCo: An intrinsic dimensionality
    estimator exploiting angle and norm concentration, Pattern Recognition 47 (2014) 2569-2581.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).random((500, 6))
    >>> float(danco(rows).dimension.round()), float(danco(1e-4 * rows + 1).dimension.round())
    (6.0, 6.0)
    """
    cloud.require(["rows"])
    lists = Lists.of(cloud, k + 1)
    logs = log_ratios(lists.distances, 1, k + 1)
    if not np.all(logs > 0):
        raise Refusal(Outcome.EQUAL_DISTANCES, f"all {k + 1} of {np.count_nonzero(logs == 0)} points")
    points = distinct_points(cloud)
    found = concentration(points, lists.distances, lists.near.indices)
    seed = int(np.random.default_rng(rng).integers(2**63))
    span = _span(points)
    ball = nearest_ball(found.values, (len(points), k, seed), span)
    own = graph_standard_error(ball.slopes @ found.influence, lists.tied)
    # A ball has the noise of the cloud itself, less so for what several of them even out.
    error = own * np.sqrt(1.0 + ball.noise)
    distance = even_distance(law_positions(("ratio", 1, k + 1), ball.dimension * logs))
    common = common_fields(cloud, lists.near, (ball.dimension, error), (distance, None))
    if not ball.inside:
        common["intervals"] = {}
    if ball.dimension > span - 0.5 and span > 1:
        seen = f"the points span {span} dimensions, {ball.dimension:.2f} were found"
        common["notes"] += (Note(Outcome.AT_SPAN, seen, "dimension"),)
    extra = {
        "dimensions": ball.drawn,
        "divergences": ball.divergences,
        "concentration": found.values,
        "of_balls": ball.concentrations,
    }
    return DANCo(**common, divergence=lists.give(max(0.0, ball.divergence)), extra=extra)


def _span(points: NDArray[np.float64]) -> int:
    centred = points - points.mean(axis=0)
    centred /= np.abs(centred).max()
    gram = centred.T @ centred if centred.shape[1] <= centred.shape[0] else centred @ centred.T
    variances = np.linalg.eigvalsh(gram)
    return int(np.count_nonzero(variances > _NO_VARIANCE * len(gram) * variances[-1]))
