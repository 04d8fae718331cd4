"""The fitted tail of a spectrum, found once however many measures ask for it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Outcome, Refusal, Spectrum, to_numpy
from theodolite.numerics.powerlaw import SMALL_SAMPLE, PowerLawFit, fit_power_law, fit_small_sample

Convention = Literal["theodolite", "weightwatcher"]

SMALLEST_COUNT = 8
"""Fewest eigenvalues that an exponent is estimated from."""

_WEIGHTWATCHER_ZERO = 1e-5


def fitted_tail(spectrum: Spectrum, convention: Convention, *, truncated: bool = False) -> PowerLawFit:
    """Return the fit of `power_law`.

    Parameters
    ----------
    spectrum : Spectrum
        What to fit.
    convention : {"theodolite", "weightwatcher"}
        Whose threshold, distance and small-sample path.
    truncated : bool
        Whether the law ends at the largest eigenvalue.

    Returns
    -------
    PowerLawFit
        The fitted tail.

    Raises
    ------
    Refusal
        Where there is none.
    """
    found = spectrum.once(("tail", convention, truncated), lambda: _fit_or_refusal(spectrum, convention, truncated))
    if isinstance(found, Refusal):
        raise Refusal(found.outcome, found.detail)
    return found


def small_sample(sample_size: int, convention: Convention, truncated: bool) -> bool:
    """Tell whether WeightWatcher's small-sample path is taken; the truncated law is powerlaw's, which has none."""
    return convention == "weightwatcher" and not truncated and sample_size < SMALL_SAMPLE


def sample_of(spectrum: Spectrum, convention: Convention) -> NDArray[np.float64]:
    """Return the eigenvalues that count as positive."""
    values = to_numpy(spectrum.eigenvalues)
    return np.asarray(values[values > _zero(spectrum, convention)])


def _zero(spectrum: Spectrum, convention: Convention) -> float:
    return spectrum.error_bound if convention == "theodolite" else _WEIGHTWATCHER_ZERO


def _fit_or_refusal(spectrum: Spectrum, convention: Convention, truncated: bool) -> PowerLawFit | Refusal:
    try:
        return _fit(spectrum, convention, truncated)
    except Refusal as refusal:
        return refusal


def _fit(spectrum: Spectrum, convention: Convention, truncated: bool) -> PowerLawFit:
    if not to_numpy(spectrum.eigenvalues)[-1] > 0.0:
        raise Refusal(Outcome.ALL_ZERO)
    ours = convention == "theodolite"
    sample = sample_of(spectrum, convention)
    least = SMALLEST_COUNT if ours else 2
    if sample.size < least:
        above = f"{sample.size} of {spectrum.count} are above {_zero(spectrum, convention):.2g}"
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{above}, at least {least} needed")
    if sample[-1] - sample[0] <= 2.0 * spectrum.error_bound:
        raise Refusal(Outcome.NO_SPREAD, f"{sample.size} eigenvalues of {sample[-1]:.6g}")
    if small_sample(sample.size, convention, truncated):
        fit = fit_small_sample(sample)
    else:
        fit = fit_power_law(sample, sides="both" if ours else "left", truncated=truncated)
    if fit is None:
        raise Refusal(Outcome.NO_POWER_LAW)
    return fit
