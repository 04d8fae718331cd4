"""A lognormal law fitted to the upper tail of the spectrum."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from theodolite.core import Array, Field, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.spectra._tail import TAIL_SIZE, XMIN
from theodolite.spectra._tail_families import Start, TailConvention, fitted_family, short_tail


@dataclass(frozen=True, kw_only=True)
class LognormalTail(Result):
    """A fitted tail whose logarithms are normal.

    Attributes
    ----------
    mu : array of shape ()
        Mean of the logarithm, of the whole law and not of its tail alone; often below the tail.
    sigma : array of shape ()
        Standard deviation of the logarithm.
    xmin : array of shape ()
        Eigenvalue at which the tail starts.
    distance : array of shape ()
        Kolmogorov-Smirnov distance between the tail and the law.
    tail_size : array of shape (), integer
        How many eigenvalues are in the tail.
    """

    mu: Annotated[
        Array,
        Field(
            unit="ln eigenvalue",
            bounds=(None, None),
            invariant_to=("permutation", "rotation", "transpose"),
            varies=("scale",),
            reads="centre of the law, on a logarithmic scale",
        ),
    ]
    sigma: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="higher = heavier tail",
        ),
    ]
    xmin: Annotated[Array, XMIN]
    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = closer to a lognormal",
        ),
    ]
    tail_size: Annotated[Array, TAIL_SIZE]


@measure(cite="clauset2009power", runs="host")
def lognormal_tail(
    spectrum: Spectrum, /, *, xmin: Start = "search", convention: TailConvention = "theodolite"
) -> LognormalTail:
    r"""Lognormal law of the largest eigenvalues, cut off at a threshold: :math:`\ln \lambda` is normal above it.

    :math:`\mu` and :math:`\sigma` are those of maximum likelihood for the law cut off below; the threshold with the
    smallest Kolmogorov-Smirnov distance is taken.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    xmin : {"search", "peak"}
        As for `truncated_power_law`.
    convention : {"theodolite", "weightwatcher", "powerlaw"}
        As for `truncated_power_law`.

    Returns
    -------
    LognormalTail
        Mean and standard deviation of the logarithm, start, distance and size of the tail.

    Notes
    -----
    Where a square hides: :math:`\sigma` of eigenvalues is twice that of singular values. With :math:`y =
    \ln(\lambda / \lambda_{\min})` the likelihood has a maximum exactly where the mean of :math:`y^2` is below twice the
    squared mean of y. At and beyond, the lognormal is a power law: such tails are no candidates, and a spectrum that
    has no other is refused.

    Reads as
    --------
    Curvature of the tail on doubly logarithmic paper: a power law is straight, and the smaller `sigma`, the more it
    bends. Started at the peak, the three printed spectra of Yang et al. have 2.08, 1.26 and 0.82 from the well to the
    badly trained one.

    Misleads when
    -------------
    `mu` is read as where the eigenvalues are: of a tail that is almost a power law it lies far below all of them. Over
    one or two decades a lognormal and a (truncated) power law can hardly be told apart; `tail_comparison` says whether
    they can. Noise fits well, too: for Gaussian matrices of side 64 to 768 the distance is 0.08 to 0.05, with a sigma
    of 0.6 down to 0.2 that falls with the size.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; the search takes some milliseconds at 500 eigenvalues.

    References
    ----------
    A. Clauset, C. R. Shalizi and M. E. J. Newman, Power-law distributions in empirical data, SIAM Review 51 (2009)
    661-703, table 2.1. J. Alstott, E. Bullmore and D. Plenz, powerlaw: a Python package for analysis of heavy-tailed
    distributions, PLoS ONE 9 (2014) e85777.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import ndtri
    >>> values = np.exp(0.5 + 1.5 * ndtri((np.arange(400) + 0.5) / 400))
    >>> fit = lognormal_tail(np.diag(np.sqrt(values)))
    >>> round(float(fit.sigma), 1), round(float(fit.mu), 1)
    (1.5, 0.5)
    """
    fit = fitted_family(spectrum, "lognormal", xmin, convention)
    values = spectrum.eigenvalues
    cut, sigma = fit.parameters
    return LognormalTail(
        mu=in_library_of(float(np.log(fit.xmin)) - cut * sigma, values),
        sigma=in_library_of(sigma, values),
        xmin=in_library_of(fit.xmin, values),
        distance=in_library_of(fit.distance, values),
        tail_size=in_library_of(fit.tail_size, values),
        notes=tuple(short_tail(fit, "sigma")),
    )
