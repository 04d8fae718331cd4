"""Measures of two weight matrices, as functions."""

from __future__ import annotations

from theodolite.core import Array
from theodolite.delta.low_rank import LowRank
from theodolite.delta.pair import GAP, pair_of
from theodolite.delta.results import IntruderDimensions, Side, SubspaceOverlap, WeightChange


def weight_change(before: Array, after: Array | LowRank, /) -> WeightChange:
    r"""Measure the difference of two weight matrices: its size, its rank, its spectrum.

    The relative change is :math:`\|W_1 - W_0\|_F / \|W_0\|_F`. Stored numbers are rounded: the rank counts the singular
    values of :math:`W_1 - W_0` above what rounding to the coarser of the two stored types can make, so that a low-rank
    update that was merged into half-precision weights is seen as what it is.

    Parameters
    ----------
    before : array of shape (rows, columns), or weight
        The matrix before.
    after : array of the same shape, weight, or LowRank
        The matrix after; a `LowRank` is what was added to it.

    Returns
    -------
    WeightChange
        The numbers. Entries that are not finite are a `Refusal`.

    Examples
    --------
    >>> import numpy as np
    >>> found = weight_change(np.eye(4), LowRank(np.eye(4)[:, :1], 0.1 * np.eye(4)[:1]))
    >>> found.rank, round(found.relative, 3)
    (1, 0.05)
    """
    return pair_of(before, after, 1).change()


def subspace_overlap(before: Array, after: Array | LowRank, /, *, k: int = 10) -> SubspaceOverlap:
    r"""Measure how far the `k` leading singular subspaces of two matrices are the same.

    With orthonormal bases :math:`U_0, U_1` of the leading left singular vectors, the overlap is
    :math:`\|U_0^T U_1\|_F^2 / k`, the mean squared cosine of the principal angles: 1 for the same subspace, and on
    average :math:`k/n` for a random one in :math:`n` dimensions. The same for the right ones.

    Parameters
    ----------
    before : array of shape (rows, columns), or weight
        The matrix before.
    after : array of the same shape, weight, or LowRank
        The matrix after; a `LowRank` is what was added to it.
    k : int
        Dimension of the subspaces; more than there are means all.

    Returns
    -------
    SubspaceOverlap
        Both sides with what chance gives. A zero matrix, or one with entries that are not finite, is a `Refusal`.

    Examples
    --------
    >>> import numpy as np
    >>> found = subspace_overlap(np.diag([4.0, 3.0, 2.0, 1.0]), np.diag([4.0, 1.0, 3.0, 2.0]), k=2)
    >>> found.left, found.left_chance
    (0.5, 0.5)
    """
    return pair_of(before, after, k).overlap()


def intruder_dimensions(
    before: Array,
    after: Array | LowRank,
    /,
    *,
    k: int = 10,
    epsilon: float = 0.5,
    side: Side = "left",
    gap: float = GAP,
) -> IntruderDimensions:
    r"""Count intruder dimensions: leading singular vectors after that resemble none before.

    For each of the `k` leading singular vectors :math:`u_j` after, :math:`c_j` is the largest absolute cosine with
    *any* singular vector before; it is an intruder if :math:`c_j < \epsilon` (Shuttleworth et al., 2024, algorithm 1).
    Vectors whose singular values all but coincide are arbitrary up to a rotation among themselves; such a group counts
    as one subspace, and :math:`c_j` is the length of the projection on it.

    Parameters
    ----------
    before : array of shape (rows, columns), or weight
        The matrix before.
    after : array of the same shape, weight, or LowRank
        The matrix after; a `LowRank` is what was added to it.
    k : int
        How many leading singular vectors to look at; more than there are means all.
    epsilon : float
        The threshold; 0.5 is that of PEFT.
    side : {"left", "right", "both"}
        Which singular vectors, as in the paper the left ones; ``"both"``: intruders of both sides at once. The vectors
        of the longer side span a part of their space only, and `spans` says so: there, everything outside is new.
    gap : float
        Singular values before that follow each other within this relative distance are one group.

    Returns
    -------
    IntruderDimensions
        Which they are, their cosines, their share of the energy. A zero matrix, or one with entries that are not
        finite, is a `Refusal`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> weight = rng.normal(size=(64, 64))
    >>> u, v = (x / np.linalg.norm(x) for x in rng.normal(size=(2, 64)))
    >>> spike = 1.5 * np.linalg.norm(weight, 2)
    >>> intruder_dimensions(weight, LowRank(spike * u[:, None], v[None])).indices
    (0,)
    """
    return pair_of(before, after, k).intruders(epsilon, side, gap)
