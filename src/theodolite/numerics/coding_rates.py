"""How many nats it takes to code rows up to a distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian_rate"]


def gaussian_rate(rows: NDArray[np.float64], distortion: float) -> float:
    r"""Compute :math:`\frac{1}{2} \ln\det(I + \frac{d}{n \epsilon^2} Z^\top Z)` from the smaller Gram matrix.

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
    gram = rows @ rows.T if count < width else rows.T @ rows
    gram *= width / (count * distortion) / distortion
    gram.flat[:: gram.shape[0] + 1] += 1.0
    return float(np.sum(np.log(np.diagonal(np.linalg.cholesky(gram)))))
