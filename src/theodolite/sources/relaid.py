"""Kernels of convolutions whose channels are stored last, seen with their channels first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.stored import StoredTensor

Layout = Literal["channels_first", "channels_last", "depthwise"]


@dataclass(frozen=True, repr=False)
class Relaid(StoredTensor):
    """A kernel stored as sizes x in x out (or sizes x in x multiplier), read as out x in x sizes.

    Parameters
    ----------
    source : StoredTensor
        The kernel as it is stored, spatial axes first.
    layout : {"channels_last", "depthwise"}
        ``"channels_last"``: the last two axes change places and come first, so that a transposed convolution's
        sizes x out x in becomes in x out x sizes. ``"depthwise"``: in x multiplier become the output channels, each
        with one input.

    Attributes
    ----------
    shape : tuple of int
        Its shape with channels first.
    dtype : numpy.dtype
        Its stored type.
    """

    source: StoredTensor
    layout: Layout
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[np.generic] = field(init=False)

    def __post_init__(self) -> None:
        *sizes, first, second = self.source.shape
        channels = (first * second, 1) if self.layout == "depthwise" else (second, first)
        object.__setattr__(self, "shape", (*channels, *sizes))
        object.__setattr__(self, "dtype", self.source.dtype)

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read the kernel and take output channels.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The channels, in C order.
        """
        return np.ascontiguousarray(self.channels_first(self.source.read())[start:stop])

    def channels_first(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Bring an array of the stored layout to channels first.

        Parameters
        ----------
        stored : numpy.ndarray
            An array of the stored shape.

        Returns
        -------
        numpy.ndarray
            The array with channels first, in C order.
        """
        order = (-2, -1) if self.layout == "depthwise" else (-1, -2)
        return np.ascontiguousarray(np.moveaxis(stored, order, (0, 1))).reshape(self.shape)

    def channels_last(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Bring an array with channels first back to the stored layout.

        Parameters
        ----------
        kernel : numpy.ndarray
            An array of this shape.

        Returns
        -------
        numpy.ndarray
            The array in the stored shape.
        """
        if self.layout == "depthwise":
            return np.moveaxis(kernel.reshape(*self.source.shape[-2:], *self.shape[2:]), (0, 1), (-2, -1))
        return np.moveaxis(kernel, (0, 1), (-1, -2))
