"""The matrices that WeightWatcher 0.7.7 would take, with its scaling and its filters.

Differences from this package's own convention: convolutions are pooled spatial slices times √½ in place of one
unfolded matrix; packed projections stay whole; matrices with fewer than 8 or more than 15000 eigenvalues or more than
50000 rows are left out; of a 1-D convolution the largest of the pooled singular values over output channels are
kept; every other kind of layer, and every parameter that is not named ``weight``, is left out. All of it is
reproduced in the float32 arithmetic in which it was published.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.parts import Matrix, Rearranged, View
from theodolite.sources.stored import StoredTensor

FEWEST, MOST, LONGEST = 8, 15_000, 50_000
_CONV_SCALE = np.float32(np.sqrt(0.5))


@dataclass(frozen=True)
class Choice:
    """What WeightWatcher makes of one tensor.

    Parameters
    ----------
    matrix : Matrix or None
        What it measures.
    reason : str or None
        Why it measures nothing.
    """

    matrix: Matrix | None
    reason: str | None = None


def choose(name: str, source: StoredTensor, role: str, turned: bool) -> Choice:
    """Take the matrix that WeightWatcher takes of a tensor.

    Parameters
    ----------
    name : str
        The tensor's name.
    source : StoredTensor
        Its content.
    role : str
        What it does.
    turned : bool
        Whether it belongs to a transposed convolution.

    Returns
    -------
    Choice
        The matrix, or the reason for none.
    """
    if not name.endswith(".weight"):
        return Choice(None, "WeightWatcher reads no parameter that is not named 'weight'")
    axes = len(source.shape)
    if turned or axes not in {2, 3, 4}:
        return Choice(None, "WeightWatcher reads no layer of this kind")
    long, short, receptive = _sides(source.shape)
    reason = _filtered(long, short, receptive)
    if reason is not None:
        return Choice(None, reason)
    view: View
    rearrange: Callable[[NDArray[Any]], NDArray[Any]]
    if axes == 2:
        shape, view, rearrange = source.shape, "matrix", _single
    elif axes == 4:
        out, seen, *sizes = source.shape
        shape, view, rearrange = (math.prod(sizes), out, seen), "slices", _scaled_slices
    else:
        shape, view, rearrange = (long, short), "slices", partial(_largest, long=long, short=short)
    if axes == 2:
        return Choice(_Single(source, shape, np.dtype(np.float32), role))
    return Choice(Rearranged(source, rearrange, shape, np.dtype(np.float32), role, view))


@dataclass(frozen=True, eq=False, repr=False)
class _Single(Matrix):
    """A stored 2-D tensor in float32, read by rows."""

    source: StoredTensor
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    role: str
    view: View = "matrix"

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        return _single(self.source.rows(start, stop))


def _sides(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """N, M and the receptive field, with their order as WeightWatcher leaves it."""
    if len(shape) != 4:
        return max(shape), min(shape), 1
    out, seen, height, width = shape
    # It turns N and M over once per slice of a wide kernel, so that an even number of slices leaves them wrong.
    swapped = out < seen and (height * width) % 2 == 1
    return (seen, out, height * width) if swapped else (out, seen, height * width)


def _filtered(long: int, short: int, receptive: int) -> str | None:
    count = short * receptive
    if count < FEWEST:
        return f"WeightWatcher leaves out matrices with fewer than {FEWEST} eigenvalues (this one: {count})"
    if count > MOST:
        return f"WeightWatcher leaves out matrices with more than {MOST} eigenvalues (this one: {count})"
    if long > LONGEST:
        return f"WeightWatcher leaves out matrices with more than {LONGEST} rows (this one: {long})"
    return None


def _single(stored: NDArray[Any]) -> NDArray[Any]:
    return stored.astype(np.float32, copy=False)


def _scaled_slices(stored: NDArray[Any]) -> NDArray[Any]:
    kernel = _single(stored).reshape(*stored.shape[:2], -1)
    return np.ascontiguousarray(np.moveaxis(kernel, 2, 0)) * _CONV_SCALE


def _largest(stored: NDArray[Any], long: int, short: int) -> NDArray[Any]:
    """Make a matrix whose singular values are the `short` largest of all output channels' kernels together."""
    values = np.linalg.svd(stored.astype(np.float64), compute_uv=False)
    matrix = np.zeros((long, short), dtype=np.float64)
    np.fill_diagonal(matrix, np.sort(values, axis=None)[-short:])
    return matrix
