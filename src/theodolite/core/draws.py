"""Many spectra of one size that are drawn together, so that measures can fit them together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from theodolite.core.arrays import Array
from theodolite.core.views import Spectrum

T = TypeVar("T")


class Draws:
    """Spectra drawn from one source: resamples of a spectrum, samples of a law, spectra of random matrices.

    Parameters
    ----------
    samples : numpy.ndarray of shape (draws, count)
        Eigenvalues, ascending in each row, not negative.
    shape : tuple of int, optional
        Shape of the matrix (of one slice) that each stands for.
    slices : int
        How many matrices are pooled in each.

    Attributes
    ----------
    samples : numpy.ndarray of shape (draws, count)
    shape : tuple of int or None
    slices : int
    error_bounds : numpy.ndarray of shape (draws,)
        Bound on the absolute error of the eigenvalues of each draw.
    """

    def __init__(
        self, samples: np.ndarray[Any, np.dtype[np.float64]], shape: tuple[int, int] | None = None, slices: int = 1
    ) -> None:
        self.samples = samples
        self.shape = shape
        self.slices = slices
        self.error_bounds = samples[:, -1] * np.finfo(np.float64).eps
        self._derived: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    def __iter__(self) -> Iterator[DrawnSpectrum]:
        for index, values in enumerate(self.samples):
            yield DrawnSpectrum(None, values, self.shape, self, index)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something about all draws the first time one of them is asked for it, and remember it.

        Parameters
        ----------
        key : hashable
            What is computed, with its parameters.
        compute : callable
            Computes it.

        Returns
        -------
        object
            What `compute` gave the first time.
        """
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])


@dataclass(frozen=True, eq=False, repr=False)
class DrawnSpectrum(Spectrum):
    """One of many spectra that were drawn together.

    Parameters
    ----------
    draws : Draws
        All of them.
    index : int
        Which one this is.
    """

    draws: Draws = field(default_factory=lambda: Draws(np.zeros((1, 1))))
    index: int = 0

    @property
    def slices(self) -> int:
        """How many matrices are pooled."""
        return self.draws.slices

    @property
    def _decomposed(self) -> tuple[Array, Any]:
        return self.values, float(self.draws.error_bounds[self.index])
