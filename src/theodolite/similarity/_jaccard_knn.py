"""How much of two neighbourhoods, taken together, is common to both."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from theodolite.core import Estimate, Field, Limits, Pair, measure
from theodolite.similarity._neighbourhoods import Metric, hits, neighbourhoods


def _chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    k: int = parameters["k"]
    if k >= pair.count:
        return {}
    common = np.arange(k + 1)
    return {"value": float(hits(pair.count, k) @ (common / (2 * k - common)))}


@measure(cite="schumacher2021effects", needs="rows", runs="host", chance=_chance)
def jaccard_knn(
    pair: Pair, /, *, k: Annotated[int, Limits(ge=1)] = 10, metric: Metric = "cosine"
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "separate_scale", "rotation", "permutation", "order", "exchange"),
        varies=("translation", "linear"),
        of_itself=1.0,
        reads="higher = more neighbours shared",
    ),
]:
    r"""Jaccard index of the k nearest neighbours in both clouds, in the mean over rows.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.
    k : int
        How many neighbours, fewer than there are rows. No row is its own neighbour.
    metric : {"cosine", "centred_cosine", "euclidean"}
        What is near: rows at a small angle at the origin, at the mean of the cloud, or at a small distance.

    Returns
    -------
    Estimate
        :math:`\frac1n\sum_i |N_x(i) \cap N_y(i)| / |N_x(i) \cup N_y(i)|`, an array of shape (), between 0 and 1, with
        a note where rows are duplicates.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, if a row is zero (for the cosines), or if all rows of a cloud are
        the same.

    Notes
    -----
    A row that shares h of k neighbours counts h / (2k - h), so that rows with many shared ones weigh more than in
    `mutual_knn`. Ties count in the order of the rows. One less the index is a metric but for clouds with equal
    neighbourhoods. The chance level is the mean over the hypergeometric law of h.

    Reads as
    --------
    1 where every row keeps its neighbours, 0 where none keeps any; one third where rows keep half of theirs.

    Misleads when
    -------------
    Rows are few or come in tight groups, so that chance shares much; compare it with the chance level. Duplicated rows
    make the choice of neighbours arbitrary.

    Cost
    ----
    As `mutual_knn`, with which it shares the neighbours.

    References
    ----------
    T. Schumacher, H. Wolf, M. Ritzert, F. Lemmerich, M. Grohe and M. Strohmaier, The effects of randomness on the
    stability of node embeddings, ECML PKDD 2021 workshops, arXiv:2005.10039.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.asarray([[0.0], [1.0], [3.0], [6.0], [10.0]])
    >>> float(jaccard_knn(line, -line[[1, 0, 2, 3, 4]], k=1, metric="euclidean"))
    0.8
    """  # noqa: DOC502 - raised by what is called
    near = neighbourhoods(pair, k, metric)
    common = near.counts()
    return near.answer(float((common / (2 * k - common)).mean()), pair)
