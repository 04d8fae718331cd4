"""Whether what is unlike in one cloud is unlike in the other."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Outcome, Pair, Refusal, like, measure
from theodolite.numerics import rdm_comparison as compared
from theodolite.numerics.dissimilarity import reordered
from theodolite.similarity._dissimilarities import Dissimilarities, OfRows, of_cloud

_OF_RANKS: dict[str, Callable[..., float]] = {"spearman": compared.cosine, "rho_a": compared.rho_a}
_OF_PLACES: dict[str, Callable[..., float]] = {"kendall": compared.kendall, "kendall_a": compared.kendall_a}
_OF_NUMBERS: dict[str, Callable[..., float]] = {
    "pearson": compared.pearson,
    "cosine": compared.cosine,
    "whitened_pearson": compared.whitened_pearson,
    "whitened_cosine": compared.whitened_cosine,
    "bures": compared.bures,
}
_ABOUT_A_LEVEL = ("cosine", "whitened_cosine", "bures")


def _chance(_: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Over all orders of the rows of one cloud, every pair comes upon every other equally often."""
    return {} if parameters["comparison"] in _ABOUT_A_LEVEL else {"value": 0.0}


@measure(cite="kriegeskorte2008representational", needs="rows", runs="host", chance=_chance)
def rsa(
    pair: Pair,
    /,
    *,
    dissimilarity: OfRows = "correlation",
    comparison: Literal[
        "spearman",
        "pearson",
        "cosine",
        "kendall",
        "kendall_a",
        "rho_a",
        "whitened_pearson",
        "whitened_cosine",
        "bures",
    ] = "spearman",
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(-1, 1),
        invariant_to=("scale", "separate_scale", "permutation", "order", "exchange"),
        varies=("translation", "rotation", "linear"),
        of_itself=1.0,
        reads="1 = the same pairs of stimuli are unlike, 0 = chance",
    ),
]:
    r"""Representational similarity analysis: correlation of the dissimilarities of all pairs of rows in both clouds.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features), or `Dissimilarities` in the place of either
        What to compare. Dissimilarities that are given are taken as they are.
    dissimilarity : {"correlation", "cosine", "euclidean", "squared_euclidean", "poisson"}
        Of two rows: one less their correlation over the features, or their cosine; their distance; the symmetrised
        divergence of Poisson rates with a weak prior. Those that need repeated measurements or the covariance of noise
        (Mahalanobis, crossnobis) are made by `dissimilarities`, each cloud's by itself.
    comparison : str
        ``"spearman"``, ``"pearson"``; ``"kendall"``: tau-b; ``"kendall_a"``, ``"rho_a"``: ties count as disagreement,
        so that no model gains by predicting ties. ``"cosine"``: of the dissimilarities as vectors.
        ``"whitened_cosine"``, ``"whitened_pearson"``: after whitening by the covariance that estimates have where two
        pairs share a stimulus. ``"bures"``: normalised fidelity of the Gram matrices whose squared distances the
        dissimilarities are.

    Returns
    -------
    array of shape ()
        Between -1 and 1; the comparisons by cosine and fidelity of dissimilarities that are not negative between 0
        and 1.

    Raises
    ------
    Refusal
        If a row has no direction (it is constant for ``"correlation"``, zero for ``"cosine"``), if an entry is negative
        for ``"poisson"``, or if there are fewer than three different rows or all dissimilarities are equal.

    Notes
    -----
    Dissimilarities that differ by rounding alone (1e-12 of the largest) are tied, so that models with few levels, such
    as one-hot labels, have the ties they should have. What moves the answer depends on the dissimilarity: correlation
    takes the mean of each row, not of each feature, and changes when a constant vector is added to the rows or when
    they are rotated; euclidean distances don't. Poisson dissimilarities also change with the unit of the rates. The
    whitened cosine of squared euclidean distances is biased linear `cka`; their fidelity is the cosine of
    `angular_procrustes`.

    Of the metrics that go with it, the angle :math:`\arccos` of Spearman's rho satisfies the triangle inequality;
    one less rho doesn't. The chance level of all comparisons about a mean is 0.

    Reads as
    --------
    Two systems with 0.3 by Spearman order the pairs of stimuli more alike than chance; how much more hangs on noise.
    Compare with what two halves of the data, or two seeds, give.

    Misleads when
    -------------
    A p-value is taken from the correlation of as many numbers as there are pairs: pairs share stimuli. Permute the rows
    instead. Few pairs that are very unlike (two groups) dominate. And the origin of the features, which correlation and
    cosine hang on, means nothing in most layers: see whether the answer stays when the rows are centred.

    Cost
    ----
    O(n² (d + e)) for the dissimilarities, found once for each cloud; O(m log m) for m = n (n - 1) / 2 pairs; O(n³) for
    ``"bures"``. Memory O(m).

    References
    ----------
    N. Kriegeskorte, M. Mur and P. Bandettini, Representational similarity analysis - connecting the branches of systems
    neuroscience, Frontiers in Systems Neuroscience 2 (2008) 4. J. Diedrichsen et al., Comparing representational
    geometries using whitened unbiased-distance-matrix similarity, Neurons, Behavior, Data Analysis, and Theory 5
    (2021), arXiv:2007.02789. H. H. Schütt et al., Statistical inference on representational geometries, eLife 12 (2023)
    e82566.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.asarray([[0.0], [1.0], [3.0], [7.0]])
    >>> other = np.asarray([[0.0], [1.0], [7.0], [3.0]])
    >>> round(float(rsa(line, other, dissimilarity="euclidean")), 3)
    -0.029
    """
    clouds = (pair.x, pair.y)
    if comparison in _OF_RANKS:
        value = _OF_RANKS[comparison](*(_ranks(cloud, dissimilarity) for cloud in clouds))
    elif comparison in _OF_PLACES:
        value = _OF_PLACES[comparison](*(_places(cloud, dissimilarity) for cloud in clouds))
    else:
        value = _OF_NUMBERS[comparison](*(_different(cloud, dissimilarity, comparison) for cloud in clouds))
    if not np.isfinite(value):
        raise Refusal(Outcome.EQUAL_DISSIMILARITIES, "no Gram matrix of points has them")
    known = [cloud.rows for cloud in clouds if not isinstance(cloud, Dissimilarities)]
    return like(value, known[0]) if known else np.float64(value)


def _ranks(cloud: Cloud, dissimilarity: OfRows) -> NDArray[np.float64]:
    def ranks() -> NDArray[np.float64]:
        return compared.middle_ranks(_places(cloud, dissimilarity))

    return cloud.with_the_rows(("ranks of dissimilarities", dissimilarity), ranks, reordered)


def _places(cloud: Cloud, dissimilarity: OfRows) -> NDArray[np.int64]:
    def places() -> NDArray[np.int64]:
        return compared.places(_different(cloud, dissimilarity, "spearman"))

    return cloud.with_the_rows(("places of dissimilarities", dissimilarity), places, reordered)


def _different(cloud: Cloud, dissimilarity: OfRows, comparison: str) -> NDArray[np.float64]:
    """Refuse dissimilarities that a comparison finds nothing in."""
    values = of_cloud(cloud, dissimilarity)
    if len(values) < 3:
        raise Refusal(Outcome.EQUAL_DISSIMILARITIES, f"{len(values)} pairs")
    largest = float(np.abs(values).max())
    spread = largest if comparison in _ABOUT_A_LEVEL else float(values.max() - values.min())
    if not spread > compared.SAME * largest:
        raise Refusal(Outcome.EQUAL_DISSIMILARITIES, f"{len(values)} pairs, all {largest:.3g}")
    return values
