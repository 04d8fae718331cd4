"""Correlation traps: huge single entries, found where shuffling has taken everything else apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite import spectra
from theodolite.core import Refusal, Spectrum
from theodolite.numerics.blocks import cast
from theodolite.numerics.positions import position_scales
from theodolite.numerics.truncation import principal_axes, truncated_blocks
from theodolite.sources import Matrix

_ROUNDS = 20


@dataclass(frozen=True)
class Trap:
    """One entry that makes a spike wherever it lies.

    Attributes
    ----------
    row, column : int
        Where it is in the matrix, out x in.
    value : float
        What it was.
    """

    row: int
    column: int
    value: float


def find_traps(matrix: Any, seed: np.random.SeedSequence) -> tuple[Trap, ...]:
    r"""Find the entries behind the spikes that stay when the entries are shuffled.

    Shuffling the entries takes every learned direction apart; a spike that is still there belongs to single entries.
    In the shuffled matrix such an entry t at (i, j) is the rank-one part :math:`t\,e_i e_j^\top`, and the singular
    vectors of the spike point at i and j. Whatever else the vectors hold is row i and column j of the shuffled matrix,
    that is, weights which the shuffle has put beside the entry: subtracting that too would set a random n + m of the
    others to zero. So the entry alone is taken, at its place before the shuffle, if it is of the size from which one
    entry makes a spike, :math:`(nm)^{1/4}` times the root mean square of the others.

    The positions of an unfolded kernel are scaled to noise of one variance first, as `spectra.correlation_traps` does.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        Anything that `Spectrum` takes.
    seed : numpy.random.SeedSequence
        Where the shuffles start.

    Returns
    -------
    tuple of Trap
        As many as `spectra.correlation_traps` counts, and again until it counts none; empty where that has no answer. A
        trap that is the common mean has no entry, and is none of them.
    """
    found: list[Trap] = []
    for _ in range(_ROUNDS):
        count_seed, shuffle_seed = seed.spawn(2)
        left = cleaned(matrix, found)
        count = _count(left, count_seed)
        new = _entries(left, count, np.random.default_rng(shuffle_seed)) if count else []
        if not new:
            break
        found += new
    return tuple(sorted(found, key=lambda trap: -abs(trap.value)))


class _Cleaned(Matrix):
    """A matrix without its traps, still known as the kernel that it is of."""

    def __init__(self, matrix: Matrix, traps: Sequence[Trap]) -> None:
        self.shape, self.dtype, self.role, self.view = matrix.shape, matrix.dtype, matrix.role, matrix.view
        self._entries, self._positions = without_traps(matrix, traps), matrix.positions

    @property
    def positions(self) -> int:
        return self._positions

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        return self._entries[start:stop]


def cleaned(matrix: Any, traps: Sequence[Trap]) -> Any:
    """Give a matrix without its traps as what it was: the positions of a kernel stay known.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        The matrix.
    traps : sequence of Trap
        Its traps.

    Returns
    -------
    array of shape (rows, columns)
        The matrix itself where it has no traps.
    """
    if not traps:
        return matrix
    return _Cleaned(matrix, traps) if isinstance(matrix, Matrix) else without_traps(matrix, traps)


def without_traps(matrix: Any, traps: Sequence[Trap]) -> NDArray[Any]:
    """Subtract the rank-one part of every trap.

    Parameters
    ----------
    matrix : array of shape (rows, columns)
        The matrix.
    traps : sequence of Trap
        Its traps.

    Returns
    -------
    numpy.ndarray
        A copy in the same type with zeros in their places.
    """
    left = np.array(matrix)
    for trap in traps:
        left[trap.row, trap.column] = 0
    return left


def _count(matrix: Any, seed: np.random.SeedSequence) -> int:
    try:
        return int(spectra.correlation_traps(Spectrum(matrix), rng=int(seed.generate_state(1, np.uint64)[0])).count)
    except Refusal:
        return 0


def _entries(matrix: Any, count: int, rng: np.random.Generator) -> list[Trap]:
    stored = np.asarray(matrix)
    entries, at = _measured(cast(stored), int(getattr(matrix, "positions", 1)))
    flat = entries.reshape(-1)
    order = rng.permutation(flat.size)
    shuffled = flat[order].reshape(entries.shape)
    _, axes = principal_axes(shuffled)
    parts = [kept for _, _, kept in truncated_blocks(shuffled, axes, min(count, axes.shape[1]))]
    spikes = np.concatenate(parts)
    rows, columns = entries.shape
    if rows <= columns:
        spikes = spikes.T
    largest = np.argpartition(-np.abs(spikes).reshape(-1), count - 1)[:count]
    others = (float(flat @ flat) - float((shuffled.reshape(-1)[largest] ** 2).sum())) / max(1, flat.size - count)
    needed = math.sqrt(max(others, 0.0)) * flat.size**0.25
    places = [int(order[place]) for place in largest if abs(shuffled.reshape(-1)[place]) >= needed]
    found = [(place // columns, int(at[place % columns])) for place in places]
    return [Trap(row, column, float(stored[row, column])) for row, column in found]


def _measured(entries: NDArray[Any], positions: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Give the entries in the units in which traps are counted, and the column that each of their columns is."""
    if positions == 1:
        return entries, np.arange(entries.shape[1])
    scales = np.tile(position_scales(entries, positions), entries.shape[1] // positions)
    live = np.flatnonzero(scales)
    return entries[:, live] * scales[live], live
