"""Unfolded convolutions with the same noise at every position of the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Spectrum
from theodolite.numerics.bulk import fit_bulk
from theodolite.numerics.slices import positive_eigenvalues

_LEVEL = 0.001
_FEWEST = 8


def balanced(spectrum: Spectrum) -> Spectrum:
    """Scale the kernel positions of an unfolded convolution to noise of one variance.

    Positions of unequal variance, as initialisation or training leaves them, spread the eigenvalues of noise further
    than the law of Marchenko and Pastur says. Each position is divided by the standard deviation of its own bulk, so
    that what stands out at one position doesn't lower the noise there, and all are multiplied by the root mean square.

    Parameters
    ----------
    spectrum : Spectrum
        Of anything.

    Returns
    -------
    Spectrum
        The balanced one, made once; `spectrum` itself where it is of no unfolded convolution.
    """
    positions = int(getattr(spectrum.matrix, "positions", 1))
    if positions == 1:
        return spectrum
    return spectrum.once("balanced", lambda: Spectrum(_balance(spectrum, positions)))


def _balance(spectrum: Spectrum, positions: int) -> NDArray[np.float64]:
    matrix = np.asarray(spectrum.matrix[0 : spectrum.matrix.shape[0]])
    # What is not finite, or too large to square, is refused here.
    _ = spectrum.eigenvalues
    out = matrix.shape[0]
    stack = np.ascontiguousarray(np.moveaxis(matrix.reshape(out, -1, positions), 2, 0), dtype=np.float64)
    variances = np.array([_variance_of_noise(part) for part in stack])
    live = variances > 0.0
    if not live.any():
        return np.ascontiguousarray(matrix, dtype=np.float64)
    # A position without weights has no noise, and takes no part.
    scale = np.sqrt(variances[live].mean() / variances[live])
    return np.concatenate(list(stack[live] * scale[:, None, None]), axis=1)


def _variance_of_noise(part: NDArray[np.float64]) -> float:
    (values,) = positive_eigenvalues(part)
    bulk = fit_bulk(values, max(part.shape), _LEVEL) if values.size >= _FEWEST else None
    return float(np.mean(part**2)) if bulk is None else bulk.variance
