"""The logarithm of the squared largest singular value."""

from typing import Annotated

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace


@measure(cite="martin2021predicting")
def log_spectral_norm(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="log10 eigenvalue",
        invariant_to=("permutation", "rotation", "transpose"),
        varies=("scale",),
        reads="largest gain of the layer, in decades of the square",
    ),
]:
    r"""Logarithm of the squared spectral norm, :math:`\log_{10} \lambda_{\max} = \log_{10} \|W\|_2^2`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; of a stack of slices, the largest eigenvalue of any slice.

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
    Where a square hides: in the logarithm. Halve it for the logarithm of `spectral_norm`. Multiplying the weights by
    c adds :math:`2 \log_{10} c`; WeightWatcher multiplies convolutions by :math:`\sqrt{1/2}`, which takes 0.301 off.

    Reads as
    --------
    The layer's largest gain on a scale on which layers can be averaged.

    Misleads when
    -------------
    One outlying singular value carries it, or models of different depth are compared: untrained networks of different
    depth are already ordered by it.

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
    >>> log_spectral_norm(np.array([[3.0, 0.0], [0.0, 10.0]]))
    np.float64(2.0)
    """
    values = spectrum.eigenvalues
    xp = namespace(values)
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    return xp.log10(values[-1])
