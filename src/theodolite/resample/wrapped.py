"""A measure whose numbers come with evidence: how far they may be off, how they stand against chance."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Chance, Estimate, Interval, Measure, Missing, Note, Refusal, Result, Spectrum, Traits
from theodolite.core.measure import speaking_for
from theodolite.core.parameters import complete, takes_rng
from theodolite.core.results import field_readings

ORDER = ("with_interval", "with_null", "with_p_value")
"""The kinds of evidence; each has a random stream of its own, whichever others stand beside it."""

_RNG = "    rng : int or numpy.random.Generator\n        Seed or generator of everything that is drawn.\n\n"


class Evidence(ABC):
    """One kind of evidence, with its settings; a frozen dataclass."""

    name: ClassVar[str]

    @abstractmethod
    def check(self, measure: Measure[..., Any]) -> None:
        """Raise a `TypeError` where there can be no such evidence for a measure."""

    @abstractmethod
    def gathered(self, case: Case, rng: np.random.Generator) -> Found:
        """Gather it for one result."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Found:
    """What was gathered, by field.

    Parameters
    ----------
    intervals : mapping of str to Interval
        How far numbers may be off.
    chances : mapping of str to Chance
        How they stand against chance.
    notes : tuple of Note
        Doubts; a field that has one already keeps that.
    """

    intervals: Mapping[str, Interval]
    chances: Mapping[str, Chance]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Case:
    """A result, and all that is needed to measure other spectra in the same way.

    Parameters
    ----------
    measure : Measure
        The measure without evidence.
    parameters : mapping
        All of its parameters.
    spectrum : Spectrum
        What was measured.
    result : array, Estimate or Result
        What it gave.
    """

    measure: Measure[..., Any]
    parameters: Mapping[str, Any]
    spectrum: Spectrum
    result: Any

    @property
    def traits(self) -> Traits:
        """What the measure declares."""
        return self.measure.traits

    @property
    def values(self) -> dict[str, float]:
        """The numbers of the result, those that are missing left out."""
        readings = field_readings(self.result, self.traits.fields)
        return {reading.field: reading.value for reading in readings if reading.value is not None}

    @property
    def looked_at(self) -> Spectrum:
        """The view that the measure takes for `spectrum`."""
        looks_at = self.traits.looks_at
        return self.spectrum if looks_at is None else looks_at(self.spectrum, self.parameters)

    def of_draws(self, spectra: Iterable[Spectrum], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Measure other spectra.

        Parameters
        ----------
        spectra : iterable of Spectrum
            What to measure.
        rng : numpy.random.Generator
            For a measure that makes random choices.

        Returns
        -------
        dict of str to numpy.ndarray
            Value of each field for each spectrum; NaN where there is none.
        """
        bare = inspect.unwrap(self.measure)  # the parameters are complete; checking them for each draw takes longer
        random = {"rng": rng} if takes_rng(self.measure) else {}
        columns: dict[str, list[float]] = {name: [] for name in self.traits.fields}
        for spectrum in spectra:
            try:
                result = bare(spectrum, **self.parameters, **random)
            except Refusal:
                result = None
            for name, column in columns.items():
                column.append(np.nan if result is None else _number(result, name))
        return {name: np.asarray(column) for name, column in columns.items()}


def _number(result: Any, name: str) -> float:
    part = getattr(result, name) if isinstance(result, (Result, Estimate)) else result
    return np.nan if isinstance(part, Missing) else float(part)


class Resampled:
    """A measure with evidence beside its numbers; itself a measure that takes a random generator.

    Wrapped again, it gathers more; the order of wrapping makes no difference.

    Parameters
    ----------
    measure : Measure
        The measure without evidence.
    evidence : tuple of Evidence
        What is gathered, each kind once.

    Attributes
    ----------
    measure : Measure
    evidence : tuple of Evidence
        In alphabetical order.
    traits : Traits
        Those of the measure.
    """

    traits: Traits
    __name__: str

    def __init__(self, measure: Measure[..., Any], evidence: tuple[Evidence, ...]) -> None:
        functools.update_wrapper(self, measure)
        self.measure = measure
        self.evidence = tuple(sorted(evidence, key=lambda one: one.name))
        self.__signature__ = _with_rng(inspect.signature(measure))
        if not takes_rng(measure) and measure.__doc__:
            self.__doc__ = measure.__doc__.replace("    Returns\n    ---", f"{_RNG}    Returns\n    ---", 1)

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What is gathered and how, as JSON values: ``{"with_interval": {"level": 0.95, "resamples": 200}}``."""
        return {one.name: one.settings for one in self.evidence}

    def __call__(self, *target: Any, **given: Any) -> Any:
        """Measure, and gather the evidence.

        Parameters
        ----------
        *target : Spectrum, array of shape (rows, columns), or weight
            What to measure, one thing.
        **given
            Parameters of the measure, and `rng`: an int or a `numpy.random.Generator`, 0 where it is not given.

        Returns
        -------
        Estimate or Result
            The measure's numbers with intervals and chances.

        Raises
        ------
        TypeError
            If there is not one target.
        """
        name, measure = self.__name__, self.measure
        with speaking_for(name):
            rng = _generator(given.pop("rng", 0))
            (argument,) = _positional(measure)
            if len(target) != 1:
                raise TypeError(f"takes one positional argument, {argument!r}, got {len(target)}")
            spectrum = Spectrum.coerce(target[0], name=argument)
            parameters = complete(measure, given)
        result = measure(spectrum, **parameters, **({"rng": rng} if takes_rng(measure) else {}))
        case = Case(measure, parameters, spectrum, result)
        streams = dict(zip(ORDER, rng.integers(1 << 63, size=len(ORDER)), strict=True))
        with speaking_for(name):
            for one in self.evidence:
                result = _beside(result, one.gathered(case, np.random.default_rng(streams[one.name])))
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resampled) and (self.measure, self.evidence) == (other.measure, other.evidence)

    def __hash__(self) -> int:
        return hash((self.measure, self.evidence))

    def __reduce__(self) -> tuple[type[Resampled], tuple[Measure[..., Any], tuple[Evidence, ...]]]:
        return Resampled, (self.measure, self.evidence)

    def __repr__(self) -> str:
        shown = self.__name__
        for one in self.evidence:
            settings = ", ".join(f"{key}={value!r}" for key, value in one.settings.items())
            shown = f"{one.name}({shown}, {settings})"
        return shown


def wrapped(measure: Any, evidence: Evidence) -> Resampled:
    """Put evidence beside a measure's numbers.

    Parameters
    ----------
    measure : Measure or Resampled
        The measure.
    evidence : Evidence
        What is gathered.

    Returns
    -------
    Resampled
        The measure with all of its evidence.

    Raises
    ------
    TypeError
        If it is no measure of one spectrum, or this evidence can't be gathered for it.
    ValueError
        If it has evidence of this kind already.
    """
    if isinstance(measure, functools.partial):
        bound = ", ".join(f"{key}={value!r}" for key, value in measure.keywords.items())
        raise TypeError(
            f"{evidence.name}: wrap the measure and bind its parameters outside: "
            f"partial({evidence.name}({getattr(measure.func, '__name__', measure.func)}), {bound})"
        )
    if getattr(measure, "traits", None) is None or measure.traits.views != (Spectrum,):
        raise TypeError(
            f"{evidence.name}: expected a measure of one spectrum, such as td.spectra.stable_rank, "
            f"got {getattr(measure, '__name__', measure)!r}"
        )
    known = measure.evidence if isinstance(measure, Resampled) else ()
    bare = measure.measure if isinstance(measure, Resampled) else measure
    if any(one.name == evidence.name for one in known):
        raise ValueError(f"{evidence.name}: {measure!r} has it already; wrap the measure itself with other settings")
    evidence.check(bare)
    return Resampled(bare, (*known, evidence))


def _generator(rng: Any) -> np.random.Generator:
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer, np.random.Generator)):
        raise TypeError(f"rng: expected an int or a numpy.random.Generator, got {rng!r}")
    return np.random.default_rng(rng)


def _positional(measure: Measure[..., Any]) -> list[str]:
    given = inspect.signature(measure).parameters.values()
    return [parameter.name for parameter in given if parameter.kind is parameter.POSITIONAL_ONLY][:1]


def _with_rng(signature: inspect.Signature) -> inspect.Signature:
    if "rng" in signature.parameters:
        return signature
    rng = inspect.Parameter("rng", inspect.Parameter.KEYWORD_ONLY, default=0, annotation="int | numpy.random.Generator")
    return signature.replace(parameters=[*signature.parameters.values(), rng])


def _beside(result: Any, found: Found) -> Any:
    """Put what was found beside the numbers."""
    doubtful = {note.field for note in getattr(result, "notes", ())}
    fresh = tuple(note for note in found.notes if note.field not in doubtful)
    if isinstance(result, Result):
        chances = {**result.chances}
        for name, chance in found.chances.items():
            chances[name] = _both(chances.get(name), chance)
        return replace(
            result,
            intervals={**result.intervals, **found.intervals},
            chances=chances,
            notes=(*result.notes, *fresh),
        )
    estimate = result if isinstance(result, Estimate) else Estimate(result)
    found_chance = found.chances.get("value")
    return replace(
        estimate,
        interval=found.intervals.get("value", estimate.interval),
        chance=estimate.chance if found_chance is None else _both(estimate.chance, found_chance),
        notes=(*estimate.notes, *fresh),
    )


def _both(known: Chance | None, more: Chance) -> Chance:
    if known is None:
        return more
    told = {name: value for name, value in vars(more).items() if value is not None}
    return replace(known, **told)
