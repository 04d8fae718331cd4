"""Spectra of a matrix whose entries were put into random order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Spectrum, is_array, to_numpy
from theodolite.numerics.slices import positive_eigenvalues, shuffles

Vector = NDArray[np.float64]
Rng = np.random.Generator | int


def shuffled_slices(spectrum: Spectrum, rng: Rng) -> Iterator[Sequence[Vector]]:
    """Decompose a matrix with its entries in random order, again and again.

    Parameters
    ----------
    spectrum : Spectrum
        Has a matrix.
    rng : numpy.random.Generator or int
        Generator or seed. What was found for a seed is remembered, so that measures with the same seed share it.

    Yields
    ------
    sequence of ndarray
        Positive eigenvalues of each slice, ascending, after one shuffle.
    """
    if isinstance(rng, np.random.Generator):
        yield from (positive_eigenvalues(order) for order in shuffles(_entries(spectrum), rng))
        return
    known = spectrum.once(("shuffles", int(rng)), lambda: _Remembered(_entries(spectrum), int(rng)))
    yield from (known[i] for i in count())


class _Remembered:
    """The shuffled spectra of one seed, found when they are first asked for."""

    def __init__(self, matrix: NDArray[np.floating], seed: int) -> None:
        self._orders = shuffles(matrix, np.random.default_rng(seed))
        self._found: list[Sequence[Vector]] = []

    def __getitem__(self, position: int) -> Sequence[Vector]:
        while len(self._found) <= position:
            self._found.append(positive_eigenvalues(next(self._orders)))
        return self._found[position]


def _entries(spectrum: Spectrum) -> NDArray[np.floating]:
    """Read the whole matrix to the host, in float32 or float64."""
    matrix = spectrum.matrix
    # What is not finite, or too large to square, is refused here.
    _ = spectrum.eigenvalues
    host = to_numpy(matrix) if is_array(matrix) else np.asarray(matrix[0 : matrix.shape[0]])
    return host if host.dtype in (np.float32, np.float64) else host.astype(np.float32)
