"""Spectra of a matrix whose entries were put into random order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Outcome, Refusal, Spectrum, is_array, to_numpy
from theodolite.numerics.shuffling import shuffled_eigenvalues, shuffles

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

    Raises
    ------
    Refusal
        If the entries are no weights: the view `fft` has the blocks of a convolution's operator.
    """
    if getattr(spectrum.matrix, "view", "") == "fft":
        raise Refusal(Outcome.NOT_WEIGHTS, "the blocks of a convolution's operator")
    if isinstance(rng, np.random.Generator):
        yield from (shuffled_eigenvalues(order) for order in shuffles(entries_of(spectrum), rng))
        return
    known = spectrum.once(("shuffles", int(rng)), lambda: _Remembered(entries_of(spectrum), int(rng)))
    yield from (known[i] for i in count())


class _Remembered:
    """The shuffled spectra of one seed, found when they are first asked for."""

    def __init__(self, matrix: NDArray[np.floating], seed: int) -> None:
        self._orders = shuffles(matrix, np.random.default_rng(seed))
        self._found: list[Sequence[Vector]] = []

    def __getitem__(self, position: int) -> Sequence[Vector]:
        while len(self._found) <= position:
            self._found.append(shuffled_eigenvalues(next(self._orders)))
        return self._found[position]


def entries_of(spectrum: Spectrum) -> NDArray[np.floating]:
    """Return the whole matrix on the host, read once.

    Parameters
    ----------
    spectrum : Spectrum
        Has a matrix.

    Returns
    -------
    ndarray
        In float32 or float64.
    """
    return spectrum.once("entries", lambda: _entries(spectrum))


def _entries(spectrum: Spectrum) -> NDArray[np.floating]:
    matrix = spectrum.matrix
    # What is not finite, or too large to square, is refused here.
    _ = spectrum.eigenvalues
    host = to_numpy(matrix) if is_array(matrix) else np.asarray(matrix[0 : matrix.shape[0]])
    return host if host.dtype in (np.float32, np.float64) else host.astype(np.float32)
