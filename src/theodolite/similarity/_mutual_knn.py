"""How many nearest neighbours the rows keep from one cloud to the other."""

from collections.abc import Mapping
from typing import Annotated, Any

from theodolite.core import Estimate, Field, Limits, Pair, measure
from theodolite.similarity._neighbourhoods import Metric, neighbourhoods


def _chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    k: int = parameters["k"]
    return {"value": k / (pair.count - 1)} if k < pair.count else {}


@measure(cite="huh2024platonic", needs="rows", runs="host", chance=_chance)
def mutual_knn(
    pair: Pair, /, *, k: Annotated[int, Limits(ge=1)] = 10, metric: Metric = "cosine"
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "separate_scale", "rotation", "permutation", "order", "exchange"),
        varies=("translation", "linear"),
        of_itself=1.0,
        reads="higher = more neighbours shared; chance is k / (n - 1)",
    ),
]:
    r"""Share of the k nearest neighbours that are the same in both clouds, in the mean over rows.

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
        :math:`\frac{1}{nk}\sum_i |N_x(i) \cap N_y(i)|`, an array of shape (), between 0 and 1, with a note where rows
        are duplicates.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, if a row is zero (for the cosines), or if all rows of a cloud are
        the same.

    Notes
    -----
    Rows that are equally near count in the order in which they stand. One less the share is a metric but for clouds
    with equal neighbourhoods. With ``"euclidean"`` and ``"centred_cosine"`` it is also invariant to translation.

    Reads as
    --------
    0.3 of 1000 rows at k = 10 means that three of ten neighbours are kept where chance keeps one in a hundred. Set it
    against its chance level, k / (n - 1), which is not small where there are few rows.

    Misleads when
    -------------
    Rows come in tight groups (images of few classes): any two good classifiers then share groups, and random rows of
    the same group share neighbours. Duplicated rows make the choice of neighbours arbitrary. It says nothing of the
    arrangement at large: clouds with the same neighbours may be far from a rotation of each other.

    Cost
    ----
    O(n² (d + e)) by blocks of rows, memory O(n k) beside one block; the neighbours of a cloud are found once for all
    that it is compared with.

    References
    ----------
    M. Huh, B. Cheung, T. Wang and P. Isola, The platonic representation hypothesis, ICML 2024, arXiv:2405.07987.

    Examples
    --------
    >>> import numpy as np
    >>> angles = np.linspace(0.0, 3.0, 12)[:, None]
    >>> circle = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    >>> float(mutual_knn(circle, circle * [1.0, -1.0], k=2))
    1.0
    """  # noqa: DOC502 - raised by what is called
    near = neighbourhoods(pair, k, metric)
    return near.answer(float(near.counts().mean()) / k, pair)
