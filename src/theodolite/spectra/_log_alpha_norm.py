"""The logarithm of the Schatten norm whose order is the exponent."""

from typing import Annotated, Literal

import numpy as np

from theodolite.core import Array, Field, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.spectra._tail import fitted_tail


@measure(cite="martin2021predicting", runs="host")
def log_alpha_norm(
    spectrum: Spectrum, /, *, convention: Literal["theodolite", "weightwatcher"] = "theodolite"
) -> Annotated[
    Array,
    Field(
        unit="log10 eigenvalue",
        invariant_to=("permutation", "rotation", "transpose"),
        varies=("scale",),
        reads="size and shape in one; lower has gone with better models of one family",
    ),
]:
    r"""Logarithm of the alpha norm, :math:`\log_{10} \sum_i \lambda_i^{\alpha}`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    convention : {"theodolite", "weightwatcher"}
        How `power_law` finds alpha.

    Returns
    -------
    array of shape ()
        Decades.

    Notes
    -----
    Where a square hides: the eigenvalues are squared singular values, so that this is the Schatten norm of order
    :math:`2 \alpha`, to that power. Summed in logarithms: powers of a large exponent would overflow. Refused where
    `power_law` is.

    Reads as
    --------
    Size of the layer, with the exponent of its own tail deciding how much the largest directions count.

    Misleads when
    -------------
    Alpha is large or loose: the norm is then the largest eigenvalue's alone, times a number that isn't known.

    Cost
    ----
    The fit of `power_law`, found once for both.

    References
    ----------
    C. H. Martin, T. Peng and M. W. Mahoney, Predicting trends in the quality of state-of-the-art neural networks
    without access to training or testing data, Nature Communications 12 (2021) 4122, arXiv:2002.06716.

    Examples
    --------
    >>> import numpy as np
    >>> u = (np.arange(400) + 0.5) / 400
    >>> round(float(log_alpha_norm(np.diag((1 - u) ** -0.25))), 2)
    4.58
    """
    fit = fitted_tail(spectrum, convention)
    values = to_numpy(spectrum.eigenvalues)
    terms = fit.alpha * np.log(values[values > 0.0])
    norm = terms[-1] + np.log(np.sum(np.exp(terms - terms[-1])))
    return in_library_of(float(norm / np.log(10.0)), spectrum.eigenvalues)
