"""Moments of two clouds without some of their rows, in the time that those rows take."""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_compat as compat


class Moments(NamedTuple):
    """Sums over centred rows.

    Parameters
    ----------
    rows : int
        How many.
    means : tuple of array, shapes (d,) and (e,)
        The mean of each cloud.
    scatters : tuple of array, shapes (d, d) and (e, e)
        Sums of products within.
    cross : array of shape (d, e)
        Sums of products between.
    fourth : tuple of three arrays of shape ()
        ``Σ |x|⁴``, ``Σ |x|² |y|²`` and ``Σ |y|⁴``.
    """

    rows: int
    means: tuple[Any, Any]
    scatters: tuple[Any, Any]
    cross: Any
    fourth: tuple[Any, Any, Any]


def without_rows(x: Any, y: Any, whole: Moments, dropped: Any, squares: tuple[Any, Any]) -> Moments:
    """Take rows out of the moments of two clouds.

    Parameters
    ----------
    x : array of shape (n, d)
        The centred rows of one cloud.
    y : array of shape (n, e)
        Those of the other.
    whole : Moments
        The moments of all rows.
    dropped : array of shape (m,)
        Indices of the rows that are left out, an integer array of the same library; fewer than n.
    squares : tuple of array, shape (n,)
        The squared norm of each row of both clouds.

    Returns
    -------
    Moments
        Those that the rows that stay would give by themselves.
    """
    library = compat.array_namespace(x, y)
    rest = whole.rows - int(dropped.shape[0])
    gone = [library.take(cloud, dropped, axis=0) for cloud in (x, y)]
    # The centred rows sum to zero, so that those that stay have the sum of those that go with the sign changed.
    shifts = [-library.sum(rows, axis=0) / rest for rows in gone]

    def less(block: Any, i: int, j: int) -> Any:
        return block - gone[i].T @ gone[j] - rest * shifts[i][:, None] * shifts[j][None, :]

    distances = []
    for rows, shift, square in zip((x, y), shifts, squares, strict=True):
        about = square - 2 * (rows @ shift) + library.sum(shift * shift)
        distances.append((about, library.take(about, dropped, axis=0)))

    def fourth(i: int, j: int) -> Any:
        (one, its), (other, theirs) = distances[i], distances[j]
        return library.sum(one * other) - library.sum(its * theirs)

    return Moments(
        rest,
        (whole.means[0] + shifts[0], whole.means[1] + shifts[1]),
        (less(whole.scatters[0], 0, 0), less(whole.scatters[1], 1, 1)),
        less(whole.cross, 0, 1),
        (fourth(0, 0), fourth(0, 1), fourth(1, 1)),
    )
