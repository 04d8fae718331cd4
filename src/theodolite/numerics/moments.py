"""First and second moments of rows that come in batches: sums about an origin, merged and moved without loss.

Of every row ``x`` of a layer the moments are kept of ``(x - c, |x - c|²)``: its place about an origin ``c`` near the
mean, and the square of that. Moving the origin is an affine map of these, so that moments about different origins can
be merged, and everything that depends on second moments, or on fourth ones through squared distances from the mean
alone, follows exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import array_api_compat as compat

Blocks = dict[tuple[int, int], Any]
"""Scatter of layer i (rows) with layer j (columns), for i <= j."""


@dataclass
class Sums:
    """Moments of the same rows in several layers.

    Parameters
    ----------
    origins : list of array, shape (width,)
        The origin of each layer.
    means : list of array, shape (width + 1,)
        Mean of the place about the origin and of its square.
    scatter : dict of (int, int) to array, shape (width_i + 1, width_j + 1)
        Sums of products about the mean, of the pairs of layers that are kept.
    count : int
        How many rows.
    """

    origins: list[Any]
    means: list[Any]
    scatter: Blocks = field(default_factory=dict)
    count: int = 0

    @classmethod
    def of(cls, rows: list[Any], pairs: list[tuple[int, int]], origins: list[Any] | None = None) -> Sums:
        """Sum up rows at once.

        Parameters
        ----------
        rows : list of array, shape (count, width)
            The same rows in each layer, float64.
        pairs : list of (int, int)
            Which blocks to keep.
        origins : list of array, optional
            Origins; the mean of these rows where they are not given.

        Returns
        -------
        Sums
            Their moments.
        """
        library = compat.array_namespace(*rows)
        if origins is None:
            origins = [one[0, ...] + library.mean(one - one[0, ...], axis=0) for one in rows]
        places = [one - origin for one, origin in zip(rows, origins, strict=True)]
        places = [library.concat([one, library.sum(one * one, axis=1)[:, None]], axis=1) for one in places]
        means = [library.mean(one, axis=0) for one in places]
        centred = [one - mean for one, mean in zip(places, means, strict=True)]
        scatter = {(i, j): centred[i].T @ centred[j] for i, j in pairs}
        return cls(origins, means, scatter, int(rows[0].shape[0]))

    def add(self, other: Sums) -> None:
        """Take in the moments of further rows.

        Parameters
        ----------
        other : Sums
            Moments of other rows in the same layers.
        """
        if not other.count:
            return
        if any(mine is not theirs for mine, theirs in zip(self.origins, other.origins, strict=True)):
            other = other.moved(self.origins)
        total = self.count + other.count
        weight = self.count * other.count / total
        apart = [theirs - mine for mine, theirs in zip(self.means, other.means, strict=True)]
        for (i, j), block in self.scatter.items():
            block += other.scatter[i, j]
            block += (weight * apart[i])[:, None] * apart[j][None, :]
        self.means = [mean + (other.count / total) * gap for mean, gap in zip(self.means, apart, strict=True)]
        self.count = total

    def moved(self, origins: list[Any]) -> Sums:
        """Look at the same rows from other origins.

        Parameters
        ----------
        origins : list of array, shape (width,)
            The new origins.

        Returns
        -------
        Sums
            New moments; these stay as they are.
        """
        steps = [old - new for old, new in zip(self.origins, origins, strict=True)]
        scatter = {(i, j): _sheared(block, steps[i], steps[j]) for (i, j), block in self.scatter.items()}
        return Sums(
            list(origins), [_stepped(m, s) for m, s in zip(self.means, steps, strict=True)], scatter, self.count
        )

    def copy(self) -> Sums:
        """Copy what `add` changes.

        Returns
        -------
        Sums
            The same moments.
        """
        scatter = {key: compat.array_namespace(block).asarray(block, copy=True) for key, block in self.scatter.items()}
        return Sums(list(self.origins), list(self.means), scatter, self.count)

    def chosen(self, positions: list[int]) -> Sums:
        """Keep some of the layers.

        Parameters
        ----------
        positions : list of int
            Which, in the order wanted.

        Returns
        -------
        Sums
            Moments of these, all pairs of them.
        """
        places = range(len(positions))
        scatter = {(i, j): self.block(positions[i], positions[j]) for i in places for j in places if i <= j}
        return Sums([self.origins[i] for i in positions], [self.means[i] for i in positions], scatter, self.count)

    def centres(self) -> list[Any]:
        """Return the mean of each layer.

        Returns
        -------
        list of array, shape (width,)
            In the features' own coordinates.
        """
        return [origin + mean[:-1] for origin, mean in zip(self.origins, self.means, strict=True)]

    def block(self, i: int, j: int) -> Any:
        """Return the scatter of two layers in either order.

        Parameters
        ----------
        i, j : int
            The layers.

        Returns
        -------
        array, shape (width_i + 1, width_j + 1)
            ``Σ (z_i - mean) (z_j - mean)ᵀ``; a `KeyError` where that pair was not kept.
        """
        if (i, j) in self.scatter:
            return self.scatter[i, j]
        return self.scatter[j, i].T

    def fourth(self, i: int, j: int) -> Any:
        """Return the sum over rows of the squared distances from the mean in two layers, multiplied.

        Parameters
        ----------
        i, j : int
            The layers.

        Returns
        -------
        0-dimensional array
            ``Σ |x_i - mean|² |x_j - mean|²``.
        """
        about = _sheared(self.block(i, j), -self.means[i][:-1], -self.means[j][:-1])[-1, -1]
        one, other = (_trace(self.block(k, k)[:-1, :-1]) for k in (i, j))
        return about + one * other / self.count


def _stepped(mean: Any, step: Any) -> Any:
    library = compat.array_namespace(mean)
    place, square = mean[:-1], mean[-1]
    square = square + 2 * library.sum(step * place) + library.sum(step * step)
    return library.concat([place + step, square[None]])


def _sheared(block: Any, rows: Any, columns: Any) -> Any:
    """Give the scatter of (u + s, |u + s|²) from that of (u, |u|²): the constant falls out, the square gains 2 s·u."""
    library = compat.array_namespace(block)
    last = block[-1:, :] + 2 * rows[None, :] @ block[:-1, :]
    block = library.concat([block[:-1, :], last], axis=0)
    last = block[:, -1:] + 2 * block[:, :-1] @ columns[:, None]
    return library.concat([block[:, :-1], last], axis=1)


def _trace(matrix: Any) -> Any:
    return compat.array_namespace(matrix).linalg.trace(matrix)
