"""Singular values at the least cost that their sums allow."""

from __future__ import annotations

from theodolite.core import Array, Spectrum, namespace
from theodolite.numerics.gram import gram_error_bound

ROOT_ACCURACY = 1e-9
"""Relative error guaranteed of a sum of singular values taken as roots of eigenvalues."""


def roots(spectrum: Spectrum) -> Array:
    """Return the singular values, ascending: roots of the eigenvalues where those are accurate enough, else by SVD."""
    # An eigenvalue that is off by b moves its root by at most b / root, and by at most the root of b.
    values = spectrum.eigenvalues
    xp = namespace(values)
    singular = xp.sqrt(values)
    if "singular_values" not in spectrum.has or spectrum.shape is None or not bool(values[-1] > 0):
        return singular
    bound = gram_error_bound(spectrum.shape, values[-1])
    worst = bound / xp.maximum(singular, xp.sqrt(bound))
    if bool(xp.sum(worst) <= ROOT_ACCURACY * xp.sum(singular)):
        return singular
    return xp.flip(spectrum.singular_values)
