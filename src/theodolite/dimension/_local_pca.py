"""The dimension from place to place: how many principal directions the neighbours of each point take."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Note, Outcome, Result, measure, to_numpy
from theodolite.dimension._estimate import Lists, interval_about
from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.local_spectra import local_spectra
from theodolite.numerics.neighbours import Neighbours
from theodolite.numerics.pca_rules import SHAPE_RULES

_PARTS = 10
_DIGITS = 1e4  # the fifth digit of a distance says nothing of where a point lies, and no rounding reaches it


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


@measure(cite="fukunaga1971algorithm", needs="rows", runs="host")
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
    Refused where there are not more than k distinct points. The standard error is that of a jackknife: a tenth of the
    points at a time is left out of all neighbourhoods. Neighbourhoods share members, and the sum over the graph of
    neighbours, which does for ratios of distances, is half of what another draw of the points changes here; the larger
    of both is taken. It is wide rather than narrow, by a third for smooth rules and more for whole numbers. That a rule
    counts too few or too many, it doesn't hold.

    Reads as
    --------
    The dimension of the tangent plane at the scale of k neighbours, where curvature and noise are small within it.

    Misleads when
    -------------
    k is not far above the dimension: k points span k - 1 directions, and not evenly; a note says so where more than
    half of that was found. Noise is as wide as the neighbourhood: its directions count.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared; then for each point the Gram matrix of the smaller
    side and its eigenvalues, O(k² features + k³), eleven times.

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
    lists = Lists.of(cloud, k)
    near = lists.near
    rows = np.asarray(to_numpy(cloud.centred))[near.distinct.first]
    parts = _parts(near)
    spectra, *others = local_spectra(rows, near.indices, parts)
    pointwise = SHAPE_RULES[rule](spectra)
    dimension = float(pointwise.mean())
    fewer = [SHAPE_RULES[rule](np.where(other[:, :1] > 0, other, spectra)) for other in others]
    again = np.asarray([other[~part].mean() for other, part in zip(fewer, parts, strict=True)])
    error = _jackknife(again)
    error = max(error, graph_standard_error(pointwise, lists.tied))
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
        intervals={"dimension": interval_about(cloud, dimension, error)},
        extra={"pointwise": pointwise},
    )


def _parts(near: Neighbours) -> list[NDArray[np.bool_]]:
    """Deal the points into equal parts by digits of their distances, whatever their order."""
    sums = near.distances.sum(axis=1)
    place = np.empty(near.count, np.int64)
    place[np.argsort(np.modf(sums / sums.mean() * _DIGITS)[0], kind="stable")] = np.arange(near.count)
    return [place % _PARTS == part for part in range(min(_PARTS, near.count))]


def _jackknife(values: NDArray[np.float64]) -> float:
    """Find the standard error from what comes out without each part."""
    # What all leave alike, since neighbourhoods are smaller, doesn't count.
    return float(np.sqrt((values.size - 1) * np.var(values)))
