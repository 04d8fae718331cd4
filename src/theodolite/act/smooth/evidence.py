"""What the rules look at: a spectrum that is measured now, or readings of one that was."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite import spectra
from theodolite.core import Missing, Outcome, ParameterError, Readings, Refusal, Spectrum, TargetRow, to_numpy
from theodolite.numerics.positions import balanced_kernel


class Evidence(Protocol):
    """What is known of a matrix."""

    @property
    def side(self) -> int:
        """The shorter side, which is the number of components."""

    def number(self, measure: str, field: str) -> float:
        """Give one field of one measure, or raise a Refusal."""

    def eigenvalues(self, *, balanced: bool = False) -> NDArray[np.float64] | None:
        """Give the squared singular values in descending order; None where they were not kept."""


class Measured:
    """A spectrum that is measured when it is asked for something.

    Parameters
    ----------
    spectrum : Spectrum
        The spectrum of one matrix.
    """

    def __init__(self, spectrum: Spectrum) -> None:
        self._spectrum = spectrum

    @property
    def side(self) -> int:
        """The shorter side.

        Returns
        -------
        int
            The number of components.
        """
        return self._spectrum.count

    def number(self, measure: str, field: str) -> float:
        """Measure one field.

        Parameters
        ----------
        measure, field : str
            A measure of `theodolite.spectra`, and its field.

        Returns
        -------
        float
            The value.

        Raises
        ------
        Refusal
            Where there is none.
        """
        found = getattr(spectra, measure)(self._spectrum)
        # A scalar measure is its own field "value", unless it knows its error.
        result = getattr(found, field, found) if field == "value" else getattr(found, field)
        if isinstance(result, Missing):
            raise Refusal(result.outcome, result.detail, measure)
        return float(to_numpy(result))

    def eigenvalues(self, *, balanced: bool = False) -> NDArray[np.float64] | None:
        """Give the squared singular values.

        Parameters
        ----------
        balanced : bool
            Whether the positions of an unfolded kernel are scaled to noise of one variance first.

        Returns
        -------
        ndarray or None
            Descending.
        """
        values = np.asarray(to_numpy(self._spectrum.eigenvalues), dtype=np.float64)
        positions = int(getattr(self._spectrum.matrix, "positions", 1))
        if balanced and positions > 1:
            kernel = balanced_kernel(np.asarray(self._spectrum.matrix), positions)
            values = np.asarray(Spectrum(kernel).eigenvalues)
        return values[::-1]


class Read:
    """Readings of one target.

    Parameters
    ----------
    readings : Readings
        The readings.
    target : TargetRow
        The target, a single matrix.
    """

    def __init__(self, readings: Readings, target: TargetRow) -> None:
        self._readings = readings
        self._target = target
        self._rows = [row for row in readings.rows if row.target == target.target]

    @property
    def side(self) -> int:
        """The shorter side.

        Returns
        -------
        int
            The number of components.
        """
        return min(self._target.shape)

    def number(self, measure: str, field: str) -> float:
        """Look one field up.

        Parameters
        ----------
        measure, field : str
            Names.

        Returns
        -------
        float
            The value.

        Raises
        ------
        ParameterError
            If it was not measured, or more than once with different answers.
        Refusal
            If it was refused.
        """
        found = [row for row in self._rows if (row.measure, row.field) == (measure, field)]
        if not found:
            raise ParameterError(
                f"the readings hold no {measure}.{field} of {self._target.target}; "
                f"survey again with {measure!r}, or plan from the checkpoint"
            )
        values = {row.value for row in found}
        if len(values) > 1:
            raise ParameterError(
                f"{measure}.{field} of {self._target.target} was read twice; choose with where(params=...)"
            )
        (value,) = values
        if value is None:
            raise Refusal(Outcome[found[0].outcome], found[0].note, measure)
        return value

    def eigenvalues(self, *, balanced: bool = False) -> NDArray[np.float64] | None:
        """Load the squared singular values, where a reading refers to them.

        Parameters
        ----------
        balanced : bool
            Whether those of a kernel with its positions scaled are wanted, which no reading keeps.

        Returns
        -------
        ndarray or None
            Descending.
        """
        if balanced and self._target.view == "unfold":
            return None
        reference = next((row.array for row in self._rows if row.array.endswith("#eigenvalues")), "")
        if not reference:
            return None
        try:
            return np.sort(np.asarray(self._readings.array(reference), dtype=np.float64))[::-1]
        except LookupError:
            return None
