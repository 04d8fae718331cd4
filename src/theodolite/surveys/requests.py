"""One measure with its parameters, however a user names it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from theodolite.catalogue import measures
from theodolite.core import Measure, ParameterError, canonical_json, closest
from theodolite.core.parameters import complete, keywords, parse_nested
from theodolite.resample import WRAPPERS, Resampled


@dataclass(frozen=True)
class Request:
    """A measure, and the parameters that it is asked with.

    Parameters
    ----------
    measure : Measure
        The measure itself; a `Resampled` one gathers evidence beside its numbers.
    parameters : mapping of str to JSON value
        The parameters that were given; the others keep their defaults.

    Raises
    ------
    TypeError
        If `measure` is no measure, or one that can't be found again by its name.
    ParameterError
        If a parameter is unknown or has a value that it can't have.

    Examples
    --------
    >>> Request.of("hill[k=20]").parameters
    mappingproxy({'k': 20})
    """

    measure: Measure[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_findable(self.measure)
        checked = complete(self.measure, self.parameters)
        object.__setattr__(self, "parameters", MappingProxyType({key: checked[key] for key in sorted(self.parameters)}))

    @classmethod
    def of(cls, given: Any, among: Mapping[str, Measure[..., Any]] | None = None) -> Request:
        """Make a request of whatever names a measure.

        Parameters
        ----------
        given : str, Measure, functools.partial, Mapping or Request
            ``"hill"``, ``"hill[k=20]"``, ``td.spectra.hill``, ``partial(td.spectra.hill, k=20)``, or
            ``{"measure": "hill", "parameters": {"k": 20}}``; with evidence, ``"with_interval(hill[k=20])"``,
            ``td.resample.with_interval(td.spectra.hill)``, or the mapping with ``"with_interval": {"level": 0.9}``.
        among : mapping, optional
            Measures by name; all there are where it is not given.

        Returns
        -------
        Request
            The measure with checked parameters.

        Raises
        ------
        ParameterError
            If a parameter doesn't fit, or a mapping has other keys.
        """
        if isinstance(given, Request):
            return given
        among = measures() if among is None else among
        if isinstance(given, str):
            *around, (name, parameters) = parse_nested(given)
            return _within(cls._named(name, parameters, among), reversed(around))
        if isinstance(given, Mapping):
            if set(given) - {"measure", "parameters", *WRAPPERS} or "measure" not in given:
                raise ParameterError(
                    f"measures: {dict(given)!r} must have the keys 'measure' and, if any, 'parameters', "
                    f"{', '.join(map(repr, WRAPPERS))}"
                )
            return cls._of_mapping(given, among)
        if isinstance(given, functools.partial):
            if given.args:
                raise ParameterError(
                    f"measures: {given!r} binds data by position; a survey gives the data, so bind keywords alone"
                )
            return cls(cast("Measure[..., Any]", given.func), given.keywords)
        return cls(given)

    @classmethod
    def _of_mapping(cls, given: Mapping[str, Any], among: Mapping[str, Measure[..., Any]]) -> Request:
        name, parameters = given["measure"], given.get("parameters", {})
        around = [(key, given[key]) for key in WRAPPERS if key in given]
        if isinstance(name, str) and "(" in name:
            # The parameters behind a wrapper's parentheses are the wrapper's, in a table as in a line.
            (outermost, own), *inside = parse_nested(name)
            *within, (name, parameters) = inside
            around = [
                *reversed(within),
                (outermost, {**own, **_table(outermost, given.get("parameters", {}))}),
                *around,
            ]
        return _within(cls._named(name, parameters, among), around)

    @classmethod
    def _named(cls, name: Any, parameters: Any, known: Mapping[str, Measure[..., Any]]) -> Request:
        if not isinstance(name, str) or not isinstance(parameters, Mapping):
            raise ParameterError(f"measures: {name!r} with parameters {parameters!r}; expected a name and a table")
        try:
            measure = known[name]
        except KeyError as error:
            if name in WRAPPERS:
                raise ParameterError(f"measures: {name} goes around a measure: {name}(power_law)") from None
            raise ParameterError(f"measures: {error.args[0]}") from None
        return cls(measure, {key: complete(measure, parameters, text=True)[key] for key in parameters})

    @property
    def name(self) -> str:
        """The measure's name."""
        return self.measure.__name__

    def completed(self, convention: str) -> dict[str, Any]:
        """Give every parameter its value.

        Parameters
        ----------
        convention : str
            The survey's convention, which a measure with such a parameter follows unless it was asked otherwise.

        Returns
        -------
        dict
            All parameters, in the order of the signature.
        """
        given = dict(self.parameters)
        if "convention" in keywords(self.measure):
            given.setdefault("convention", convention)
        return complete(self.measure, given)

    @property
    def evidence(self) -> dict[str, dict[str, Any]]:
        """What is gathered beside the numbers, by wrapper, as JSON values."""
        return self.measure.settings if isinstance(self.measure, Resampled) else {}

    @property
    def bare(self) -> Measure[..., Any]:
        """The measure without wrappers."""
        return self.measure.measure if isinstance(self.measure, Resampled) else self.measure

    def to_dict(self) -> dict[str, Any]:
        """Give the request as JSON values.

        Returns
        -------
        dict
            ``{"measure": name, "parameters": {...}}``, and each wrapper's settings under its name.
        """
        return {"measure": self.name, "parameters": dict(self.parameters), **self.evidence}

    def __hash__(self) -> int:
        return hash((self.measure, canonical_json(dict(self.parameters))))

    def __reduce__(self) -> tuple[type[Request], tuple[Any, dict[str, Any]]]:
        # A read-only mapping can't be pickled.
        return Request, (self.measure, dict(self.parameters))


def _within(request: Request, around: Iterable[tuple[str, Any]]) -> Request:
    """Put wrappers around, the innermost first; values may come as text."""
    measure = request.measure
    for name, settings in around:
        if name not in WRAPPERS:
            raise ParameterError(f"measures: {name!r} is no wrapper; {closest(name, WRAPPERS)}")
        wrapper, settings = WRAPPERS[name], _table(name, settings)
        for key in settings:
            if key not in keywords(wrapper) and key in keywords(measure):
                raise ParameterError(
                    f"{name}: {key!r} is a parameter of {request.name}; write {name}({request.name}[{key}=...])"
                )
        try:
            measure = wrapper(measure, **complete(wrapper, settings, text=True))
        except (TypeError, ValueError) as error:
            raise ParameterError(f"measures: {error}") from None
    return Request(measure, request.parameters)


def _table(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ParameterError(f"measures: {name!r} with settings {given!r}; expected a table")
    return given


def _check_findable(measure: Any) -> None:
    """Refuse what has no name that a stored reading could be traced back to."""
    name = getattr(measure, "__qualname__", "")
    if "<lambda>" in name:
        raise TypeError(
            "measures: a lambda has no name, so its readings could not be told from another's; "
            "define a function with @measure, or bind parameters with functools.partial"
        )
    if not hasattr(measure, "traits"):
        shown = getattr(measure, "__name__", repr(measure)) if inspect.isroutine(measure) else repr(measure)
        raise TypeError(
            f"measures: {shown} is no measure; give a name, a function declared with @measure, or a partial of one"
        )
    if "<locals>" in name:
        raise TypeError(
            f"measures: {measure.__name__} is defined inside a function, so what it closes over is not part of its "
            "name and an old reading could be taken for a new one; define it at the top of a module"
        )
