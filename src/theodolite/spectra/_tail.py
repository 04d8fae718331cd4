"""The fitted tail of a spectrum, found once however many measures ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Field, Outcome, Refusal, Spectrum, to_numpy
from theodolite.core.draws import DrawnSpectrum, Draws
from theodolite.numerics.powerlaw import SMALL_SAMPLE, PowerLawFit, fit_power_law, fit_small_sample
from theodolite.numerics.refits import fit_power_laws

Convention = Literal["theodolite", "weightwatcher"]

SMALLEST_COUNT = 8
"""Fewest eigenvalues that an exponent is estimated from."""

XMIN = Field(
    unit="eigenvalue",
    bounds=(0, None),
    invariant_to=("permutation", "rotation", "transpose"),
    equivariant={"scale": 2},
    reads="where the tail starts",
)
"""What every fitted tail promises of the eigenvalue it starts at."""

TAIL_SIZE = Field(
    unit="eigenvalues",
    bounds=(2, None),
    invariant_to=("scale", "permutation", "rotation", "transpose"),
    reads="lower = looser fit",
)
"""What every fitted tail promises of the number of eigenvalues in it."""

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


def synthetic_spectra(
    spectrum: Spectrum, result: Any, parameters: Mapping[str, Any], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw spectra that follow the fitted law above `xmin` and the eigenvalues themselves below.

    Parameters
    ----------
    spectrum : Spectrum
        What was fitted.
    result : PowerLaw
        The fit.
    parameters : mapping
        The parameters of `power_law`.
    draws : int
        How many.
    rng : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    numpy.ndarray of shape (draws, n)
        Ascending in each row; n counts the eigenvalues that the fit counted as positive.
    """
    sample = sample_of(spectrum, parameters["convention"])
    xmin, rate = float(result.xmin), float(result.alpha) - 1.0
    body = sample[sample < xmin]
    uniform = rng.random((draws, sample.size))
    # Up to the largest eigenvalue where the law ends there.
    reach = -np.expm1(-rate * np.log(sample[-1] / xmin)) if parameters["truncated"] else 1.0
    drawn = xmin * np.exp(-np.log1p(-uniform * reach) / rate)
    if body.size:
        below = rng.random(drawn.shape) < body.size / sample.size
        drawn[below] = body[rng.integers(0, body.size, int(below.sum()))]
    return np.sort(drawn, axis=1)


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
    elif isinstance(spectrum, DrawnSpectrum) and not truncated:
        draws = spectrum.draws
        fit = draws.once(("tails", convention), lambda: _fits_of(draws, convention))[spectrum.index]
    else:
        fit = fit_power_law(sample, sides="both" if ours else "left", truncated=truncated)
    if fit is None:
        raise Refusal(Outcome.NO_POWER_LAW)
    return fit


def _fits_of(draws: Draws, convention: Convention) -> Sequence[PowerLawFit | None]:
    """Fit all draws together, each above its own zero."""
    ours = convention == "theodolite"
    zeros = draws.error_bounds[:, None] if ours else _WEIGHTWATCHER_ZERO
    return fit_power_laws(draws.samples, np.sum(draws.samples <= zeros, axis=1), sides="both" if ours else "left")
