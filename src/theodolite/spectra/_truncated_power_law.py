"""A power law with an exponential cut-off, fitted to the upper tail of the spectrum."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Array, Field, Missing, Note, Outcome, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.spectra._tail import TAIL_SIZE, XMIN
from theodolite.spectra._tail_families import Start, TailConvention, fitted_family, short_tail


@dataclass(frozen=True, kw_only=True)
class TruncatedPowerLaw(Result):
    """A fitted tail with a cut-off.

    Attributes
    ----------
    beta : array of shape () or Missing
        Exponent of the power law before the cut-off.
    rate : array of shape () or Missing
        Of the exponential cut-off, one over an eigenvalue.
    xmin : array of shape ()
        Eigenvalue at which the tail starts.
    distance : array of shape ()
        Kolmogorov-Smirnov distance between the tail and the law.
    tail_size : array of shape (), integer
        How many eigenvalues are in the tail.
    """

    beta: Annotated[
        Array | Missing,
        Field(
            unit="1",
            bounds=(1, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = heavier tail before the cut-off",
        ),
    ]
    rate: Annotated[
        Array | Missing,
        Field(
            unit="1/eigenvalue",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": -2},
            reads="higher = cut off sooner",
        ),
    ]
    xmin: Annotated[Array, XMIN]
    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = closer to the law",
        ),
    ]
    tail_size: Annotated[Array, TAIL_SIZE]


@measure(cite="yang2023test", runs="host")
def truncated_power_law(
    spectrum: Spectrum, /, *, xmin: Start = "search", convention: TailConvention = "theodolite"
) -> TruncatedPowerLaw:
    r"""Power law with an exponential cut-off (TPL), :math:`\rho(\lambda) \propto \lambda^{-\beta} e^{-r \lambda}`.

    Above the threshold the density is normalised by :math:`r^{1-\beta} / \Gamma(1-\beta, r \lambda_{\min})`, with an
    upper incomplete gamma function of negative order; :math:`\beta \ge 1` and :math:`r \ge 0` are those of maximum
    likelihood, and the threshold with the smallest Kolmogorov-Smirnov distance is taken.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    xmin : {"search", "peak"}
        ``"search"``: every eigenvalue is tried as the threshold (TPL). ``"peak"``: those within 5 % of the peak p of
        the histogram of 100 bins of the logarithms, at the left end of its fullest bin (E-TPL).
    convention : {"theodolite", "weightwatcher", "powerlaw"}
        ``"theodolite"``: eigenvalues above the certified error of the decomposition; the distance on both sides of each
        step. The others: eigenvalues above 1e-5, the distance on the left of each step only. ``"powerlaw"``: as
        powerlaw 1.5 with `xmax` at the largest eigenvalue, where the distance counts the end of the law and the
        likelihood doesn't; the printed E-TPL fits of Yang et al. are these. ``"weightwatcher"``: as WeightWatcher
        0.7.7, whose peak reaches from ``log10(0.95 p)`` (a logarithm in the place of an eigenvalue) to ``1.5 p``.

    Returns
    -------
    TruncatedPowerLaw
        Exponent, rate of the cut-off, start, distance and size of the tail.

    Notes
    -----
    Where a square hides: the law is that of eigenvalues, which are squared singular values, and `rate` falls with the
    square of the weights' scale. Where the likelihood is highest at :math:`\beta = 1` or :math:`r = 0`, that parameter
    is no fit and is missing; the other numbers are those of the law at the edge, with a note.

    Reads as
    --------
    `beta` as the exponent of the heavy part, `rate` as where it ends: a well trained layer of the three printed spectra
    of Yang et al. has 1.50 and 0.008, a mediocre one 1.19 and 0.037, and of a bad one no beta can be had.

    Misleads when
    -------------
    `beta` is compared with the alpha of a power law: the cut-off takes over what a steep power law would have to
    explain, so that it is smaller. Noise has no beta: the likelihood was highest at 1 for all of 48 Gaussian matrices
    of 64 x 64 to 768 x 768, at distances of about 0.11 to 0.13; so it has no chance level, and a beta
    at all is more than they show. And where the search settles on a short tail, exponent
    and rate trade against each other.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; the search takes some ten milliseconds at 500 eigenvalues.

    References
    ----------
    Y. Yang, R. Theisen, L. Hodgkinson, J. E. Gonzalez, K. Ramchandran, C. H. Martin and M. W.
    Mahoney, Test accuracy vs. generalization gap: model selection in NLP without accessing training or testing data,
    KDD (2023) 3011-3021, arXiv:2202.02842. A. Clauset, C. R. Shalizi and M. E. J. Newman, Power-law distributions in
    empirical data, SIAM Review 51 (2009) 661-703, table 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> grid = np.linspace(0.0, 9.0, 200_001)  # of ln(eigenvalue); the density of exponent 1.5 and rate 0.05
    >>> below = np.cumsum(np.exp(-0.5 * grid - 0.05 * np.exp(grid)))
    >>> values = np.exp(np.interp((np.arange(400) + 0.5) / 400, below / below[-1], grid))
    >>> fit = truncated_power_law(np.diag(np.sqrt(values)))
    >>> round(float(fit.beta), 1), round(float(fit.rate), 2), int(fit.tail_size)
    (1.5, 0.05, 400)
    """
    fit = fitted_family(spectrum, "truncated_power_law", xmin, convention)
    values = spectrum.eigenvalues
    beta: Array | Missing = in_library_of(fit.parameters[0], values)
    rate: Array | Missing = in_library_of(fit.parameters[1] / fit.xmin, values)
    notes = short_tail(fit, "beta")
    if fit.pinned[0]:
        beta = Missing(Outcome.AT_BOUND, "beta = 1")
        notes = [Note(Outcome.BESIDE_BOUND, "beta = 1", field) for field in ("rate", "distance")]
    elif fit.pinned[1]:
        rate = Missing(Outcome.AT_BOUND, "rate = 0")
        notes = [Note(Outcome.BESIDE_BOUND, "rate = 0", field) for field in ("beta", "distance")]
    return TruncatedPowerLaw(
        beta=beta,
        rate=rate,
        xmin=in_library_of(fit.xmin, values),
        distance=in_library_of(fit.distance, values),
        tail_size=in_library_of(fit.tail_size, values),
        notes=tuple(notes),
    )
