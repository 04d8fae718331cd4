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

from theodolite.core import (
    Chance,
    Estimate,
    Interval,
    Measure,
    Missing,
    Note,
    Refusal,
    Result,
    Traits,
    View,
    is_array,
    like,
    to_numpy,
)
from theodolite.core.measure import speaking_for
from theodolite.core.parameters import complete, takes_rng
from theodolite.core.results import field_readings

ORDER = ("with_interval", "with_null", "with_p_value")
"""The kinds of evidence; each has a random stream of its own, whichever others stand beside it."""

_ROUNDING = 1e-6

_RNG = "    rng : int or numpy.random.Generator\n        Seed or generator of everything that is drawn.\n\n"


class Evidence(ABC):
    """One kind of evidence about measures of one kind of view, with its settings; a frozen dataclass.

    What it draws or leaves out depends on the view; how it is asked for, and what it gives, doesn't.
    """

    name: ClassVar[str]
    """The wrapper that gathers it."""

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
    """A result, and all that is needed to measure other data in the same way.

    Parameters
    ----------
    measure : Measure
        The measure without evidence.
    parameters : mapping
        All of its parameters.
    view : View
        What was measured.
    result : array, Estimate or Result
        What it gave.
    """

    measure: Measure[..., Any]
    parameters: Mapping[str, Any]
    view: Any
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

    def beside(self, field: str, number: float) -> Any:
        """Give a number in the array library of a field's value.

        Parameters
        ----------
        field : str
            The field.
        number : float
            What is to stand beside it.

        Returns
        -------
        array of shape ()
            The number.
        """
        part = _part(self.result, field)
        return like(number, part) if is_array(part) else np.float64(number)

    def holds_on(self, view: View, rng: np.random.Generator) -> bool:
        """Tell whether other data give the same numbers, so that draws may be made from these.

        Parameters
        ----------
        view : View
            What is cheaper to draw from.
        rng : numpy.random.Generator
            For a measure that makes random choices.

        Returns
        -------
        bool
            True where no number differs by more than rounding does.
        """
        found, values = self.of_draws([view], rng), self.values
        return all(abs(found[name][0] - value) <= _ROUNDING * abs(value) for name, value in values.items())

    def of_draws(self, views: Iterable[View], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Measure other data.

        Parameters
        ----------
        views : iterable of View
            What to measure.
        rng : numpy.random.Generator
            For a measure that makes random choices.

        Returns
        -------
        dict of str to numpy.ndarray
            Value of each field for each of them; NaN where there is none.
        """
        bare = inspect.unwrap(self.measure)  # the parameters are complete; checking them for each draw takes longer
        random = {"rng": rng} if takes_rng(self.measure) else {}
        columns: dict[str, list[float]] = {name: [] for name in self.traits.fields}
        for view in views:
            try:
                result = bare(view, **self.parameters, **random)
            except Refusal:
                result = None
            for name, column in columns.items():
                column.append(np.nan if result is None else _number(result, name))
        return {name: np.asarray(column) for name, column in columns.items()}


def _part(result: Any, name: str) -> Any:
    return getattr(result, name) if isinstance(result, (Result, Estimate)) else result


def _number(result: Any, name: str) -> float:
    part = _part(result, name)
    if isinstance(part, Missing):
        return np.nan
    return float(to_numpy(part)) if is_array(part) else float(part)


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
        *target : Spectrum, Pair, array of shape (rows, columns), or weight
            What to measure: one thing, or the two clouds of a pair.
        **given
            Parameters of the measure, and `rng`: an int or a `numpy.random.Generator`, 0 where it is not given.

        Returns
        -------
        Estimate or Result
            The measure's numbers with intervals and chances.
        """
        name, measure = self.__name__, self.measure
        with speaking_for(name):
            rng = _generator(given.pop("rng", 0))
            view = _looked_at(measure, target)
            parameters = complete(measure, given)
        result = measure(view, **parameters, **({"rng": rng} if takes_rng(measure) else {}))
        case = Case(measure, parameters, view, result)
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


def view_of(measure: Any, wrapper: str, known: Mapping[type[View], str]) -> type[View]:
    """Tell what a measure looks at, which decides what is resampled.

    Parameters
    ----------
    measure : Measure or Resampled
        The measure.
    wrapper : str
        Name of the wrapper that is to go around it.
    known : mapping of type to str
        The views that the wrapper knows, with an example of a measure each.

    Returns
    -------
    type
        One of the views.

    Raises
    ------
    TypeError
        If it looks at something else, or is no measure.
    """
    if isinstance(measure, functools.partial):
        bound = ", ".join(f"{key}={value!r}" for key, value in measure.keywords.items())
        raise TypeError(
            f"{wrapper}: wrap the measure and bind its parameters outside: "
            f"partial({wrapper}({getattr(measure.func, '__name__', measure.func)}), {bound})"
        )
    traits = getattr(measure, "traits", None)
    for view in known:
        if traits is not None and traits.views == (view,) and not traits.variadic:
            return view
    raise TypeError(
        f"{wrapper}: expected a measure such as {' or '.join(known.values())}, "
        f"got {getattr(measure, '__name__', measure)!r}"
    )


def wrapped(measure: Any, evidence: Evidence) -> Resampled:
    """Put evidence beside a measure's numbers.

    Parameters
    ----------
    measure : Measure or Resampled
        The measure; of the view that the evidence is about.
    evidence : Evidence
        What is gathered.

    Returns
    -------
    Resampled
        The measure with all of its evidence.

    Raises
    ------
    ValueError
        If it has evidence of this kind already.
    """
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


def _looked_at(measure: Measure[..., Any], target: tuple[Any, ...]) -> View:
    """Make the view of the positional arguments."""
    (view,) = measure.traits.views
    given = inspect.signature(measure).parameters.values()
    argument = next(parameter.name for parameter in given if parameter.kind is parameter.POSITIONAL_ONLY)
    made, used = view.from_arguments(target, name=argument) if target else (None, 0)
    if made is None or used != len(target):
        taken = "one positional argument" if used < 2 else f"{used} positional arguments"
        raise TypeError(f"takes {taken} for {argument!r}, got {len(target)}")
    return made


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
