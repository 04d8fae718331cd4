"""The dimension from how the length of the minimum spanning tree grows with the number of points."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Limits, Outcome, Refusal, measure
from theodolite.dimension._growth import GrowthDimension, growth_fields
from theodolite.numerics.growth_law import Growth, growing_parts, line, smallest_part
from theodolite.numerics.halves import HALVINGS
from theodolite.numerics.mst import spanning_trees
from theodolite.numerics.neighbours import Neighbours

_FEWEST = 16  # points, so that halves have parts at all
_LISTED = 64
_ENOUGH = 8  # listed neighbours that lie in the smallest part, on average
_GPTID_SMALLEST, _GPTID_STEPS, _GPTID_RERUNS = 40, 7, 3
_T95_OF_RERUNS = 4.302652729911275  # of Student's law with two degrees of freedom


@dataclass(frozen=True, kw_only=True)
class PHDimension(GrowthDimension):
    """Dimension from spanning trees.

    Attributes
    ----------
    dimension : array of shape () or Missing
        alpha / (1 - slope); missing where the slope is 1 or more. ``extra`` has the line: ``"sizes"``, and
        ``"lengths"`` at each.
    inverse : array of shape ()
        (1 - slope) / alpha, with its standard error; the interval of the dimension is this one's.
    slope : array of shape ()
        Of the logarithm of the tree's length in that of the number of points.
    r_squared : array of shape ()
        Share of the variance of the logarithms that the line explains: the goodness of fit.
    points, duplicates : array of shape ()
        Distinct points, rows that repeat another.
    searched : array of shape ()
        How often lists of neighbours ran out, so that a point had to be compared with all others of its part.
    """


def _reach(count: int, parameters: Mapping[str, Any]) -> int:
    smallest = _smallest(count, parameters["plan"], parameters["share"])
    if parameters["plan"] == "even":
        smallest = max(1, smallest // 2)  # of a half
    return min(_LISTED, count - 1, -(-_ENOUGH * count // smallest))


def _smallest(count: int, plan: str, share: float) -> int:
    return smallest_part(count, share) if plan == "even" else _GPTID_SMALLEST


@measure(cite="schweinhart2020fractal", needs="rows", runs="host", neighbours=_reach)
def ph_dimension(
    cloud: Cloud,
    /,
    *,
    alpha: Annotated[float, Limits(gt=0)] = 1.0,
    share: Annotated[float, Limits(gt=0, le=0.5)] = 0.2,
    repeats: Annotated[int, Limits(ge=1)] = 3,
    plan: Literal["even", "gptid"] = "even",
    rng: int | np.random.Generator = 0,
) -> PHDimension:
    r"""PHD, of persistent homology: the tree that joins m points has a length of about :math:`m^{1 - \alpha / d}`.

    The length is :math:`E_\alpha = \sum |e|^\alpha` over the edges of the Euclidean minimum spanning tree, which are
    the bars of the cloud's homology in degree 0; with the slope s of its logarithm, :math:`d = \alpha / (1 - s)`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    alpha : float
        Power of the edges; below the dimension.
    share : float
        Share of the points in the smallest part, which has 40 at least.
    repeats : int
        How often all points are dealt out at each size: parts of half the size are twice as many.
    plan : {"even", "gptid"}
        Six sizes in equal steps of their logarithm, up to all points. Or the sizes of GPTID, from 40 in steps
        of a seventh of the rest, with medians of 7 parts (3 of the sizes from half of the points on), three times over.
    rng : int or numpy.random.Generator
        Draws the parts.

    Returns
    -------
    PHDimension
        The dimension, its inverse and the slope, with intervals.

    Raises
    ------
    Refusal
        If there are fewer than 16 distinct points, or fewer than 80 for ``plan="gptid"``.

    Notes
    -----
    The trees are exact, and those of all parts are grown from one cloud's lists of neighbours. The standard error is
    that of slopes of random halves of the cloud: what the line leaves is no guide to it, since parts of one cloud err
    together. It is given for 1/d too, which is nearly normal; d is not where s is near 1, and has no value from s = 1
    on. GPTID's own code gives 1/(1 - s) for every alpha; ``plan="gptid"`` repeats its parts and medians, not that, and
    its standard error is that of the three times alone, which hold what drawing adds and not what the points do.

    Reads as
    --------
    The dimension at the scale of the distance between neighbours, as `mle`, from edges alone: the longest count most.

    Misleads when
    -------------
    There are few points: 150 of a ball of five dimensions leave a standard error of 0.25, and the more dimensions, the
    larger, by their square. The cloud has an edge, and d is high: then it is low, as all estimates from neighbours are.
    Points nearly coincide, as repeated tokens do: their edges are short however many dimensions there are. A tree of m
    points has m - 1 edges, which lowers 1/d by 0.013 to 0.018 with 200 to 80 points, the smallest part having 40: a
    sixth of it in 10 dimensions.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then O(n k) for each of some 140 passes over the
    points. Their edges take some 9 kB of memory for each point, beside the lists.

    References
    ----------
    B. Schweinhart, Fractal dimension and the persistent homology of random geometric complexes, Advances in Mathematics
    372 (2020) 107291, arXiv:1808.02196. E. Tulchinskii et al., Intrinsic dimension estimation for robust detection of
    AI-generated texts, NeurIPS 2023, arXiv:2306.04723. The growth: J. M. Steele, Growth rates of Euclidean minimal
    spanning trees with power weighted edges, Annals of Probability 16 (1988) 1767-1787.

    Examples
    --------
    >>> import numpy as np
    >>> torus = np.exp(2j * np.pi * np.random.default_rng(0).random((1000, 2))).view(float)
    >>> found = ph_dimension(torus)
    >>> bool(found.intervals["dimension"].low < 2 < found.intervals["dimension"].high)
    True
    """
    count = cloud.distinct.count
    fewest = _FEWEST if plan == "even" else 2 * _GPTID_SMALLEST
    if count < fewest:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{count} distinct points, {fewest} needed")
    known, generator = cloud.neighbours(_reach(count, {"plan": plan, "share": share})), np.random.default_rng(rng)
    if plan == "gptid":
        found, searched = _as_gptid(cloud, known, alpha, generator)
    else:
        parts = growing_parts(count, _smallest(count, plan, share), 6, (repeats, HALVINGS), generator)
        lengths, searched = _lengths(cloud, known, parts.members, alpha)
        found = parts.growth(lengths)
    return PHDimension(**growth_fields(cloud, found, alpha, searched))


def _lengths(
    cloud: Cloud, known: Neighbours, members: list[NDArray[np.int64]], alpha: float
) -> tuple[NDArray[np.float64], int]:
    # In units of the longest edge, whose powers stay in range.
    grown = spanning_trees(known, members, cloud.points, ordered=False)
    edges = (grown.lengths / grown.lengths.max()) ** alpha
    return np.bincount(grown.tree, edges, len(members)).astype(np.float64), grown.searched


def _as_gptid(cloud: Cloud, known: Neighbours, alpha: float, rng: np.random.Generator) -> tuple[Growth, int]:
    count = known.count
    step = (count - _GPTID_SMALLEST) // _GPTID_STEPS
    sizes = list(range(_GPTID_SMALLEST, count - step, step))
    draws = [7 if 2 * size < count else 3 for size in sizes]
    members = [
        order[:size]
        for _ in range(_GPTID_RERUNS)
        for size, times in zip(sizes, draws, strict=True)
        for order in rng.permuted(np.broadcast_to(np.arange(count), (times, count)), axis=1)
    ]
    lengths, searched = _lengths(cloud, known, members, alpha)
    each = np.split(lengths, np.cumsum(draws * _GPTID_RERUNS)[:-1])
    medians = np.asarray([median(several.tolist()) for several in each]).reshape(_GPTID_RERUNS, -1)
    lines = np.asarray([line(sizes, several) for several in medians])
    slope, r_squared, residual = lines.mean(axis=0)
    error = float(lines[:, 0].std(ddof=1) / np.sqrt(_GPTID_RERUNS))
    numbers = float(slope), error, float(r_squared), float(residual)
    return Growth(*numbers, sizes, medians.mean(axis=0), _T95_OF_RERUNS), searched
