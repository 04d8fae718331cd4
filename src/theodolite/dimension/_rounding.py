"""What rounding the entries of a cloud, as they were given, can have made of nothing."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from theodolite.core import Cloud, is_array, to_numpy


def rounding_square(cloud: Cloud) -> float:
    """Bound the squared singular value that rounding the entries can have made.

    Parameters
    ----------
    cloud : Cloud
        That has rows.

    Returns
    -------
    float
        Directions with less than that may hold nothing.
    """
    some = cloud.points[:1, :] if is_array(cloud.points) else cloud.points[0:1]
    given = np.asarray(to_numpy(some)).dtype
    # Whole numbers come as they are; bfloat16 and its like are of no kind that NumPy knows.
    unit = float(np.finfo(np.float64).eps) if given.kind in "biu" else float(ml_dtypes.finfo(given).eps)
    largest = float(np.abs(to_numpy(cloud.rows)).max(initial=0.0))
    return (float(np.sqrt(cloud.count)) + float(np.sqrt(cloud.width))) ** 2 * (0.5 * unit * largest) ** 2
