"""The convex hull of a cloud in its leading principal directions."""

from __future__ import annotations

import numpy as np

from theodolite.core import Cloud, Note, Outcome, Refusal, to_numpy
from theodolite.dimension._rounding import rounding_square
from theodolite.numerics.hull_shape import FlatHullError, Hull, convex_hull

_EPS = float(np.finfo(np.float64).eps)


def hull_of(cloud: Cloud, most: int, field: str) -> tuple[Hull, tuple[Note, ...]]:
    """Find the hull of a cloud, scaled to size 1, in all directions that it has or in the widest of them.

    Parameters
    ----------
    cloud : Cloud
        The points.
    most : int
        In how many directions at most.
    field : str
        The field that is doubtful where directions are left out.

    Returns
    -------
    hull : Hull
        Of all clouds that are the same but for their size, the same.
    notes : tuple of Note
        Empty where no direction is left out.
    """

    def computed() -> tuple[Hull, int]:
        rows = np.asarray(to_numpy(cloud.coordinates), np.float64)
        largest = float(np.abs(rows).max())
        if largest == 0.0:
            raise Refusal(Outcome.CONSTANT_CLOUD)
        left, sizes, _ = np.linalg.svd(rows / largest, full_matrices=False)
        rounded = max(sizes[0] * max(cloud.count, cloud.width) * _EPS, np.sqrt(rounding_square(cloud)) / largest)
        rank = int(np.count_nonzero(sizes > rounded))
        kept = min(most, rank)
        if kept < 2:
            raise Refusal(Outcome.FLAT_CLOUD, f"{cloud.count} rows in {rank} direction")
        try:
            return convex_hull(left[:, :kept] * (sizes[:kept] / sizes[0])), rank
        except FlatHullError as error:
            raise Refusal(Outcome.FLAT_CLOUD, str(error)) from None

    hull, rank = cloud.in_any_order(("hull", most), computed)
    if rank <= most:
        return hull, ()
    return hull, (Note(Outcome.PROJECTED, f"{most} of {rank} directions", field),)
