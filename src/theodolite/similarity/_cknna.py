"""Kernel alignment of what two clouds agree is near."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Estimate, Field, Limits, Outcome, Pair, Refusal, measure
from theodolite.similarity._neighbourhoods import Metric, neighbourhoods, points_of, separations


@measure(cite="huh2024platonic", needs="rows", runs="host")
def cknna(
    pair: Pair, /, *, k: Annotated[int, Limits(ge=2)] = 10, metric: Literal["cosine", "centred_cosine"] = "cosine"
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        invariant_to=("scale", "separate_scale", "rotation", "permutation", "order", "exchange"),
        varies=("translation", "linear"),
        of_itself=1.0,
        reads="higher = the same rows are near, and as near",
    ),
]:
    r"""Centred kernel nearest-neighbour alignment: unbiased CKA of kernels that keep shared neighbours only.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.
    k : int
        How many neighbours, at least 2 and fewer than there are rows. No row is its own neighbour.
    metric : {"cosine", "centred_cosine"}
        The kernel, whose largest entries make the neighbours: cosines at the origin, or at the mean of the cloud.

    Returns
    -------
    Estimate
        :math:`H(K_{xy}, L_{xy}) / \sqrt{H(K_{xx}, K_{xx}) H(L_{yy}, L_{yy})}`, an array of shape (), with a note where
        rows are duplicates. H is the unbiased HSIC, a subscript the neighbourhoods in which entries are kept: those
        shared by both clouds above, a cloud's own below.

    Raises
    ------
    Refusal
        If there are not more rows than neighbours, fewer than four rows, if a row is zero, if all rows of a cloud are
        the same, or if the alignment of a cloud with itself is not positive.

    Notes
    -----
    This is what the authors' program computes, which masks first and centres then (the formula of their paper centres
    first), but for two things. It adds 1e-6 to the root below, by which its value falls as kernels get smaller and is
    never 1 of a cloud with itself; nothing is added here. And a masked kernel is not symmetric, so that it gives two
    values for the two orders of the clouds; this is their mean. With k = n - 1 it is unbiased CKA.

    Reads as
    --------
    As CKA that looks at small distances only: 1 of a cloud with itself, near 0 where no neighbours are shared.

    Misleads when
    -------------
    It is compared across sample sizes or k, on which its level depends: draw the level of chance for each. It is no
    correlation, and may leave the range from 0 to 1.

    Cost
    ----
    As `mutual_knn`, with which it shares the neighbours, and O(n k log(n k)).

    References
    ----------
    M. Huh, B. Cheung, T. Wang and P. Isola, The platonic representation hypothesis, ICML 2024, arXiv:2405.07987,
    appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).standard_normal((50, 4))
    >>> round(float(cknna(points, -3.0 * points)), 12)
    1.0
    """
    near = neighbourhoods(pair, k, metric)
    count = pair.count
    if count < 4:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{count} rows, and unbiased HSIC needs 4")
    x, y = points_of(pair.x, metric), points_of(pair.y, metric)
    row, place, _ = near.shared()
    both = row, near.x[row, place]
    kernels = [1 - separations(points, *both, metric) for points in (x, y)]
    across = _hsic(both, kernels[0], kernels[1], count)
    own = [_own(cloud, of, k, metric) for cloud, of in ((pair.x, near.x), (pair.y, near.y))]
    if min(own) <= 0:
        raise Refusal(Outcome.EQUAL_DISSIMILARITIES, f"unbiased HSIC of a cloud with itself is {min(own):.3g}")
    return near.answer(across / float(np.sqrt(own[0]) * np.sqrt(own[1])), pair)


def _own(cloud: Cloud, neighbours: NDArray[Any], k: int, metric: Metric) -> float:
    """Align a cloud's own neighbours with themselves, which no order of the rows changes."""

    def aligned() -> float:
        kept = np.repeat(np.arange(cloud.count), k), neighbours.ravel()
        kernel = 1 - separations(points_of(cloud, metric), *kept, metric)
        return _hsic(kept, kernel, kernel, cloud.count)

    return cloud.in_any_order(("aligned neighbours", metric, k), aligned)


def _hsic(kept: tuple[NDArray[Any], NDArray[Any]], k: NDArray[Any], l: NDArray[Any], count: int) -> float:  # noqa: E741
    """Compute unbiased HSIC of two kernels with zeros but for chosen entries, in the mean over its two orders."""
    row, column = kept
    codes, mirrored = row * count + column, column * count + row
    order = np.argsort(codes)
    place = np.minimum(np.searchsorted(codes[order], mirrored), max(codes.size - 1, 0))
    hit = np.flatnonzero(codes[order[place]] == mirrored) if codes.size else place
    trace = float(k[hit] @ l[order[place[hit]]])
    sums = [np.bincount(at, weights=v, minlength=count) for v in (k, l) for at in (row, column)]
    product = float(sums[1] @ sums[2] + sums[3] @ sums[0]) / 2
    level = float(k.sum() * l.sum()) / ((count - 1) * (count - 2))
    return (trace + level - 2 * product / (count - 2)) / (count * (count - 3))
