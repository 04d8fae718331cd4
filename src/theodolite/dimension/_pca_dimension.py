"""The dimension of a cloud as a whole: how many principal directions it takes."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import (
    Array,
    Cloud,
    Field,
    Interval,
    Limits,
    Note,
    Outcome,
    Refusal,
    Result,
    measure,
    to_numpy,
)
from theodolite.dimension._estimate import HALF, given_back
from theodolite.dimension._rounding import rounding_square
from theodolite.numerics.gram import gram_eigenvalues, gram_error_bound
from theodolite.numerics.halves import T95, halved
from theodolite.numerics.pca_rules import LEVEL, NOISE_TESTS, SHAPE_RULES
from theodolite.numerics.spread_errors import SMOOTH_ERRORS

Float = NDArray[np.float64]

_Z95 = 1.959963984540054
_FEWEST = 8  # rows that have an interval


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
    "kritchman_nadler",
    "minka",
]


@measure(cite="fukunaga1971algorithm", needs="moments", runs="host")
def pca_dimension(
    cloud: Cloud, /, *, rule: Rule = "participation", level: Annotated[float, Limits(gt=0, lt=1)] = LEVEL
) -> PCADimension:
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
        threshold for unknown noise; ``"kritchman_nadler"``, the leading ones each of which exceeds what the largest of
        noise reaches at `level` by the law of Tracy and Widom, with the noise that is left without it; ``"minka"``, the
        likeliest number of directions in equal noise.
    level : float
        Of the test of ``"kritchman_nadler"``; other rules have none.

    Returns
    -------
    PCADimension
        The dimension with its interval where there are 8 rows or more, the numerical rank, and the share of variance
        that goes with it.

    Raises
    ------
    Refusal
        If all rows are the same.

    Notes
    -----
    Where the rules look at noise, directions that hold nothing are left out, and a note says so: a spectrum with an
    exact zero tail has no noise to measure, and these rules then answer for what is left of it. ``"maxgap"`` takes the
    fall to zero as the largest ratio. The middle of the law is that of the median's, to first order, for
    ``"marchenko_pastur"`` (as scikit-dimension has it), exactly for ``"gavish_donoho"``. Where there are more features
    than rows, noise fills all of them, and the laws are those of features over rows.

    Noise is taken out of what stands out from it before the rest is measured for ``"kritchman_nadler"``: with r the
    variance of a direction, x what is seen of it, v that of the noise and γ the other features over the rows,
    :math:`r^2 - r (x + v - v \gamma) + x v = 0`, solved for all r and v together. The test leaves the largest variance
    out of the noise that it holds it against: in 1000 rows of noise, at a level of 0.5 %, it finds one in 0.7 % (100
    features) to 2.5 % (10 features).

    The standard error of ``"participation"`` and ``"entropy"`` is that of what each row adds, to first order. Rules
    that count do so again in sixteen random halves of the rows, whose variances are brought to the level of the whole,
    since fewer rows spread them farther; the standard error is how far that is from the number, and the interval, by
    Student's law, reaches half a unit to either side at least, as a whole number tells no more. Of 1000 points of a
    ball, a sphere and a cube intervals of the twelve rules hold the mean of the rule's numbers in 95 of 100 draws or
    more (``benchmarks/results/dimension_coverage.md``). That is no test of the rules that give one number in all draws
    there: of directions that are equally wide ``"broken_stick"`` and ``"gavish_donoho"`` always count 0. Moments alone
    have no interval.

    Reads as
    --------
    The dimension of the flat that the cloud lies along. A curve in it counts every direction that it turns to: compare
    with `two_nn`, which is that of the surface itself.

    Misleads when
    -------------
    The surface is curved, or features differ in unit: standardise them first. A single number hides that rules differ
    by a factor of three on real data; no interval holds that. Tests against noise take it to be equal in all
    directions; where it isn't, as in digits or tokens, ``"kritchman_nadler"`` and ``"minka"`` keep nearly all.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, O(n d min(n, d)), once for all rules; moments alone will do. For the
    interval of rules that count, those of sixteen halves, once for all of these rules.

    References
    ----------
    K. Fukunaga and D. R. Olsen, An algorithm for finding intrinsic dimensionality of data, IEEE Transactions on
    Computers C-20 (1971) 176-183. M. Fan, N. Gu, H. Qiao and B. Zhang, Intrinsic dimension estimation of data by
    principal component analysis, arXiv:1002.2050. M. Gavish and D. L. Donoho, The optimal hard threshold for singular
    values is 4/√3, IEEE Transactions on Information Theory 60 (2014) 5040-5053. S. Kritchman and B. Nadler,
    Determining the number of components in a factor model from limited noisy data, Chemometrics and Intelligent
    Laboratory Systems 94 (2008) 19-32. T. P. Minka, Automatic choice of dimensionality for PCA, NIPS 13 (2000). D. A.
    Jackson, Stopping rules in principal components analysis, Ecology 74 (1993) 2204-2214.

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
    features = cloud.in_any_order("noisy features", lambda: _noisy_features(cloud, rank))
    counted = partial(_counted, rule, level, features)
    dimension = counted(variances, floor, cloud.count)
    notes: tuple[Note, ...] = ()
    if rule in NOISE_TESTS and rank < variances.size:
        seen = f"{variances.size - rank} of {variances.size} directions hold nothing"
        notes = (Note(Outcome.NO_NOISE, seen, "dimension"),)
    held = float(clean[: int(np.ceil(dimension - 1e-9))].sum() / clean.sum())
    intervals: dict[str, Interval] = {}
    if "rows" in cloud.has and cloud.count >= _FEWEST:
        if rule in SMOOTH_ERRORS:
            error = SMOOTH_ERRORS[rule](np.asarray(to_numpy(cloud.centred)))
            reach = _Z95 * error
        else:
            spectra = cloud.in_any_order("principal variances of halves", lambda: _spectra_of_halves(cloud, variances))
            numbers = [counted(spectrum, floor, cloud.count) for spectrum in spectra]
            error = float(np.sqrt(np.square(np.asarray(numbers) - dimension).mean()))
            reach = max(T95 * error, HALF)
        ends = max(0.0, dimension - reach), min(float(variances.size), dimension + reach)
        low, high, se = (given_back(cloud, number) for number in (*ends, error))
        intervals["dimension"] = Interval(low, high, 0.95, se)
    return PCADimension(
        dimension=given_back(cloud, dimension),
        rank=given_back(cloud, float(rank)),
        explained=given_back(cloud, min(1.0, held)),
        notes=notes,
        intervals=intervals,
        extra={"variances": clean},
    )


def _noisy_features(cloud: Cloud, rank: int) -> int:
    """Say how many features noise would be in: all, where no direction is left out but for want of rows."""
    if rank == cloud.width:
        return rank
    spanned = (cloud.distinct.count if "rows" in cloud.has else cloud.count) - 1
    return cloud.width if rank == spanned else rank


def _counted(rule: Rule, level: float, features: int, variances: Float, floor: float, rows: int) -> float:
    """Count directions by a rule; what is not above the floor holds nothing."""
    rank = int((variances > floor).sum())
    if not rank:
        return 0.0
    if rule in SHAPE_RULES:
        return float(SHAPE_RULES[rule](np.where(variances > floor, variances, 0.0)))
    chosen = partial(NOISE_TESTS[rule], level=level) if rule == "kritchman_nadler" else NOISE_TESTS[rule]
    return float(chosen(variances[:rank], rows, max(features, rank)))


def _variances(cloud: Cloud) -> tuple[Float, float]:
    """Find the variances of the principal directions, descending, and the size below which one is zero."""
    if "rows" in cloud.has:
        return _of_rows(np.asarray(to_numpy(cloud.centred)), rounding_square(cloud))
    freedom = max(1, cloud.count - 1)
    squares = np.maximum(np.linalg.eigvalsh(np.asarray(to_numpy(cloud.scatter))), 0.0)
    bound = gram_error_bound((cloud.count, cloud.width), float(squares[-1]))
    return squares[::-1][: min(freedom, cloud.width)] / freedom, float(bound) / freedom


def _of_rows(centred: Float, rounding: float) -> tuple[Float, float]:
    freedom = max(1, centred.shape[0] - 1)
    squares, bound = gram_eigenvalues(centred)
    values = np.asarray(squares)[::-1][: min(freedom, centred.shape[1])] / freedom
    return values, (float(bound) + rounding) / freedom


def _spectra_of_halves(cloud: Cloud, variances: Float) -> Float:
    """Give the variances as they are in each half, about those of the whole."""
    centred, rounding = np.asarray(to_numpy(cloud.centred)), rounding_square(cloud)
    found = []
    for labels in halved(np.asarray(to_numpy(cloud.squares))):
        for half in (centred[labels == number] for number in range(2)):
            values, floor = _of_rows(half - half.mean(axis=0), rounding)
            found.append(values[values > floor])
    some = min(len(values) for values in found)
    logs = np.log(np.asarray([values[:some] for values in found]).reshape(len(found), some))
    # Fewer rows spread variances farther, which would take counts elsewhere: only how halves differ is taken.
    spectra = np.tile(variances, (len(found), 1))
    spectra[:, :some] *= np.exp(logs - logs.mean(axis=0))
    return np.sort(spectra, axis=1)[:, ::-1]
