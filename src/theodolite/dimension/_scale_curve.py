"""The dimension over scales, and where it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Note, Outcome

Float = NDArray[np.float64]

_Z95 = 1.959963984540054


def curve(radii: list[float], dimensions: list[float], errors: list[float], run: slice) -> Mapping[str, Float]:
    """Put a curve over scales among what stands behind a result.

    Parameters
    ----------
    radii, dimensions, errors : list of float
        Mean distance, dimension and standard error at each scale.
    run : slice
        Where the dimension stays as it is.

    Returns
    -------
    mapping of str to ndarray
        For `Result.extra`.
    """
    return {
        "radii": np.asarray(radii),
        "dimensions": np.asarray(dimensions),
        "standard_errors": np.asarray(errors),
        "plateau": np.arange(len(radii))[run],
    }


def plateau(dimensions: list[float], errors: list[float]) -> slice:
    """Find the longest run of scales at which one dimension would do.

    Each scale allows what lies within 5 percent or two standard errors of its own dimension; a run needs one that all
    its scales allow.

    Parameters
    ----------
    dimensions, errors : list of float
        At each scale.

    Returns
    -------
    slice
        The first of the longest.
    """
    reach = [max(0.05 * d, _Z95 * e) for d, e in zip(dimensions, errors, strict=True)]
    best = slice(0, 0)
    for start in range(len(dimensions)):
        low, high = -np.inf, np.inf
        for stop in range(start, len(dimensions)):
            low = max(low, dimensions[stop] - reach[stop])
            high = min(high, dimensions[stop] + reach[stop])
            if low > high:
                break
            if stop + 1 - start > best.stop - best.start:
                best = slice(start, stop + 1)
    return best


def plateau_notes(run: slice) -> tuple[Note, ...]:
    """Say where there is no plateau.

    Parameters
    ----------
    run : slice
        From `plateau`.

    Returns
    -------
    tuple of Note
        Empty where three scales agree.
    """
    length = run.stop - run.start
    if length >= 3:
        return ()
    return (Note(Outcome.NO_PLATEAU, f"{length} scales agree, 3 make a plateau", "plateau"),)
