"""How far the distances in one cloud are from those in the other."""

from typing import Annotated

import numpy as np

from theodolite.core import Array, Field, Outcome, Pair, Refusal, like, measure
from theodolite.similarity._dissimilarities import Dissimilarities, of_cloud


@measure(cite="kruskal1964multidimensional", needs="rows", runs="host")
def stress(
    pair: Pair, /
) -> Annotated[
    Array,
    Field(
        unit="activation",
        bounds=(0, None),
        equivariant={"scale": 1},
        invariant_to=("translation", "rotation", "permutation", "order", "exchange"),
        varies=("separate_scale", "linear"),
        of_itself=0.0,
        reads="0 = all distances are the same",
    ),
]:
    r"""Root mean square difference of the euclidean distances of all pairs of rows, the raw stress of an embedding.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features), or `Dissimilarities` in the place of either
        What to compare. Dissimilarities that are given are taken as they are.

    Returns
    -------
    array of shape ()
        In the units of the features.

    Raises
    ------
    Refusal
        If there is one row only.

    Notes
    -----
    A metric but for clouds that are rotated, shifted or mirrored copies of each other, of which it is 0.

    Reads as
    --------
    By how much a typical distance between two stimuli changes.

    Misleads when
    -------------
    The clouds are of different sizes: most of the stress is then in the scale. Use `rsa` where scale means nothing.

    Cost
    ----
    O(n² (d + e)); memory O(n²).

    References
    ----------
    J. B. Kruskal, Multidimensional scaling by optimizing goodness of fit to a nonmetric hypothesis, Psychometrika 29
    (1964) 1-27.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.asarray([[0.0], [1.0], [3.0]])
    >>> stress(line, 3.0 - line), stress(line, 2.0 * line).round(3)
    (np.float64(0.0), np.float64(2.16))
    """
    if pair.count < 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, "one row has no distances")
    x, y = (of_cloud(cloud, "euclidean") for cloud in (pair.x, pair.y))
    apart = x - y
    largest = float(np.abs(apart).max())
    value = largest * float(np.sqrt(np.mean((apart / largest) ** 2))) if largest else 0.0
    known = [cloud.rows for cloud in (pair.x, pair.y) if not isinstance(cloud, Dissimilarities)]
    return like(value, known[0]) if known else np.float64(value)
