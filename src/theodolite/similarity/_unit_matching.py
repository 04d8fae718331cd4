"""Which units of one cloud go with which of the other, and how closely: convergent learning."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Field, Limits, Pair, ParameterError, Result, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.alignment import best_pairing
from theodolite.numerics.unit_groups import joint_clusters, lasso_paths
from theodolite.similarity._units import Units

Matrix = NDArray[np.float64]

_STEPS = 25


@dataclass(frozen=True, kw_only=True)
class UnitMatching(Result):
    """How closely units go with their partners in the other cloud; what each unit has stands in `extra`.

    ``extra["correlation_of_x"]`` and ``extra["correlation_of_y"]`` hold a number for each unit, NaN for one that was
    left out. One to one and semi: ``extra["match_of_x"]`` and ``extra["match_of_y"]``, the partner's index or -1. One
    to many: ``extra["penalties"]``, and for each unit and each of them ``extra["r2_of_x"]``,
    ``extra["partners_of_x"]``, ``extra["r2_of_y"]`` and ``extra["partners_of_y"]``. Many to many:
    ``extra["cluster_of_x"]`` and ``extra["cluster_of_y"]``, -1 for a unit that was left out.

    Attributes
    ----------
    correlation : array of shape ()
        Mean of `of_x` and `of_y`.
    of_x, of_y : array of shape ()
        Mean correlation of the units of one cloud with their partners in the other.
    partners : array of shape ()
        How many partners a unit has on average.
    """

    correlation: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(-1, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation", "order", "exchange"),
            varies=("rotation", "linear"),
            reads="1 = every unit has its like in the other cloud",
            of_itself=1.0,
        ),
    ]
    of_x: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(-1, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation", "order"),
            varies=("rotation", "linear"),
            unspecified=("exchange",),
            reads="1 = every unit of x has its like in y",
            of_itself=1.0,
        ),
    ]
    of_y: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(-1, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation", "order"),
            varies=("rotation", "linear"),
            unspecified=("exchange",),
            reads="1 = every unit of y has its like in x",
            of_itself=1.0,
        ),
    ]
    partners: Annotated[
        Array,
        Field(
            unit="units",
            bounds=(0, None),
            invariant_to=("scale", "separate_scale", "translation", "permutation", "order", "exchange"),
            unspecified=("rotation", "linear"),
            reads="with how many units a unit is matched",
        ),
    ]


@measure(cite="li2016convergent", needs="moments", runs="host")
def unit_matching(
    pair: Pair,
    /,
    *,
    method: Literal["one_to_one", "semi", "one_to_many", "many_to_many"] = "one_to_one",
    penalty: Annotated[float, Limits(gt=0, lt=1)] = 0.1,
    clusters: Annotated[int, Limits(ge=2)] = 4,
    seed: Annotated[int, Limits(ge=0, lt=2**32)] = 0,
) -> UnitMatching:
    r"""Correlation of units with their partners in the other cloud, from the matrix :math:`R` of all correlations.

    One to one: the assignment with the largest sum, :math:`\max_P \mathrm{tr}(P^\top R)`, over min(d, e) pairs. Semi:
    each unit with the one that it correlates with most, whoever else does. One to many: each unit with the few whose
    weighted sum predicts it, by the lasso, :math:`\min_w \frac12 |y - Xw|^2 + \lambda |w|_1` on units of variance 1.
    Many to many: clusters of units of both clouds, by spectral biclustering of :math:`|R|`.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        The clouds.
    method : {"one_to_one", "semi", "one_to_many", "many_to_many"}
        How many partners a unit may have, and whether they may be shared.
    penalty : float
        One to many: the :math:`\lambda`, in units of correlation. A unit that correlates less with all others has no
        partner. The path of penalties from 1 to this one is kept in `extra`.
    clusters : int
        Many to many: how many.
    seed : int
        Many to many: of k-means.

    Returns
    -------
    UnitMatching
        The mean correlation, that of either cloud's units, and the mean number of partners; refused where no unit of a
        cloud varies.

    Raises
    ------
    ParameterError
        If there are more clusters than varying units in a cloud.

    Notes
    -----
    Where a square hides: correlations are not squared; :math:`R^2` in `extra` is that of the penalised prediction.
    Signs count one to one and semi: a unit and its negative are opposites. One to many, a unit correlates with the
    weighted sum of its partners; many to many, the correlation is the mean of :math:`|r|` over its partners. A unit
    without partner correlates 0 with them. One to one, `of_x` and `of_y` are means over the pairs alone. What is
    declared above holds for one to one and semi.

    Units that do not vary are left out, and noted. Where units are copies of each other, which of them is the partner
    is arbitrary. With equal widths, :math:`\sqrt{1 - r}` of the one-to-one correlation is a metric.

    Reads as
    --------
    How far single units, and not only the spaces that they span, were learned alike. Near 1 one to one: the same units
    in another order. High semi and low one to one: several units of one cloud share a partner. Set it against its
    chance level, which rises with the number of units and falls with that of rows.

    Misleads when
    -------------
    Rows are few: among many units the best match of an unrelated one correlates well, and the lasso finds partners for
    it. Units that are rarely active correlate on a handful of rows.

    Cost
    ----
    The product of the clouds, n d e; an assignment problem of side max(d, e); the lasso one path for each unit, after
    an eigendecomposition of side d + e; biclustering a singular value decomposition and k-means.

    References
    ----------
    Y. Li, J. Yosinski, J. Clune, H. Lipson and J. Hopcroft, Convergent learning: Do different neural networks learn the
    same representations?, ICLR 2016, arXiv:1511.07543.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 5))
    >>> y = x[:, [3, 0, 4, 1]] + 0.5 * rng.standard_normal((200, 4))
    >>> found = unit_matching(x, y)
    >>> bool(found.correlation > 0.8), found.extra["match_of_y"].tolist()
    (True, [3, 0, 4, 1])
    """
    units = Units.of(pair)
    r = to_numpy(units.correlations)
    if method == "one_to_many":
        of_each, partners, beside = _one_to_many(pair, units, penalty)
    elif method == "many_to_many":
        if clusters > min(r.shape):
            raise ParameterError(f"clusters is {clusters}; the clouds have {r.shape[0]} and {r.shape[1]} varying units")
        of_each, partners, beside = _many_to_many(units, r, clusters, seed)
    else:
        of_each, partners, beside = _by_pairs(units, r, shared=method == "semi")
    means = [float(np.mean(one[np.isfinite(one)])) for one in of_each]
    extra = {"correlation_of_x": units.spread(0, of_each[0]), "correlation_of_y": units.spread(1, of_each[1]), **beside}
    of_x, of_y, both = (in_library_of(mean, pair.cross) for mean in (*means, sum(means) / 2.0))
    return UnitMatching(
        correlation=both,
        of_x=of_x,
        of_y=of_y,
        partners=in_library_of(partners, pair.cross),
        notes=units.notes("correlation"),
        extra={name: in_library_of(array, pair.cross) for name, array in extra.items()},
    )


Found = tuple[list[Matrix], float, dict[str, NDArray[Any]]]
"""Correlations of the units of both clouds with their partners, how many partners, and what else stands in `extra`."""


def _by_pairs(units: Units, r: Matrix, *, shared: bool) -> Found:
    if shared:
        matches = [r.argmax(axis=1), r.argmax(axis=0)]
    else:
        first, second = best_pairing(r)
        matches = [np.full(side, -1) for side in r.shape]
        matches[0][first], matches[1][second] = second, first
    of_each, beside = [], {}
    for place, (table, found) in enumerate(zip((r, r.T), matches, strict=True)):
        matched = np.where(found >= 0, table[np.arange(len(found)), found], np.nan)
        of_each.append(matched)
        partner = np.where(found >= 0, units.live[1 - place][found], -1)
        beside[f"match_of_{'xy'[place]}"] = units.spread(place, partner)
    return of_each, 1.0, beside


def _one_to_many(pair: Pair, units: Units, penalty: float) -> Found:
    r = to_numpy(units.correlations)
    within = [
        to_numpy(scatter)[np.ix_(live, live)] / np.outer(size, size)
        for scatter, live, size in zip(pair.scatters, units.live, map(to_numpy, units.sizes), strict=True)
    ]
    penalties = np.geomspace(1.0, penalty, _STEPS)
    of_each, counts, beside = [], [], {"penalties": penalties}
    for place, table in enumerate((r, r.T)):
        other = 1 - place
        joint = np.block([[within[other], table.T], [table, within[place]]])
        weights = lasso_paths(joint, table.shape[1], penalties)
        follows = np.einsum("uks,uk->us", weights, table)
        power = np.einsum("uks,kl,uls->us", weights, within[other], weights, optimize=True)
        used = np.count_nonzero(weights, axis=1).astype(np.float64)
        last, spread = follows[:, -1], np.sqrt(power[:, -1])
        of_each.append(np.divide(last, spread, out=np.zeros_like(last), where=spread > 0.0))
        counts.append(used[:, -1].mean())
        name = "xy"[place]
        beside[f"r2_of_{name}"] = units.spread(place, 2.0 * follows - power)
        beside[f"partners_of_{name}"] = units.spread(place, used)
    return of_each, float(np.mean(counts)), beside


def _many_to_many(units: Units, r: Matrix, clusters: int, seed: int) -> Found:
    sizes = np.abs(r)
    labels = joint_clusters(sizes, clusters, seed)
    together = labels[0][:, None] == labels[1][None, :]
    of_each = []
    for axis in (1, 0):
        count = together.sum(axis=axis)
        of_each.append(np.where(together, sizes, 0.0).sum(axis=axis) / np.maximum(count, 1))
    partners = (together.sum(axis=1).mean() + together.sum(axis=0).mean()) / 2.0
    beside = {f"cluster_of_{'xy'[place]}": units.spread(place, found) for place, found in enumerate(labels)}
    return of_each, float(partners), beside
