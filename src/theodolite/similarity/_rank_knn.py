"""Whether shared neighbours also stand in the same order of nearness."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Estimate, Field, Limits, Pair, measure
from theodolite.similarity._neighbourhoods import Metric, hits, neighbourhoods


def _score(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Score a shared neighbour by its ranks, 1 for the nearest: near and alike is best."""
    return np.asarray(2 / ((1 + np.abs(x - y)) * (x + y)))


def _harmonic(k: int) -> NDArray[np.float64]:
    """Return the best score that 0, 1, ... k shared neighbours can have; 1 for none, to divide by."""
    return np.concatenate([[1.0], np.cumsum(1 / np.arange(1, k + 1))])


def _chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    k: int = parameters["k"]
    if k >= pair.count:
        return {}
    # Which neighbours are shared says nothing of their ranks there: any two ranks are equally likely.
    ranks = np.arange(1, k + 1)
    mean = float(_score(ranks[:, None], ranks).mean())
    return {"value": float(hits(pair.count, k) @ (np.arange(k + 1) * mean / _harmonic(k)))}


@measure(cite="wang2022towards", needs="rows", runs="host", chance=_chance)
def rank_knn(
    pair: Pair, /, *, k: Annotated[int, Limits(ge=1)] = 10, metric: Metric = "cosine"
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "separate_scale", "rotation", "permutation", "order", "exchange"),
        varies=("translation", "linear"),
        of_itself=1.0,
        reads="higher = shared neighbours are near, and in the same order",
    ),
]:
    r"""Agreement of the ranks of shared nearest neighbours, in the mean over rows.

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
        The mean of :math:`\sum_{j \in S_i} \frac{2}{(1 + |r_j - s_j|)(r_j + s_j)} \big/ \sum_{m=1}^{|S_i|} 1/m`, where
        r and s are the ranks of a shared neighbour, 1 for the nearest; 0 for a row that shares none. An array of shape
        (), with a note where rows are duplicates.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, if a row is zero (for the cosines), or if all rows of a cloud are
        the same.

    Notes
    -----
    Each row is set against the best that so many shared neighbours could score, not against k: a row whose nearest
    neighbour is its only shared one scores 1. Read it beside `jaccard_knn`, which counts them. The chance level is that
    of neighbourhoods in random order: which are shared follows the hypergeometric law, their ranks are independent.

    Reads as
    --------
    1 where the shared neighbours stand first and in one order.

    Misleads when
    -------------
    Few neighbours are shared: rows with one lucky neighbour weigh as much as rows with ten. Its complement is no
    metric.

    Cost
    ----
    As `mutual_knn`, with which it shares the neighbours.

    References
    ----------
    C. Wang, W. Rao, W. Guo, P. Wang, J. Liu and X. Guan, Towards understanding the instability of network embedding,
    IEEE Transactions on Knowledge and Data Engineering 34 (2022) 927-941.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.asarray([[0.0], [1.0], [3.0], [6.0], [10.0]])
    >>> float(rank_knn(line, -line, k=2, metric="euclidean"))
    1.0
    """  # noqa: DOC502 - raised by what is called
    near = neighbourhoods(pair, k, metric)
    row, first, second = near.shared()
    scores = np.bincount(row, weights=_score(first + 1, second + 1), minlength=pair.count)
    return near.answer(float((scores / _harmonic(k)[near.counts()]).mean()), pair)
