"""The dimension of one cloud over scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ReadingRow, Readings
from theodolite.surveys.errors import RunFolderError

Float = NDArray[np.float64]

BESIDE = ("radii", "dimensions", "standard_errors")
"""Arrays beside a result that make a curve."""


@dataclass(frozen=True, eq=False)
class ScaleCurve:
    """A dimension at one scale after the other.

    Attributes
    ----------
    cloud, quantity : str
        Id of the cloud, and name of the number that the curve belongs to.
    radii : ndarray of shape (scales,)
        Mean distance at each scale.
    dimensions, standard_errors : ndarray of shape (scales,)
        The dimension there, and its error.
    plateau : tuple of int
        Places at which one dimension would do; empty where it isn't said.
    """

    cloud: str
    quantity: str
    radii: Float
    dimensions: Float
    standard_errors: Float
    plateau: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Names, and lists of numbers.
        """
        return {
            "cloud": self.cloud,
            "quantity": self.quantity,
            **{name: [_plain(one) for one in getattr(self, name)] for name in BESIDE},
            "plateau": [*self.plateau],
        }


def curve_of(readings: Readings, row: ReadingRow, quantity: str) -> ScaleCurve | None:
    """Find the curve behind a reading.

    Parameters
    ----------
    readings : Readings
        Where its arrays are.
    row : ReadingRow
        The reading.
    quantity : str
        What to call it.

    Returns
    -------
    ScaleCurve or None
        None where the measure gives none, or these readings carry no arrays.
    """
    if not row.array:
        return None
    try:
        readings.array(row.array)
    except LookupError:
        return None
    found = {name: values for name in (*BESIDE, "plateau") if (values := _beside(readings, row, name)) is not None}
    if any(name not in found for name in BESIDE):
        return None
    radii, dimensions, errors = (np.asarray(found[name], np.float64) for name in BESIDE)
    places = tuple(int(place) for place in found.get("plateau", ()))
    return ScaleCurve(row.target, quantity, radii, dimensions, errors, places)


def _beside(readings: Readings, row: ReadingRow, name: str) -> NDArray[Any] | None:
    try:
        return readings.array(f"{row.array.partition('#')[0]}#{name}")
    except (LookupError, RunFolderError):  # the file was read before, so that it only lacks this array
        return None


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
