"""How many nats it takes to code rows up to a distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian_rate"]

_EPS = float(np.finfo(np.float64).eps)
_NEGLIGIBLE = 1e-8  # nats


def gaussian_rate(rows: NDArray[np.float64], distortion: float) -> float:
    r"""Compute :math:`\frac{1}{2} \ln\det(I + \frac{d}{n \epsilon^2} Z^\top Z)`.

    It is that of the smaller Gram matrix; where the distortion is so small that the rounding of its entries shows in
    directions that the rows don't take, of their singular values.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        Z.
    distortion : float
        ε, above 0.

    Returns
    -------
    float
        Nats for a row.

    Examples
    --------
    >>> bool(np.isclose(gaussian_rate(np.eye(2), 1.0), np.log(2.0)))
    True
    """
    count, width = rows.shape
    log_factor = 0.5 * (np.log(width) - np.log(count)) - np.log(distortion)
    sides = min(count, width)
    with np.errstate(over="ignore"):
        largest = float(np.einsum("ij,ij->", rows, rows)) * np.exp(2.0 * log_factor)
    if largest * sides * _EPS > _NEGLIGIBLE:
        sizes = np.linalg.svd(rows, compute_uv=False)
        sizes[sizes <= sizes[0] * max(count, width) * _EPS] = 0.0
        with np.errstate(divide="ignore"):
            logs = np.log(sizes)
        return 0.5 * float(np.sum(np.logaddexp(0.0, 2.0 * (logs + log_factor))))
    gram = rows @ rows.T if count < width else rows.T @ rows
    gram *= np.exp(2.0 * log_factor)
    gram.flat[:: sides + 1] += 1.0
    return float(np.sum(np.log(np.diagonal(np.linalg.cholesky(gram)))))
