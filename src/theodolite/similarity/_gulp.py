"""How far apart the predictions are that ridge regression makes from two clouds."""

from typing import Annotated, Any

from theodolite.core import Array, Field, Limits, Outcome, Pair, Refusal, measure, namespace
from theodolite.numerics.canonical import inner_products, regularised_map
from theodolite.similarity._canonical import maps, refuse_constant, whole_bases


@measure(cite="boixadsera2022gulp", needs="moments")
def gulp(
    pair: Pair, /, *, penalty: Annotated[float, Limits(ge=0)] = 0.01
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(0, None),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        reads="0 = the same ridge predictions for every target",
        of_itself=0.0,
    ),
]:
    r"""GULP distance, :math:`\|P_x - P_y\|_F` of the hat matrices of ridge regression from each cloud.

    :math:`P_x = X (X^\top X + \lambda I)^{-1} X^\top` turns any targets into what ridge regression predicts from X.
    With :math:`\Sigma` the second moments of the centred clouds, each divided by its total variance,

    .. math:: d^2 = \|A_x\|^2 + \|A_y\|^2 - 2 \operatorname{tr} \Sigma_x^{-\lambda} \Sigma_{xy} \Sigma_y^{-\lambda}
              \Sigma_{yx}, \qquad A = \Sigma \Sigma^{-\lambda}, \quad \Sigma^{-\lambda} = (\Sigma + \lambda I)^{-1}.

    Parameters
    ----------
    pair : Pair, two arrays of shape (rows, features), or CrossMoments
        The clouds; their features may differ in number.
    penalty : float
        The penalty, as a share of the total variance of each cloud. 0 compares the spaces alone, as `cca` does.

    Returns
    -------
    array of shape ()
        Between 0 and the root of the sum of both ranks.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same, or there are but two; or, without a penalty, if a cloud spans as many
        dimensions as the centred rows do.

    Notes
    -----
    Where a square hides: this is the distance, a pseudo-metric; some packages give its square (and call it a metric,
    which it isn't). Without penalty the square is ``r + s - 2 Σ ρ²``, with the ranks and the canonical correlations.
    Read at several penalties it goes from a comparison of spaces to one of their strongest directions, in the order
    of their variance.

    The square is a difference of sums, so that distances below 3e-7 times the largest possible one can't be told from
    zero, and are given as zero.

    Reads as
    --------
    How differently the two clouds predict: the square is the sum of squared differences between the predictions, over
    an orthonormal set of all targets.

    Misleads when
    -------------
    Distances are compared between clouds of different width or at different penalties: the largest possible one
    depends on both. At a small penalty with few rows the distance is that of the noise.

    Cost
    ----
    The eigenvectors of both scatter matrices; one pass over the rows.

    References
    ----------
    E. Boix-Adsera, H. Lawrence, G. Stepaniants and P. Rigollet, GULP: a prediction-based metric between
    representations, NeurIPS 2022, arXiv:2210.06545.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((100, 5))
    >>> round(float(gulp(rows, rows[:, ::-1])), 6)
    0.0
    >>> bool(gulp(rows, rows[:, :3]) > 0.5)
    True
    """
    refuse_constant(pair)
    if pair.count == 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, "2 rows; from any two clouds they are predicted alike")
    if penalty == 0.0:
        bases = whole_bases(pair)
        ranks = float(sum(bases.sizes))
        return _root(ranks - 2.0 * bases.count * bases.mean_square, ranks)
    moments = pair.isometric
    library = namespace(moments.cross)

    def find(scatter: Array, rows: int) -> Array:
        total = library.linalg.trace(scatter)
        return regularised_map(scatter / total, rows, penalty) / library.sqrt(total)

    x, y = maps(pair, ("regularised map", penalty), find)
    largest = _squared(x, moments.scatters[0], x) + _squared(y, moments.scatters[1], y)
    return _root(largest - 2.0 * _squared(x, moments.cross, y), largest)


def _squared(one: Array, products: Array, other: Array) -> Array:
    found = inner_products(one, products, other)
    return namespace(found).sum(found * found)


def _root(square: Array, largest: Any) -> Array:
    # Below its rounding error the square says nothing, and its root has no derivative.
    library = namespace(square)
    told = square > 1e-13 * largest
    return library.where(told, library.sqrt(library.where(told, square, library.ones_like(square))), 0.0 * abs(square))
