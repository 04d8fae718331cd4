"""Intervals of what a spectrum shows: the measure again, on resamples of the eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Interval, Measure, Note, Outcome, Spectrum, to_numpy
from theodolite.core.draws import Draws
from theodolite.resample.wrapped import Case, Evidence, Found

ANSWERED = 0.9
"""Least share of the draws that must give a value."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap(Evidence):
    """Resample the eigenvalues.

    Parameters
    ----------
    resamples : int
        How many.
    level : float
        Confidence level.
    """

    resamples: int
    level: float
    name: ClassVar[str] = "with_interval"

    def check(self, measure: Measure[..., Any]) -> None:
        """Refuse what looks at more than eigenvalues.

        Parameters
        ----------
        measure : Measure
            The measure.

        Raises
        ------
        TypeError
            If it needs the matrix.
        """
        beyond = sorted(set(measure.traits.needs) - {"eigenvalues", "shape"})
        if beyond:
            raise TypeError(
                f"with_interval: {measure.__name__} looks at more than the eigenvalues ({', '.join(beyond)}), and "
                "nothing else is resampled; with_null sets it against chance"
            )

    def gathered(self, case: Case, rng: np.random.Generator) -> Found:
        """Measure resamples.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream to draw from.

        Returns
        -------
        Found
            An interval for each field but the goodness of a fit and what a test gives, or a note why there is none.
        """
        spectrum, values = _looked_at(case), case.values
        if spectrum.slices > 1 and "shape" in case.traits.needs:
            why = f"{spectrum.slices} pooled slices are fitted one by one"
            return Found({}, {}, tuple(Note(Outcome.NO_INTERVAL, why, field=name) for name in values))
        source = counted(to_numpy(spectrum.eigenvalues), spectrum.error_bound)
        picked = source[rng.integers(source.size, size=(self.resamples, source.size))]
        drawn = case.of_draws(Draws(np.sort(picked, axis=1), spectrum.shape, spectrum.slices), rng)
        # One fewer would also change how many there are, which resamples don't.
        level = np.minimum(source, source[-2:][0])[None]
        shorn = case.of_draws(Draws(level, spectrum.shape, spectrum.slices), rng)
        intervals, notes = {}, []
        for name, value in values.items():
            if case.traits.fields[name].goodness_of_fit or case.traits.fields[name].of_test:
                continue
            sample = drawn[name][np.isfinite(drawn[name])]
            if sample.size < ANSWERED * self.resamples:
                detail = f"{self.resamples - sample.size} of {self.resamples}"
                notes.append(Note(Outcome.NO_INTERVAL, detail, field=name))
                continue
            low, high = percentile_interval(sample, self.level)
            low, high = min(low, value), max(high, value)
            se = spread(sample)
            low, high, se = (case.beside(name, number) for number in (low, high, se))
            intervals[name] = Interval(low, high, self.level, se)
            if _hangs_on_largest(value, sample, shorn[name]):
                notes.append(Note(Outcome.HANGS_ON_LARGEST, field=name))
        return Found(intervals, {}, tuple(notes))


def counted(values: Vector, error_bound: float) -> Vector:
    """Set to zero what can't be told from it, since a drawn spectrum doesn't know the error of the decomposition.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Eigenvalues.
    error_bound : float
        Their absolute error.

    Returns
    -------
    ndarray, shape (n,)
        The same, zero up to the error.
    """
    return np.where(values > error_bound, values, 0.0)


def percentile_interval(sample: Vector, level: float) -> tuple[float, float]:
    """Return the quantiles of a sample that hold its middle.

    Parameters
    ----------
    sample : ndarray, shape (n,)
        Numbers.
    level : float
        Share of the middle.

    Returns
    -------
    low, high : float
        The ``(n + 1) (1 - level) / 2``-th number from below and from above.
    """
    low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2], method="weibull")
    return float(low), float(high)


def spread(sample: Vector) -> float:
    """Return the standard deviation of a sample, near the ends of the range of float64 too.

    Parameters
    ----------
    sample : ndarray, shape (n,)
        At least two numbers.

    Returns
    -------
    float
        The root of the mean square over n - 1.
    """
    largest = float(np.max(np.abs(sample)))
    return largest * float(np.std(sample / largest, ddof=1)) if largest > 0 else 0.0


def _looked_at(case: Case) -> Spectrum:
    """Return the view that the measure takes for what it was given."""
    looks_at = case.traits.looks_at
    spectrum: Spectrum = case.view if looks_at is None else looks_at(case.view, case.parameters)
    return spectrum


def _hangs_on_largest(value: float, sample: Vector, shorn: Vector) -> bool:
    """Tell whether one eigenvalue makes most of the doubt: the normal theory behind every bootstrap fails there."""
    if sample.min() == sample.max():
        return False
    repeated = np.mean(sample == value) > 0.5 and not float(value).is_integer()
    moved = bool(np.isfinite(shorn[0]) and abs(shorn[0] - value) > max(spread(sample), 1e-9 * abs(value)))
    return bool(repeated or moved)
