"""How many directions carry the weight, in units of the strongest."""

from typing import Annotated

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace


@measure(cite="rudelson2007sampling")
def stable_rank(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="dimensions",
        bounds=(1, None),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="lower = one direction dominates",
    ),
]:
    r"""Stable rank, :math:`\sum_i \lambda_i / \lambda_{\max} = \|W\|_F^2 / \|W\|_2^2`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. Of a stack, all slices' eigenvalues over the largest of any slice.

    Returns
    -------
    array of shape ()
        Between 1 (rank one) and the number of eigenvalues (all equal).

    Raises
    ------
    Refusal
        If every entry is zero.

    Notes
    -----
    Where a square hides: both norms are squared, so that it counts dimensions. The ratio of the plain norms is its
    root. It is never above the rank, and never above `effective_rank` of the eigenvalues.

    Reads as
    --------
    How many directions as strong as the strongest one would hold all of the weight. It hardly moves when small
    singular values do, unlike the rank.

    Misleads when
    -------------
    A single outlying singular value stands above a full-rank bulk: the stable rank is then small although the layer
    is not of low rank. Compare it with chance for the shape, since a Gaussian matrix has about
    ``rows * columns / (sqrt(rows) + sqrt(columns)) ** 2``, at most a quarter of a square one's side.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    M. Rudelson and R. Vershynin, Sampling from large matrices: an approach through geometric functional analysis,
    Journal of the ACM 54 (2007) 21, arXiv:math/0503442, remark 1.3.

    Examples
    --------
    >>> import numpy as np
    >>> stable_rank(np.diag([2.0, 1.0, 1.0]))
    np.float64(1.5)
    """
    values = spectrum.eigenvalues
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    return namespace(values).sum(values / values[-1])
