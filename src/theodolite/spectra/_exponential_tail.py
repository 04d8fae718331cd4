"""An exponential law fitted to the upper tail of the spectrum."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Array, Field, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.spectra._tail import TAIL_SIZE, XMIN
from theodolite.spectra._tail_families import Start, TailConvention, fitted_family, short_tail


@dataclass(frozen=True, kw_only=True)
class ExponentialTail(Result):
    """A fitted tail without a heavy part.

    Attributes
    ----------
    rate : array of shape ()
        One over the mean excess of the tail over its start.
    xmin : array of shape ()
        Eigenvalue at which the tail starts.
    distance : array of shape ()
        Kolmogorov-Smirnov distance between the tail and the law.
    tail_size : array of shape (), integer
        How many eigenvalues are in the tail.
    """

    rate: Annotated[
        Array,
        Field(
            unit="1/eigenvalue",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": -2},
            reads="higher = shorter tail",
        ),
    ]
    xmin: Annotated[Array, XMIN]
    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = closer to an exponential",
        ),
    ]
    tail_size: Annotated[Array, TAIL_SIZE]


@measure(cite="yang2023test", runs="host")
def exponential_tail(
    spectrum: Spectrum, /, *, xmin: Start = "search", convention: TailConvention = "theodolite"
) -> ExponentialTail:
    r"""Exponential law of the largest eigenvalues, :math:`\rho(\lambda) \propto e^{-r \lambda}` above a threshold.

    The rate of maximum likelihood is :math:`r = 1 / (\bar\lambda - \lambda_{\min})` with the mean over the tail; the
    threshold with the smallest Kolmogorov-Smirnov distance is taken.

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
    ExponentialTail
        Rate, start, distance and size of the tail.

    Notes
    -----
    Where a square hides: eigenvalues are squared singular values, and the rate falls with the square of the weights'
    scale. The notebook behind the printed fits of Yang et al. prints, as the exponent of the exponential, the cut-off
    rate of a truncated power law at this start; the rate here is the exponential's own.

    Reads as
    --------
    The null of the heavy tail: where `distance` is no larger than that of `power_law` and
    `truncated_power_law`, nothing is heavy. Of the three printed spectra, started at the peak, it is 0.27, 0.13 and
    0.04 from the well to the badly trained one.

    Misleads when
    -------------
    `rate` is compared between layers of different scale; multiply it by the mean eigenvalue first. Noise then has about
    0.91 if square and 1.51 if four times as long as wide, at a distance of 0.05 and 0.10 for sides of 384: a square
    random matrix is nearly exponential as far as such a test goes. Or when the search settles on the last few
    eigenvalues, where every law is near.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; the search takes well below a millisecond at 500 eigenvalues.

    References
    ----------
    Y. Yang, R. Theisen, L. Hodgkinson, J. E. Gonzalez, K. Ramchandran, C. H. Martin and M. W.
    Mahoney, Test accuracy vs. generalization gap: model selection in NLP without accessing training or testing data,
    KDD (2023) 3011-3021, arXiv:2202.02842. A. Clauset, C. R. Shalizi and M. E. J. Newman, Power-law distributions in
    empirical data, SIAM Review 51 (2009) 661-703, table 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> values = 3.0 - np.log1p(-(np.arange(200) + 0.5) / 200) / 0.25  # above 3, with the rate 1/4
    >>> fit = exponential_tail(np.diag(np.sqrt(values)))
    >>> round(float(fit.rate), 2), round(float(fit.xmin), 1), int(fit.tail_size)
    (0.25, 3.0, 200)
    """
    fit = fitted_family(spectrum, "exponential", xmin, convention)
    values = spectrum.eigenvalues
    return ExponentialTail(
        rate=in_library_of(fit.parameters[1] / fit.xmin, values),
        xmin=in_library_of(fit.xmin, values),
        distance=in_library_of(fit.distance, values),
        tail_size=in_library_of(fit.tail_size, values),
        notes=tuple(short_tail(fit, "rate")),
    )
