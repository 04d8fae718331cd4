"""How many singular values are not zero to working precision."""

from typing import Annotated

import numpy as np

from theodolite.core import Array, Field, Limits, Outcome, Refusal, Spectrum, measure, namespace
from theodolite.numerics.gram import gram_error_bound


@measure(cite="golub2013matrix")
def numerical_rank(
    spectrum: Spectrum, /, *, tolerance: Annotated[float, Limits(gt=0.0, lt=1.0)] | None = None
) -> Annotated[
    Array,
    Field(
        unit="dimensions",
        bounds=(1, None),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="below the shorter side = exactly dependent directions",
    ),
]:
    r"""Numerical rank, the number of singular values with :math:`s_i > \tau\, s_{\max}`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. Of a stack, the singular values of all slices against the largest of any slice.
    tolerance : float, optional
        Relative threshold :math:`\tau`. By default the longer side times the rounding unit of float64
        (2.2e-16), as in ``numpy.linalg.matrix_rank`` and WeightWatcher.

    Returns
    -------
    array of shape (), integer
        At least 1.

    Raises
    ------
    Refusal
        If every entry is zero.

    Notes
    -----
    Where a square hides: the threshold is on singular values; on eigenvalues it is :math:`\tau^2`. The count is
    certified from the eigenvalues of the Gram matrix if none of them lies within its error bound of the threshold;
    only otherwise the singular value decomposition decides. Without a matrix, eigenvalues decide by their roots.

    Reads as
    --------
    Whether directions are exactly missing: a product of factors, a pruned or a padded matrix.

    Misleads when
    -------------
    Weights were stored in half precision or merged from low-rank factors: rounding makes every matrix of full rank.
    Give a `tolerance` (1e-3 for bfloat16), or read `stable_rank` and `effective_rank`.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; a matrix whose rank is in doubt costs a singular value decomposition
    more.

    References
    ----------
    G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 5.4.1.

    Examples
    --------
    >>> import numpy as np
    >>> numerical_rank(np.outer([1.0, 2.0, 3.0], [1.0, 1.0]))
    np.int64(1)
    """
    values = spectrum.eigenvalues
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    xp = namespace(values)
    shape = spectrum.shape
    if tolerance is None:
        tolerance = float(np.finfo(np.float64).eps) * max(shape or (spectrum.count,))
    threshold = values[-1] * tolerance**2
    if "singular_values" in spectrum.has and shape is not None:
        doubtful = xp.abs(values - threshold) <= gram_error_bound(shape, values[-1])
        if bool(xp.any(doubtful)):
            singular = spectrum.singular_values
            return xp.sum(xp.astype(singular > singular[0] * tolerance, xp.int64))
    return xp.sum(xp.astype(values > threshold, xp.int64))
