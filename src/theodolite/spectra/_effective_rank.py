"""The exponential of the spectrum's entropy."""

from typing import Annotated, Literal

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace
from theodolite.spectra._roots import roots
from theodolite.spectra._spectral_entropy import shannon


@measure(cite="roy2007effective")
def effective_rank(
    spectrum: Spectrum, /, *, of: Literal["singular_values", "eigenvalues"] = "singular_values"
) -> Annotated[
    Array,
    Field(
        unit="dimensions",
        bounds=(1, None),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="lower = fewer directions in use",
    ),
]:
    r"""Effective rank, :math:`\exp(-\sum_i p_i \ln p_i)` with :math:`p_i = s_i / \sum_j s_j`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; a stack of slices counts as one.
    of : {"singular_values", "eigenvalues"}
        What the shares p are of: singular values, as in the paper, or their squares.

    Returns
    -------
    array of shape ()
        Between 1 (rank one) and the number of singular values (all equal).

    Raises
    ------
    Refusal
        If every entry is zero.

    Notes
    -----
    Where a square hides: in `of`. Shares of eigenvalues are shares of energy and always give the smaller rank; papers
    use either name for either. Where their error bound guarantees the sum to 1e-9 relative the singular values are
    roots of the Gram matrix's eigenvalues, else they come from the singular value decomposition.

    Reads as
    --------
    How many directions are in use, small ones weighed by their share.

    Misleads when
    -------------
    A full-rank bulk of noise lies under a few learned directions: the bulk wins. A square Gaussian matrix has about
    0.81 of its side (0.61 by eigenvalues), so compare with chance for the shape.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; a near-singular matrix costs a singular value decomposition more.

    References
    ----------
    O. Roy and M. Vetterli, The effective rank: a measure of effective dimensionality, 15th European Signal Processing
    Conference (2007) 606-610, definition 1.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(effective_rank(np.diag([1.0, 1.0, 0.0]))), 12)
    2.0
    """
    values = roots(spectrum) if of == "singular_values" else spectrum.eigenvalues
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    xp = namespace(values)
    return xp.clip(xp.exp(shannon(values)), min=1.0)
