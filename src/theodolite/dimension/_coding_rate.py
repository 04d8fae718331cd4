"""The coding rate of a cloud, and what classes save of it."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Missing, Outcome, Refusal, Result, measure, to_numpy
from theodolite.core.clouds import LARGEST
from theodolite.dimension._estimate import given_back
from theodolite.dimension._labels import Classes
from theodolite.numerics.coding_rates import gaussian_rate


@dataclass(frozen=True, kw_only=True)
class CodingRate(Result):
    """Coding rates of a cloud.

    Attributes
    ----------
    rate : array of shape ()
        Of all rows together.
    class_rate : array of shape ()
        Of the classes, each coded by itself; missing without labels.
    reduction : array of shape ()
        The difference.
    """

    rate: Annotated[
        Array,
        Field(
            unit="nats",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="higher = rows fill more of the space",
        ),
    ]
    class_rate: Annotated[
        Array | Missing,
        Field(
            unit="nats",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="lower = each class is tighter",
        ),
    ]
    reduction: Annotated[
        Array | Missing,
        Field(
            unit="nats",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="higher = classes in subspaces of their own",
        ),
    ]


@measure(cite="yu2020learning", needs="rows", runs="host")
def coding_rate(
    cloud: Cloud,
    labels: Any = None,
    /,
    *,
    distortion: Annotated[float, Limits(gt=0)] = 0.5,
    normalised: bool = True,
) -> CodingRate:
    r"""Coding rate, :math:`R = \frac{1}{2} \ln \det(I + \frac{d}{n \epsilon^2} Z^\top Z)`, and what classes save.

    Coded by themselves, the classes take :math:`R_c = \sum_j \frac{n_j}{n} R(Z_j)`; the reduction is
    :math:`\Delta R = R - R_c`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The rows Z, n × d, about the origin as they are; each counts, whether or not it repeats another.
    labels : array of shape (rows,), or list, optional
        The class of each row: whole numbers or strings.
    distortion : float
        ε, how far a row may be off.
    normalised : bool
        Whether rows are brought to length 1, so that ε is a share of it.

    Returns
    -------
    CodingRate
        The rate; with labels, that of the classes and the reduction.

    Raises
    ------
    Refusal
        If a row is zero, and so has no length to be brought to 1; if entries are too large for their squares.

    Notes
    -----
    Where a factor hides: nats, not bits, and the half before the logarithm. Rows are not centred.

    Reads as
    --------
    The volume that rows take, in balls of the size of the distortion. The reduction is what a classifier can live on:
    it is largest where each class fills a subspace and the subspaces are orthogonal. It is never below 0.

    Misleads when
    -------------
    Classes are small against the features: each is then tight by itself, and permuted labels reduce the rate as well.
    Compare with that. The distortion is not of the size of the rows: above, all rates are near 0.

    Cost
    ----
    The Gram matrix of the smaller side, of all rows and of each class.

    References
    ----------
    Y. Yu, K. H. R. Chan, C. You, C. Song and Y. Ma, Learning diverse and discriminative representations via the
    principle of maximal coding rate reduction, NeurIPS 2020, arXiv:2006.08558.

    Examples
    --------
    >>> import numpy as np
    >>> found = coding_rate(np.eye(4), [0, 0, 1, 1], distortion=1.0)
    >>> round(float(found.rate / np.log(2)), 9), round(float(found.reduction / np.log(4 / 3)), 9)
    (2.0, 1.0)
    """  # noqa: DOC502 - raised by what is called
    rows = _rows(cloud, normalised)
    rate = gaussian_rate(rows, distortion)
    if labels is None:
        nothing = Missing(Outcome.NEEDS_LABELS)
        return CodingRate(rate=given_back(cloud, rate), class_rate=nothing, reduction=nothing)
    classes = Classes.of(labels, cloud)
    each = [gaussian_rate(rows[classes.codes == code], distortion) for code in range(classes.count)]
    of_classes = float(np.dot(classes.counts, each)) / cloud.count
    return CodingRate(
        rate=given_back(cloud, rate),
        class_rate=given_back(cloud, of_classes),
        reduction=given_back(cloud, max(0.0, rate - of_classes)),
    )


def _rows(cloud: Cloud, normalised: bool) -> NDArray[np.float64]:
    rows = np.asarray(to_numpy(cloud.rows), np.float64)
    if not normalised:
        if np.abs(rows).max() > LARGEST:
            raise Refusal(Outcome.OUT_OF_RANGE, f"the largest entry is {np.abs(rows).max():.3g}")
        return rows
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not np.all(largest > 0):
        raise Refusal(Outcome.ROW_WITHOUT_DIRECTION, f"{np.count_nonzero(largest == 0)} of {cloud.count} rows")
    rows = rows / largest
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
