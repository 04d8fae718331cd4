"""Unfolded convolutions with the same noise at every position of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from theodolite.core import Spectrum
from theodolite.numerics.positions import balanced_kernel


def balanced(spectrum: Spectrum, parameters: Mapping[str, Any] = MappingProxyType({})) -> Spectrum:
    """Scale the kernel positions of an unfolded convolution to noise of one variance.

    Positions of unequal variance, as initialisation or training leaves them, spread the eigenvalues of noise further
    than the law of Marchenko and Pastur says. Each position is divided by the standard deviation of its own bulk, so
    that what stands out at one position doesn't lower the noise there, and all are multiplied by the root mean square.

    Parameters
    ----------
    spectrum : Spectrum
        Of anything.
    parameters : mapping of str to object
        Those of the measure: under the convention of WeightWatcher positions stay as they are.

    Returns
    -------
    Spectrum
        The balanced one, made once; `spectrum` itself where it is of no unfolded convolution.
    """
    positions = int(getattr(spectrum.matrix, "positions", 1))
    if positions == 1 or parameters.get("convention") == "weightwatcher":
        return spectrum
    return spectrum.once("balanced", lambda: _balance(spectrum, positions))


def _balance(spectrum: Spectrum, positions: int) -> Spectrum:
    # What is not finite, or too large to square, is refused here.
    _ = spectrum.eigenvalues
    return Spectrum(balanced_kernel(np.asarray(spectrum.matrix[0 : spectrum.matrix.shape[0]]), positions))
