"""Kernels of convolutions as matrices: unfolded, in slices, and as the true operator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.parts import Cut, Matrix, Rearranged, View
from theodolite.sources.stored import StoredTensor


@dataclass(frozen=True)
class Kernel:
    """A convolution's kernel and what is known of its layout.

    Parameters
    ----------
    source : StoredTensor
        The stored kernel: out x in/groups x sizes, or in x out/groups x sizes where `turned`.
    turned : bool
        Whether it belongs to a transposed convolution.
    groups : int or None
        Number of groups; None where the source does not say.
    """

    source: StoredTensor
    turned: bool = False
    groups: int | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the kernel along each spatial axis.

        Returns
        -------
        tuple of int
            One to three lengths.
        """
        return self.source.shape[2:]

    @property
    def sides(self) -> tuple[int, int]:
        """Output channels, and input channels that one of them sees.

        Returns
        -------
        tuple of int
            Out and in/groups.
        """
        first, second = self.source.shape[:2]
        groups = self.groups or 1
        return (second * groups, first // groups) if self.turned else (first, second)


def unfold(kernel: Kernel) -> Matrix:
    """Lay a kernel out as one matrix: out x (in/groups * sizes).

    Parameters
    ----------
    kernel : Kernel
        The kernel; the groups of a grouped convolution are stacked, as they are stored.

    Returns
    -------
    Matrix
        One row per output channel.
    """
    out, seen = kernel.sides
    width = seen * math.prod(kernel.sizes)
    if not kernel.turned:
        return Cut(kernel.source, (range(out),), (range(width),), role="conv", view="unfold", width=width)
    put_right = partial(_unfolded, groups=kernel.groups or 1)
    restore = partial(_stored, kernel=kernel)
    return Rearranged(kernel.source, put_right, (out, width), kernel.source.dtype, "conv", "unfold", restore)


def slices(kernel: Kernel) -> Matrix:
    """Lay a kernel out as a stack of its spatial slices, each out x in/groups.

    Parameters
    ----------
    kernel : Kernel
        The kernel.

    Returns
    -------
    Matrix
        A stack with one slice per position of the kernel, in C order.
    """
    shape = (math.prod(kernel.sizes), *kernel.sides)
    put_right = partial(_sliced, turned=kernel.turned, groups=kernel.groups or 1)
    restore = partial(_restacked, kernel=kernel)
    return Rearranged(kernel.source, put_right, shape, kernel.source.dtype, "conv", "slices", restore)


def operator(kernel: Kernel, input_size: int) -> Matrix:
    """Lay a kernel out as a stack of real blocks that together are the convolution's operator.

    With circular padding and stride 1 a convolution is block-diagonal in the Fourier basis: one complex out x in block
    ``A`` per spatial frequency, and the pooled singular values of these blocks are those of the operator (Sedghi, Gupta
    and Long 2019). The kernel is real, so opposite frequencies have conjugate blocks. Each such pair is given as the
    real block ``[[Re A, -Im A], [Im A, Re A]]``, whose singular values are those of the two; the frequencies that are
    their own opposites have real blocks, of which two at a time share a slice.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    input_size : int
        Length of the input along every spatial axis: even, and at least that of the kernel.

    Returns
    -------
    Matrix
        A stack of ``input_size ** axes / 2`` blocks of shape 2·out x 2·in; each group of a grouped convolution has
        blocks of its own.

    Raises
    ------
    ValueError
        If the input is odd or smaller than the kernel, or the number of groups is needed and unknown.
    """
    obstacle = without_operator(kernel, input_size)
    if obstacle is not None:
        raise ValueError(obstacle)
    out, seen = kernel.sides
    groups = kernel.groups or 1
    count = groups * input_size ** len(kernel.sizes) // 2
    return _Operator(kernel, input_size, (count, 2 * out // groups, 2 * seen), np.dtype(np.float64))


def without_operator(kernel: Kernel, input_size: int) -> str | None:
    """Say why a kernel has no operator on an input of some length.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    input_size : int
        Length of the input along every spatial axis.

    Returns
    -------
    str or None
        The reason, or None where it has one.
    """
    longest = max(kernel.sizes)
    if input_size < longest or input_size % 2:
        return f"input_size: got {input_size}; expected an even length of at least {longest}, that of the kernel"
    out, seen = kernel.sides
    if kernel.groups is None and seen == 1 and out > 1:
        return (
            f"view='fft': a kernel of shape {kernel.source.shape} is that of a depthwise convolution or of one with a "
            "single input channel, and a file does not say which; open the live module instead"
        )
    return None


@dataclass(frozen=True, eq=False, repr=False)
class _Operator(Matrix):
    """Real blocks of the operator, computed for the pairs of frequencies asked for."""

    kernel: Kernel
    input_size: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    role: str = "conv"
    view: View = "fft"

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        groups = self.kernel.groups or 1
        pair, group = np.divmod(np.arange(start, stop), groups)
        pairs, opposite = self._pairs
        first, second = (self._blocks(pairs[pair, side], group) for side in (0, 1))
        out, seen = first.shape[1:]
        stack = np.zeros((stop - start, 2 * out, 2 * seen))
        stack[:, :out, :seen] = first.real
        stack[:, out:, seen:] = second.real
        conjugate = opposite[pair]
        stack[conjugate, :out, seen:] = -first.imag[conjugate]
        stack[conjugate, out:, :seen] = first.imag[conjugate]
        return stack

    @property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Pairs of frequencies that share a slice, and whether they are opposites."""
        grid = (self.input_size,) * len(self.kernel.sizes)
        frequencies = np.arange(math.prod(grid))
        waves = np.stack(np.unravel_index(frequencies, grid))
        opposite = np.ravel_multi_index(tuple(-waves % self.input_size), grid)
        lower, own = frequencies[frequencies < opposite], frequencies[frequencies == opposite]
        pairs = np.concatenate([np.stack([lower, opposite[lower]], axis=1), own.reshape(-1, 2)])
        return pairs, np.arange(len(pairs)) < len(lower)

    def _blocks(self, frequencies: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.complex128]:
        kernel, groups = self.kernel, self.kernel.groups or 1
        taps = _sliced(kernel.source.read(), kernel.turned, groups).astype(np.float64)
        waves = np.stack(np.unravel_index(frequencies, (self.input_size,) * len(kernel.sizes)), axis=1)
        places = np.array(list(product(*map(range, kernel.sizes))))
        phases = np.exp(-2j * np.pi / self.input_size * (waves @ places.T))
        by_group = taps.reshape(len(places), groups, -1, taps.shape[2])
        if groups == 1:
            return np.asarray(np.tensordot(phases, by_group[:, 0], axes=1))
        return np.asarray(np.einsum("fp,pfoi->foi", phases, by_group[:, group]))


def _channels_first(stored: NDArray[Any], turned: bool, groups: int) -> NDArray[Any]:
    """Bring a stored kernel to out x in/groups x sizes."""
    if not turned:
        return stored
    first, second, *sizes = stored.shape
    by_group = stored.reshape(groups, first // groups, second, *sizes)
    return by_group.swapaxes(1, 2).reshape(groups * second, first // groups, *sizes)


def _unfolded(stored: NDArray[Any], groups: int) -> NDArray[Any]:
    kernel = _channels_first(stored, True, groups)
    return kernel.reshape(kernel.shape[0], -1)


def _sliced(stored: NDArray[Any], turned: bool, groups: int) -> NDArray[Any]:
    kernel = _channels_first(stored, turned, groups)
    return np.ascontiguousarray(np.moveaxis(kernel.reshape(*kernel.shape[:2], -1), 2, 0))


def _stored(matrix: NDArray[Any], kernel: Kernel) -> NDArray[Any]:
    """Bring a matrix or stack of out x in/groups x sizes back to the stored layout."""
    out, seen = kernel.sides
    whole = matrix.reshape(out, seen, *kernel.sizes)
    if not kernel.turned:
        return whole
    groups = kernel.groups or 1
    return whole.reshape(groups, out // groups, seen, *kernel.sizes).swapaxes(1, 2).reshape(kernel.source.shape)


def _restacked(stack: NDArray[Any], kernel: Kernel) -> NDArray[Any]:
    return _stored(np.moveaxis(stack, 0, 2), kernel)


def squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """Drop axes of length one.

    Parameters
    ----------
    shape : sequence of int
        A shape.

    Returns
    -------
    tuple of int
        The lengths that are not one.
    """
    return tuple(n for n in shape if n != 1)
