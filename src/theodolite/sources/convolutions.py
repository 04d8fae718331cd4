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
    return Rearranged(kernel.source, put_right, (out, width), kernel.source.dtype, "conv", "unfold")


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
    return Rearranged(kernel.source, put_right, shape, kernel.source.dtype, "conv", "slices")


def operator(kernel: Kernel, input_size: int) -> Matrix:
    """Lay a kernel out as its transfer matrices: one complex out x in matrix per spatial frequency.

    With circular padding and stride 1 a convolution is block-diagonal in the Fourier basis, so the singular values of
    these blocks, pooled, are those of the operator itself (Sedghi, Gupta and Long 2019).

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    input_size : int
        Length of the input along every spatial axis, at least that of the kernel.

    Returns
    -------
    Matrix
        A stack of ``input_size ** axes`` complex blocks; each group of a grouped convolution is a block of its own.

    Raises
    ------
    ValueError
        If the input is smaller than the kernel, or the number of groups is needed and unknown.
    """
    if input_size < max(kernel.sizes):
        raise ValueError(
            f"input_size: {input_size} is smaller than the kernel {kernel.sizes}; give the length of the layer's input"
        )
    out, seen = kernel.sides
    if kernel.groups is None and seen == 1 and out > 1:
        raise ValueError(
            f"view='fft': a kernel of shape {kernel.source.shape} is that of a depthwise convolution or of one with a "
            "single input channel, and a file does not say which; open the live module instead"
        )
    groups = kernel.groups or 1
    dtype = np.dtype(np.complex128)
    return _Transfer(kernel, input_size, (groups * input_size ** len(kernel.sizes), out // groups, seen), dtype)


@dataclass(frozen=True, eq=False)
class _Transfer(Matrix):
    """Blocks of the operator, computed for the frequencies asked for."""

    kernel: Kernel
    input_size: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    role: str = "conv"
    view: View = "fft"

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        kernel = self.kernel
        groups, axes = kernel.groups or 1, len(kernel.sizes)
        taps = _sliced(kernel.source.read(), kernel.turned, groups).astype(np.float64)
        frequency, group = np.divmod(np.arange(start, stop), groups)
        waves = np.stack(np.unravel_index(frequency, (self.input_size,) * axes), axis=1)
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
