"""The exponent weighted by the largest eigenvalue."""

from math import log10
from typing import Annotated, Literal

from theodolite.core import Estimate, Field, Interval, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.powerlaw import alpha_interval
from theodolite.spectra._power_law import LEVEL
from theodolite.spectra._tail import fitted_tail


@measure(cite="martin2021predicting", runs="host")
def alpha_hat(
    spectrum: Spectrum, /, *, convention: Literal["theodolite", "weightwatcher"] = "theodolite"
) -> Annotated[
    Estimate,
    Field(
        unit="log10 eigenvalue",
        invariant_to=("permutation", "rotation", "transpose"),
        varies=("scale",),
        reads="size and shape in one; lower has gone with better models of one family",
    ),
]:
    r"""Weighted exponent, :math:`\hat\alpha = \alpha \log_{10} \lambda_{\max}`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    convention : {"theodolite", "weightwatcher"}
        How `power_law` finds alpha.

    Returns
    -------
    Estimate
        The product, with the interval that alpha's gives it.

    Notes
    -----
    Where a square hides: :math:`\lambda_{\max}` is a squared singular value. WeightWatcher calls the column
    ``alpha_weighted``. Refused where `power_law` is; WeightWatcher writes -1 times the logarithm there.

    Reads as
    --------
    An approximation to `log_alpha_norm`. Averaged over layers it has ranked published models of one family by accuracy.

    Misleads when
    -------------
    The largest eigenvalue is below 1: the sign turns, and a heavier tail raises it. Or when the weights are rescaled
    (a normalisation layer follows; a convolution enters with another factor): it moves although the function doesn't.

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
    >>> round(float(alpha_hat(np.diag((1 - u) ** -0.25))), 2)  # 3 log10(800 ** 0.5)
    4.36
    """
    fit = fitted_tail(spectrum, convention)
    values = spectrum.eigenvalues
    weight = log10(float(to_numpy(values)[-1]))
    se, low, high = alpha_interval(fit.alpha, fit.sigma, level=LEVEL)
    low, high = sorted((low * weight, high * weight))
    value, se, low, high = (in_library_of(x, values) for x in (fit.alpha * weight, se * abs(weight), low, high))
    return Estimate(value, Interval(low, high, LEVEL, se))
