"""A random number for each row of a stream that depends on the row's place and a seed, and on nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def row_hashes(indices: NDArray[Any], seed: int) -> NDArray[np.uint64]:
    """Draw one 64-bit number for each row.

    The same row gets the same number whatever batch it comes in and whichever process sees it, so that a sample or a
    fold chosen by it doesn't depend on how the stream was cut (the finaliser of SplitMix64, Steele, Lea and Flood,
    2014).

    Parameters
    ----------
    indices : ndarray of int, shape (rows,)
        Place of each row in the stream, from 0.
    seed : int
        The seed, not negative.

    Returns
    -------
    ndarray of uint64, shape (rows,)
        Uniform, and independent for different seeds to all practical purposes.

    Examples
    --------
    >>> bool((row_hashes(np.arange(3), 1)[1:] == row_hashes(np.arange(1, 3), 1)).all())
    True
    """
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    state = start + (indices.astype(np.uint64) + np.uint64(1)) * _STEP
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.asarray(state ^ (state >> np.uint64(31)))
