"""The root of the sum of squared entries."""

from typing import Annotated

from theodolite.core import Array, Field, Spectrum, measure, namespace


@measure(cite="horn2012matrix")
def frobenius_norm(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="weight",
        bounds=(0, None),
        invariant_to=("permutation", "rotation", "transpose"),
        equivariant={"scale": 1},
        reads="overall size of the weights",
    ),
]:
    r"""Frobenius norm, :math:`\|W\|_F = \sqrt{\sum_i \lambda_i} = \sqrt{\sum_{jk} W_{jk}^2}`.

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
    Where a square hides: this is the norm itself. WeightWatcher's column ``norm`` is its square, `log_norm` the
    logarithm of its square.

    Reads as
    --------
    The size of the layer, all entries counted alike: ``sqrt(parameters)`` times their root mean square.

    Misleads when
    -------------
    Layers of different shapes are compared (it grows with the number of entries), or a normalisation layer follows,
    which makes the network's function independent of it.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    R. A. Horn and C. R. Johnson, Matrix Analysis, 2nd ed. (2012), section 5.6.

    Examples
    --------
    >>> import numpy as np
    >>> frobenius_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(5.0)
    """
    values = spectrum.eigenvalues
    xp = namespace(values)
    return xp.sqrt(xp.sum(values))
