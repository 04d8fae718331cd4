"""Distance correlation."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from theodolite.core import Array, Field, Pair, measure
from theodolite.numerics.kernels import root
from theodolite.similarity._centred_grams import KernelChoice, kernel_grams, repeated_notes


def _by_chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG001 - asked of any measure
    """Mean over all orders of one cloud's rows; that of a root has no closed form."""
    return {"value": 0.0} if parameters["estimator"] == "unbiased" else {}


@measure(cite="szekely2007measuring", needs="rows", chance=_by_chance, doubts=repeated_notes)
def distance_correlation(
    pair: Pair, /, *, estimator: Literal["unbiased", "biased"] = "unbiased"
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(-1, 1),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        of_itself=1.0,
        reads="1 = the same up to rotation and scale, 0 = chance",
    ),
]:
    r"""Distance correlation, the cosine of two centred distance matrices, :math:`\langle A, B \rangle / \|A\| \|B\|`.

    A and B hold the Euclidean distances between all pairs of rows in each cloud, U-centred (their rows sum to zero
    without the diagonal) for the bias-corrected estimate [1]_, or centred by rows and columns for the biased one, of
    which the root is taken.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.
    estimator : {"unbiased", "biased"}
        ``"unbiased"``: the bias-corrected *squared* distance correlation. ``"biased"``: the distance correlation, a
        root.

    Returns
    -------
    array of shape ()
        At most 1. Biased, it is never below 0. A cloud whose rows are all the same, or all at the same distance from
        each other so that nothing is left without the diagonal, is a `Refusal`; so are fewer than 4 rows (3 biased).

    Notes
    -----
    Where a square hides: in the unbiased estimate, which may be negative and so has no root. Compare it with the square
    of the biased one.

    Distances enter unsquared. With squared distances in their place the biased estimate would be the root of linear
    biased `cka`.

    Reads as
    --------
    How far the two clouds agree on which stimuli are far from each other. In the limit of many rows it is zero only
    for independent clouds, unlike that of linear `cka`, which sees what a linear map can see.

    Misleads when
    -------------
    Rows are few and features many: all distances are then nearly equal, and the biased estimate tends to 1 whatever
    the clouds.

    Cost
    ----
    All pairs of rows, a block at a time; nothing of the size rows × rows is held unless there are fewer rows than
    features.

    References
    ----------
    G. J. Székely, M. L. Rizzo and N. K. Bakirov, Measuring and testing dependence by correlation of distances, Annals
    of Statistics 35 (2007) 2769-2794, arXiv:0803.4101.

    .. [1] G. J. Székely and M. L. Rizzo, Partial distance correlation with methods for dissimilarities, Annals of
       Statistics 42 (2014) 2382-2412, arXiv:1310.2926.

    Examples
    --------
    >>> import numpy as np
    >>> angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)[:, None]
    >>> circle, radius = np.hstack([np.cos(angles), np.sin(angles)]), np.cos(2 * angles)
    >>> round(float(np.linalg.norm(circle.T @ radius)), 9)
    0.0
    >>> round(float(distance_correlation(circle, radius)), 3) > 0
    True
    """
    cosine = kernel_grams(pair, KernelChoice("distance"), estimator).cosine
    return cosine if estimator == "unbiased" else root(cosine)
