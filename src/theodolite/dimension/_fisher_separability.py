"""The dimension of a cloud from how many points no plane separates from the others."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Interval, Limits, Note, Outcome, Refusal, Result, measure, to_numpy
from theodolite.dimension._estimate import given_back, interval_about
from theodolite.numerics.fisher_separability import MARGINS, equivalent_dimension, inseparable_counts, on_sphere

Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FisherSeparability(Result):
    """Dimension from Fisher separability.

    Attributes
    ----------
    dimension : array of shape ()
        At the margin that is read. ``extra`` has the profile: ``"margins"``, the share of ``"inseparable"`` pairs and
        the ``"dimensions"`` at each, NaN where all points are separable; and the ``"counts"`` of points at the margin
        that is read, for each of the points.
    margin : array of shape ()
        The margin that is read.
    inseparable : array of shape ()
        Share of ordered pairs of points at this margin of which the first is not separable from the second.
    separable : array of shape ()
        Share of the points that are separable from all others at this margin.
    directions : array of shape ()
        Principal directions that were kept.
    points, duplicates : array of shape ()
        Distinct points that were put on the sphere, rows that repeat another.
    """

    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="higher = points are separated with less effort",
        ),
    ]
    margin: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="the nearest to nine tenths of the largest at which some points aren't separable",
        ),
    ]
    inseparable: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="lower = separated with less effort",
        ),
    ]
    separable: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = a plane separates any point from all others",
        ),
    ]
    directions: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="what the dimension is hardly ever above",
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


@measure(cite="albergante2019estimating", needs="rows", runs="host")
def fisher_separability(
    cloud: Cloud, /, *, condition: Annotated[float, Limits(gt=1)] = 10.0, law: Literal["limit", "exact"] = "limit"
) -> FisherSeparability:
    r"""FisherS: the dimension of the sphere whose points are as hard to separate by planes as these.

    The rows are centred, brought to their leading principal directions, whitened, and put on the unit sphere. A point x
    is inseparable from y at the margin a where :math:`\langle x, y \rangle > a`; on a sphere in n dimensions a share
    :math:`p_a \approx (1 - a^2)^{(n - 1) / 2} / (a \sqrt{2 \pi n})` of the pairs is, which is solved for n.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once, and one that is the mean of all not at all.
    condition : float
        Principal directions are kept whose variance is above that of the first divided by this.
    law : {"limit", "exact"}
        What is solved: the share above, which is a limit for many dimensions, or the cap of the sphere,
        :math:`p_a = I_{1 - a^2}((n - 1) / 2, 1 / 2) / 2`.

    Returns
    -------
    FisherSeparability
        The dimension with its interval, and the profile over margins .60, .62, ..., .98. Where every point is
        separable at each, a lower bound with a note: what one pair that is not would give at the first.

    Raises
    ------
    Refusal
        If there are not more than two distinct points.

    Notes
    -----
    The share is a U-statistic, whose variance :math:`4 \sum_i \sum_{j \ne l} h_{ij} h_{il} + 2 \sum_{ij} h_{ij}^2`
    is found from the counts of each point; the directions and the margin are taken for known. The number is that of
    the directions of the space, one more than the dimension of the sphere.

    Reads as
    --------
    How easily linear rules tell one point from all others, in dimensions: an answer about classifiers, not about the
    surface that points lie on.

    Misleads when
    -------------
    Few directions are kept: the answer is hardly above their number. Clusters: after whitening, points of one cluster
    are inseparable, and the dimension is near 1 whatever that of the clusters.

    Cost
    ----
    The principal directions, O(n d min(n, d)), and the inner products of all pairs, O(n² k), in blocks.

    References
    ----------
    L. Albergante, J. Bac and A. Zinovyev, Estimating the effective dimension of large biological datasets using Fisher
    separability analysis, IJCNN 2019, arXiv:1901.06328. A. N. Gorban, A. Golubkov, B. Grechuk, E. M. Mirkes and I. Y.
    Tyukin, Correction of AI systems by linear discriminants: probabilistic foundations, Information Sciences 466 (2018)
    303-322.

    Examples
    --------
    >>> import numpy as np
    >>> found = fisher_separability(np.random.default_rng(0).standard_normal((1000, 8)))
    >>> bool(7 < found.dimension < 9), float(found.directions)
    (True, 8.0)
    """
    distinct = cloud.distinct
    if distinct.count < 3:
        seen = f"{distinct.count} distinct point{'s' * (distinct.count != 1)}, 3 needed"
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, seen)
    rows = np.asarray(to_numpy(cloud.centred))[distinct.first]
    points = on_sphere(rows - rows.mean(axis=0), condition)
    count, counts = len(points), inseparable_counts(points)
    shares = counts.sum(axis=0) / (count * (count - 1))
    some = int(np.count_nonzero(shares))
    place = int(np.argmin(np.abs(MARGINS - 0.9 * MARGINS[some - 1]))) if some else 0
    margin = float(MARGINS[place])
    dimension, sensitivity = equivalent_dimension(float(shares[place]) or 2.0 / (count * (count - 1)), margin, law)
    profile = [equivalent_dimension(float(p), float(a), law)[0] for p, a in zip(shares[:some], MARGINS, strict=False)]
    notes: tuple[Note, ...] = ()
    intervals: dict[str, Interval] = {}
    if some:
        intervals = {"dimension": interval_about(cloud, dimension, sensitivity * _relative_error(counts[:, place]))}
    else:
        notes = (Note(Outcome.ALL_SEPARABLE, f"{count} points, at margins of {margin:g} and more", "dimension"),)
    return FisherSeparability(
        dimension=given_back(cloud, dimension),
        margin=given_back(cloud, margin),
        inseparable=given_back(cloud, float(shares[place])),
        separable=given_back(cloud, float(np.mean(counts[:, place] == 0))),
        directions=given_back(cloud, float(points.shape[1])),
        points=given_back(cloud, float(count)),
        duplicates=given_back(cloud, float(distinct.rows - distinct.count)),
        notes=notes,
        intervals=intervals,
        extra={
            "margins": MARGINS.copy(),
            "inseparable": shares,
            "dimensions": np.asarray(profile + [np.nan] * (MARGINS.size - some)),
            "counts": counts[:, place],
        },
    )


def _relative_error(counts: NDArray[np.int64]) -> float:
    """Find the standard error of the logarithm of the share of pairs, from the counts of each point."""
    total = float(counts.sum())
    each = counts / total - 1.0 / counts.size
    noise = 1.0 / total
    places = max(0.0, float(each @ each) - noise)
    return float(np.sqrt(4.0 * places + 2.0 * noise))
