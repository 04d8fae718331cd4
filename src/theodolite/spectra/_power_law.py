"""A power law fitted to the upper tail of the spectrum."""

from dataclasses import dataclass
from typing import Annotated, Literal

from theodolite.core import Array, Field, Interval, Note, Outcome, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.numerics.powerlaw import alpha_interval
from theodolite.spectra._tail import TAIL_SIZE, XMIN, fitted_tail, sample_of, small_sample, synthetic_spectra

SHORT_TAIL = 30
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class PowerLaw(Result):
    """A fitted tail of a spectrum.

    Attributes
    ----------
    alpha : array of shape ()
        Exponent of the density of eigenvalues above `xmin`; its interval counts the search for `xmin`.
    xmin : array of shape ()
        Eigenvalue at which the tail starts.
    distance : array of shape ()
        Kolmogorov-Smirnov distance between the tail and the law.
    sigma : array of shape ()
        ``(alpha - 1) / sqrt(tail_size)``, the standard error that WeightWatcher and powerlaw print; it takes `xmin`
        as known and is too small.
    tail_size : array of shape (), integer
        How many eigenvalues are in the tail.
    """

    alpha: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(1, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = heavier tail",
        ),
    ]
    xmin: Annotated[Array, XMIN]
    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = closer to a power law",
            goodness_of_fit=True,
        ),
    ]
    sigma: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="printed standard error, search not counted",
        ),
    ]
    tail_size: Annotated[Array, TAIL_SIZE]


@measure(cite="clauset2009power", runs="host", synthetic=synthetic_spectra)
def power_law(
    spectrum: Spectrum,
    /,
    *,
    convention: Literal["theodolite", "weightwatcher"] = "theodolite",
    truncated: bool = False,
) -> PowerLaw:
    r"""Power law of the largest eigenvalues, :math:`\rho(\lambda) \propto \lambda^{-\alpha}` above a threshold.

    Every eigenvalue is tried as the threshold. The exponent of the m eigenvalues from there on is the
    maximum-likelihood one, :math:`\alpha = 1 + m / \sum_i \ln(\lambda_i / \lambda_{\min})`, and the threshold with
    the smallest Kolmogorov-Smirnov distance between eigenvalues and law is taken.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    convention : {"theodolite", "weightwatcher"}
        ``"theodolite"``: eigenvalues above the certified error of the decomposition, at least 8 of them; the distance
        on both sides of each step. ``"weightwatcher"``: as WeightWatcher 0.7.7, eigenvalues above 1e-5, the distance
        on the left of each step only, and its small-sample path below 20 eigenvalues.
    truncated : bool
        Whether the law ends at the largest eigenvalue: by maximum likelihood of the truncated law, or, under the
        convention of WeightWatcher, as its ``xmax="force"`` with ``pl_package="powerlaw"`` (version 1.5), which
        truncates the distance but not the likelihood.

    Returns
    -------
    PowerLaw
        Exponent with its 95 % interval, start, distance, printed standard error and size of the tail.

    Notes
    -----
    Where a square hides: the law is that of eigenvalues, which are squared singular values. Singular values have the
    exponent :math:`2 \alpha - 1`. Refused for a zero matrix, for too few or equal eigenvalues, and where no tail has an
    exponent above 1. The interval takes the exponent's spread as 1.5 times the printed standard error, as calibrated on
    Pareto draws (see `theodolite.numerics.powerlaw.alpha_interval`).

    Reads as
    --------
    Lower means a heavier tail: a few directions much stronger than the rest. Between 2 and 6 has been called well
    trained, but the range depends on the shape.

    Misleads when
    -------------
    It is read without its chance level: a Gaussian matrix of side 64 has an alpha of about 4, one of side 768 about 10.
    Or when `tail_size` is below 30, or `distance` is no smaller than by chance; or when the average over layers is
    compared between models of different depth, where alpha alone has ranked models backwards.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix; the search takes well below a millisecond at 500 eigenvalues.

    References
    ----------
    A. Clauset, C. R. Shalizi and M. E. J. Newman, Power-law distributions in empirical data, SIAM Review 51 (2009)
    661-703, arXiv:0706.1062, eqs. 3.1, 3.2 and 3.9. C. H. Martin and M. W. Mahoney, Implicit self-regularization in
    deep neural networks, Journal of Machine Learning Research 22 (2021) 165, arXiv:1810.01075.

    Examples
    --------
    >>> import numpy as np
    >>> u = (np.arange(400) + 0.5) / 400
    >>> fit = power_law(np.diag((1 - u) ** -0.25))  # eigenvalues (1 - u) ** -0.5: the law with exponent 3
    >>> round(float(fit.alpha), 2), int(fit.tail_size)
    (3.0, 400)
    """
    fit = fitted_tail(spectrum, convention, truncated=truncated)
    values = spectrum.eigenvalues
    se, low, high = (in_library_of(end, values) for end in alpha_interval(fit.alpha, fit.sigma, level=LEVEL))
    notes = []
    if convention == "weightwatcher" and small_sample(sample_of(spectrum, convention).size, convention, truncated):
        notes = [Note(Outcome.SMALL_SAMPLE_CONVENTION, field="alpha")]
    elif fit.tail_size < SHORT_TAIL:
        notes = [Note(Outcome.SHORT_TAIL, f"{fit.tail_size} eigenvalues", field="alpha")]
    return PowerLaw(
        alpha=in_library_of(fit.alpha, values),
        xmin=in_library_of(fit.xmin, values),
        distance=in_library_of(fit.distance, values),
        sigma=in_library_of(fit.sigma, values),
        tail_size=in_library_of(fit.tail_size, values),
        intervals={"alpha": Interval(low, high, LEVEL, se)},
        notes=tuple(notes),
    )
