"""Inner products of the channels of two stacks of images under every circular shift at once."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat

__all__ = ["flat_pixels", "shifted", "shifted_products"]

_SPACE = (1, 2)


def shifted_products(one: Any, other: Any) -> Any:
    r"""Multiply the channels of two stacks of images under every circular shift of the first.

    .. math:: C(s) = \sum_{i, p} x_i(p - s) \, y_i(p)^T,

    a circular correlation, which two Fourier transforms turn into one product of matrices for each frequency.

    Parameters
    ----------
    one : array of shape (n, h, w, c)
    other : array of shape (n, h, w, e)
        The images.

    Returns
    -------
    array of shape (h, w, c, e)
        The products; ``[i, j]`` belongs to a shift of the first by ``(i, j)``.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> moved = np.roll(one, (1, 2), axis=(1, 2))
    >>> products = shifted_products(one, moved)[..., 0, 0]
    >>> [int(place) for place in np.unravel_index(products.argmax(), products.shape)]
    [1, 2]
    """
    library = compat.array_namespace(one, other)
    size = tuple(int(side) for side in one.shape[1:3])
    first = library.permute_dims(library.fft.rfftn(one, axes=_SPACE), (1, 2, 3, 0))
    second = library.permute_dims(library.fft.rfftn(other, axes=_SPACE), (1, 2, 0, 3))
    return library.fft.irfftn(library.conj(first) @ second, s=size, axes=(0, 1))


def shifted(images: Any, shift: tuple[int, int]) -> Any:
    """Move every image around its edges.

    Parameters
    ----------
    images : array of shape (n, h, w, c)
        Images.
    shift : tuple of int
        Rows and columns.

    Returns
    -------
    array of shape (n, h, w, c)
        The moved ones.
    """
    return compat.array_namespace(images).roll(images, shift, axis=_SPACE)


def flat_pixels(images: Any) -> Any:
    """Make every position of every image a row.

    Parameters
    ----------
    images : array of shape (n, h, w, c)
        Images.

    Returns
    -------
    array of shape (n h w, c)
        Rows, images after one another.
    """
    return compat.array_namespace(images).reshape(images, (-1, int(images.shape[-1])))
