"""The entries of a matrix in random order, again and again, and the spectra that they have then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from theodolite.numerics.gram import gram_error_bound
from theodolite.numerics.lapack import accumulate_gram, eigenvalues_of_lower
from theodolite.numerics.slices import positive_eigenvalues

__all__ = ["shuffle_into", "shuffled_eigenvalues", "shuffles"]

IN_CACHE = 1 << 20
"""Entries up to which a plain shuffle is fast; beyond, every swap waits for memory."""

_MANY = 1 << 14
_TAKEN = 20  # times that a permutation is taken; a power below has at most six fixed points on the average

_PILES = 256
_DEALT = 1 << 17  # entries at a time; their places are numbered in 64 bits

_LEAST_SINGLE, _ELONGATED = 1 << 16, 2
_MARGIN = 10.0
_SINGLE = float(np.finfo(np.float32).eps) / float(np.finfo(np.float64).eps)
_RANGE = (1e-20, 1e30)


def shuffles(matrix: NDArray[Any], rng: np.random.Generator) -> Iterator[NDArray[Any]]:
    """Put the entries of a matrix, or of each slice of a stack, into random order, again and again.

    Each order is as likely as every other, and an order and the next one are independent. From some ten thousand
    entries to as many as fit into the cache, the step from one order to the next, a random permutation, is taken
    several times before another one is drawn, since drawing takes ten times as long. Any two orders are still as good
    as independent: a power of a random permutation leaves but a handful of so many entries where they were.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns) or (slices, rows, columns)
        Left as it is.
    rng : numpy.random.Generator
        Decides the orders, which depend on neither the matrix's layout in memory nor its dtype.

    Yields
    ------
    ndarray
        Of the same shape, in float32 where `matrix` has no more than 32 bits an entry, else in float64; valid until the
        next one is asked for.
    """
    entries = matrix.shape[-2] * matrix.shape[-1]
    single = np.can_cast(matrix.dtype, np.float32)
    flat = np.empty((matrix.size // entries, entries), dtype=np.float32 if single else np.float64)
    # What was in random order before is so again: no need to start from the original.
    for source, target in zip(np.ascontiguousarray(matrix).reshape(flat.shape), flat, strict=True):
        shuffle_into(target, source, rng)
    yield flat.reshape(matrix.shape)
    if not _MANY <= entries <= IN_CACHE:
        while True:
            for order in flat:
                shuffle_into(order, order, rng)
            yield flat.reshape(matrix.shape)
    other = np.empty_like(flat)
    while True:
        step = rng.permutation(entries)
        for _ in range(_TAKEN):
            np.take(flat, step, axis=1, out=other, mode="clip")  # any mode but "raise" writes without a copy
            flat, other = other, flat
            yield flat.reshape(matrix.shape)


def shuffle_into(target: NDArray[Any], source: NDArray[Any], rng: np.random.Generator) -> None:
    """Put the entries of an array into random order, every order as likely as every other.

    What doesn't fit into the processor's cache is dealt onto piles first, each entry onto any of them with the same
    probability, and each pile is shuffled by itself [1]_.

    Parameters
    ----------
    target : ndarray of shape (n,)
        Where they go, in float32 or float64.
    source : ndarray of shape (n,)
        The entries; may be `target` itself.
    rng : numpy.random.Generator
        Decides the order, which depends on neither dtype.

    References
    ----------
    .. [1] A. Bacher, O. Bodini, A. Hollender and J. Lumbroso, MergeShuffle: a very fast, parallel random permutation
       algorithm, arXiv:1508.03167 (2015), section 2, after C. R. Rao (1961) and M. Sandelius (1962).
    """
    if source.size <= IN_CACHE:
        target[:] = _shuffled(source.astype(np.float64), rng)
        return
    dealt = []
    for start in range(0, source.size, _DEALT):
        part = np.asarray(source[start : start + _DEALT], dtype=target.dtype)
        pile = rng.integers(_PILES, size=part.size, dtype=np.uint8).astype(np.int32)
        # A sparse matrix with a row for each pile: the fastest way there is to sort by so few numbers.
        piles = csr_array((part, (pile, np.arange(part.size, dtype=np.int32))), shape=(_PILES, part.size))
        dealt.append((piles.data, piles.indptr.tolist()))
    filled = 0
    for place in range(_PILES):
        pieces = [part[end[place] : end[place + 1]] for part, end in dealt]
        gathered = np.concatenate(pieces, dtype=np.float64)
        target[filled : filled + gathered.size] = _shuffled(gathered, rng)
        filled += gathered.size


def _shuffled(entries: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    rng.shuffle(entries)  # which is fastest for 64 bits
    return entries


def shuffled_eigenvalues(matrix: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return the positive eigenvalues of a matrix of noise, slice by slice.

    An elongated matrix of noise has no small eigenvalues, so that float32 serves, at half the work. Where one turns out
    to be within ten times the bound on the error of float32 (see `gram_error_bound`), all are found in float64.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns) or (slices, rows, columns)
        Its entries are in random order.

    Returns
    -------
    list of ndarray
        Ascending, one for each slice; empty for a slice of zeros.
    """
    values = _in_single_precision(matrix) if matrix.ndim == 2 else None
    return positive_eigenvalues(matrix) if values is None else [values]


def _in_single_precision(matrix: NDArray[Any]) -> NDArray[np.float64] | None:
    short, long = sorted(matrix.shape)
    if matrix.size < _LEAST_SINGLE or long < _ELONGATED * short:
        return None
    with np.errstate(over="ignore"):
        tall = matrix.astype(np.float32, copy=False)
    gram = np.zeros((short, short), dtype=np.float32, order="F")
    accumulate_gram(gram, tall if matrix.shape[0] > matrix.shape[1] else tall.T)
    trace = float(np.trace(gram, dtype=np.float64))
    if not _RANGE[0] < trace < _RANGE[1]:
        return None
    values = eigenvalues_of_lower(gram)
    known = values[0] > _MARGIN * _SINGLE * gram_error_bound(matrix.shape, float(values[-1]))
    return values if known else None
