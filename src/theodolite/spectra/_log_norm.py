"""The logarithm of the squared Frobenius norm."""

from typing import Annotated

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace


@measure(cite="martin2021predicting")
def log_norm(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="log10 eigenvalue",
        invariant_to=("permutation", "rotation", "transpose"),
        varies=("scale",),
        reads="overall size of the weights, in decades of the square",
    ),
]:
    r"""Logarithm of the squared Frobenius norm, :math:`\log_{10} \sum_i \lambda_i = \log_{10} \|W\|_F^2`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; a stack of slices counts as one.

    Returns
    -------
    array of shape ()
        Decades.

    Raises
    ------
    Refusal
        If every entry is zero.

    Notes
    -----
    Where a square hides: in the logarithm. Halve it for the logarithm of `frobenius_norm`. WeightWatcher 0.7 reports
    this number, WeightWatcher 0.2 reported half of it. Multiplying the weights by c adds :math:`2 \log_{10} c`.

    Reads as
    --------
    Size on a scale on which layers can be averaged: the mean over the layers is the logarithm of a product of norms.

    Misleads when
    -------------
    Models of different depth or width are compared; untrained networks of different depth are already ordered by it.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    C. H. Martin, T. Peng and M. W. Mahoney, Predicting trends in the quality of state-of-the-art neural networks
    without access to training or testing data, Nature Communications 12 (2021) 4122, arXiv:2002.06716.

    Examples
    --------
    >>> import numpy as np
    >>> log_norm(np.array([[6.0, 0.0], [0.0, 8.0]]))
    np.float64(2.0)
    """
    values = spectrum.eigenvalues
    xp = namespace(values)
    total = xp.sum(values)
    if not bool(total > 0):
        raise Refusal(Outcome.ALL_ZERO)
    return xp.log10(total)
