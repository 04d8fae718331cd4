"""A random bulk fitted to the spectrum, and what stands out from it."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from theodolite.core import Array, Field, Outcome, Refusal, Result, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.bulk import bulk_distance, distance_within, fit_weightwatcher_bulk
from theodolite.spectra._balanced import balanced
from theodolite.spectra._bulk import fitted_bulk, small_bulk

LEVEL = 0.001
"""Probability of any spike in a matrix of noise."""


@dataclass(frozen=True, kw_only=True)
class MarchenkoPastur(Result):
    """A random bulk; ``extra["balanced_eigenvalues"]`` are those it was fitted to, where they aren't the matrix's own.

    Attributes
    ----------
    sigma : array of shape ()
        Standard deviation of the noise in units of that of all entries: 1 for noise alone.
    variance : array of shape ()
        Variance of the noise entries, in the weights' own unit.
    edge : array of shape ()
        Eigenvalue at which the bulk ends.
    spikes : array of shape (), integer
        How many eigenvalues stand out from it.
    soft_rank : array of shape ()
        Edge over the largest eigenvalue.
    distance : array of shape ()
        Kolmogorov-Smirnov distance between the bulk and the law.
    """

    sigma: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="1 = noise alone, lower = more in strong directions",
        ),
    ]
    variance: Annotated[
        Array,
        Field(
            unit="weight²",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": 2},
            reads="variance of the entries that are noise",
        ),
    ]
    edge: Annotated[
        Array,
        Field(
            unit="eigenvalue",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": 2},
            reads="where the noise ends",
        ),
    ]
    spikes: Annotated[
        Array,
        Field(
            unit="eigenvalues",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="directions that stand out from the noise",
        ),
    ]
    soft_rank: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="1 = noise alone, near 0 = one direction towers",
        ),
    ]
    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="lower = the bulk is that of noise",
            goodness_of_fit=True,
        ),
    ]


@measure(cite="marchenko1967distribution", needs=("eigenvalues", "shape"), runs="host", version=2, looks_at=balanced)
def marchenko_pastur(
    spectrum: Spectrum, /, *, convention: Literal["theodolite", "weightwatcher"] = "theodolite"
) -> MarchenkoPastur:
    r"""Marchenko-Pastur bulk, with edge :math:`\sigma^2 (\sqrt n + \sqrt m)^2`, and its spikes.

    The k directions of the spikes are left out of the bulk, so that n and m stand for the sides less k.

    Entries of independent noise of variance :math:`\sigma^2` put the eigenvalues of an n x m matrix on the
    Marchenko-Pastur law. Here the variance is the sum of the eigenvalues within the bulk over
    :math:`(n - k)(m - k)`, where k, the number of spikes, counts the eigenvalues that the largest one of such noise
    exceeds with a probability of 0.1 % (by Tracy and Widom's law, corrected for small matrices). The two are the pair
    that agrees.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. Each slice of a stack is fitted by itself, since the slices of one kernel have different
        variances; the positions of an unfolded kernel of a checkpoint are first scaled to one variance of their noise.
    convention : {"theodolite", "weightwatcher"}
        ``"theodolite"``: as above. ``"weightwatcher"``: as WeightWatcher 0.7.7 with ``mp_fit=True``, which fits the
        density of the pooled eigenvalues by least squares and counts what lies beyond its own margin.

    Returns
    -------
    MarchenkoPastur
        Standard deviation, variance, edge, number of spikes, soft rank, and distance from the law. Of a stack: sigma
        is the root mean square over slices, variance their mean, spikes their sum, edge and distance the largest,
        soft rank the smallest. Of an unfolded kernel the eigenvalues with its positions scaled, ascending, are in
        ``extra["balanced_eigenvalues"]``.

    Notes
    -----
    Where a square hides: the law is that of eigenvalues, which are squared singular values; `variance` is the square of
    a weight, and the largest singular value of the noise is the root of `edge`. Eigenvalues of zero belong to no
    noise and are left out, with the shorter side counting the others: dead rows don't change the fit. Refused for a
    zero matrix, for fewer than 8 eigenvalues above zero in the matrix or a slice, for equal ones, and where fewer than
    4 would be left in the bulk.

    Directions whose planted singular value is 1.15 times the largest of the noise or more, up to ten of them, equal or
    not, are counted exactly in at least 599 of 600 matrices of 64 x 64 and 128 x 128; their eigenvalues then lie far
    beyond the edge. One whose *eigenvalue* is expected at 1.15 times the edge is planted at 0.73 of that; in 128 x 128
    it spreads by 7 % and is found in 82 % of cases (in 64 x 64 in 50 %, from a side of 256 on in 98 % or more). No
    level finds it always: at 1 % it would be 90 %, at 5 % it is 94 %, where one in twenty matrices of noise has a
    spike. The level is low since a model has hundreds of layers, and since `smooth` by spikes keeps nothing else of a
    layer; `outliers` takes any level.

    Under the convention of WeightWatcher the `sigma` of a square matrix is not that of the noise: there the fit moves
    the height of the law and not its width, and comes out up to 1.3 where the truth is 1. Pooled slices of unequal
    variance give spikes where there is only noise. The edge is that of the whole matrix, whatever stands out.

    Reads as
    --------
    How much of a layer is still noise, and how many directions training has lifted out of it.

    Misleads when
    -------------
    `distance` is large (Gaussian matrices have 0.03 at side 64, 0.007 at 384, 0.004 at 768, whatever the aspect): then
    the bulk is no noise of one variance (a heavy tail, rows of unequal size), and the count of spikes depends on where
    its shoulder happens to lie. In the view `fft` every eigenvalue of a frequency stands twice, and so does every
    spike.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, those of each slice for a stack, and well below a millisecond for the
    fit. A matrix without full rank costs a singular value decomposition more.

    References
    ----------
    V. A. Marchenko and L. A. Pastur, Distribution of eigenvalues for some sets of random matrices, Mathematics of the
    USSR-Sbornik 1 (1967) 457-483. J. Baik, G. Ben Arous and S. Peche, Phase transition of the largest eigenvalue for
    nonnull complex sample covariance matrices, Annals of Probability 33 (2005) 1643-1697. C. H. Martin and M. W.
    Mahoney, Implicit self-regularization in deep neural networks, Journal of Machine Learning Research 22 (2021) 165,
    arXiv:1810.01075, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((200, 100))
    >>> strong = np.outer(np.ones(200), np.ones(100)) / 2  # singular value 71; the noise ends at 24
    >>> bulk = marchenko_pastur(noise + strong)
    >>> int(bulk.spikes), round(float(bulk.variance), 2)
    (1, 0.99)
    """
    if convention == "weightwatcher":
        return _as_weightwatcher(spectrum)
    own, spectrum = spectrum, balanced(spectrum)
    slices = fitted_bulk(spectrum, LEVEL)
    values = spectrum.eigenvalues
    within = [distance_within(s.values, s.long, s.bulk) for s in slices]
    return MarchenkoPastur(
        sigma=in_library_of(float(np.sqrt(np.mean([s.share for s in slices]))), values),
        variance=in_library_of(float(np.mean([s.bulk.variance for s in slices])), values),
        edge=in_library_of(max(s.edge for s in slices), values),
        spikes=in_library_of(sum(s.bulk.spikes for s in slices), values),
        soft_rank=in_library_of(min(s.edge / float(s.values[-1]) for s in slices), values),
        distance=in_library_of(max(within), values),
        notes=small_bulk(slices, "spikes"),
        extra={} if spectrum is own else {"balanced_eigenvalues": values},
    )


def _as_weightwatcher(spectrum: Spectrum) -> MarchenkoPastur:
    pooled = np.asarray(to_numpy(spectrum.eigenvalues), dtype=np.float64)
    short, long = sorted(spectrum.shape or (pooled.size, pooled.size))
    if not pooled[-1] > 0.0:
        raise Refusal(Outcome.ALL_ZERO)
    if pooled.size < 2:
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{pooled.size}, at least 2 needed")
    if pooled[-1] - pooled[0] <= 2.0 * spectrum.error_bound:
        raise Refusal(Outcome.NO_SPREAD, f"{pooled.size} eigenvalues of {pooled[-1]:.6g}")
    bulk = fit_weightwatcher_bulk(pooled, short, long)
    edge = bulk.variance * (np.sqrt(short) + np.sqrt(long)) ** 2
    within = pooled[: pooled.size - bulk.spikes]
    distance = bulk_distance(within, short / long, long * bulk.variance)
    values = spectrum.eigenvalues
    return MarchenkoPastur(
        sigma=in_library_of(float(np.sqrt(bulk.variance * long / pooled.mean())), values),
        variance=in_library_of(bulk.variance, values),
        edge=in_library_of(float(edge), values),
        spikes=in_library_of(bulk.spikes, values),
        soft_rank=in_library_of(float(edge / pooled[-1]), values),
        distance=in_library_of(distance, values),
    )
