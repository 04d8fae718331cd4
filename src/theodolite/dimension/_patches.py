"""What estimates have in common that look at where neighbours lie, beside how far off they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Note, Outcome, to_numpy
from theodolite.dimension._estimate import Lists, common_fields
from theodolite.numerics.fitted_law import even_distance, law_positions
from theodolite.numerics.list_dimension import log_sums
from theodolite.numerics.ratio_dimension import DimensionFit

Float = NDArray[np.float64]


def distinct_points(cloud: Cloud) -> Float:
    """Give the distinct points on the host.

    Parameters
    ----------
    cloud : Cloud
        Whose.

    Returns
    -------
    ndarray, shape (points, features)
        float64.
    """
    return np.asarray(to_numpy(cloud.rows), np.float64)[cloud.distinct.first]


def patch_fields(lists: Lists, fit: DimensionFit, error: float) -> dict[str, Any]:
    """Put together the fields of a result, with the distances held against the dimension of the places.

    Parameters
    ----------
    lists : Lists
        The neighbours.
    fit : DimensionFit
        The dimension, of these points.
    error : float
        Its standard error.

    Returns
    -------
    dict
        Keywords of a `NeighbourDimension`, with a note where there are too few neighbours for the dimension.
    """
    k = lists.near.k
    distance = even_distance(law_positions(("sum", k), fit.dimension * log_sums(lists.distances)))
    common = common_fields(lists.cloud, lists.near, (fit.dimension, error), (distance, None))
    if fit.dimension > k / 2:
        beyond = np.count_nonzero(fit.pointwise > k / 2) / fit.pointwise.size
        seen = f"k = {k}, and {beyond:.0%} of the points have more than {k / 2:g} dimensions"
        common["notes"] += (Note(Outcome.SATURATED, seen, "dimension"),)
    return common
