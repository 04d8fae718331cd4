"""Clouds whose likeness is known before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from theodolite.testing.planted import orthogonal

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def correlated(
    rows: int, first: int, second: int, correlations: Sequence[float], *, rng: int | np.random.Generator = 0
) -> tuple[FloatArray, FloatArray]:
    r"""Build two clouds of orthonormal features with exactly these canonical correlations.

    Known answers, to rounding, with :math:`\rho` the correlations and zeros beside them: the means are zero and
    :math:`X^\top X = I`, :math:`Y^\top Y = I`; the singular values of :math:`X^\top Y` are :math:`\rho`; the angular
    Procrustes distance is :math:`\arccos(\sum \rho / \sqrt{d e})`, the size-and-shape distance
    :math:`\sqrt{d + e - 2 \sum \rho}`, biased linear CKA :math:`\sum \rho^2 / \sqrt{d e}`; the share of the variance
    of Y that a linear map of X explains is :math:`\sum \rho^2 / e`. An invertible map of the features of either
    (``x @ a``) leaves the canonical correlations as they are.

    Parameters
    ----------
    rows : int
        Number of rows, above `first` + `second`.
    first, second : int
        Features of the clouds.
    correlations : sequence of float
        Between 0 and 1, at most as many as the smaller of `first` and `second`.
    rng : int or numpy.random.Generator
        Seed or generator of the directions.

    Returns
    -------
    x : numpy.ndarray of shape (rows, first)
        One cloud.
    y : numpy.ndarray of shape (rows, second)
        The other.

    Raises
    ------
    ValueError
        If there are too few rows, too many correlations, or one outside [0, 1].
    """
    rho = np.asarray(correlations, dtype=np.float64)
    if rows <= first + second:
        raise ValueError(f"rows: {first} + {second} centred orthonormal features need more rows than that, got {rows}")
    if rho.size > min(first, second) or np.any((rho < 0) | (rho > 1)):
        raise ValueError(f"correlations: expected at most {min(first, second)} numbers in [0, 1], got {correlations}")
    generator = np.random.default_rng(rng)
    centred = generator.standard_normal((rows, first + second))
    basis, _ = np.linalg.qr(centred - centred.mean(axis=0))
    x, apart = basis[:, :first], basis[:, first:]
    y = apart.copy()
    y[:, : rho.size] = x[:, : rho.size] * rho + apart[:, : rho.size] * np.sqrt(1 - rho**2)
    return x @ orthogonal(first, rng=generator), y @ orthogonal(second, rng=generator)


def rotated_copy(
    cloud: FloatArray,
    width: int | None = None,
    *,
    size: float = 1.0,
    shift: float = 0.0,
    noise: float = 0.0,
    rng: int | np.random.Generator = 0,
) -> FloatArray:
    r"""Copy a cloud into another pose: rotated, in more features if asked, resized, moved, under noise.

    Known answers without noise: every distance that is invariant to rotation and translation (and, where `size` is
    not 1, to scale) is zero, every such similarity 1. With noise, the sum of squares that is left after the best
    alignment is at most that of the noise, about ``noise**2 * rows * width``.

    Parameters
    ----------
    cloud : ndarray, shape (rows, columns)
        What is copied.
    width : int, optional
        Features of the copy, no fewer than `columns`; as many where it is not given.
    size : float
        Factor.
    shift : float
        Standard deviation of the vector that is added to each row.
    noise : float
        Standard deviation of the entries that are added.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, width)
        The copy, float64.

    Raises
    ------
    ValueError
        If `width` is too small to hold the cloud.
    """
    rows, columns = cloud.shape
    wide = columns if width is None else width
    if wide < columns:
        raise ValueError(f"width: {columns} features can't be rotated into {wide}; give {columns} or more")
    generator = np.random.default_rng(rng)
    copy = size * cloud @ orthogonal(columns, wide, rng=generator) + shift * generator.standard_normal(wide)
    return copy + noise * generator.standard_normal((rows, wide)) if noise else copy


def shared_latent(
    rows: int,
    first: int,
    second: int,
    *,
    shared: int = 4,
    noise: float = 0.5,
    rng: int | np.random.Generator = 0,
) -> tuple[FloatArray, FloatArray]:
    r"""Draw two clouds that look at the same latent variables, each through features of its own.

    Rows are independent: :math:`x = A z + \sigma \epsilon`, :math:`y = B z + \sigma \eta`, with `shared` independent
    normal :math:`z` and orthonormal columns in :math:`A` and :math:`B`.

    Known answers in the limit of many rows, with :math:`k` shared variables: `k` canonical correlations are
    :math:`1 / (1 + \sigma^2)` and the rest zero; linear CKA is
    :math:`k / \sqrt{(k (1 + \sigma^2)^2 + (d - k) \sigma^4) (k (1 + \sigma^2)^2 + (e - k) \sigma^4)}`, which its
    unbiased estimator gives on average at any number of rows, up to the bias of a ratio.

    Parameters
    ----------
    rows : int
        How many.
    first, second : int
        Features of the clouds.
    shared : int
        Latent variables, at most as many as the smaller of `first` and `second`.
    noise : float
        Standard deviation of what each cloud has alone.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    x : numpy.ndarray of shape (rows, first)
        One cloud.
    y : numpy.ndarray of shape (rows, second)
        The other.

    Raises
    ------
    ValueError
        If more variables are shared than there are features.
    """
    if shared > min(first, second):
        raise ValueError(f"shared: {shared} variables don't fit into {min(first, second)} features")
    generator = np.random.default_rng(rng)
    latent = generator.standard_normal((rows, shared))
    x, y = (
        latent @ orthogonal(shared, width, rng=generator) + noise * generator.standard_normal((rows, width))
        for width in (first, second)
    )
    return x, y
