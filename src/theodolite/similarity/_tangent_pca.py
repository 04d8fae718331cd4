"""The main ways in which clouds deviate from their mean shape."""

from dataclasses import dataclass
from typing import Annotated, Literal

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, Result, measure
from theodolite.core import like as in_library_of
from theodolite.numerics.mean_shape import principal_tangents, tangents_at
from theodolite.similarity._mean_shapes import found_mean

_NOTHING = 1e-24


@dataclass(frozen=True, kw_only=True)
class TangentPca(Result):
    """Principal components of clouds about their mean shape.

    Attributes
    ----------
    first : array of shape ()
        Share of the variance along the first component. ``extra`` has ``"variances"`` along all (clouds - 1)
        components, the ``"scores"`` of the clouds, of shape (clouds, components), the ``"components"``, of shape
        (components, rows, coordinates), and the ``"mean"``.
    dimension : array of shape ()
        Participation ratio of the variances: along how many components the clouds vary.
    """

    first: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = the clouds lie on one line through the mean",
        ),
    ]
    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="clouds - 1 = they deviate in every direction alike",
        ),
    ]


@measure(cite="williams2021generalized", needs="rows", runs="host")
def tangent_pca(
    *clouds: Cloud,
    metric: Literal["euclidean", "angular"] = "euclidean",
    starts: Annotated[int, Limits(ge=1)] = 4,
) -> TangentPca:
    r"""Principal components of the tangent vectors :math:`V_i = X_i T_i - M` at the mean shape.

    About their `barycentre`, clouds are points of a linear space: the vectors that lead from the mean to each, with
    ``metric="angular"`` along geodesics of the sphere. Their principal components are the main ways in which
    representations differ, each a change of the mean's rows.

    Parameters
    ----------
    *clouds : Cloud or array of shape (rows, features)
        Two at least, with rows for the same stimuli; features may differ in number.
    metric : {"euclidean", "angular"}
        Size-and-shape, or shape alone.
    starts : int
        As for `barycentre`.

    Returns
    -------
    TangentPca
        Share of the first component and number of components that count; scores and components in `extra`.

    Raises
    ------
    Refusal
        If the clouds all have one shape, as a single one has.

    Notes
    -----
    Where a square hides: variances are mean squares of scores; the participation ratio is
    :math:`(\sum_j v_j)^2 / \sum_j v_j^2`. The sign of a component is arbitrary, as is the rotation that the mean's
    coordinates stand in.

    Reads as
    --------
    A map of networks around what they share: scores are coordinates for a plot, and ``mean + t * component`` is what a
    network looks like that far out.

    Misleads when
    -------------
    Clouds are far from the mean: distances between tangent vectors then exceed those between shapes. Compare them with
    `procrustes`. Or when there are few clouds, whose first component holds at least ``1 / (clouds - 1)`` by itself.

    Cost
    ----
    That of `barycentre`, and the inner products of the tangent vectors.

    References
    ----------
    A. H. Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations,
    Advances in Neural Information Processing Systems 34 (2021), arXiv:2110.14739. X. Pennec, Intrinsic statistics on
    Riemannian manifolds, Journal of Mathematical Imaging and Vision 25 (2006) 127-154.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> base, way = np.linalg.qr(rng.standard_normal((30, 2)))[0].T[..., None]
    >>> found = tangent_pca(*(5.0 * base + size * way for size in (-0.2, 0.0, 0.1, 0.3)), metric="angular")
    >>> bool(found.first > 0.999)
    True
    """
    found = found_mean(clouds, metric, starts).best
    vectors = tangents_at(found.centre, found.aligned) if metric == "angular" else found.aligned - found.centre
    variances, scores, directions = principal_tangents(vectors)
    if not variances.sum() > _NOTHING * (found.centre**2).sum():
        raise Refusal(Outcome.ONE_SHAPE)
    like = clouds[0].rows
    shares = variances / variances.sum()
    return TangentPca(
        first=in_library_of(shares[0], like),
        dimension=in_library_of(1.0 / (shares**2).sum(), like),
        extra={"variances": variances, "scores": scores, "components": directions, "mean": found.centre},
    )
