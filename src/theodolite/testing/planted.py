"""Matrices and spectra whose answers are known before anything is measured."""

from __future__ import annotations

from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def gaussian(rows: int, columns: int, *, sd: float = 1.0, rng: int | np.random.Generator = 0) -> FloatArray:
    r"""Draw a matrix of independent Gaussian entries: what a freshly initialised layer looks like.

    Known answers: the eigenvalues of the smaller Gram matrix follow the Marchenko-Pastur law, so that for long side
    :math:`N` and short side :math:`M` they lie near
    :math:`[(\sqrt N - \sqrt M)^2, (\sqrt N + \sqrt M)^2] \, \mathrm{sd}^2`; the rank is full and nothing stands out.

    Parameters
    ----------
    rows, columns : int
        Shape.
    sd : float
        Standard deviation of the entries.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.
    """
    return sd * np.random.default_rng(rng).standard_normal((rows, columns))


def orthogonal(rows: int, columns: int | None = None, *, rng: int | np.random.Generator = 0) -> FloatArray:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer.

    Known answers, with n the smaller side: every eigenvalue is 1; stable, effective, numerical rank and participation
    ratio are n; the normalised entropy is 1; the spectral norm is 1, the Frobenius norm sqrt(n), the nuclear norm n.
    Nothing spreads, so that exponents are undefined.

    Parameters
    ----------
    rows : int
        Number of rows.
    columns : int, optional
        Number of columns; as many as rows where it is not given.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.
    """
    width = rows if columns is None else columns
    tall = np.random.default_rng(rng).standard_normal((max(rows, width), min(rows, width)))
    factor, triangle = np.linalg.qr(tall)
    basis = factor * np.sign(np.diagonal(triangle))
    return basis if rows >= width else np.ascontiguousarray(basis.T)


def with_eigenvalues(
    eigenvalues: FloatArray, rows: int, columns: int, *, rng: int | np.random.Generator = 0
) -> FloatArray:
    """Build a matrix whose smaller Gram matrix has exactly these eigenvalues, in random directions.

    Known answers: every function of the spectrum, to rounding.

    Parameters
    ----------
    eigenvalues : numpy.ndarray of shape (count,)
        Squared singular values, not negative; the spectrum is filled up with zeros where they are fewer than the
        smaller side.
    rows, columns : int
        Shape; the smaller side is at least `count`.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.

    Raises
    ------
    ValueError
        If the matrix has fewer eigenvalues than are given.
    """
    count = eigenvalues.shape[0]
    if count > min(rows, columns):
        raise ValueError(f"eigenvalues: a {rows} x {columns} matrix has {min(rows, columns)} of them, got {count}")
    generator = np.random.default_rng(rng)
    left = orthogonal(rows, count, rng=generator)
    right = orthogonal(columns, count, rng=generator)
    return (left * np.sqrt(eigenvalues)) @ right.T


def rank_one(rows: int, columns: int, *, size: float = 1.0, rng: int | np.random.Generator = 0) -> FloatArray:
    """Draw a matrix of rank one.

    Known answers: its one eigenvalue that is not zero is ``size**2``; every rank and the participation ratio are 1;
    all norms are `size`.

    Parameters
    ----------
    rows, columns : int
        Shape.
    size : float
        The singular value.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.
    """
    return with_eigenvalues(np.asarray([size**2]), rows, columns, rng=rng)


def low_rank(
    rows: int, columns: int, rank: int, *, size: float = 1.0, noise: float = 0.0, rng: int | np.random.Generator = 0
) -> FloatArray:
    """Draw a matrix with `rank` equal singular values, under Gaussian noise if asked.

    Known answers without noise: stable, effective, numerical rank and participation ratio are all `rank`; the spectral
    norm is `size`. With noise the matrix has full rank, and `rank` eigenvalues stand clear of the rest as long as
    `size` exceeds ``noise * (sqrt(rows) + sqrt(columns))``.

    Parameters
    ----------
    rows, columns : int
        Shape.
    rank : int
        How many singular values are not zero before the noise.
    size : float
        What they all are.
    noise : float
        Standard deviation of the entries that are added.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.
    """
    generator = np.random.default_rng(rng)
    planted = with_eigenvalues(np.full(rank, size**2), rows, columns, rng=generator)
    return planted + noise * generator.standard_normal((rows, columns)) if noise else planted


def pareto_eigenvalues(
    count: int, alpha: float, *, xmin: float = 1.0, rng: int | np.random.Generator | None = None
) -> FloatArray:
    r"""Give eigenvalues with the density :math:`p(x) \propto x^{-\alpha}` above `xmin`.

    Known answers: the exponent is `alpha` and the tail starts at `xmin`. Without `rng` the values are the quantiles
    at :math:`(i - 1/2) / n`, which a Kolmogorov-Smirnov distance can't beat; with `rng` they are a random draw, for
    which the exponent over the whole sample has the standard error :math:`(\alpha - 1) / \sqrt n` (and about 1.4 to
    1.8 times that where xmin is searched for).

    Parameters
    ----------
    count : int
        How many.
    alpha : float
        Exponent of the density, above 1.
    xmin : float
        Where the tail starts.
    rng : int or numpy.random.Generator, optional
        Seed or generator of a random draw; exact quantiles where it is not given.

    Returns
    -------
    numpy.ndarray of shape (count,)
        Ascending, float64.

    Raises
    ------
    ValueError
        If `alpha` is not above 1: such a density has no finite integral.
    """
    if alpha <= 1:
        raise ValueError(f"alpha: expected an exponent above 1, got {alpha}")
    if rng is None:
        survival = 1.0 - (np.arange(count) + 0.5) / count
    else:
        survival = 1.0 - np.sort(np.random.default_rng(rng).random(count))
    return xmin * survival ** (-1.0 / (alpha - 1.0))


def heavy_tailed(rows: int, columns: int, alpha: float, *, rng: int | np.random.Generator = 0) -> FloatArray:
    """Build a matrix whose eigenvalues are exactly Pareto with exponent `alpha`, in random directions.

    Known answers: those of `pareto_eigenvalues` with ``xmin=1`` and as many eigenvalues as the smaller side.

    Parameters
    ----------
    rows, columns : int
        Shape.
    alpha : float
        Exponent of the eigenvalues' density, above 1.
    rng : int or numpy.random.Generator
        Seed or generator of the directions.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.
    """
    return with_eigenvalues(pareto_eigenvalues(min(rows, columns), alpha), rows, columns, rng=rng)


def heavy_entries(rows: int, columns: int, tail: float, *, rng: int | np.random.Generator = 0) -> FloatArray:
    r"""Draw independent symmetric entries with :math:`P(|w| > t) = t^{-\mathrm{tail}}` for :math:`t \ge 1`.

    Known answers, for ``tail < 4`` and in the limit of large matrices [1]_: the largest eigenvalues are those of the
    largest entries squared, and their density falls with the exponent ``1 + tail / 2``.

    Parameters
    ----------
    rows, columns : int
        Shape.
    tail : float
        Exponent of the entries' survival function, above 0.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64.

    Raises
    ------
    ValueError
        If `tail` is not above 0.

    References
    ----------
    .. [1] A. Auffinger, G. Ben Arous and S. Péché, Poisson convergence for the largest eigenvalues of heavy tailed
       random matrices, Ann. Inst. H. Poincaré Probab. Statist. 45 (2009) 589-610.
    """
    if tail <= 0:
        raise ValueError(f"tail: expected an exponent above 0, got {tail}")
    generator = np.random.default_rng(rng)
    size = (1.0 - generator.random((rows, columns))) ** (-1.0 / tail)
    return np.asarray(size * generator.choice(np.asarray([-1.0, 1.0]), size=(rows, columns)))


def lattice(rows: int, columns: int) -> FloatArray:
    """Give a fixed matrix without structure, from arithmetic alone: the same on every machine and every NumPy.

    Entry (i, j) is the fractional part of ``i * sqrt(2) + j * sqrt(3) + i * j * sqrt(5)``, less one half, for i and j
    from 1. Made for numbers that must not change from one version of the package to the next.

    Parameters
    ----------
    rows, columns : int
        Shape.

    Returns
    -------
    numpy.ndarray of shape (rows, columns)
        The matrix, float64, entries in [-0.5, 0.5).
    """
    i = np.arange(1.0, rows + 1)[:, None]
    j = np.arange(1.0, columns + 1)[None, :]
    return np.asarray(np.mod(i * np.sqrt(2.0) + j * np.sqrt(3.0) + i * j * np.sqrt(5.0), 1.0) - 0.5)
