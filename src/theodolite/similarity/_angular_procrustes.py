"""The angle between two clouds after the best rotation."""

import math
from typing import Annotated

from theodolite.core import Array, Field, Pair, measure
from theodolite.similarity._shapes import Shapes, refuse_two_rows


@measure(cite="williams2021generalized", needs="moments")
def angular_procrustes(
    pair: Pair, /
) -> Annotated[
    Array,
    Field(
        unit="rad",
        bounds=(0, math.pi / 2),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        reads="0 = the same up to rotation and size; pi/2 = nothing in common",
        of_itself=0.0,
    ),
]:
    r"""Angular Procrustes distance, :math:`\theta = \arccos(\|X_c^T Y_c\|_* / (\|X_c\|_F \|Y_c\|_F))`.

    The smallest angle between the clouds, taken as vectors of all their entries, over orthogonal maps of the features:
    the Riemannian distance between their shapes. The cosine is that of the Bures metric between Gram matrices.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        The clouds, rows for the same stimuli; the narrower is filled up with zeros, which changes nothing.

    Returns
    -------
    array of shape ()
        The angle in radians, from 0 to pi/2.

    Notes
    -----
    Where a square hides: nowhere; the nuclear norm sums singular values themselves, where CKA sums their squares. Small
    angles come from the chord and not from the arc cosine, with relative errors below 1e-9; where there are only
    moments, an angle below 1e-7 can't be told from 0. A cloud that is a single point is refused, and so are
    two rows, which are one shape whatever they are. Differentiable, with
    the gradient 0 at 0.

    Reads as
    --------
    A metric on shapes: 0 for the same shape at any size, pi/2 for clouds whose features are uncorrelated, and the
    triangle inequality holds, so that it may be embedded, clustered and averaged.

    Misleads when
    -------------
    There are few rows for the number of features: of two independent Gaussian clouds with n rows and d features each
    the cosine is about ``0.85 sqrt(d / n)``, far from zero unless n is much larger. Or when a few directions of large
    variance hide what the others do; look at `shape_distance` with ``whitening`` above 0.

    Cost
    ----
    One product of the clouds, n d e, and the singular values of a matrix of side min(d, e, n).

    References
    ----------
    A. H. Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations,
    Advances in Neural Information Processing Systems 34 (2021), arXiv:2110.14739, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((50, 3))
    >>> bool(angular_procrustes(rows, 4.0 * rows[:, ::-1] - 1.0) < 1e-14)
    True
    >>> round(float(angular_procrustes(np.diag([3.0, 4.0, 0.0]), np.diag([3.0, 4.0, 0.0])[:, :1])), 3)
    0.765
    """
    refuse_two_rows(pair)
    return Shapes.of(pair, "rotation").distance("rotation", "angular")
