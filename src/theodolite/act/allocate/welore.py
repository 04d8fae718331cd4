"""WeLore's adaptive ranks: one threshold on normalised singular values for all matrices of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.allocate.evidence import Candidate
from theodolite.act.allocate.plan import LayerRank
from theodolite.core import ParameterError

Vector = NDArray[np.float64]

_EQUAL = 1e-12


def normalised(values: Vector) -> Vector:
    r"""Give :math:`t_i = (s_i - s_{\min}) / (s_{\max} - s_{\min})`.

    Parameters
    ----------
    values : array of shape (n,)
        Singular values.

    Returns
    -------
    ndarray of shape (n,)
        Between 0 and 1. All 1 where the singular values are equal to twelve digits: none is smaller than the others, so
        none goes.

    Examples
    --------
    >>> normalised(np.array([5.0, 2.0, 1.0]))
    array([1.  , 0.25, 0.  ])
    """
    if _all_equal(values):
        return np.ones_like(values)
    return np.asarray((values - values.min()) / (values.max() - values.min()))


def _all_equal(values: Vector) -> bool:
    return bool(values.max() - values.min() <= _EQUAL * values.max())


def removed_counts(pooled: Sequence[Vector], share: float) -> tuple[list[int], float]:
    """Choose the threshold so that a share of all components goes, and count what goes of each matrix.

    Parameters
    ----------
    pooled : sequence of array
        The normalised singular values of each matrix.
    share : float
        The share of all of them that goes, within one component: not more.

    Returns
    -------
    counts : list of int
        How many go of each. Of components that are equal to the threshold as many go as are needed, of the earlier
        matrices first.
    threshold : float
        The smallest normalised singular value that stays.

    Raises
    ------
    ParameterError
        If so many would go that a matrix loses its largest.

    Examples
    --------
    >>> removed_counts([np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.1, 1.0])], 0.5)
    ([1, 2], 0.5)
    """
    together = np.concatenate(list(pooled))
    number = int(share * together.size + 1e-9)
    most = int((together < 1).sum())
    if number > most:
        raise ParameterError(
            f"budget is {share!r}, and of {together.size:,} components at most {most:,} can go: each of {len(pooled)} "
            "matrices keeps its largest, and all that equal it"
        )
    owners = np.repeat(np.arange(len(pooled)), [values.size for values in pooled])
    order = np.argsort(together, kind="stable")
    counts = np.bincount(owners[order[:number]], minlength=len(pooled))
    return [int(count) for count in counts], float(together[order[number]])


def adaptive_ranks(
    layers: Sequence[Candidate], values: Sequence[Vector], allocation: Allocation
) -> tuple[tuple[LayerRank, ...], float]:
    """Decide how many components of every matrix stay.

    Parameters
    ----------
    layers : sequence of Candidate
        The layers.
    values : sequence of array
        Their singular values.
    allocation : Allocation
        The share that goes, and from when on a matrix is a low-rank component.

    Returns
    -------
    ranks : tuple of LayerRank
        Their rank is 0 where the matrix is better left whole.
    threshold : float
        Where the components were cut.
    """
    counts, threshold = removed_counts([normalised(each) for each in values], allocation.budget)
    told = [
        _layer(layer, each, count, threshold, allocation.min_share or 0.0)
        for layer, each, count in zip(layers, values, counts, strict=True)
    ]
    return tuple(told), threshold


def _layer(layer: Candidate, values: Vector, removed: int, threshold: float, min_share: float) -> LayerRank:
    rows, columns = layer.shape
    kept, whole = values.size - removed, rows * columns
    low = removed > min_share * values.size
    factors = kept * (rows + columns)
    saves = low and 0 < factors < whole
    if _all_equal(values):
        reason = "its singular values are all equal, and none is smaller than the others"
    elif removed:
        share = f"{removed / values.size:.1%}".replace("%", " %")
        reason = f"the other {removed} ({share}) lie below {threshold:.4g} of the way from its smallest to its largest"
    else:
        reason = f"none lies below {threshold:.4g} of the way from its smallest to its largest"
    if low:
        size = f"two factors of that rank hold {factors:,} numbers, the matrix {whole:,}"
        reason += f"; {size}" + ("" if saves else ", so it is left whole")
    elif removed:
        reason += f", not more than {min_share:g} of them"
    component = "LRC" if low else "N-LRC"
    return LayerRank(
        layer.module, layer.role, layer.block, layer.shape, kept if saves else 0, None, reason, kept, component
    )
