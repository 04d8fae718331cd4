"""What measures of diffusion spectra share: the kernel's bandwidth and the doubt about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Note, Outcome, Refusal
from theodolite.numerics.diffusion import (
    diffusion_eigenvalues,
    median_distance,
    spectral_entropy,
    squared_distances,
)

Normalization = Literal["paper", "released"]

_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True)
class Walk:
    """A random walk on points.

    Parameters
    ----------
    squared : ndarray, shape (rows, rows)
        Squared distances.
    bandwidth : float
        Of the kernel, in the unit of the distances.
    time : float
        Steps.
    normalization : {"paper", "released"}
        Whether the density is taken out by half.
    """

    squared: NDArray[np.float64]
    bandwidth: float
    time: float
    normalization: Normalization

    @classmethod
    def on(
        cls, centred: NDArray[np.float64], bandwidth: float, relative: bool, time: float, normalization: Normalization
    ) -> Walk:
        """Walk on the rows of a cloud.

        Parameters
        ----------
        centred : ndarray, shape (rows, features)
            Two rows or more, about their mean.
        bandwidth : float
            In units of the median distance, or of the features.
        relative : bool
            Which of them.
        time : float
            Steps.
        normalization : {"paper", "released"}
            Which operator.

        Returns
        -------
        Walk
            Of these rows alone.

        Raises
        ------
        Refusal
            If the median distance is wanted and zero.
        """
        squared = squared_distances(centred)
        if relative:
            median = median_distance(squared)
            if median == 0.0:
                raise Refusal(Outcome.COINCIDENT_ROWS)
            bandwidth *= median
        return cls(squared, bandwidth, time, normalization)

    def entropy(self, chosen: NDArray[np.int64] | None = None) -> float:
        """Compute the entropy of the walk's spectrum, or of that on some of the rows alone.

        Parameters
        ----------
        chosen : ndarray of int, optional
            Which rows; all where they are not given.

        Returns
        -------
        float
            In bits.
        """
        squared = self.squared if chosen is None else self.squared[np.ix_(chosen, chosen)]
        values = diffusion_eigenvalues(squared, self.bandwidth, anisotropic=self.normalization == "paper")
        return spectral_entropy(values, self.time)


def scale_notes(share: float, bandwidth: float, field: str) -> tuple[Note, ...]:
    """Say where a bandwidth is off the scale of the cloud.

    Parameters
    ----------
    share : float
        The entropy as a share of what it could be.
    bandwidth : float
        Of the kernel.
    field : str
        The field that is doubtful.

    Returns
    -------
    tuple of Note
        Empty where the share is between 0.05 and 0.95.
    """
    if _LOW <= share <= _HIGH:
        return ()
    return (Note(Outcome.OFF_SCALE, f"bandwidth {bandwidth:.4g}, entropy {share:.1%} of log2 n", field),)
