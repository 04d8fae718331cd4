"""The distance between two clouds after the best rotation."""

from typing import Annotated

from theodolite.core import Array, Field, Pair, measure
from theodolite.similarity._shapes import Shapes


@measure(cite="schonemann1966generalized", needs="moments")
def procrustes(
    pair: Pair, /
) -> Annotated[
    Array,
    Field(
        unit="activation",
        bounds=(0, None),
        invariant_to=("translation", "rotation", "permutation", "order", "exchange"),
        equivariant={"scale": 1},
        varies=("separate_scale", "linear"),
        reads="0 = the same up to a rotation; size counts",
        of_itself=0.0,
    ),
]:
    r"""Procrustes size-and-shape distance, :math:`\min_T \|X_c - Y_c T\|_F` over orthogonal maps :math:`T`.

    Schönemann's solution gives it without a search: :math:`d^2 = \|X_c\|_F^2 + \|Y_c\|_F^2 - 2 \|X_c^T Y_c\|_*`, with
    the nuclear norm of the inner products of the centred features. It is also the Bures distance between the Gram
    matrices :math:`X_c X_c^T` and :math:`Y_c Y_c^T`.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        The clouds, rows for the same stimuli; the narrower is filled up with zeros, which changes nothing.

    Returns
    -------
    array of shape ()
        The distance, in the units of the features.

    Notes
    -----
    Where a square hides: the distance is a root of a sum of squares over all rows and features, so that it grows with
    the square root of their number. Relative errors are below 1e-9; where there are only moments, a distance below
    1e-7 times the clouds' norm can't be told from 0. Differentiable, with the
    gradient 0 at 0.

    Reads as
    --------
    A metric on clouds up to translation and rotation: zero for the same shape at the same size, and the triangle
    inequality holds. Compare it with the clouds' norms, or read `angular_procrustes`.

    Misleads when
    -------------
    The clouds have different sizes: two networks whose activations differ in scale are far apart whatever their shapes.
    Or when a few features with large variance make up most of the norm; look at `shape_distance` with ``whitening``
    above 0 then.

    Cost
    ----
    One product of the clouds, n d e, and the singular values of a matrix of side min(d, e, n); nothing of side n where
    n is larger.

    References
    ----------
    P. H. Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31 (1966) 1-10. A. H.
    Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations, Advances
    in Neural Information Processing Systems 34 (2021), arXiv:2110.14739, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((50, 3))
    >>> turned = rows[:, [2, 0, 1]] * np.array([1.0, -1.0, 1.0]) + 7.0
    >>> bool(procrustes(rows, turned) < 1e-13)
    True
    """
    return Shapes.of(pair, "rotation").distance("rotation", "euclidean")
