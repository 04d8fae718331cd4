r"""Which of several laws a sample follows, by the ratio of their likelihoods.

For two laws the sum R of the logarithms of the ratio, over its standard deviation :math:`s \sqrt n`, is a standard
normal variable where both are equally far from the truth [1]_. Where one law contains the other and the truth may be
the smaller one, 2 R follows a chi-square law of one degree of freedom instead.

References
----------
.. [1] Q. H. Vuong, Likelihood ratio tests for model selection and non-nested hypotheses, Econometrica 57 (1989)
   307-333.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from theodolite.numerics.tail_laws import FAMILIES, Family

__all__ = ["LEVEL", "NESTED", "PAIRS", "LikelihoodRatio", "likelihood_ratio", "not_ruled_out"]

Vector = NDArray[np.float64]

PAIRS: tuple[tuple[Family, Family], ...] = tuple(combinations(FAMILIES, 2))
NESTED: tuple[Family, Family] = ("power_law", "truncated_power_law")
"""The first is the second with no cut-off."""

LEVEL = 0.1
"""A ratio with a p-value below this speaks; above, the sample can't tell the two apart."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """How two laws compare on one sample.

    Attributes
    ----------
    ratio : float
        Normalised; positive where the first law is the likelier one.
    p_value : float
        Probability of so large a ratio, of either sign, where neither is better; in (0, 1].
    """

    ratio: float
    p_value: float


def likelihood_ratio(first: Vector, second: Vector, *, nested: bool = False) -> LikelihoodRatio:
    """Compare two laws on one sample.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        Logarithm of each law's density at each element.
    nested : bool
        Whether the first law is a special case of the second, whose fit is then never less likely.

    Returns
    -------
    LikelihoodRatio
        The normalised ratio and its p-value. A nested law that lies at the edge of the larger one's range makes the
        chi-square p-value too large, by up to a factor of two.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(400)
    >>> found = likelihood_ratio(-(x**2) / 2, -((x - 0.2) ** 2) / 2)
    >>> found.ratio > 0, found.p_value < 0.2
    (True, True)
    """
    difference = first - second
    total, spread = float(difference.sum()), float(difference.std()) * float(np.sqrt(difference.size))
    if spread <= 1e-12 * max(1.0, abs(float(first.sum()))):
        return LikelihoodRatio(0.0, 1.0)
    ratio = total / spread
    p_value = float(erfc(np.sqrt(max(-total, 0.0)))) if nested else float(erfc(abs(ratio) / np.sqrt(2.0)))
    return LikelihoodRatio(ratio, max(p_value, np.finfo(np.float64).tiny))


def not_ruled_out(found: Mapping[tuple[Family, Family], LikelihoodRatio], level: float = LEVEL) -> tuple[Family, ...]:
    """Return the families that no other one is significantly likelier than.

    Parameters
    ----------
    found : mapping of pair of str to LikelihoodRatio
        The pairs that could be compared, first and second as in `PAIRS`.
    level : float
        P-value below which a ratio counts.

    Returns
    -------
    tuple of str
        In the order of `FAMILIES`. A truncated power law whose cut-off adds nothing is left out beside the power law
        that it contains. One name alone is the preferred family; with several, the sample can't tell.

    Examples
    --------
    >>> heavy = LikelihoodRatio(5.0, 1e-6)
    >>> not_ruled_out({("power_law", "exponential"): heavy})
    ('power_law',)
    """
    beaten: set[Family] = set()
    for (first, second), against in found.items():
        if against.p_value < level:
            beaten.add(second if against.ratio > 0.0 else first)
    compared = {family for pair in found for family in pair}
    small, large = NESTED
    if NESTED in found and small not in beaten:
        beaten.add(large)
    return tuple(family for family in FAMILIES if family in compared and family not in beaten)
