"""The largest singular value."""

from typing import Annotated

from theodolite.core import Array, Field, Spectrum, measure, namespace


@measure(cite="horn2012matrix")
def spectral_norm(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="weight",
        bounds=(0, None),
        invariant_to=("permutation", "rotation", "transpose"),
        equivariant={"scale": 1},
        reads="largest gain of the layer",
    ),
]:
    r"""Spectral norm, the largest singular value :math:`\|W\|_2 = s_1 = \sqrt{\lambda_{\max}}`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; of a stack of slices, the largest singular value of any slice.

    Returns
    -------
    array of shape ()
        The norm, in the units of the weights.

    Notes
    -----
    Where a square hides: this is the singular value. WeightWatcher's column ``spectral_norm`` is its square
    :math:`\lambda_{\max}`, `log_spectral_norm` the logarithm of that square.

    Reads as
    --------
    The most by which the layer can stretch its input; the layer's Lipschitz constant.

    Misleads when
    -------------
    The tensor is a convolution: neither the unfolded matrix nor a slice is the operator that acts on images, and only
    the ``fft`` view bounds its gain.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    R. A. Horn and C. R. Johnson, Matrix Analysis, 2nd ed. (2012), section 5.6.

    Examples
    --------
    >>> import numpy as np
    >>> spectral_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(4.0)
    """
    values = spectrum.eigenvalues
    return namespace(values).sqrt(values[-1])
