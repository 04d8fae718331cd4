"""Chance levels by drawing: the measure again, on matrices that have nothing but their size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Chance, Limits, Measure, Note, Outcome, Spectrum, is_array, like, to_numpy
from theodolite.core.draws import Draws
from theodolite.core.parameters import complete
from theodolite.numerics.gram import gram_eigenvalues
from theodolite.numerics.nulls import SMALLEST_SIDE, gaussian_eigenvalues
from theodolite.resample.interval import ANSWERED, counted
from theodolite.resample.wrapped import Case, Evidence, Found, Resampled, wrapped

Host = NDArray[np.float64]
Null = Literal["gaussian", "permuted"]

_SAME = 1e-9  # what a null leaves alone comes back rounded


@dataclass(frozen=True)
class NullDraws(Evidence):
    """Draw matrices from a null.

    Parameters
    ----------
    null : {"gaussian", "permuted"}
        Which.
    draws : int
        How many.
    """

    null: Null
    draws: int
    name: ClassVar[str] = "with_null"

    def check(self, measure: Measure[..., Any]) -> None:
        """Every measure of a spectrum has a null.

        Parameters
        ----------
        measure : Measure
            The measure.
        """

    def gathered(self, case: Case, rng: np.random.Generator) -> Found:
        """Measure draws from the null.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream to draw from.

        Returns
        -------
        Found
            Median, percentile and p-value of each field, or a note why there are none.
        """
        spectrum, values = case.spectrum, case.values
        obstacle = self._obstacle(spectrum)
        if obstacle:
            return Found({}, {}, tuple(Note(Outcome.NO_NULL, obstacle, field=name) for name in values))
        drawn = case.of_draws(self._drawn(case, rng), rng)
        chances, notes = {}, []
        for name, value in values.items():
            sample = drawn[name][np.isfinite(drawn[name])]
            if sample.size < ANSWERED * self.draws:
                detail = f"no value on {self.draws - sample.size} of {self.draws} draws"
                notes.append(Note(Outcome.NO_NULL, detail, field=name))
                continue
            percentile, p_value = standing(value, sample)
            chances[name] = Chance(like(float(np.median(sample)), spectrum.eigenvalues), percentile, p_value)
        return Found({}, chances, tuple(notes))

    def _obstacle(self, spectrum: Spectrum) -> str:
        if self.null == "permuted" and spectrum.matrix is None:
            return "the view has eigenvalues alone, and permuting needs the entries"
        if spectrum.shape is None:
            return "the shape is unknown"
        if getattr(spectrum.matrix, "view", "") == "fft":
            return "the blocks of a convolution's operator are no matrices of independent entries"
        if not np.all(np.isfinite(_sizes(spectrum))):
            return "the Frobenius norm leaves the range of float64 when squared"
        return ""

    def _drawn(self, case: Case, rng: np.random.Generator) -> Iterable[Spectrum]:
        spectrum = case.spectrum
        needs = set(case.traits.needs)
        by_values = needs <= {"eigenvalues"} or (needs <= {"eigenvalues", "shape"} and spectrum.slices == 1)
        if self.null == "gaussian":
            return self._gaussian(spectrum, rng, by_values)
        whole = _entries(spectrum)
        return self._of_matrices(lambda: rng.permuted(whole.reshape(whole.shape[0], -1), axis=1), spectrum, by_values)

    def _gaussian(self, spectrum: Spectrum, rng: np.random.Generator, by_values: bool) -> Iterable[Spectrum]:
        shape = spectrum.shape
        assert shape is not None  # noqa: S101 - there is an obstacle otherwise
        sizes = _sizes(spectrum)

        def matrices() -> Host:
            entries = rng.standard_normal((sizes.size, shape[0] * shape[1]))
            return np.asarray(entries * (sizes**0.5 / np.linalg.norm(entries, axis=1))[:, None])

        if not by_values or min(shape) < SMALLEST_SIDE:
            return self._of_matrices(matrices, spectrum, by_values)
        samples = np.empty((self.draws, sizes.size, min(shape)))
        for sample in samples:
            for place, size in enumerate(sizes):
                values = gaussian_eigenvalues(shape, rng)
                sample[place] = values * (size / values.sum())
        return Draws(np.sort(samples.reshape(self.draws, -1), axis=1), shape, spectrum.slices)

    def _of_matrices(self, draw: Callable[[], Host], spectrum: Spectrum, by_values: bool) -> Iterable[Spectrum]:
        shape = spectrum.shape
        assert shape is not None  # noqa: S101 - there is an obstacle otherwise
        stacked = spectrum.matrix is not None and spectrum.matrix.ndim == 3

        def matrices() -> Iterator[Host]:
            for _ in range(self.draws):
                entries = draw()
                yield entries.reshape((entries.shape[0], *shape) if stacked else shape)

        if not by_values:
            return map(Spectrum, matrices())
        samples = np.stack([counted(*gram_eigenvalues(matrix)) for matrix in matrices()])
        return Draws(samples, shape, spectrum.slices)


def with_null(
    measure: Measure[..., Any],
    /,
    *,
    null: Null = "gaussian",
    draws: Annotated[int, Limits(ge=19)] = 199,
) -> Resampled:
    r"""Set every number of a measure against what it is of matrices without structure.

    Parameters
    ----------
    measure : Measure or Resampled
        A measure of the spectrum.
    null : {"gaussian", "permuted"}
        ``"gaussian"``: independent normal entries, the shape being the matrix's; where the measure needs eigenvalues
        only, they are drawn without the matrix, by the bidiagonal model of chi variables. ``"permuted"``: the entries
        of the matrix itself in random places, which keeps their distribution, heavy tails included. Each draw, and
        each slice of a stack, has the Frobenius norm of the matrix.
    draws : int
        How many, at least 19.

    Returns
    -------
    Resampled
        The measure with the median of chance, the percentile and a two-sided p-value beside each number. It takes
        `rng`, an int or a `numpy.random.Generator`.

    Raises
    ------
    TypeError
        If it is no measure of a spectrum.
    ParameterError
        If a setting doesn't fit.

    Notes
    -----
    The percentile counts half of the draws that equal the number, and stays between ``50 / (draws + 1)`` and its
    complement to 100. The p-value is twice the smaller share of draws at least as far out on one side, the number
    itself counted among them: it is at least ``2 / (draws + 1)``, and under the null at most a with a probability of at
    most a. What the null keeps (the Frobenius norm) stands at percentile 50.

    The levels that a survey sets beside alpha, distance, stable and effective rank come from a shipped table of the
    Gaussian null and cost nothing; this wrapper draws for any measure, and for the permuted null.

    Cost: one decomposition for each draw with permuted entries; O(n²) for each Gaussian one.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> spike = np.random.default_rng(0).standard_normal((64, 64)) + 1.0
    >>> found = with_null(td.spectra.stable_rank, draws=99)(spike, rng=0)
    >>> bool(found.value < 0.5 * found.chance.median), found.chance.percentile, found.chance.p_value
    (True, 0.5, 0.02)
    """  # noqa: DOC502 - raised by what is called
    return wrapped(measure, NullDraws(**complete(with_null, {"null": null, "draws": draws})))


def standing(value: float, sample: Host) -> tuple[float, float]:
    """Place a number among draws.

    Parameters
    ----------
    value : float
        The number.
    sample : ndarray, shape (n,)
        The draws.

    Returns
    -------
    percentile, p_value : float
        As `with_null` says.
    """
    equal = np.abs(sample - value) <= _SAME * np.maximum(np.abs(sample), abs(value))
    below = int(np.sum((sample < value) & ~equal))
    ties = int(np.sum(equal))
    above = sample.size - below - ties
    percentile = 100.0 * (below + 0.5 * ties + 0.5) / (sample.size + 1)
    return percentile, min(1.0, 2.0 * (min(below, above) + ties + 1) / (sample.size + 1))


def _entries(spectrum: Spectrum) -> Host:
    """Read the matrix, one row for each slice."""
    matrix = spectrum.matrix
    whole = to_numpy(matrix if is_array(matrix) else matrix[0 : matrix.shape[0]]).astype(np.float64)
    return whole.reshape(spectrum.slices, -1)


def _sizes(spectrum: Spectrum) -> Host:
    """Return the squared Frobenius norm of each slice."""
    with np.errstate(over="ignore"):
        if spectrum.slices == 1:
            return np.asarray([to_numpy(spectrum.eigenvalues).sum()])
        return np.asarray(np.sum(_entries(spectrum) ** 2, axis=1))
