"""Whether two clouds are more alike than by chance, without drawing permutations."""

from dataclasses import dataclass, replace
from typing import Annotated

from theodolite.core import Array, Cloud, Field, Outcome, Pair, Refusal, Result, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.permutation_moments import FEWEST_ROWS, cubic_sums, deviation, skewness, upper_tail
from theodolite.similarity._centred_grams import linear_grams, repeated_notes


@dataclass(frozen=True, kw_only=True)
class CkaTest(Result):
    """Where unbiased linear CKA stands among the numbers for all orders of the rows.

    Attributes
    ----------
    score : array of shape ()
        CKA over its standard deviation.
    skewness : array of shape ()
        Of the distribution.
    p_value : array of shape ()
        Share of the orders that give at least as much.
    """

    score: Annotated[
        Array,
        Field(
            unit="standard deviations",
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear",),
            reads="0 = chance, above 3 = hardly by chance",
            of_test=True,
        ),
    ]
    skewness: Annotated[
        Array,
        Field(
            unit="1",
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear",),
            reads="0 = normal, higher = large numbers come by chance",
            of_test=True,
        ),
    ]
    p_value: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear",),
            reads="lower = less likely by chance",
            of_test=True,
        ),
    ]


@measure(cite="kaziaoual1995refined", needs="rows", runs="host")
def cka_test(pair: Pair, /) -> CkaTest:
    r"""Permutation test of linear CKA, :math:`z = \mathrm{CKA} \sqrt{n (n - 3) / 2}`, without permutations.

    Over all orders of the rows of one cloud unbiased linear `cka` has the mean 0 and the standard deviation
    :math:`\sqrt{2 / n (n - 3)}`, whatever the clouds. Its skewness follows from the third powers of both U-centred Gram
    matrices. The p-value is that of the gamma law with these three moments (Pearson's type III).

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.

    Returns
    -------
    CkaTest
        The score, the skewness and the one-sided p-value.

    Raises
    ------
    Refusal
        If there are fewer than 6 rows, or `cka` is refused.

    Notes
    -----
    Where a square hides: nowhere; the score is CKA itself in standard deviations.

    The moments are exact, the law is not: of Gaussian clouds of 30 and 100 rows, p-values of 0.01 were within a fifth
    of those of many permutations, and p-values of 0.001 within a factor of two. Smaller ones are orders of magnitude.

    Reads as
    --------
    How often clouds that have nothing to do with each other come out as much alike.

    Misleads when
    -------------
    Rows are not exchangeable: neighbouring frames or tokens are alike in any two networks, and every p-value is then
    tiny. Or where a single row stands far out of a cloud of one or two features, which no law with three moments can
    follow: draw permutations instead (`theodolite.resample.with_null`). With many rows the faintest likeness is
    significant; read `cka` for its size. Stimuli that are there several times make any two clouds significant.

    Cost
    ----
    One pass over all pairs of rows of each cloud, remembered by it: further pairs with the same cloud cost no more than
    `cka`.

    References
    ----------
    F. Kazi-Aoual, S. Hitier, R. Sabatier and J.-D. Lebreton, Refined approximations to permutation tests for
    multivariate inference, Computational Statistics & Data Analysis 20 (1995) 643-656.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 5))
    >>> bool(cka_test(x, x[:, :2] + rng.standard_normal((60, 2))).p_value < 1e-6)
    True
    >>> bool(cka_test(x, rng.standard_normal((60, 5))).p_value > 0.05)
    True
    """
    if pair.count < FEWEST_ROWS:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{pair.count} rows; the test needs {FEWEST_ROWS}")
    score = float(to_numpy(linear_grams(pair, "unbiased").cosine)) / deviation(pair.count)
    skew = skewness(pair.count, _cubic_sums(pair.x), _cubic_sums(pair.y))
    found = (in_library_of(number, pair.x.rows) for number in (score, skew, upper_tail(score, skew)))
    names = ("score", "skewness", "p_value")
    doubt = [replace(note, field=name) for note in repeated_notes(pair, {"estimator": "unbiased"}) for name in names]
    return CkaTest(**dict(zip(names, found, strict=True)), notes=tuple(doubt))


def _cubic_sums(cloud: Cloud) -> tuple[float, float]:
    return cloud.in_any_order("cubic sums", lambda: cubic_sums(to_numpy(cloud.coordinates)))
