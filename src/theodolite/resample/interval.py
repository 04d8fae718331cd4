"""Intervals by the bootstrap: the measure again, on resamples of the eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Interval, Limits, Measure, Note, Outcome, ParameterError, like, to_numpy
from theodolite.core.draws import Draws
from theodolite.core.parameters import complete
from theodolite.resample.wrapped import Case, Evidence, Found, Resampled, wrapped

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
        spectrum, values = case.looked_at, case.values
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
            low, high, se = (like(number, case.spectrum.eigenvalues) for number in (low, high, se))
            intervals[name] = Interval(low, high, self.level, se)
            if _hangs_on_largest(value, sample, shorn[name]):
                notes.append(Note(Outcome.HANGS_ON_LARGEST, field=name))
        return Found(intervals, {}, tuple(notes))


def with_interval(
    measure: Measure[..., Any],
    /,
    *,
    resamples: Annotated[int, Limits(ge=20)] = 200,
    level: Annotated[float, Limits(gt=0, lt=1)] = 0.95,
) -> Resampled:
    r"""Give every number of a measure a bootstrap interval.

    The eigenvalues are drawn again with replacement, as many as there are, and measured again with everything that
    the measure does: for `power_law` the search for `xmin` included. The interval runs between quantiles of what the
    resamples give, stretched to the number itself where that lies outside; the standard error is their standard
    deviation.

    Parameters
    ----------
    measure : Measure or Resampled
        A measure of the spectrum that needs no more than eigenvalues.
    resamples : int
        How many resamples, at least 20 and enough for the level (39 for 95 %).
    level : float
        Confidence level.

    Returns
    -------
    Resampled
        The measure with intervals. It takes `rng`, an int or a `numpy.random.Generator`.

    Raises
    ------
    TypeError
        If the measure needs the matrix itself, or is none of a spectrum.
    ParameterError
        If a setting doesn't fit.

    Notes
    -----
    The plain percentile interval of the plain bootstrap is right for the exponent: over 400 seeded Pareto samples each
    of 30, 100 and 400 eigenvalues it held the truth in 88, 94 and 96 %, and in 96 and 91 % with tails of 300 and 100
    above a body of 300 (`studies/bootstrap_coverage.py`; the basic interval held it in 92 to 95 %, the bias-corrected
    one in 85 to 93 %, that of resamples smoothed between neighbours in 80 to 96 %). Repeated values make the
    Kolmogorov-Smirnov distance of a resample larger, but in every candidate tail alike, so that the search is not
    misled. The standard error is 1.3 to 1.5 times the printed sigma; `power_law` alone inflates that by 1.5, and its
    interval held the truth in 98 to 99 %. The distance itself gets no interval, since that of a resample is larger by
    construction; `with_p_value` judges it. Nor do the statistic and the p-value of `outliers`.

    The kernel positions of an unfolded convolution are drawn as `marchenko_pastur` and `outliers` look at them: scaled
    to one variance, with the scales of the kernel itself.

    A resample knows nothing of how a random matrix places its eigenvalues: they keep apart, so that sums over the
    spectrum of a Gaussian matrix vary far less than those over independent numbers. Intervals of norms and ranks are
    then much too wide for the question "another matrix of this kind?". They answer: how much hangs on single
    eigenvalues? Where a heavy tail has no variance, the means behind effective rank, entropy and participation ratio
    converge slowly, and their intervals are too narrow instead (52 to 84 % where 95 was asked, at exponent 2.5).
    A number that hangs on the largest eigenvalue alone is named in a note.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> u = (np.arange(400) + 0.5) / 400
    >>> fit = with_interval(td.spectra.power_law)(np.diag((1 - u) ** -0.25), rng=0)
    >>> bool(fit.intervals["alpha"].low < 3 < fit.intervals["alpha"].high)
    True
    """  # noqa: DOC502 - raised by what is called
    settings = complete(with_interval, {"resamples": resamples, "level": level})
    if (settings["resamples"] + 1) * (1 - settings["level"]) / 2 < 1 - 1e-9:
        least = int(np.ceil(2 / (1 - settings["level"]) - 1e-9)) - 1
        raise ParameterError(
            f"with_interval: parameter 'resamples' is {resamples}: an interval at level {level} needs at least {least}"
        )
    return wrapped(measure, Bootstrap(**settings))


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


def _hangs_on_largest(value: float, sample: Vector, shorn: Vector) -> bool:
    """Tell whether one eigenvalue makes most of the doubt: the normal theory behind every bootstrap fails there."""
    if sample.min() == sample.max():
        return False
    repeated = np.mean(sample == value) > 0.5 and not float(value).is_integer()
    moved = bool(np.isfinite(shorn[0]) and abs(shorn[0] - value) > max(spread(sample), 1e-9 * abs(value)))
    return bool(repeated or moved)
