"""The Gaussian null: spectra of matrices with independent normal entries, drawn exactly and without the matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh_tridiagonal

from theodolite.numerics.powerlaw import fit_power_law

__all__ = [
    "QUANTITIES",
    "SMALLEST_SIDE",
    "Standardisation",
    "chance_statistics",
    "gaussian_eigenvalues",
    "gaussian_shape",
    "marchenko_pastur_rank_shortfall",
    "simulate_chance",
    "standardisation",
]

SMALLEST_SIDE = 8
QUANTITIES = ("power_law.alpha", "power_law.distance", "stable_rank.value", "effective_rank.value")

Vector = NDArray[np.float64]


def gaussian_shape(shape: tuple[float, float]) -> tuple[float, float]:
    """Return the shorter and the longer side of a matrix whose Gaussian null is asked for.

    Parameters
    ----------
    shape : tuple of two numbers
        Rows and columns, in either order: a matrix and its transpose have one spectrum.

    Returns
    -------
    tuple of two float
        The shorter side, a whole number, and the longer side.

    Raises
    ------
    ValueError
        If `shape` is not two finite numbers, or the shorter side is below 8 or not whole.
    """
    sides = sorted(float(side) for side in shape)
    if len(sides) != 2 or not np.all(np.isfinite(sides)):
        raise ValueError(f"shape must be two finite numbers (rows, columns), got {shape!r}")
    short, long = sides
    if short < SMALLEST_SIDE or not short.is_integer():
        raise ValueError(
            f"shape {shape!r} has no Gaussian chance level; the shorter side must be a whole number of at least 8"
        )
    return short, long


def gaussian_eigenvalues(shape: tuple[float, float], rng: np.random.Generator | int) -> Vector:
    """Draw the squared singular values of a matrix of independent standard normal entries.

    Householder reflections from both sides turn such an n × m matrix (n ≤ m) into a lower bidiagonal one whose entries
    are independent: diagonal χ(m), χ(m-1), …, χ(m-n+1) and subdiagonal χ(n-1), …, χ(1). The reflections leave the
    singular values alone, so those of the bidiagonal matrix have exactly the wanted law, at O(n²) operations and O(n)
    memory [1]_. They are found as eigenvalues of the tridiagonal B Bᵀ, each with an absolute error of about
    machine epsilon times the largest.

    Parameters
    ----------
    shape : tuple of two numbers
        Rows and columns, in either order. The longer side need not be whole: the law is that of the Laguerre ensemble,
        which continues it to every real size.
    rng : numpy.random.Generator or int
        The stream to draw from, or a seed.

    Returns
    -------
    ndarray, shape (n,)
        Eigenvalues of the smaller Gram matrix, ascending, none below zero.

    Raises
    ------
    ValueError
        If the shorter side is below 8 or not whole, or a side is not finite.

    References
    ----------
    .. [1] I. Dumitriu and A. Edelman, "Matrix models for beta ensembles", Journal of Mathematical Physics 43 (2002).

    Examples
    --------
    >>> values = gaussian_eigenvalues((256, 1024), 0)
    >>> bool(abs(values.sum() / (256 * 1024) - 1) < 0.02)
    True
    >>> bool(values[-1] < 1.1 * (16 + 32) ** 2)  # the Marchenko–Pastur edge (√n + √m)²
    True
    """  # noqa: DOC502
    short, long = gaussian_shape(shape)
    rng = np.random.default_rng(rng)
    n = int(short)
    diagonal = rng.chisquare(long - np.arange(n))
    below = rng.chisquare(np.arange(n - 1, 0, -1))
    gram_diagonal = diagonal.copy()
    gram_diagonal[1:] += below
    # "sterf" (QL on values alone) is about three times as fast as the driver chosen by default at these sizes.
    values: Vector = eigvalsh_tridiagonal(gram_diagonal, np.sqrt(diagonal[:-1] * below), lapack_driver="sterf")
    return np.maximum(values, 0.0)


def chance_statistics(eigenvalues: Vector) -> Vector:
    """Return the four scale-free quantities of one spectrum that have chance levels.

    Parameters
    ----------
    eigenvalues : ndarray, shape (n,)
        Eigenvalues of the smaller Gram matrix, ascending.

    Returns
    -------
    ndarray, shape (4,)
        In the order of `QUANTITIES`: exponent and Kolmogorov–Smirnov distance (two-sided) of the fitted power law,
        stable rank Σλ / λ_max, and effective rank exp(-Σ p log p) with p = √λ / Σ√λ.

    Raises
    ------
    ValueError
        If there are not two different positive eigenvalues.
    """
    positive = eigenvalues[eigenvalues > 0]
    fit = fit_power_law(positive, sides="both")
    if fit is None:
        raise ValueError("eigenvalues: fewer than two different positive ones; a power law needs a spread")
    singular = np.sqrt(positive)
    share = singular / singular.sum()
    stable = eigenvalues.sum() / eigenvalues[-1]
    effective = np.exp(-np.sum(share * np.log(share)))
    return np.array([fit.alpha, fit.distance, stable, effective])


def simulate_chance(shape: tuple[float, float], draws: int, rng: np.random.Generator | int) -> Vector:
    """Draw the four quantities of `QUANTITIES` for independent Gaussian matrices of one shape.

    Parameters
    ----------
    shape : tuple of two numbers
        Rows and columns, in either order.
    draws : int
        How many matrices, at least 1.
    rng : numpy.random.Generator or int
        The stream to draw from, or a seed.

    Returns
    -------
    ndarray, shape (draws, 4)
        One row per matrix, columns in the order of `QUANTITIES`.

    Raises
    ------
    ValueError
        If `draws` is below 1 or the shape has no Gaussian null.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    rng = np.random.default_rng(rng)
    return np.stack([chance_statistics(gaussian_eigenvalues(shape, rng)) for _ in range(draws)])


@dataclass(frozen=True)
class Standardisation:
    """An increasing map from a quantity to a variable whose null law hardly depends on the shape, and its inverse.

    Attributes
    ----------
    forward : callable
        From values of the quantity to the standard variable.
    backward : callable
        From the standard variable back to the quantity.
    """

    forward: Callable[[Vector], Vector]
    backward: Callable[[Vector], Vector]


def standardisation(quantity: str, shape: tuple[float, float]) -> Standardisation:
    """Return the map under which the null of a quantity is interpolated between shapes.

    The spread of the null is far smaller than its change from one shape to the next (the effective rank of a
    4096 × 4096 matrix varies by one part in 10⁴), so what is interpolated is the deviation from a known limit:

    - exponent: log((alpha - 1) √(n/m)); the eigenvalues' relative spread is proportional to √(n/m) for long matrices;
    - distance: itself;
    - stable rank: the largest eigenvalue in units of the Tracy–Widom law, with Johnstone's centring and scale [1]_;
    - effective rank: the logarithm of the shortfall 1 - r/n relative to its value under the Marchenko–Pastur law,
      times n, since a sum over the spectrum fluctuates by O(1) whatever the size.

    Parameters
    ----------
    quantity : str
        One of `QUANTITIES`.
    shape : tuple of two numbers
        Rows and columns, in either order.

    Returns
    -------
    Standardisation
        The map and its inverse.

    Raises
    ------
    ValueError
        If the quantity is unknown or the shape has no Gaussian null.

    References
    ----------
    .. [1] I. M. Johnstone, "On the distribution of the largest eigenvalue in principal components analysis",
       Annals of Statistics 29 (2001); with n - ½ and m - ½ as in Z. Ma, Bernoulli 18 (2012).
    """
    n, m = gaussian_shape(shape)
    if quantity == "power_law.alpha":
        root = np.sqrt(n / m)
        return Standardisation(lambda x: np.log(np.maximum(x - 1, 0) * root), lambda t: 1 + np.exp(t) / root)
    if quantity == "power_law.distance":
        return Standardisation(lambda x: x, lambda t: t)
    if quantity == "stable_rank.value":
        roots = np.sqrt(n - 0.5), np.sqrt(m - 0.5)
        centre = (roots[0] + roots[1]) ** 2
        width = (roots[0] + roots[1]) * (1 / roots[0] + 1 / roots[1]) ** (1 / 3)
        return Standardisation(lambda x: (centre - n * m / x) / width, lambda t: n * m / (centre - width * t))
    if quantity == "effective_rank.value":
        limit = np.log(marchenko_pastur_rank_shortfall(n / m))
        return Standardisation(
            lambda x: n * (limit - np.log(np.maximum(1 - x / n, 0))), lambda t: -n * np.expm1(limit - t / n)
        )
    raise ValueError(f"{quantity!r} has no chance level; those that have: {', '.join(QUANTITIES)}")


@lru_cache(maxsize=256)
def marchenko_pastur_rank_shortfall(ratio: float) -> float:
    """Return 1 - r/n in the limit of large matrices, where r is the effective rank and n the shorter side.

    With λ = 1 + c + 2√c cos θ the Marchenko–Pastur law of the Gram matrix divided by m has the density
    (2/π) sin²θ / λ on 0 < θ < π, and r/n tends to E[s] exp(-E[s log s] / E[s]) with s = √λ.

    Parameters
    ----------
    ratio : float
        Shorter over longer side c, in (0, 1].

    Returns
    -------
    float
        Relative shortfall of the effective rank, about c/8 for long matrices.
    """
    nodes, weights = _quadrature()
    theta = np.pi * (nodes + 1) / 2
    value = 1 + ratio + 2 * np.sqrt(ratio) * np.cos(theta)
    share = weights * np.sin(theta) ** 2 / value
    first = np.sum(share * np.sqrt(value))
    entropy = np.sum(share * np.sqrt(value) * np.log(value)) / (2 * first)
    return float(-np.expm1(np.log(first) - entropy))


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Vector, Vector]:
    return np.polynomial.legendre.leggauss(256)
