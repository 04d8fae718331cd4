"""Two matrices of one shape decomposed together, in blocks of rows and without a copy of either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.blocks import BLOCK_ENTRIES, NonFiniteError, cast, check_gram
from theodolite.numerics.gram import gram_error_bound
from theodolite.numerics.lapack import accumulate_gram, eigenvalues_of_lower, eigenvectors_of_lower
from theodolite.numerics.subspaces import leading_eigenvectors

__all__ = ["DecomposedPair", "Factors", "decomposed_pair"]

Block = NDArray[np.float64]
Factors = tuple[Block, Block]
"""A difference as a product: (rows, rank) and (rank, columns)."""

# The square root of the error of a Gram matrix times this is what a singular vector must exceed to be one.
_MARGIN = 10.0


@dataclass(frozen=True, eq=False)
class DecomposedPair:
    """What two matrices have to say about each other.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    before : array of shape (side,)
        Singular values of the first matrix, descending.
    after : array of shape (k,)
        The largest singular values of the second, descending, as far as they differ from zero.
    left, right : array of shape (side, k)
        Inner products of the singular vectors of the first (rows) with the leading ones of the second (columns). Rows
        of singular values that are zero to working precision are zero.
    norms : tuple of float
        Frobenius norms of the two.
    change : array
        Singular values of the difference, descending; of a difference given as factors, `rank` of them.
    change_error : float
        Absolute error of the smallest of them.
    used : int
        Singular vectors of the first that differ from nothing.
    """

    shape: tuple[int, int]
    before: Block
    after: Block
    left: Block
    right: Block
    norms: tuple[float, float]
    change: Block
    change_error: float
    used: int


def decomposed_pair(first: Any, second: Any | None, k: int, factors: Factors | None = None) -> DecomposedPair:
    """Decompose two matrices.

    All singular vectors of the first are found, through its smaller Gram matrix, and the `k` leading ones of the
    second. Of a second matrix that is the first plus a product of factors, nothing is ever formed: its Gram matrix is
    that of the first plus terms of low rank.

    Parameters
    ----------
    first : row-sliceable object of shape (rows, columns)
        The first matrix.
    second : row-sliceable object of the same shape, or None
        The second; None where `factors` are given.
    k : int
        How many leading singular vectors of the second.
    factors : Factors, optional
        The second minus the first, as a product.

    Returns
    -------
    DecomposedPair
        Values and cosines.
    """
    rows, columns = (int(side) for side in first.shape)
    turned = rows <= columns  # worked on transposed, so that "long" and "short" are rows and columns
    sides = _Factored(first, factors, turned) if factors is not None else _Both(first, second, turned)
    short0, gram1, change, change_error = sides.grams()
    norm0, norm1 = (float(np.sqrt(np.trace(gram))) for gram in (short0, gram1))
    values1, short1 = leading_eigenvectors(gram1, min(k, rows, columns))
    del gram1
    floor1 = _MARGIN * gram_error_bound((rows, columns), max(float(values1[0]), 0.0))
    kept = int(np.count_nonzero(values1 > floor1))
    after, short1 = np.sqrt(values1[:kept]), short1[:, :kept]
    values0 = eigenvectors_of_lower(short0)[::-1]
    short0 = short0[:, ::-1]
    floor0 = _MARGIN * gram_error_bound((rows, columns), max(float(values0[0]), 0.0))
    before = np.sqrt(np.maximum(values0, 0.0))
    used = int(np.count_nonzero(values0 > floor0))
    short, long = short0.T @ short1, np.zeros((before.size, kept))
    short[used:] = 0.0
    if kept:
        long[:used] = (short0.T @ sides.projected(short1, after))[:used] / before[:used, None]
    left, right = (short, long) if turned else (long, short)
    return DecomposedPair((rows, columns), before, after, left, right, (norm0, norm1), change, change_error, used)


class _Both:
    """Two matrices read side by side."""

    def __init__(self, first: Any, second: Any, turned: bool) -> None:
        self._first, self._second, self._turned = first, second, turned

    def _blocks(self) -> Iterator[tuple[Block, Block]]:
        return zip(_blocks(self._first, self._turned), _blocks(self._second, self._turned), strict=True)

    def grams(self) -> tuple[Block, Block, Block, float]:
        """Give the Gram matrices of both, the singular values of the difference, and their error."""
        side = min(self._first.shape)
        made = [np.zeros((side, side), order="F") for _ in range(3)]
        with np.errstate(over="ignore", invalid="ignore"):
            for one, other in self._blocks():
                for gram, block in zip(made, (one, other, other - one), strict=True):
                    accumulate_gram(gram, block)
        check_gram(made[0], self._first)
        check_gram(made[1], self._second)
        values = np.maximum(eigenvalues_of_lower(made.pop())[::-1], 0.0)
        error = float(np.sqrt(gram_error_bound(self._first.shape, float(values[0]))))
        return made[0], made[1], np.sqrt(values), error

    def projected(self, vectors: Block, values: Block) -> Block:
        """Multiply the first, transposed, with the long singular vectors of the second that belong to short ones."""
        total = np.zeros((min(self._first.shape), vectors.shape[1]))
        for one, other in self._blocks():
            total += one.T @ (other @ vectors / values)
        return total


class _Factored:
    """A matrix and factors that are added to it."""

    def __init__(self, first: Any, factors: Factors, turned: bool) -> None:
        left, right = (cast(np.asarray(factor)) for factor in factors)
        self._first, self._turned = first, turned
        self._long, self._short = (right.T, left.T) if turned else (left, right)

    def _blocks(self) -> Iterator[tuple[Block, Block]]:
        start = 0
        for block in _blocks(self._first, self._turned):
            yield block, self._long[start : start + block.shape[0]]
            start += block.shape[0]

    def grams(self) -> tuple[Block, Block, Block, float]:
        side, rank = min(self._first.shape), self._short.shape[0]
        before, seen = np.zeros((side, side), order="F"), np.zeros((side, rank))
        with np.errstate(over="ignore", invalid="ignore"):
            for block, long in self._blocks():
                accumulate_gram(before, block)
                seen += block.T @ long
        check_gram(before, self._first)
        self._check_factors()
        # (W + LR)ᵀ(W + LR) = WᵀW + (WᵀL)R + Rᵀ((WᵀL)ᵀ + LᵀL R)
        short = self._short
        inner = seen.T + (self._long.T @ self._long) @ short
        after = before.copy(order="F")
        step = max(1, BLOCK_ENTRIES // side)
        for start in range(0, side, step):
            part = slice(start, start + step)
            after[:, part] += seen @ short[:, part] + short.T @ inner[:, part]
        check_gram(after, self._first)
        return before, after, *self._change()

    def _check_factors(self) -> None:
        factors = (self._long, self._short)
        count = sum(int(np.count_nonzero(~np.isfinite(factor))) for factor in factors)
        if count:
            raise NonFiniteError(count, sum(factor.size for factor in factors))

    def _change(self) -> tuple[Block, float]:
        long, short = (np.linalg.qr(side)[1] for side in (self._long, self._short.T))
        core = long @ short.T
        values = np.linalg.svd(core, compute_uv=False)
        eps = float(np.finfo(np.float64).eps)
        return values, eps * max(self._first.shape) * float(values[0]) if values.size else 0.0

    def projected(self, vectors: Block, values: Block) -> Block:
        total = np.zeros((min(self._first.shape), vectors.shape[1]))
        across = self._short @ vectors
        for block, long in self._blocks():
            total += block.T @ ((block @ vectors + long @ across) / values)
        return total


def _blocks(matrix: Any, turned: bool) -> Iterator[Block]:
    """Read a matrix, transposed where `turned`, some rows at a time, the same rows whatever holds it."""
    rows, columns = matrix.shape
    step = max(1, BLOCK_ENTRIES // min(rows, columns))
    if not turned:
        for start in range(0, rows, step):
            yield cast(np.asarray(matrix[start : min(start + step, rows)]))
        return
    stored = np.asarray(matrix[0:rows])
    for start in range(0, columns, step):
        yield cast(stored[:, start : start + step]).T
