"""The dimension of a cloud as a whole: how many principal directions it takes."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Note, Outcome, Refusal, Result, is_array, measure, to_numpy
from theodolite.dimension._estimate import given_back
from theodolite.numerics.gram import gram_eigenvalues, gram_error_bound
from theodolite.numerics.pca_rules import NOISE_TESTS, SHAPE_RULES

Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PCADimension(Result):
    """Dimension from principal components.

    Attributes
    ----------
    dimension : array of shape ()
        By the rule. ``extra`` has the ``"variances"`` of all directions, descending.
    rank : array of shape ()
        Directions with a variance above zero, to the accuracy of the entries and of the decomposition.
    explained : array of shape ()
        Share of the variance that so many leading directions hold, a part of a direction counted as a whole one.
    """

    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="lower = fewer directions",
        ),
    ]
    rank: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="fewer than rows and features = constant or dependent features",
        ),
    ]
    explained: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="higher = less is left out",
        ),
    ]


Rule = Literal[
    "participation",
    "ratio",
    "entropy",
    "fo",
    "fan",
    "maxgap",
    "kaiser",
    "broken_stick",
    "marchenko_pastur",
    "gavish_donoho",
    "minka",
]


@measure(cite="fukunaga1971algorithm", needs="moments", runs="host")
def pca_dimension(cloud: Cloud, /, *, rule: Rule = "participation") -> PCADimension:
    r"""Dimension from principal components: how many of the variances :math:`\lambda_1 \ge \lambda_2 \ge \dots` count.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points, or their moments; each row counts, whether or not it repeats another.
    rule : str
        ``"participation"``: :math:`(\sum \lambda)^2 / \sum \lambda^2`. ``"entropy"``: e to the entropy of the shares.
        ``"ratio"``: the fewest that hold 95 percent. ``"fo"``: those above 5 percent of the largest. ``"kaiser"``:
        those above the mean. ``"broken_stick"``: the leading ones above the pieces of a stick broken at random.
        ``"maxgap"``: those before the largest ratio of one to the next. ``"fan"``: without the mean of the tail after
        95 percent, those before a ratio of 10, or that hold 80 percent. Against noise: ``"marchenko_pastur"``, those
        above the edge of the law whose middle is the median; ``"gavish_donoho"``, the singular values above the best
        threshold for unknown noise; ``"minka"``, the likeliest number of directions in equal noise.

    Returns
    -------
    PCADimension
        The dimension, the numerical rank, and the share of variance that goes with it.

    Raises
    ------
    Refusal
        If all rows are the same.

    Notes
    -----
    Where the rules look at noise, directions that hold nothing are left out, and a note says so: a spectrum with an
    exact zero tail has no noise to measure, and these rules then answer for what is left of it. ``"maxgap"`` takes the
    fall to zero as the largest ratio. The middle of the law is that of the median's, to first order, for
    ``"marchenko_pastur"`` (as scikit-dimension has it), exactly for ``"gavish_donoho"``.

    Reads as
    --------
    The dimension of the flat that the cloud lies along. A curve in it counts every direction that it turns to: compare
    with `two_nn`, which is that of the surface itself.

    Misleads when
    -------------
    The surface is curved, or features differ in unit: standardise them first. A single number hides that rules differ
    by a factor of three on real data; no rule has an interval here, and `theodolite.resample.with_interval` makes one.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, O(n d min(n, d)), once for all rules; moments alone will do.

    References
    ----------
    K. Fukunaga and D. R. Olsen, An algorithm for finding intrinsic dimensionality of data, IEEE Transactions on
    Computers C-20 (1971) 176-183. M. Fan, N. Gu, H. Qiao and B. Zhang, Intrinsic dimension estimation of data by
    principal component analysis, arXiv:1002.2050. M. Gavish and D. L. Donoho, The optimal hard threshold for singular
    values is 4/√3, IEEE Transactions on Information Theory 60 (2014) 5040-5053. T. P. Minka, Automatic choice of
    dimensionality for PCA, NIPS 13 (2000). D. A. Jackson, Stopping rules in principal components analysis, Ecology 74
    (1993) 2204-2214.

    Examples
    --------
    >>> import numpy as np
    >>> found = pca_dimension(np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]))
    >>> float(found.dimension), float(found.rank), float(found.explained)
    (2.0, 2.0, 1.0)
    """
    variances, floor = cloud.in_any_order("principal variances", lambda: _variances(cloud))
    rank = int((variances > floor).sum())
    if not rank:
        raise Refusal(Outcome.CONSTANT_CLOUD)
    clean = np.where(variances > floor, variances, 0.0)
    notes: tuple[Note, ...] = ()
    if rule in SHAPE_RULES:
        dimension = float(SHAPE_RULES[rule](clean))
    else:
        dimension = NOISE_TESTS[rule](clean[:rank], cloud.count)
        if rank < variances.size:
            seen = f"{variances.size - rank} of {variances.size} directions hold nothing"
            notes = (Note(Outcome.NO_NOISE, seen, "dimension"),)
    held = float(clean[: int(np.ceil(dimension - 1e-9))].sum() / clean.sum())
    return PCADimension(
        dimension=given_back(cloud, dimension),
        rank=given_back(cloud, float(rank)),
        explained=given_back(cloud, min(1.0, held)),
        notes=notes,
        extra={"variances": clean},
    )


def _variances(cloud: Cloud) -> tuple[Float, float]:
    """Find the variances of the principal directions, descending, and the size below which one is zero."""
    freedom = max(1, cloud.count - 1)
    rounding = 0.0
    if "rows" in cloud.has:
        squares, bound = gram_eigenvalues(np.asarray(to_numpy(cloud.centred)))
        rounding = _rounding(cloud)
    else:
        squares = np.maximum(np.linalg.eigvalsh(np.asarray(to_numpy(cloud.scatter))), 0.0)
        bound = gram_error_bound((cloud.count, cloud.width), float(squares[-1]))
    values = np.asarray(squares)[::-1][: min(freedom, cloud.width)] / freedom
    return values, (float(bound) + rounding) / freedom


def _rounding(cloud: Cloud) -> float:
    """Bound the squared singular value that rounding the entries, as they were given, can have made."""
    some = cloud.points[:1, :] if is_array(cloud.points) else cloud.points[0:1]
    given = np.asarray(to_numpy(some)).dtype
    unit = float(np.finfo(given).eps) if given.kind == "f" else float(np.finfo(np.float64).eps)
    largest = float(np.abs(to_numpy(cloud.rows)).max(initial=0.0))
    return (float(np.sqrt(cloud.count)) + float(np.sqrt(cloud.width))) ** 2 * (0.5 * unit * largest) ** 2
