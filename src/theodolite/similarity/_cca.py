"""How well the directions of two clouds correlate when each may be chosen freely."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from theodolite.core import Array, Field, Pair, Result, measure, namespace
from theodolite.core import like as in_library_of
from theodolite.similarity._canonical import whole_bases


@dataclass(frozen=True, kw_only=True)
class CCA(Result):
    """Canonical correlations; ``extra["correlations"]`` holds all of them, descending.

    Attributes
    ----------
    mean : array of shape ()
        Mean of the correlations.
    mean_square : array of shape ()
        Mean of their squares.
    count : array of shape (), integer
        How many there are: the smaller of the two ranks.
    """

    mean: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=(
                "scale",
                "separate_scale",
                "translation",
                "rotation",
                "permutation",
                "linear",
                "order",
                "exchange",
            ),
            reads="1 = the same space of directions",
            of_itself=1.0,
        ),
    ]
    mean_square: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=(
                "scale",
                "separate_scale",
                "translation",
                "rotation",
                "permutation",
                "linear",
                "order",
                "exchange",
            ),
            reads="share of variance that directions have in common",
            of_itself=1.0,
        ),
    ]
    count: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=(
                "scale",
                "separate_scale",
                "translation",
                "rotation",
                "permutation",
                "linear",
                "order",
                "exchange",
            ),
            reads="how many correlations there are",
        ),
    ]


def _chance(pair: Pair, _parameters: Mapping[str, Any]) -> dict[str, float]:
    return {"mean_square": whole_bases(pair).chance}


@measure(cite="hotelling1936relations", needs="moments", chance=_chance)
def cca(pair: Pair, /) -> CCA:
    r"""Canonical correlations :math:`\rho`, the singular values of :math:`Q_x^\top Q_y`, and their mean.

    :math:`Q_x` and :math:`Q_y` are orthonormal bases of the spaces that the centred features span. The first
    correlation is the largest that any direction of one cloud has with any of the other, the second the largest among
    directions that are uncorrelated with those, and so on.

    Parameters
    ----------
    pair : Pair, two arrays of shape (rows, features), or CrossMoments
        The clouds; their features may differ in number.

    Returns
    -------
    CCA
        Mean correlation, mean squared correlation, and their number, the smaller rank.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same, or a cloud spans as many dimensions as the centred rows do: then every
        correlation is 1, whatever the clouds.

    Notes
    -----
    Where a square hides: `mean` is that of the correlations, `mean_square` that of their squares, which is known as the
    R² of CCA, or Yanai's generalised coefficient of determination; the two are easily taken for one another. In clouds
    of equal rank, ``arccos(mean)`` and ``sqrt(1 - mean_square)`` are metrics on the spaces, ``1 - mean`` is not; the
    first is ``shape_distance(x, y, whitening=1)``.

    Everything follows from second moments. Features are brought to equal variance; what lies below the relative
    accuracy of the moments, ``max(rows, features) * eps``, is taken for zero (constant features, copies of others,
    sums of others), so that only directions that vary count. Correlations are accurate to about eps times the
    condition number of the features' correlations, seven digits where that is 1e9.

    The chance level of `mean_square` is exact: with the rows of one cloud in random order, its mean over all orders is
    the larger rank over ``rows - 1``. For `mean` it is drawn.

    The number compared with Google's svcca package is its ``cca_coef1``; its ``mean`` leaves out the smallest
    correlations that make up the last 2 % of the sum, which depends on how well the others agree.

    Reads as
    --------
    Whether one cloud can be mapped linearly onto the other, direction by direction, no matter how large each is.

    Misleads when
    -------------
    There are many features for the rows: with ranks r and s, two independent clouds have a mean square of
    ``max(r, s) / (rows - 1)``. Or when directions of hardly any variance count as much as those that carry the signal:
    see `svcca` and `pwcca`. Clouds of different rank may have a mean of 1: the smaller lies within the larger.

    Cost
    ----
    The eigenvalues of both scatter matrices and the singular values of a matrix of their ranks; one pass over the rows.

    References
    ----------
    H. Hotelling, Relations between two sets of variates, Biometrika 28 (1936) 321-377. Å. Björck and G. H. Golub,
    Numerical methods for computing angles between linear subspaces, Mathematics of Computation 27 (1973) 579-594.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((100, 4))
    >>> mixed = rows @ np.array([[2.0, 1, 0, 0], [0, 1, 0, 0], [0, 3, 1, 0], [1, 0, 0, 5]])
    >>> found = cca(rows, mixed)
    >>> round(float(found.mean), 6), int(found.count)
    (1.0, 4)
    """  # noqa: DOC502 - raised where the bases are found
    bases = whole_bases(pair)
    correlations = bases.correlations
    return CCA(
        mean=namespace(correlations).mean(correlations),
        mean_square=bases.mean_square,
        count=in_library_of(bases.count, correlations),
        notes=bases.notes("mean", "mean_square"),
        extra={"correlations": correlations},
    )
