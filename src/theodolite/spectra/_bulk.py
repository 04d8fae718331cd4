"""The random bulk of a spectrum, slice by slice, fitted once however many measures ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Note, Outcome, Refusal, Spectrum, is_array, to_numpy
from theodolite.numerics.bulk import SMALLEST_BULK, Bulk, fit_bulk
from theodolite.numerics.slices import positive_eigenvalues

SMALLEST_COUNT = 8
"""Fewest eigenvalues of a matrix, or of a slice, that a bulk is fitted to."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class FittedSlice:
    """The eigenvalues of one matrix, and the bulk fitted to them.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Positive eigenvalues, ascending.
    long : int
        The longer side; the shorter one counts the positive eigenvalues.
    bulk : Bulk
        The bulk.
    """

    values: Vector
    long: int
    bulk: Bulk

    @property
    def share(self) -> float:
        """Variance of the bulk in units of the mean over all entries."""
        return self.bulk.variance * self.long * self.values.size / float(self.values.sum())

    @property
    def edge(self) -> float:
        """Largest eigenvalue of the bulk in the limit of large matrices, without the directions of the spikes."""
        short, long = self.values.size - self.bulk.spikes, self.long - self.bulk.spikes
        return float(self.bulk.variance * (np.sqrt(short) + np.sqrt(long)) ** 2)


def level_of_slice(level: float, slices: int) -> float:
    """Give the level at which each slice is tested, so that the stack is tested at `level`."""
    return level if slices == 1 else float(-np.expm1(np.log1p(-level) / slices))


def level_of_stack(p_value: float, slices: int) -> float:
    """Give the probability that the smallest of several p-values of noise is at most this one."""
    return p_value if slices == 1 or p_value >= 1.0 else float(-np.expm1(slices * np.log1p(-p_value)))


def small_bulk(slices: Sequence[FittedSlice], field: str) -> tuple[Note, ...]:
    """Note that most eigenvalues of a slice lie beyond its bulk."""
    for s in slices:
        if 2 * s.bulk.spikes > s.values.size:
            return (Note(Outcome.SMALL_BULK, f"{s.values.size - s.bulk.spikes} of {s.values.size}", field=field),)
    return ()


def fitted_bulk(spectrum: Spectrum, level: float) -> Sequence[FittedSlice]:
    """Return the bulk of every slice that is not zero.

    Parameters
    ----------
    spectrum : Spectrum
        What to fit; its shape is known.
    level : float
        Probability, for a Gaussian matrix or stack, of finding any eigenvalue beyond the bulk.

    Returns
    -------
    sequence of FittedSlice
        One for a single matrix.

    Raises
    ------
    Refusal
        Where there is no bulk.
    """
    found = spectrum.once(("bulk", level), lambda: _fit_or_refusal(spectrum, level))
    if isinstance(found, Refusal):
        raise Refusal(found.outcome, found.detail)
    return found


def _fit_or_refusal(spectrum: Spectrum, level: float) -> Sequence[FittedSlice] | Refusal:
    try:
        return fit_slices(slices_of(spectrum), long_side(spectrum), level, 2.0 * spectrum.error_bound)
    except Refusal as refusal:
        return refusal


def fit_slices(parts: Sequence[Vector], long: int, level: float, accuracy: float) -> Sequence[FittedSlice]:
    """Fit a bulk to each slice's eigenvalues, each in its own units.

    Parameters
    ----------
    parts : sequence of ndarray
        Positive eigenvalues of each slice, ascending; empty for a slice of zeros.
    long : int
        The longer side of a slice.
    level : float
        Probability of finding anything beyond the bulk of any slice of noise.
    accuracy : float
        Difference of eigenvalues below which they are equal.

    Returns
    -------
    sequence of FittedSlice
        One for each slice that is not zero.

    Raises
    ------
    Refusal
        Where there is no bulk.
    """
    used = [part for part in parts if part.size]
    if not used:
        raise Refusal(Outcome.ALL_ZERO)
    fewest = min(part.size for part in used)
    if fewest < SMALLEST_COUNT:
        where = "in a slice, " if len(parts) > 1 else ""
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{fewest} above zero, {where}at least {SMALLEST_COUNT} needed")
    fitted = []
    for part in used:
        if part[-1] - part[0] <= accuracy:
            raise Refusal(Outcome.NO_SPREAD, f"{part.size} eigenvalues of {part[-1]:.6g}")
        bulk = fit_bulk(part, long, level_of_slice(level, len(used)))
        if bulk is None:
            raise Refusal(Outcome.NO_BULK, f"fewer than {SMALLEST_BULK} of {part.size} left")
        fitted.append(FittedSlice(part, long, bulk))
    return fitted


def long_side(spectrum: Spectrum) -> int:
    """Return the longer side of the matrix, or of one slice; the spectrum knows its shape."""
    spectrum.require(["shape"])
    return max(spectrum.shape or (1, 1))


def slices_of(spectrum: Spectrum) -> Sequence[Vector]:
    """Return the positive eigenvalues of each slice, ascending."""
    return spectrum.once("positive slices", lambda: _slices(spectrum))


def _slices(spectrum: Spectrum) -> Sequence[Vector]:
    values = to_numpy(spectrum.eigenvalues)
    if spectrum.matrix is None:
        return [np.asarray(values[values > spectrum.error_bound], dtype=np.float64)]
    matrix = to_numpy(spectrum.matrix) if is_array(spectrum.matrix) else spectrum.matrix
    return positive_eigenvalues(matrix, np.asarray(values) if spectrum.slices == 1 and matrix.ndim == 2 else None)
