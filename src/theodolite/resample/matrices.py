"""What a matrix would show that has nothing but its size, or its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Spectrum, View, is_array, to_numpy
from theodolite.core.draws import Draws
from theodolite.numerics.gram import gram_eigenvalues
from theodolite.numerics.nulls import SMALLEST_SIDE, gaussian_eigenvalues
from theodolite.resample.bootstrap import counted
from theodolite.resample.draws import NullDraws
from theodolite.resample.wrapped import Case

Host = NDArray[np.float64]


@dataclass(frozen=True)
class NullMatrices(NullDraws):
    """Draw matrices of independent entries.

    Parameters
    ----------
    null : {"gaussian", "permuted"}
        Normal entries, or those of the matrix in random places.
    draws : int
        How many.
    """

    name: ClassVar[str] = "with_null"

    def obstacle(self, case: Case) -> str:
        """Say why nothing can be drawn.

        Parameters
        ----------
        case : Case
            The result.

        Returns
        -------
        str
            Empty where it can.
        """
        spectrum = case.view
        if self.null == "permuted" and spectrum.matrix is None:
            return "the view has eigenvalues alone, and permuting needs the entries"
        if spectrum.shape is None:
            return "the shape is unknown"
        if getattr(spectrum.matrix, "view", "") == "fft":
            return "the blocks of a convolution's operator are no matrices of independent entries"
        if not np.all(np.isfinite(_sizes(spectrum))):
            return "the Frobenius norm leaves the range of float64 when squared"
        return ""

    def drawn(self, case: Case, rng: np.random.Generator) -> Iterable[View]:
        """Draw as often as asked.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream to draw from.

        Returns
        -------
        iterable of Spectrum
            Each with the Frobenius norm of the matrix, of each slice where there are several.
        """
        spectrum = case.view
        needs = set(case.traits.needs)
        by_values = needs <= {"eigenvalues"} or (needs <= {"eigenvalues", "shape"} and spectrum.slices == 1)
        if self.null == "gaussian":
            return self._gaussian(spectrum, rng, by_values)
        whole = _entries(spectrum)
        return self._of_matrices(lambda: rng.permuted(whole.reshape(whole.shape[0], -1), axis=1), spectrum, by_values)

    def _gaussian(self, spectrum: Spectrum, rng: np.random.Generator, by_values: bool) -> Iterable[Spectrum]:
        shape = spectrum.shape
        assert shape is not None  # noqa: S101 - there is an obstacle otherwise
        sizes = _sizes(spectrum)

        def matrices() -> Host:
            entries = rng.standard_normal((sizes.size, shape[0] * shape[1]))
            return np.asarray(entries * (sizes**0.5 / np.linalg.norm(entries, axis=1))[:, None])

        if not by_values or min(shape) < SMALLEST_SIDE:
            return self._of_matrices(matrices, spectrum, by_values)
        samples = np.empty((self.draws, sizes.size, min(shape)))
        for sample in samples:
            for place, size in enumerate(sizes):
                values = gaussian_eigenvalues(shape, rng)
                sample[place] = values * (size / values.sum())
        return Draws(np.sort(samples.reshape(self.draws, -1), axis=1), shape, spectrum.slices)

    def _of_matrices(self, draw: Callable[[], Host], spectrum: Spectrum, by_values: bool) -> Iterable[Spectrum]:
        shape = spectrum.shape
        assert shape is not None  # noqa: S101 - there is an obstacle otherwise
        stacked = spectrum.matrix is not None and spectrum.matrix.ndim == 3

        def matrices() -> Iterator[Host]:
            for _ in range(self.draws):
                entries = draw()
                yield entries.reshape((entries.shape[0], *shape) if stacked else shape)

        if not by_values:
            return map(Spectrum, matrices())
        samples = np.stack([counted(*gram_eigenvalues(matrix)) for matrix in matrices()])
        return Draws(samples, shape, spectrum.slices)


def _entries(spectrum: Spectrum) -> Host:
    """Read the matrix, one row for each slice."""
    matrix = spectrum.matrix
    whole = to_numpy(matrix if is_array(matrix) else matrix[0 : matrix.shape[0]]).astype(np.float64)
    return whole.reshape(spectrum.slices, -1)


def _sizes(spectrum: Spectrum) -> Host:
    """Return the squared Frobenius norm of each slice."""
    with np.errstate(over="ignore"):
        if spectrum.slices == 1:
            return np.asarray([to_numpy(spectrum.eigenvalues).sum()])
        return np.asarray(np.sum(_entries(spectrum) ** 2, axis=1))
