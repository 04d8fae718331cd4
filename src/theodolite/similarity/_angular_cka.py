"""The angle between two centred Gram matrices."""

import math
from typing import Annotated, Literal

from theodolite.core import Array, Field, Pair, measure
from theodolite.numerics.alignment import angle
from theodolite.numerics.gram_difference import gram_difference, gram_difference_of_rows
from theodolite.numerics.gram_products import GramProducts
from theodolite.similarity._centred_grams import linear_grams, repeated_notes

_NEAR = 1e-4


def _chord(pair: Pair, products: GramProducts, *, unbiased: bool) -> Array:
    """Square the distance between the matrices, both at norm 1, from the rows."""
    norms = [inner**0.5 for inner in (products.inner[0], products.inner[2])]
    if pair.count < max(pair.widths):
        return gram_difference(pair.x.gram / norms[0], pair.y.gram / norms[1], unbiased=unbiased)
    rows = pair.x.centred / norms[0] ** 0.5, pair.y.centred / norms[1] ** 0.5
    return gram_difference_of_rows(*rows, unbiased=unbiased)


@measure(cite="williams2021generalized", needs="moments", doubts=repeated_notes)
def angular_cka(
    pair: Pair, /, *, estimator: Literal["unbiased", "biased"] = "unbiased"
) -> Annotated[
    Array,
    Field(
        unit="rad",
        bounds=(0, math.pi),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        of_itself=0.0,
        reads="0 = the same up to rotation and scale, pi/2 = chance",
    ),
]:
    r"""Angular CKA, the angle between two centred Gram matrices, :math:`\arccos(\langle K, L \rangle / \|K\| \|L\|)`.

    The unbiased `cka` is a cosine as well: its U-statistics are, but for a factor, inner products of U-centred Gram
    matrices, whose diagonal is zero and whose rows sum to zero. Their angle is therefore a metric on such matrices, up
    to scale, as that of double-centred ones is for the biased.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        What to compare.
    estimator : {"unbiased", "biased"}
        Which `cka` it is the angle of.

    Returns
    -------
    array of shape ()
        In radians: from 0 to pi, biased to pi/2. A cloud whose rows are all the same, or all at the same distance from
        each other so that nothing is left without the diagonal, is a `Refusal`; so are fewer than 4 rows (3 biased).

    Notes
    -----
    Where a square hides: Gram matrices hold squares of activations, so that the widest directions decide, as in `cka`.

    Small angles are computed from the difference of the two matrices and keep their digits. Where only moments are
    known they can't, and an angle below 1e-7 is rounding.

    Reads as
    --------
    A distance that may be added, embedded and clustered: it is symmetric and satisfies the triangle inequality, which
    ``1 - cka`` does not.

    Misleads when
    -------------
    The few widest directions agree: so does this, see `cka`. It is never far above pi/2, where unrelated clouds are.

    Cost
    ----
    As `cka` with the linear kernel; for nearly equal clouds one singular value decomposition of the smaller side more.

    References
    ----------
    A. H. Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations,
    NeurIPS 2021, arXiv:2110.14739.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.standard_normal((2, 100, 8))
    >>> bool(angular_cka(x, -2 * x[:, ::-1] + 5) < 1e-12)
    True
    >>> bool(abs(angular_cka(x, noise) - np.pi / 2) < 0.1)
    True
    """
    products = linear_grams(pair, estimator)
    gap = 1.0 - products.cosine
    if "rows" in pair.has and bool(gap < _NEAR):
        gap = _chord(pair, products, unbiased=estimator == "unbiased") / 2.0
    return angle(gap)
