"""Shape distances between rotation-invariant and linear-invariant, and over groups of maps."""

from typing import Annotated, Literal

from theodolite.core import Array, Field, Limits, Pair, ParameterError, measure
from theodolite.similarity._shapes import Group, Shapes, refuse_two_rows
from theodolite.similarity._whitening import Scale, whitened


@measure(cite="williams2021generalized", needs="moments")
def shape_distance(
    pair: Pair,
    /,
    *,
    whitening: Annotated[float, Limits(ge=0, le=1)] = 0.0,
    group: Literal["rotation", "permutation", "none"] = "rotation",
    metric: Literal["angular", "euclidean"] = "angular",
    scale: Literal["frobenius", "none"] | None = None,
    convention: Literal["theodolite", "netrep", "repsim"] = "theodolite",
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(0, None),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        reads="0 = the same up to the group's maps",
        of_itself=0.0,
    ),
]:
    r"""Generalised shape distance, :math:`\min_{T \in G} d(\phi_\alpha(X), \phi_\alpha(Y) T)`.

    Both clouds are centred and partially whitened,
    :math:`\phi_\alpha(X) = X_c (\alpha I + (1 - \alpha) (X_c^T X_c)^{-1/2})`, and compared after the best map of a
    group of isometries. With rotations, :math:`\alpha = 1` is Procrustes and :math:`\alpha = 0` the angle that goes
    with the mean canonical correlation.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        The clouds, rows for the same stimuli; the narrower is filled up with zeros.
    whitening : float
        How far the clouds are whitened, :math:`1 - \alpha`: 0 leaves them as they are, 1 whitens them fully. The
        parameter `alpha` of netrep and repsim runs the other way.
    group : {"rotation", "permutation", "none"}
        Maps of the features to choose from: orthogonal ones, reorderings, or the identity alone.
    metric : {"angular", "euclidean"}
        The angle between the clouds as vectors of all their entries, or the Frobenius norm of their difference.
    scale : {"frobenius", "none"}, optional
        ``"frobenius"``, the default: clouds have norm 1 before and after whitening, so that neither their size nor the
        number of rows enters. ``"none"``: the formula as it stands, in the units of the features.
    convention : {"theodolite", "netrep", "repsim"}
        ``"netrep"``: as its ``LinearMetric`` and ``PermutationMetric``, with ``scale="none"``, eigenvalues below 1e-7
        raised to that, and the norm of each cloud restored after whitening. ``"repsim"``: as its angular shape metric,
        which whitens with the covariance of the rows, not with their sum. Neither takes a `scale`.

    Returns
    -------
    array of shape ()
        The distance: an angle in radians, or for ``metric="euclidean"`` a length in units of the scale.

    Raises
    ------
    ParameterError
        If a scale is given beside another convention.

    Notes
    -----
    Where a square hides: whitening divides by singular values, roots of the eigenvalues of the scatter matrix, and for
    :math:`0 < \alpha < 1` it depends on the units: at :math:`\alpha = 0.5` netrep and repsim have been seen to
    give .7786 and .7910 for one pair. What is declared above holds for the defaults; with permutations the distance
    changes under rotations, with no map under permutations as well; with ``scale="none"`` the Euclidean distance
    follows the scale; at ``whitening=1`` with rotations it is invariant to every invertible linear map. Principal axes
    count where their variance exceeds ``max(n, d) eps`` times the largest.

    Differentiable, with the gradient 0 at 0; above ``whitening=0`` where the spreads along the principal axes of a
    cloud are all different.

    Full whitening is refused where a cloud has as many dimensions as centred rows can have: every such pair is at
    distance 0; so are any two rows under rotations, unless size counts. A single point is refused where a norm or a
    spread must be divided by. Clouds that weren't centred are compared by stacking each on its negative,
    ``concat([x, -x])``.

    Reads as
    --------
    A metric for each setting: zero for clouds that the group's maps make one, and the triangle inequality holds. Small
    at ``whitening=1`` and large at 0: the same information, in directions of different weight.

    Misleads when
    -------------
    Distances of different `whitening`, `scale` or `convention` are compared. Or at `whitening` near 1 with few rows,
    where directions of noise count as much as those of signal.

    Cost
    ----
    That of `angular_procrustes`; whitening adds one eigendecomposition of side min(d, n) for each cloud, kept between
    pairs; permutations an assignment problem of side max(d, e).

    References
    ----------
    A. H. Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations,
    Advances in Neural Information Processing Systems 34 (2021), arXiv:2110.14739, eqs. 4-7.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> rows, mixed = rng.standard_normal((200, 4)), rng.standard_normal((4, 4))
    >>> [round(float(shape_distance(rows, rows @ mixed, whitening=share)), 3) for share in (0.0, 0.5)]
    [0.643, 0.211]
    >>> bool(shape_distance(rows, rows @ mixed, whitening=1.0) < 1e-13)
    True
    """
    if convention != "theodolite" and scale is not None:
        raise ParameterError(f"scale is {scale!r}; the convention {convention!r} has its own, leave it out")
    units: Scale = (scale or "frobenius") if convention == "theodolite" else convention
    if group == "rotation" and (metric == "angular" or units == "frobenius"):
        refuse_two_rows(pair)
    return _prepared(pair, group, 1.0 - whitening, units).distance(group, metric)


def _prepared(pair: Pair, group: Group, alpha: float, scale: Scale) -> Shapes:
    if alpha < 1.0:
        return whitened(pair, group, alpha, scale)
    shapes = Shapes.of(pair, group)
    return shapes.scaled() if scale == "frobenius" else shapes
