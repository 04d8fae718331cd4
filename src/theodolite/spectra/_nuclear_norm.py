"""The sum of the singular values."""

from typing import Annotated

from theodolite.core import Array, Field, Spectrum, measure, namespace
from theodolite.spectra._roots import roots


@measure(cite="horn2012matrix")
def nuclear_norm(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="weight",
        bounds=(0, None),
        invariant_to=("permutation", "rotation", "transpose"),
        equivariant={"scale": 1},
        reads="size, with every direction counted",
    ),
]:
    r"""Nuclear norm, :math:`\|W\|_* = \sum_i s_i = \sum_i \sqrt{\lambda_i}`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; a stack of slices counts as one.

    Returns
    -------
    array of shape ()
        The norm, in the units of the weights.

    Notes
    -----
    Where a square hides: nowhere; singular values are summed, not eigenvalues. Roots of the Gram matrix's eigenvalues
    are used where their error bound guarantees the sum to 1e-9 relative, else the singular value decomposition.

    Reads as
    --------
    Size that a penalty on rank would press on. Between `frobenius_norm` (rank one) and ``sqrt(rank)`` times it (all
    singular values equal).

    Misleads when
    -------------
    Layers of different shapes are compared: it grows with the number of singular values.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; a near-singular matrix costs a singular value decomposition more.

    References
    ----------
    R. A. Horn and C. R. Johnson, Matrix Analysis, 2nd ed. (2012), section 7.4.7.

    Examples
    --------
    >>> import numpy as np
    >>> nuclear_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(7.0)
    """
    singular = roots(spectrum)
    return namespace(singular).sum(singular)
