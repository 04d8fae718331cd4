"""How far a cloud falls apart into clusters, from the bars of its homology in degree 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Missing, Outcome, Refusal, Result, measure, to_numpy
from theodolite.dimension._estimate import given_back
from theodolite.dimension._labels import Classes
from theodolite.numerics.mst import spanning_tree

_LISTED = 16
_FEWEST = 3
_ROUNDED = 1e-13  # between rows of length 1


@dataclass(frozen=True, kw_only=True)
class ClassSeparability(Result):
    """How clusters merge.

    Attributes
    ----------
    mean_length : array of shape ()
        Mean bar, in units of the longest. ``extra`` has all ``"bars"``, ascending.
    entropy : array of shape ()
        Of the bars as shares of their sum, in units of that of equal bars.
    clusters : array of shape ()
        How many there are between the two bars that lie farthest apart.
    fisher_ratio : array of shape () or Missing
        Scatter of the class means over that within classes; missing without labels.
    """

    mean_length: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="lower = tighter clusters against the distance between them",
        ),
    ]
    entropy: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="1 = all bars are equal; lower = few long ones",
        ),
    ]
    clusters: Annotated[
        Array,
        Field(
            unit="clusters",
            bounds=(2, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            unspecified=("translation",),
            reads="2 where one point lies far from all others as well",
        ),
    ]
    fisher_ratio: Annotated[
        Array | Missing,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="higher = class means lie farther apart than their rows scatter",
        ),
    ]


def _reach(count: int, parameters: Mapping[str, Any]) -> int:
    # Of rows that are brought to length 1 the cloud itself knows no neighbours.
    return 0 if parameters["normalised"] else min(_LISTED, count - 1)


@measure(cite="gourgoulias2023estimating", needs="rows", runs="host", neighbours=_reach)
def class_separability(
    cloud: Cloud,
    labels: Any = None,
    /,
    *,
    normalised: bool = True,
) -> ClassSeparability:
    r"""Class separability without labels: how short most bars of homology in degree 0 are against the longest.

    The bars are the edges of the Euclidean minimum spanning tree: the distances at which clusters merge. With labels,
    Fisher's ratio :math:`\operatorname{tr} S_b / \operatorname{tr} S_w` stands beside it as a check.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The rows; those that coincide, or point the same way where they are brought to length 1, count once.
    labels : array of shape (rows,), or list, optional
        The class of each row: whole numbers or strings.
    normalised : bool
        Whether rows are brought to length 1, so that angles are compared.

    Returns
    -------
    ClassSeparability
        Mean and entropy of the bars, clusters at the widest gap; with labels, Fisher's ratio.

    Raises
    ------
    Refusal
        If there are fewer than three distinct rows, or a row is zero and so has no length to be brought to 1.

    Notes
    -----
    Bars are in units of the longest, so that layers and steps of a training compare. Rows that coincide give bars of
    length 0, which don't count. Fisher's ratio takes every row, and the same lengths. The paper's own score of the bars
    may be another function of them; they all stand in `extra`.

    Reads as
    --------
    Followed over a training, the mean falls as classes draw together and apart from each other, and stays where it no
    longer pays to go on. In a classifier of clothes trained for 40 epochs it went from 0.46 to 0.18 while Fisher's
    ratio rose from 0.5 to 2.5, and both then drifted back.

    Misleads when
    -------------
    One row lies far from all others: the longest bar is then its own, and the mean is small without any classes.
    Clusters touch: a single chain of rows makes two of them one. Clouds differ in how many rows they have: bars get
    shorter with more rows, the longest hardly. Compare at one number.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), and the tree.

    References
    ----------
    K. Gourgoulias, N. Ghalyan, M. Labonne, Y. Satsangi, S. Moran and J. Sabelja, Estimating class separability of text
    embeddings with persistent homology, arXiv:2305.15016.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((90, 8)) + 9 * np.repeat(np.eye(3, 8), 30, axis=0)
    >>> found = class_separability(rows, [0] * 30 + [1] * 30 + [2] * 30)
    >>> int(found.clusters), bool(found.fisher_ratio > 2)
    (3, True)
    """
    classes = None if labels is None else Classes.of(labels, cloud, fewest=2)
    rows = _unit_rows(cloud) if normalised else np.asarray(to_numpy(cloud.rows), np.float64)
    compared = Cloud(rows) if normalised else cloud
    count = compared.distinct.count
    bars = spanning_tree(compared.neighbours(min(_LISTED, count - 1)), rows).lengths if count > 1 else np.empty(0)
    if normalised:  # rows in one direction coincide but for the rounding of their lengths
        bars = bars[bars > _ROUNDED]
    if bars.size + 1 < _FEWEST:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{bars.size + 1} distinct rows, {_FEWEST} needed")
    shares = bars / bars.sum()
    entropy = -float((shares * np.log(shares)).sum()) / float(np.log(bars.size))
    ratio: Array | Missing = Missing(Outcome.NEEDS_LABELS)
    if classes is not None:
        value = _fisher_ratio(rows, classes)
        ratio = Missing(Outcome.CLASSES_WITHOUT_SPREAD) if value is None else given_back(cloud, value)
    return ClassSeparability(
        mean_length=given_back(cloud, float(bars.mean() / bars[-1])),
        entropy=given_back(cloud, min(1.0, entropy)),
        clusters=given_back(cloud, float(bars.size - int(np.diff(bars).argmax()))),
        fisher_ratio=ratio,
        extra={"bars": bars},
    )


def _unit_rows(cloud: Cloud) -> NDArray[np.float64]:
    rows = np.asarray(to_numpy(cloud.rows), np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not np.all(largest > 0):
        raise Refusal(Outcome.ROW_WITHOUT_DIRECTION, f"{np.count_nonzero(largest == 0)} of {cloud.count} rows")
    rows = rows / largest
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _fisher_ratio(rows: NDArray[np.float64], classes: Classes) -> float | None:
    """Set the scatter of class means against that within; none where nothing scatters within."""
    centred = rows - rows.mean(axis=0)
    largest = float(np.abs(centred).max())
    centred /= largest
    means = np.stack([centred[classes.codes == code].mean(axis=0) for code in range(classes.count)])
    between = float(classes.counts @ (means**2).sum(axis=1))
    within = float(((centred - means[classes.codes]) ** 2).sum())
    return between / within if within > 1e-24 * (between + within) else None
