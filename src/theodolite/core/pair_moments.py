"""What the moments say of two clouds of points with the same rows."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.core.arrays import Array
from theodolite.numerics.moments import Sums


@dataclass(frozen=True, eq=False)
class PairMoments:
    """What the second moments say of two clouds with the same rows, and the fourth ones that unbiased CKA needs.

    Parameters
    ----------
    count : int
        How many rows.
    means : tuple of array, shapes (d,) and (e,)
        The mean of each cloud.
    scatters : tuple of array, shapes (d, d) and (e, e)
        ``XcᵀXc`` and ``YcᵀYc`` of the centred clouds.
    cross : array, shape (d, e)
        ``XcᵀYc``.
    fourth : tuple of three 0-dimensional arrays
        ``Σ |x|⁴``, ``Σ |x|² |y|²`` and ``Σ |y|⁴`` over the centred rows.
    """

    count: int
    means: tuple[Array, Array]
    scatters: tuple[Array, Array]
    cross: Array
    fourth: tuple[Array, Array, Array]

    @classmethod
    def of(cls, sums: Sums) -> PairMoments:
        """Take them from the sums of two layers.

        Parameters
        ----------
        sums : Sums
            Of two layers.

        Returns
        -------
        PairMoments
            What measures are computed from.
        """
        centres = sums.centres()
        return cls(
            sums.count,
            (centres[0], centres[1]),
            (sums.block(0, 0)[:-1, :-1], sums.block(1, 1)[:-1, :-1]),
            sums.block(0, 1)[:-1, :-1],
            (sums.fourth(0, 0), sums.fourth(0, 1), sums.fourth(1, 1)),
        )

    def exchanged(self) -> PairMoments:
        """Swap the clouds.

        Returns
        -------
        PairMoments
            Of the second with the first.
        """
        return PairMoments(self.count, self.means[::-1], self.scatters[::-1], self.cross.T, self.fourth[::-1])
