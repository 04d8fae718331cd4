"""Which family of laws the tail of a spectrum follows."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from theodolite.core import Array, Chance, Field, Missing, Outcome, Result, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.likelihood_ratios import NESTED, PAIRS, LikelihoodRatio, likelihood_ratio, not_ruled_out
from theodolite.numerics.tail_laws import FAMILIES, Family, TailSums, fit_law, log_likelihoods
from theodolite.numerics.tail_search import law_distance
from theodolite.spectra._tail import XMIN
from theodolite.spectra._tail_families import fitted_family, positive_sample, short_tail

_ALL = ("scale", "permutation", "rotation", "transpose")
_Distance = Annotated[Array, Field(unit="1", bounds=(0, 1), invariant_to=_ALL, reads="lower = closer to this family")]
_DistanceOrNone = Annotated[
    Array | Missing, Field(unit="1", bounds=(0, 1), invariant_to=_ALL, reads="lower = closer to this family")
]
_Ratio = Annotated[
    Array | Missing,
    Field(
        unit="1",
        bounds=(None, None),
        invariant_to=_ALL,
        reads="above 0 = the first family is likelier; read its p-value first",
    ),
]


@dataclass(frozen=True, kw_only=True)
class TailComparison(Result):
    """Four families on one tail; ``extra["p_values"]`` has the ratios' p-values in their order.

    Attributes
    ----------
    xmin : array of shape ()
        Eigenvalue at which the tail starts.
    tail_size : array of shape (), integer
        How many eigenvalues are in the tail.
    power_law_distance, truncated_power_law_distance, exponential_distance, lognormal_distance : array of shape ()
        Kolmogorov-Smirnov distance between the tail and each family's law of maximum likelihood.
    power_law_over_truncated_power_law, power_law_over_exponential, power_law_over_lognormal : array of shape ()
        Normalised ratios of likelihoods, with their p-values in `chances`.
    truncated_power_law_over_exponential, truncated_power_law_over_lognormal : array of shape ()
        The same.
    exponential_over_lognormal : array of shape ()
        The same.
    """

    xmin: Annotated[Array, XMIN]
    tail_size: Annotated[
        Array, Field(unit="eigenvalues", bounds=(2, None), invariant_to=_ALL, reads="lower = the comparison is weaker")
    ]
    power_law_distance: _Distance
    truncated_power_law_distance: _Distance
    exponential_distance: _Distance
    lognormal_distance: _DistanceOrNone
    power_law_over_truncated_power_law: _Ratio
    power_law_over_exponential: _Ratio
    power_law_over_lognormal: _Ratio
    truncated_power_law_over_exponential: _Ratio
    truncated_power_law_over_lognormal: _Ratio
    exponential_over_lognormal: _Ratio

    @property
    def not_ruled_out(self) -> tuple[str, ...]:
        """The families that no other one is significantly likelier than (p below 0.1)."""
        found: dict[tuple[Family, Family], LikelihoodRatio] = {}
        for (first, second), p_value in zip(PAIRS, to_numpy(self.extra["p_values"]), strict=True):
            value = getattr(self, f"{first}_over_{second}")
            if not isinstance(value, Missing):
                found[first, second] = LikelihoodRatio(float(value), float(p_value))
        return not_ruled_out(found)

    @property
    def preferred(self) -> str:
        """The one family that is not ruled out; empty where the tail can't tell several apart."""
        left = self.not_ruled_out
        return left[0] if len(left) == 1 else ""


@measure(cite="vuong1989likelihood", runs="host")
def tail_comparison(spectrum: Spectrum, /, *, xmin: Family = "power_law") -> TailComparison:
    r"""Families of laws compared on one tail, by the normalised ratio :math:`R = \sum_i \ln (p_i / q_i) / (s \sqrt n)`.

    Power law, truncated power law, exponential and lognormal are fitted by maximum likelihood to the same tail. For
    each pair, :math:`p_i` and :math:`q_i` are the two densities at the i-th of n eigenvalues and s is the standard
    deviation of the logarithms of their ratio. Vuong's p-value says how often so large a ratio, of either sign, comes
    about where neither law is nearer to the truth; for the power law within the truncated one, which contains it, the
    p-value is that of chi-square with one degree of freedom.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    xmin : {"power_law", "truncated_power_law", "exponential", "lognormal"}
        Whose search chooses the start of the common tail.

    Returns
    -------
    TailComparison
        Start and size of the tail, each family's distance, each pair's ratio with its p-value. Its property `preferred`
        names the family that rules out all others at p below 0.1, if there is one; `not_ruled_out` names those left.

    Notes
    -----
    Where a square hides: the laws are those of eigenvalues, which are squared singular values. For a ratio
    to be positive the first family must be likelier. A lognormal without a maximum is missing, and so are its ratios:
    there it is the power law itself. A cut-off that adds nothing leaves the power law in place of the truncated one.

    No chance level stands beside: the ratios have p-values of their own, and the distances are taken at a start that
    the search of another family chose. Those of a family's own search, with their levels, are in `power_law` and the
    measures of the other tails.

    Reads as
    --------
    Whether "heavy-tailed" may be said: only if the exponential is ruled out; and "power law" only if the lognormal and
    the cut-off are, too.

    Misleads when
    -------------
    Eigenvalues of one matrix are not independent draws, and the start of the tail was chosen on the same data (by
    default in favour of the power law), so that the p-values are guides, not levels. Tails below some hundred
    eigenvalues rarely tell a lognormal from a power law, whatever they follow. Of Gaussian noise, at the power law's
    own start, the power law was ruled out in half of 12 matrices of side 64, in three of four of side 384, and in all
    of side 768; the lognormal never was.

    Cost
    ----
    That of the search for the start, and well below a millisecond at 500 eigenvalues for the four fits.

    References
    ----------
    Q. H. Vuong, Likelihood ratio tests for model selection and non-nested hypotheses, Econometrica 57 (1989) 307-333.
    A. Clauset, C. R. Shalizi and M. E. J. Newman, Power-law distributions in empirical data, SIAM Review 51 (2009)
    661-703, section 5. J. Alstott, E. Bullmore and D. Plenz, powerlaw: a Python package for analysis of heavy-tailed
    distributions, PLoS ONE 9 (2014) e85777.

    Examples
    --------
    >>> import numpy as np
    >>> values = 3.0 - np.log1p(-(np.arange(400) + 0.5) / 400) / 0.25  # exponential
    >>> compared = tail_comparison(np.diag(np.sqrt(values)), xmin="exponential")
    >>> compared.not_ruled_out, bool(compared.power_law_over_exponential < -3)
    (('exponential', 'lognormal'), True)
    """
    start = fitted_family(spectrum, xmin, "search", "theodolite")
    sample = positive_sample(spectrum, "theodolite")
    first = int(np.searchsorted(sample, start.xmin, side="left"))
    logs = np.log(sample[first:] / sample[first])
    sums = TailSums.of(sample, np.asarray([first]))
    values = spectrum.eigenvalues
    laws = {family: fit_law(family, sums)[0][:, 0] for family in FAMILIES}
    fitted = {family: law for family, law in laws.items() if np.all(np.isfinite(law))}
    absent = Missing(Outcome.AT_BOUND, "the lognormal is a power law here")
    parts: dict[str, Any] = {
        f"{family}_distance": in_library_of(law_distance(logs, family, fitted[family]), values)
        if family in fitted
        else absent
        for family in FAMILIES
    }
    likely = {family: log_likelihoods(family, law, logs) for family, law in fitted.items()}
    chances = {}
    for pair in PAIRS:
        name = "_over_".join(pair)
        if any(family not in fitted for family in pair):
            parts[name] = absent
            continue
        found = likelihood_ratio(likely[pair[0]], likely[pair[1]], nested=pair == NESTED)
        parts[name] = in_library_of(found.ratio, values)
        chances[name] = Chance(p_value=found.p_value)
    p_values = np.asarray([1.0 if name not in chances else chances[name].p_value for name in map("_over_".join, PAIRS)])
    return TailComparison(
        xmin=in_library_of(start.xmin, values),
        tail_size=in_library_of(start.tail_size, values),
        chances=chances,
        extra={"p_values": in_library_of(p_values, values)},
        notes=tuple(short_tail(start, "tail_size")),
        **parts,
    )
