"""The tail of a spectrum under one family of laws, found once however many measures ask for it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Note, Outcome, Refusal, Spectrum, to_numpy
from theodolite.numerics.tail_laws import Family
from theodolite.numerics.tail_search import TailFit, fit_tail, spectral_peak
from theodolite.spectra._tail import SMALLEST_COUNT, sample_of

TailConvention = Literal["theodolite", "weightwatcher", "powerlaw"]
Start = Literal["search", "peak"]

SHORT_TAIL = 30
_NEAR_PEAK = (0.95, 1.05)


def fitted_family(spectrum: Spectrum, family: Family, start: Start, convention: TailConvention) -> TailFit:
    """Return the fit of one family.

    Parameters
    ----------
    spectrum : Spectrum
        What to fit.
    family : str
        The family.
    start : {"search", "peak"}
        Which eigenvalues may be the start of the tail.
    convention : {"theodolite", "weightwatcher", "powerlaw"}
        Whose threshold, distance and neighbourhood of the peak.

    Returns
    -------
    TailFit
        The fitted tail.

    Raises
    ------
    Refusal
        Where there is none.
    """
    found = spectrum.once(
        ("family", family, start, convention), lambda: _or_refusal(spectrum, family, start, convention)
    )
    if isinstance(found, Refusal):
        raise Refusal(found.outcome, found.detail)
    return found


def positive_sample(spectrum: Spectrum, convention: TailConvention) -> NDArray[np.float64]:
    """Return the eigenvalues that a tail may be fitted to.

    Parameters
    ----------
    spectrum : Spectrum
        What to fit.
    convention : {"theodolite", "weightwatcher", "powerlaw"}
        Whose threshold.

    Returns
    -------
    numpy.ndarray of shape (n,)
        Ascending, positive, not all equal.

    Raises
    ------
    Refusal
        Where they are too few, or equal.
    """
    if not to_numpy(spectrum.eigenvalues)[-1] > 0.0:
        raise Refusal(Outcome.ALL_ZERO)
    sample = sample_of(spectrum, "theodolite" if convention == "theodolite" else "weightwatcher")
    if sample.size < SMALLEST_COUNT:
        above = f"{sample.size} of {spectrum.count} count as positive"
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{above}, at least {SMALLEST_COUNT} needed")
    if sample[-1] - sample[0] <= 2.0 * spectrum.error_bound:
        raise Refusal(Outcome.NO_SPREAD, f"{sample.size} eigenvalues of {sample[-1]:.6g}")
    return sample


def short_tail(fit: TailFit, field: str) -> list[Note]:
    """Return the note that a tail is short, if it is.

    Parameters
    ----------
    fit : TailFit
        The tail.
    field : str
        The field that is loose for it.

    Returns
    -------
    list of Note
        One, or none.
    """
    return [Note(Outcome.SHORT_TAIL, f"{fit.tail_size} eigenvalues", field)] if fit.tail_size < SHORT_TAIL else []


def _or_refusal(spectrum: Spectrum, family: Family, start: Start, convention: TailConvention) -> TailFit | Refusal:
    try:
        return _fit(spectrum, family, start, convention)
    except Refusal as refusal:
        return refusal


def _fit(spectrum: Spectrum, family: Family, start: Start, convention: TailConvention) -> TailFit:
    sample = positive_sample(spectrum, convention)
    within = None
    if start == "peak":
        peak = spectral_peak(sample)
        low, high = (float(share * peak) for share in _NEAR_PEAK)
        # WeightWatcher 0.7.7 takes a logarithm for the lower end and another share for the upper one.
        within = (float(np.log10(low)), 1.5 * peak) if convention == "weightwatcher" else (low, high)
    fit = fit_tail(
        sample,
        family,
        sides="both" if convention == "theodolite" else "left",
        truncated=convention == "powerlaw",
        within=within,
    )
    if fit is None and start == "peak":
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, "no tail of this family starts near the peak of the histogram")
    if fit is None:
        raise Refusal(Outcome.AT_BOUND, "every candidate tail is at least as heavy as a power law")
    return fit
