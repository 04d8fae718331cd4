"""Canonical correlations of the directions that carry the variance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from theodolite.core import Array, Field, Limits, Pair, Result, measure, namespace
from theodolite.core import like as in_library_of
from theodolite.similarity._canonical import leading_bases


@dataclass(frozen=True, kw_only=True)
class SVCCA(Result):
    """Correlations between principal components; ``extra["correlations"]`` holds all of them, descending.

    Attributes
    ----------
    mean : array of shape ()
        Mean of the correlations.
    mean_square : array of shape ()
        Mean of their squares.
    dimensions_x, dimensions_y : array of shape (), integer
        How many principal components were kept of each cloud.
    """

    mean: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear",),
            reads="1 = the same space of strong directions",
            of_itself=1.0,
        ),
    ]
    mean_square: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear",),
            reads="share of variance that strong directions have in common",
            of_itself=1.0,
        ),
    ]
    dimensions_x: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order"),
            unspecified=("linear", "exchange"),
            reads="how many directions hold the variance of x",
        ),
    ]
    dimensions_y: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order"),
            unspecified=("linear", "exchange"),
            reads="how many directions hold the variance of y",
        ),
    ]


def _chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    return {"mean_square": leading_bases(pair, **parameters).chance}


@measure(cite="raghu2017svcca", needs="moments", chance=_chance)
def svcca(
    pair: Pair,
    /,
    *,
    variance: Annotated[float, Limits(gt=0, le=1)] = 0.99,
    dimensions: Annotated[int, Limits(ge=1)] | None = None,
) -> SVCCA:
    r"""Singular vector canonical correlations, those of the leading principal components of each cloud.

    Parameters
    ----------
    pair : Pair, two arrays of shape (rows, features), or CrossMoments
        The clouds; their features may differ in number.
    variance : float
        Of each cloud the fewest principal components are kept that hold this share of its variance.
    dimensions : int, optional
        Keep this many of each instead (all of a cloud that has fewer).

    Returns
    -------
    SVCCA
        Mean correlation and mean squared correlation over the smaller number kept, and the two numbers kept.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same, or as many components of a cloud are kept as the centred rows have
        dimensions: then every correlation is 1, whatever the clouds.

    Notes
    -----
    Where a square hides: the share is one of variance, of squared singular values, as in the paper; packages differ
    here. The paper's tutorial keeps 20 components, anatome takes shares of the singular values themselves without
    centring, and one benchmark compares a share with a sum and keeps a single component.

    The chance level of `mean_square` is exact: with the rows of one cloud in random order, its mean over all orders is
    the larger number kept over ``rows - 1``. For `mean` it is drawn.

    Reads as
    --------
    Whether the directions that hold the variance of one cloud are linear images of those of the other; the numbers
    kept say how many dimensions a layer uses.

    Misleads when
    -------------
    The number kept lies on an edge: a little noise moves it by one, and the mean over few correlations jumps. Within
    what is kept, the weakest component counts as much as the strongest. Clouds of different number are compared on
    the smaller one only.

    Cost
    ----
    The eigenvectors of both scatter matrices; one pass over the rows.

    References
    ----------
    M. Raghu, J. Gilmer, J. Yosinski and J. Sohl-Dickstein, SVCCA: singular vector canonical correlation analysis for
    deep learning dynamics and interpretability, NeurIPS 2017, arXiv:1706.05806.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.standard_normal((200, 3)), 0.01 * rng.standard_normal((2, 200, 10))
    >>> mixing = rng.standard_normal((2, 3, 10))
    >>> found = svcca(signal @ mixing[0] + noise[0], signal @ mixing[1] + noise[1])
    >>> round(float(found.mean), 3), int(found.dimensions_x), int(found.dimensions_y)
    (1.0, 3, 3)
    """  # noqa: DOC502 - raised where the bases are found
    bases = leading_bases(pair, variance=variance, dimensions=dimensions)
    correlations = bases.correlations
    return SVCCA(
        mean=namespace(correlations).mean(correlations),
        mean_square=bases.mean_square,
        dimensions_x=in_library_of(bases.sizes[0], correlations),
        dimensions_y=in_library_of(bases.sizes[1], correlations),
        notes=bases.notes("mean", "mean_square"),
        extra={"correlations": correlations},
    )
