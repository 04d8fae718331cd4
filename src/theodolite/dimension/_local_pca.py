"""The dimension from place to place: how many principal directions the neighbours of each point take."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Note, Outcome, Result, measure, to_numpy
from theodolite.dimension._estimate import Lists, interval_about
from theodolite.numerics.decimation import parts
from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.halves import T95, halved, halves_error
from theodolite.numerics.local_spectra import local_spectra
from theodolite.numerics.neighbours import Neighbours
from theodolite.numerics.pca_rules import SHAPE_RULES

_FEWEST = 8  # points that are halved
_SPREADS = 10.0  # so many roots of k more than 2 k neighbours hold k of either half for all points but a few


@dataclass(frozen=True, kw_only=True)
class LocalPCA(Result):
    """Dimension from principal components of neighbourhoods.

    Attributes
    ----------
    dimension : array of shape ()
        Mean over points. ``extra`` has the ``"pointwise"`` dimension of each distinct point.
    median : array of shape ()
        Their median.
    explained : array of shape ()
        Share of the variance of a neighbourhood that so many leading directions hold, on average.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """

    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="higher = more directions to go from a point",
        ),
    ]
    median: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="far from the mean = not the same from place to place",
        ),
    ]
    explained: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="higher = less is left out",
        ),
    ]
    points: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(2, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="rows that coincide count once",
        ),
    ]
    duplicates: Annotated[
        Array,
        Field(
            unit="rows",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="rows that coincide with another one, and were left out",
        ),
    ]
    uncertain: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(0, None),
            unspecified=("scale", "translation", "rotation", "permutation", "order"),
            reads="points whose neighbours single precision could not tell; their distances are exact all the same",
        ),
    ]


def _reach(count: int, parameters: Mapping[str, Any]) -> int:
    k = int(parameters["k"])
    return max(k, min(count - 1, round(2.0 * k + _SPREADS * math.sqrt(k))))


@measure(cite="fukunaga1971algorithm", needs="rows", runs="host", neighbours=_reach)
def local_pca(
    cloud: Cloud,
    /,
    *,
    k: Annotated[int, Limits(ge=3)] = 50,
    rule: Literal["fo", "participation", "ratio", "entropy", "fan", "maxgap", "kaiser", "broken_stick"] = "fo",
) -> LocalPCA:
    r"""Local PCA: how many principal directions the k nearest neighbours of a point take, averaged over points.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    k : int
        How many neighbours make a neighbourhood, 3 or more; the point itself is not among them.
    rule : str
        How directions are counted; see `pca_dimension`. By default those with a variance above 5 percent of the
        largest.

    Returns
    -------
    LocalPCA
        The dimension with its interval; the points' own in `extra`.

    Notes
    -----
    Refused where there are not more than k distinct points. The standard error is half of how far two random halves of
    the cloud are apart, over eight halvings, by Student's law. Neighbourhoods share members, and sums over the graph of
    neighbours leave out half of what another draw of the points changes; leaving some points out of neighbourhoods
    moves counts by jumps, and makes too much of it. The halves have as many neighbours, and so wider neighbourhoods;
    where k is above an eighth of the points, they have fewer, down to half, and the standard error is a rough guide.
    Of 1000 points of a ball, a sphere and a cube at k = 50 intervals hold the mean of the rule's numbers in 94 of 100
    draws or more, and the standard error is 0.86 to 1.5 times the spread of the draws, where that isn't all but 0
    (``benchmarks/results/dimension_coverage.md``): in the ball and the sphere ``"broken_stick"`` counts 0 everywhere.
    That a rule counts too few or too many, intervals don't hold. Fewer than 8 points have no interval.

    Reads as
    --------
    The dimension of the tangent plane at the scale of k neighbours, where curvature and noise are small within it.

    Misleads when
    -------------
    k is not far above the dimension: k points span k - 1 directions, and not evenly; a note says so where more than
    half of that was found. Noise is as wide as the neighbourhood: its directions count.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared, of somewhat more than 2 k for the halves; then for each
    point the Gram matrix of the smaller side and its eigenvalues, O(k² features + k³), nine times.

    References
    ----------
    K. Fukunaga and D. R. Olsen, An algorithm for finding intrinsic dimensionality of data, IEEE Transactions on
    Computers C-20 (1971) 176-183. For the other rules see `pca_dimension`.

    Examples
    --------
    >>> import numpy as np
    >>> angles = np.random.default_rng(0).random((2, 1000)) * 2 * np.pi
    >>> torus = np.concatenate([np.cos(angles), np.sin(angles)]).T
    >>> float(local_pca(torus).median)
    2.0
    """
    cloud.require(["rows"])
    known = cloud.neighbours(_reach(cloud.distinct.count, {"k": k}))
    lists = Lists.of(cloud, k)
    near = lists.near
    rows = np.asarray(to_numpy(cloud.centred))[near.distinct.first]
    spectra = local_spectra(rows, near.indices)
    pointwise = SHAPE_RULES[rule](spectra)
    dimension = float(pointwise.mean())
    intervals = {}
    if near.count >= _FEWEST:
        error = max(_error_of_halves(rows, known, k, rule), graph_standard_error(pointwise, lists.tied))
        intervals["dimension"] = interval_about(cloud, dimension, error, T95)
    held = np.where(np.arange(spectra.shape[1]) < np.ceil(pointwise - 1e-9)[:, None], spectra, 0.0)
    explained = float(np.minimum(held.sum(axis=1) / spectra.sum(axis=1), 1.0).mean())
    notes: tuple[Note, ...] = ()
    if dimension > (k - 1) / 2:
        seen = f"{k} neighbours span {k - 1} directions, {dimension:.1f} were found"
        notes = (Note(Outcome.NEIGHBOURHOODS_TOO_SMALL, seen, "dimension"),)
    return LocalPCA(
        dimension=lists.give(dimension),
        median=lists.give(float(np.median(pointwise))),
        explained=lists.give(explained),
        points=lists.give(float(near.count)),
        duplicates=lists.give(float(near.duplicates)),
        uncertain=lists.give(float(near.uncertain)),
        notes=notes,
        intervals=intervals,
        extra={"pointwise": pointwise},
    )


def _error_of_halves(rows: NDArray[np.float64], known: Neighbours, k: int, rule: str) -> float:
    half = known.count // 2
    # As many as in the whole, unless a neighbourhood would then reach across a larger share of the cloud.
    few = min(k, half - 1, max(half // 4, k // 2))
    pairs = []
    for labels in halved(known.distances[:, :k].sum(axis=1)):
        halves = parts(rows, known, labels, few)
        one, other = (local_spectra(rows[half.members], half.indices) for half in halves)
        pairs.append((float(SHAPE_RULES[rule](one).mean()), float(SHAPE_RULES[rule](other).mean())))
    return halves_error(pairs)
