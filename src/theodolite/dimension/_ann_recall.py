"""How many true neighbours a search index finds, and what the dimension around a point has to do with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Interval, Missing, Outcome, ParameterError, Refusal, Result
from theodolite.core.measure import speaking_for
from theodolite.dimension._patches import distinct_points
from theodolite.numerics.graph_index import GraphSettings, found_by_graph
from theodolite.numerics.list_dimension import log_sums
from theodolite.numerics.rank_correlation import spearman

Float = NDArray[np.float64]

_QUERIES = 1000
_AROUND = 20
_Z95 = 1.959963984540054
_TIED = 1e-12


@dataclass(frozen=True, kw_only=True)
class ANNRecall(Result):
    """Recall of an HNSW index, by the order in which points were inserted.

    Attributes
    ----------
    random, ascending, descending : array of shape ()
        Share of the k nearest neighbours that were found, with points inserted in random order, those with the fewest
        dimensions around them first, and those with the most first. Standard errors are over queries, of these graphs.
    ascending_gain, descending_gain : array of shape ()
        By how much recall differs from that of the random order, query by query.
    correlation : array of shape (), or Missing
        Spearman's, of the dimension around a point with its own recall in random order; missing where all points have
        one recall.
    """

    random: Array
    ascending: Array
    descending: Array
    ascending_gain: Array
    descending_gain: Array
    correlation: Array | Missing


def ann_recall(
    cloud: Cloud,
    /,
    *,
    k: int = 10,
    M: int = 16,
    ef_construction: int = 128,
    ef: int = 16,
    rng: int | np.random.Generator = 0,
) -> ANNRecall:
    """Recall of an HNSW index over a cloud: the share of true neighbours that it finds, for three orders of insertion.

    It asks an index of the package hnswlib, so that numbers may change with that package; therefore it is no measure
    that a survey runs.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours are searched for, the point itself left out.
    M : int
        Links of a point in the graph, 2 or more.
    ef_construction : int
        Candidates that are kept while the graph is built.
    ef : int
        Candidates that are kept in a search; k + 1 where it is less, since a point finds itself.
    rng : int or numpy.random.Generator
        Draws the random order, 1000 points that are searched for (all where there are fewer), and their levels.

    Returns
    -------
    ANNRecall
        Recall by order with its standard error over the points, what the orders gain, and the rank correlation of
        recall with the dimension around a point. ``extra`` has the rows that were searched for, ``"queries"``, the
        dimension around each, ``"pointwise"``, and its recall by order, ``"random"``, ``"ascending"`` and
        ``"descending"``.

    Raises
    ------
    ParameterError
        If a number is none that there can be.
    Refusal
        If there are not more than k or 20 distinct points, or hnswlib is not installed.

    Notes
    -----
    Dimensions are those of `lid` from 20 neighbours, and true neighbours are exact, from the same pass. A point that
    is found counts as true where it is no farther than the k-th neighbour, so that ties cost nothing. The index works
    on one thread, so that a seed gives the same numbers again.

    Reads as
    --------
    What a search over these features would miss. Recall falls with the dimension: at these defaults it is 1 in four
    dimensions. A negative correlation says that points in the thick of it are missed first.

    Misleads when
    -------------
    Recall near 1 is compared: raise k or lower ef until there is something to lose. Which order is best differs from
    cloud to cloud, by a percent or two. Standard errors don't hold what other graphs of the same points would give.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; three graphs, O(n log n ef_construction features).

    References
    ----------
    Y. A. Malkov and D. A. Yashunin, Efficient and robust approximate nearest neighbor search using hierarchical
    navigable small world graphs, IEEE Transactions on Pattern Analysis and Machine Intelligence 42 (2020) 824-836.
    """  # noqa: DOC502 - raised by what is called
    with speaking_for("ann_recall"):
        given = Cloud.coerce(cloud)
        given.require(["rows"])
        for name, value, least in (("k", k, 1), ("M", M, 2), ("ef_construction", ef_construction, 1), ("ef", ef, 1)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ParameterError(f"{name} is {value!r}; expected a whole number, {least} or more")
        return _recall(given, int(k), (int(M), int(ef_construction), int(ef)), np.random.default_rng(rng))


def _recall(cloud: Cloud, k: int, built: tuple[int, int, int], rng: np.random.Generator) -> ANNRecall:
    near = cloud.neighbours(max(k, _AROUND))
    sums = log_sums(near.nearest(_AROUND).distances)
    settings = GraphSettings(*built, seed=int(rng.integers(2**31)))
    queries = np.sort(rng.choice(near.count, min(near.count, _QUERIES), replace=False))
    thick = np.argsort(sums, kind="stable")  # the larger the sum, the fewer dimensions
    orders = {"random": rng.permutation(near.count), "ascending": thick[::-1].copy(), "descending": thick}
    points, farthest = distinct_points(cloud), near.distances[queries, k - 1]
    own: dict[str, Float] = {}
    for name, order in orders.items():
        try:
            found = found_by_graph(points, order, queries, k, settings)
        except ImportError:
            raise Refusal(Outcome.NEEDS_INDEX) from None
        own[name] = _share(points, queries, found, farthest)
    gains = {f"{name}_gain": own[name] - own["random"] for name in ("ascending", "descending")}
    means = {name: _mean(values, 0.0 if name in own else -1.0) for name, values in (own | gains).items()}
    around = -sums[queries]
    correlation, interval = _correlation(around, own["random"])
    with np.errstate(divide="ignore"):
        pointwise = (_AROUND - 2) / sums[queries]
    return ANNRecall(
        **{name: value for name, (value, _) in means.items()},
        correlation=correlation,
        intervals={name: one for name, (_, one) in means.items()} | interval,
        extra={"queries": near.distinct.first[queries], "pointwise": pointwise, **own},
    )


def _share(points: Float, queries: NDArray[np.int64], found: NDArray[np.int64], farthest: Float) -> Float:
    true = np.zeros(found.shape, bool)
    for place, column in enumerate(found.T):
        apart = np.linalg.norm(points[column] - points[queries], axis=1)
        true[:, place] = (column >= 0) & (apart <= farthest * (1.0 + _TIED))
    return np.asarray(true.mean(axis=1))


def _mean(values: Float, least: float) -> tuple[Array, Interval]:
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(values.size)
    low, high = np.clip([mean - _Z95 * error, mean + _Z95 * error], least, 1.0)
    return mean, Interval(low, high, 0.95, error)


def _correlation(around: Float, recall: Float) -> tuple[Array | Missing, dict[str, Interval]]:
    if np.ptp(recall) == 0 or np.ptp(around) == 0:
        return Missing(Outcome.ONE_RECALL, f"{recall[0]:.3g} at {recall.size} points"), {}
    rho = spearman(around[None, :], recall, [recall.size])[0]
    # Bonett and Wright's variance of Fisher's transform of a rank correlation.
    reach = _Z95 * np.sqrt((1.0 + rho**2 / 2.0) / (recall.size - 3))
    centre = np.arctanh(np.clip(rho, -1.0 + 1e-15, 1.0 - 1e-15))
    error = (1.0 - rho**2) * reach / _Z95
    return rho, {"correlation": Interval(np.tanh(centre - reach), np.tanh(centre + reach), 0.95, error)}
