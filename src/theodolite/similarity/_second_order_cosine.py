"""Whether the rows are as far from their neighbours in one cloud as in the other."""

from typing import Annotated

import numpy as np

from theodolite.core import Estimate, Field, Limits, Outcome, Pair, Refusal, measure
from theodolite.similarity._neighbourhoods import Metric, neighbourhoods, points_of, separations


@measure(cite="hamilton2016cultural", needs="rows", runs="host")
def second_order_cosine(
    pair: Pair, /, *, k: Annotated[int, Limits(ge=1)] = 10, metric: Metric = "cosine"
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "separate_scale", "rotation", "permutation", "order", "exchange"),
        varies=("translation", "linear"),
        of_itself=1.0,
        reads="higher = distances to neighbours in the same proportions",
    ),
]:
    r"""Cosine between the distances of a row to its neighbours in both clouds, in the mean over rows.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.
    k : int
        How many neighbours, fewer than there are rows. The distances are those to the k nearest in either cloud, so
        that there are between k and 2k of them.
    metric : {"cosine", "centred_cosine", "euclidean"}
        What is near and how far: one less the cosine at the origin, at the mean of the cloud, or the distance.

    Returns
    -------
    Estimate
        An array of shape (), between 0 and 1, with a note where rows are duplicates.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, if a row is zero (for the cosines), if all rows of a cloud are the
        same, or if a row coincides with all the others that are compared.

    Notes
    -----
    The vectors hold distances, which are not negative, so that the cosine is not either.

    Reads as
    --------
    1 where, of every row, the distances in one cloud are a multiple of those in the other.

    Misleads when
    -------------
    It is read without its chance level: distances in many dimensions are nearly equal, and two vectors of nearly equal
    numbers have a cosine near 1 whatever the clouds. Draw the level.

    Cost
    ----
    As `mutual_knn`, with which it shares the neighbours, and O(n k (d + e)) for the distances.

    References
    ----------
    W. L. Hamilton, J. Leskovec and D. Jurafsky, Cultural shift or linguistic drift? Comparing two computational
    measures of semantic change, EMNLP 2016, arXiv:1606.02821.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.asarray([[0.0], [1.0], [3.0], [6.0], [10.0]])
    >>> round(float(second_order_cosine(line, 7.0 - 2.0 * line, k=2, metric="euclidean")), 12)
    1.0
    """
    near = neighbourhoods(pair, k, metric)
    own = np.arange(pair.count)[:, None] * pair.count
    either = np.unique(np.concatenate([own + near.x, own + near.y], axis=1))
    row, column = either // pair.count, either % pair.count
    x, y = (separations(points_of(cloud, metric), row, column, metric) for cloud in (pair.x, pair.y))
    xy, xx, yy = (np.bincount(row, weights=product) for product in (x * y, x * x, y * y))
    alone = int(np.count_nonzero((xx == 0) | (yy == 0)))
    if alone:
        raise Refusal(Outcome.EQUAL_DISSIMILARITIES, f"{alone} rows coincide with all of their neighbours")
    return near.answer(float(np.minimum(xy / np.sqrt(xx) / np.sqrt(yy), 1.0).mean()), pair)
