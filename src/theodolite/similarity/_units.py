"""Units that vary, and how those of two clouds correlate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Note, Outcome, Pair, Refusal, namespace, to_numpy
from theodolite.core import like as in_library_of

_DUST = 16.0 * float(np.finfo(np.float64).eps)
"""Spread of a constant unit about its mean, in units of the mean: what rounding leaves."""


@dataclass(frozen=True, eq=False)
class Units:
    """The units of two clouds that vary over the rows.

    Attributes
    ----------
    live : tuple of ndarray, shapes (d',) and (e',)
        Which of the units of each cloud vary.
    widths : tuple of int
        How many units there are in each, those without variance included.
    correlations : array of shape (d', e')
        Pearson's correlations of the ones with the others, in the library of the pair.
    sizes : tuple of array, shapes (d',) and (e',)
        Norms of the units about their means.
    """

    live: tuple[NDArray[np.intp], NDArray[np.intp]]
    widths: tuple[int, int]
    correlations: Array
    sizes: tuple[Array, Array]

    @classmethod
    def of(cls, pair: Pair) -> Units:
        """Correlate the units of a pair.

        Parameters
        ----------
        pair : Pair
            The clouds.

        Returns
        -------
        Units
            Those that vary.

        Raises
        ------
        Refusal
            If no unit of a cloud does, or if there are two rows.
        """
        if pair.count == 2:
            raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, "2 rows; every correlation over them is 1 or -1")
        library = namespace(pair.cross)
        live, places, sizes = [], [], []
        for squares, mean, name in zip(sums_of_squares(pair), pair.moments.means, "xy", strict=True):
            dust = pair.count * (_DUST * to_numpy(mean)) ** 2
            varying = np.flatnonzero(to_numpy(squares) > dust)
            if not varying.size:
                raise Refusal(Outcome.CONSTANT_CLOUD, name)
            live.append(varying)
            places.append(in_library_of(varying, pair.cross))
            sizes.append(library.sqrt(library.take(squares, places[-1])))
        cross = library.take(library.take(pair.cross, places[0], axis=0), places[1], axis=1)
        correlations = cross / sizes[0][:, None] / sizes[1][None, :]
        return cls((live[0], live[1]), pair.widths, correlations, (sizes[0], sizes[1]))

    def notes(self, *fields: str) -> tuple[Note, ...]:
        """Say how many units were left out.

        Parameters
        ----------
        *fields : str
            The fields that it concerns.

        Returns
        -------
        tuple of Note
            Empty where every unit varies.
        """
        out = [width - kept.size for width, kept in zip(self.widths, self.live, strict=True)]
        if not any(out):
            return ()
        detail = f"{out[0]} of {self.widths[0]} of x, {out[1]} of {self.widths[1]} of y"
        return tuple(Note(Outcome.CONSTANT_UNITS, detail, field) for field in fields)

    def spread(self, place: int, found: NDArray[Any]) -> NDArray[Any]:
        """Put what was found for the units that vary where they stand among all.

        Parameters
        ----------
        place : int
            0 for x, 1 for y.
        found : ndarray of shape (units that vary, ...)
            Floats or indices.

        Returns
        -------
        ndarray of shape (units, ...)
            NaN, or -1, for units that don't vary.
        """
        nothing = -1 if np.issubdtype(found.dtype, np.integer) else np.nan
        everywhere = np.full((self.widths[place], *found.shape[1:]), nothing, dtype=found.dtype)
        everywhere[self.live[place]] = found
        return everywhere


def sums_of_squares(pair: Pair) -> tuple[Array, Array]:
    """Sum the squares of each unit about its mean.

    Parameters
    ----------
    pair : Pair
        The clouds.

    Returns
    -------
    tuple of array, shapes (d,) and (e,)
        One number for each unit.
    """
    if "rows" not in pair.has:
        library = namespace(pair.cross)
        return library.linalg.diagonal(pair.scatters[0]), library.linalg.diagonal(pair.scatters[1])
    library = namespace(pair.x.centred)
    return library.sum(pair.x.centred**2, axis=0), library.sum(pair.y.centred**2, axis=0)
