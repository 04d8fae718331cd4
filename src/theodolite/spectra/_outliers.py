"""Eigenvalues that noise would not have, by the law of its largest one."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Array, Field, Limits, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.numerics.tracy_widom import edge_law, tracy_widom_survival
from theodolite.spectra._balanced import balanced
from theodolite.spectra._bulk import fitted_bulk, level_of_stack, small_bulk


@dataclass(frozen=True, kw_only=True)
class Outliers(Result):
    """Eigenvalues beyond the Tracy-Widom edge.

    Attributes
    ----------
    count : array of shape (), integer
        How many there are.
    edge : array of shape ()
        Eigenvalue that the largest one of the noise exceeds with probability `level`.
    statistic : array of shape ()
        The largest eigenvalue on the scale of Tracy and Widom's law.
    p_value : array of shape ()
        Probability that the largest eigenvalue of noise is at least as large.
    """

    count: Annotated[
        Array,
        Field(
            unit="eigenvalues",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="directions that are no noise",
        ),
    ]
    edge: Annotated[
        Array,
        Field(
            unit="eigenvalue",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": 2},
            reads="what noise hardly exceeds",
        ),
    ]
    statistic: Annotated[
        Array,
        Field(
            unit="1",
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="above 2 = one in a hundred by chance",
            of_test=True,
        ),
    ]
    p_value: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="small = the strongest direction is no noise",
            of_test=True,
        ),
    ]


@measure(cite="johnstone2001distribution", needs=("eigenvalues", "shape"), runs="host", version=2, looks_at=balanced)
def outliers(spectrum: Spectrum, /, *, level: Annotated[float, Limits(gt=0.0, lt=0.5)] = 0.01) -> Outliers:
    r"""Eigenvalues beyond the Tracy-Widom edge, :math:`\lambda > \sigma^2 (\mu_{nm} + q_\alpha \tau_{nm})`.

    The largest eigenvalue of an n x m matrix of independent noise of variance :math:`\sigma^2`, less
    :math:`\sigma^2 \mu_{nm}` and over :math:`\sigma^2 \tau_{nm}`, follows the law of Tracy and Widom (of real
    entries), with :math:`\mu_{nm} = (a + b)^2`, :math:`\tau_{nm} = (a + b)(1/a + 1/b)^{1/3}`,
    :math:`a = \sqrt{n - 1/2}`, :math:`b = \sqrt{m - 1/2}`. The variance is that of the eigenvalues within the edge, as
    for `marchenko_pastur`, and the law is narrowed by what estimating it takes away.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. Each slice of a stack is tested by itself; the positions of an unfolded kernel are made
        equal as for `marchenko_pastur`.
    level : float
        Probability of finding any in a matrix of noise (for a stack: in any slice), below 0.5.

    Returns
    -------
    Outliers
        Count, edge, and statistic and p-value of the largest eigenvalue. Of a stack: the count is the sum over slices,
        edge and statistic are the largest, the p-value is that of the slice with the smallest, times the number of
        slices (in Sidak's form).

    Notes
    -----
    Where a square hides: edge and eigenvalues are squared singular values. The p-value speaks of the largest
    eigenvalue against noise of the variance that is left within the edge. Over Gaussian matrices from 8 x 64 to
    64 x 576 the level of 1 % is exceeded in 0.96 to 1.03 % of cases, that of 0.1 % in 0.09 to 0.12 % (of 8 x 8 in 1.24
    and 0.08 %). Refused where `marchenko_pastur` is. No chance level stands beside: what noise shows is in the p-value,
    and its count is 0 but for a share of `level`.

    Reads as
    --------
    Whether anything was learned at all: a freshly initialised layer has none.

    Misleads when
    -------------
    The entries are independent but have heavy tails or unequal variances: then single large entries, or strong rows,
    are outliers although nothing was learned. `correlation_traps` tells the former.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, those of each slice for a stack, and some milliseconds.

    References
    ----------
    I. M. Johnstone, On the distribution of the largest eigenvalue in principal components analysis, Annals of
    Statistics 29 (2001) 295-327. Z. Ma, Accuracy of the Tracy-Widom limits for the extreme eigenvalues in white Wishart
    matrices, Bernoulli 18 (2012) 322-359, arXiv:0810.1329. S. Kritchman and B. Nadler, Non-parametric detection of the
    number of signals: hypothesis testing and random matrix theory, IEEE Transactions on Signal Processing 57 (2009)
    3930-3941. B. Nadler, On the distribution of the ratio of the largest eigenvalue to the trace of a Wishart matrix,
    Journal of Multivariate Analysis 102 (2011) 363-371.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((200, 100))
    >>> found = outliers(noise)
    >>> int(found.count), bool(found.p_value > 0.01)
    (0, True)
    >>> int(outliers(noise + 0.5).count)
    1
    """
    spectrum = balanced(spectrum)
    slices = fitted_bulk(spectrum, level)
    statistics = []
    for s in slices:
        k = max(s.bulk.spikes - 1, 0)
        law = edge_law(s.values.size - k, s.long - k)
        statistics.append(law.statistic(float(s.values[-1]) / s.bulk.variance))
    smallest = tracy_widom_survival(max(statistics))
    every = level_of_stack(smallest, len(slices))
    values = spectrum.eigenvalues
    return Outliers(
        count=in_library_of(sum(s.bulk.spikes for s in slices), values),
        edge=in_library_of(max(s.bulk.threshold for s in slices), values),
        statistic=in_library_of(max(statistics), values),
        p_value=in_library_of(every, values),
        notes=small_bulk(slices, "count"),
    )
