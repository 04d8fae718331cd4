"""A measure's keyword parameters: read from its signature, checked against its annotations."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from theodolite.core.names import closest

Limits = msgspec.Meta
"""Bounds of a numeric parameter, for use in an annotation: ``Annotated[int, Limits(ge=1)]``."""

_CALL = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*(?:\[(.*)\])?\s*$", re.DOTALL)


class ParameterError(ValueError):
    """A parameter of a measure has an unknown name or a value that it can't have."""


def keywords(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the keyword parameters of a measure, the random generator left out.

    Parameters
    ----------
    function : callable
        The measure.

    Returns
    -------
    mapping of str to inspect.Parameter
        In the order of the signature.
    """
    return _keywords(inspect.unwrap(function))


@functools.cache
def _keywords(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    named = inspect.signature(function).parameters.values()
    return MappingProxyType({p.name: p for p in named if p.kind is p.KEYWORD_ONLY and p.name != "rng"})


def takes_rng(function: Callable[..., Any]) -> bool:
    """Tell whether a measure makes random choices.

    Parameters
    ----------
    function : callable
        The measure.

    Returns
    -------
    bool
        True where the signature has `rng`.
    """
    return "rng" in inspect.signature(function).parameters


@functools.cache
def _schema(function: Callable[..., Any]) -> type[msgspec.Struct]:
    hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    fields = [
        (p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default)
        for p in keywords(function).values()
    ]
    return msgspec.defstruct("Parameters", fields, kw_only=True, frozen=True, forbid_unknown_fields=True)


def complete(function: Callable[..., Any], given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Fill in defaults and check every value.

    Parameters
    ----------
    function : callable
        The measure.
    given : mapping
        Parameters by name; NumPy scalars count as Python scalars.
    text : bool
        True where values come from a command line or a file, so that ``"3"`` may stand for 3.

    Returns
    -------
    dict
        All parameters, in the order of the signature.

    Raises
    ------
    ParameterError
        If a name is unknown or a value doesn't fit its annotation.
    """  # noqa: DOC502 - raised by _complete
    # Measures are called over and over with the same few parameters; types stand beside values since 1 == 1.0 == True.
    same = (function, text, *((key, type(value), value) for key, value in given.items()))
    try:
        return dict(_CHECKED[same])
    except (KeyError, TypeError):  # not seen yet, or not hashable
        checked = _complete(function, given, text)
    if len(_CHECKED) < _MOST_CHECKED and all(isinstance(value, _PLAIN) for value in given.values()):
        _CHECKED[same] = dict(checked)
    return checked


_PLAIN = (bool, int, float, str, type(None))
_MOST_CHECKED = 1024
_CHECKED: dict[tuple[Any, ...], dict[str, Any]] = {}


def _complete(function: Callable[..., Any], given: Mapping[str, Any], text: bool) -> dict[str, Any]:
    known = keywords(function)
    for key in given:
        if key not in known:
            advice = closest(key, known) if known else "it takes none"
            raise ParameterError(f"{_name(function)}: unknown parameter {key!r}; {advice}")
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in given.items()}
    try:
        checked = msgspec.convert(plain, _schema(function), strict=not text)
    except msgspec.ValidationError as error:
        raise ParameterError(f"{_name(function)}: {_readable(error, plain, function)}") from None
    complete_ones = msgspec.structs.asdict(checked)
    for key, value in complete_ones.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(f"{_name(function)}: parameter {key!r} is {value}; expected a finite number")
    return complete_ones


def _name(function: Callable[..., Any]) -> str:
    return str(inspect.unwrap(function).__name__)


def _readable(error: msgspec.ValidationError, given: Mapping[str, Any], function: Callable[..., Any]) -> str:
    reason, _, place = str(error).partition(" - at `$.")
    key = place.rstrip("`").split("[")[0].split(".")[0]
    if key in given:
        words = _words(get_type_hints(inspect.unwrap(function))[key])
        if words:
            return f"parameter {key!r} is {given[key]!r}: expected {' or '.join(map(repr, words))}"
        return f"parameter {key!r} is {given[key]!r}: {reason[0].lower()}{reason[1:]}"
    return str(error)


def _words(hint: Any) -> tuple[str, ...]:
    """Return the words that a parameter must be one of; none where it can be anything else."""
    parts = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    if any(get_origin(part) is not Literal for part in parts if part is not type(None)):
        return ()
    words = tuple(word for part in parts for word in get_args(part))
    return words if all(isinstance(word, str) for word in words) else ()


def check_options(described: type[Any], given: Iterable[str], whose: str) -> None:
    """Refuse options that a description doesn't have, with the nearest that it has.

    Parameters
    ----------
    described : type
        A dataclass or TypedDict whose fields are the options.
    given : iterable of str
        Names of the options.
    whose : str
        Whose options they are, as ``"smoothing"``.

    Raises
    ------
    ParameterError
        If one is unknown.
    """
    is_dataclass = dataclasses.is_dataclass(described)
    known = [field.name for field in dataclasses.fields(described)] if is_dataclass else [*described.__annotations__]
    for name in given:
        if name not in known:
            raise ParameterError(f"unknown option {name!r} of {whose}; {closest(name, known)}")


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse what is no integer, or is below the least.

    Parameters
    ----------
    name : str
        Name of the option.
    value : object
        What was given.
    least : int
        The least that it may be.

    Raises
    ------
    ParameterError
        If it doesn't fit.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(f"{name} is {value!r}; it must be an integer of at least {least}")


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """Read a measure with parameters as people type it.

    Parameters
    ----------
    text : str
        ``"hill"`` or ``"hill[k=20]"`` or ``"power_law[convention=weightwatcher, xmax=max]"``.

    Returns
    -------
    name : str
        The measure's name, perhaps with its family: ``"spectra.hill"``.
    parameters : dict
        Values as JSON reads them, else as strings.

    Raises
    ------
    ParameterError
        If the text is not of this form.

    Examples
    --------
    >>> parse_call("hill[k=20]")
    ('hill', {'k': 20})
    """
    found = _CALL.match(text)
    if found is None:
        several = [part.strip() for part in _split(text)]
        if len(several) > 1 and all(_CALL.match(part) for part in several):
            each = " ".join(f"-m {part}" for part in several)
            raise ParameterError(f"{text!r} names {len(several)} measures; give each by itself: {each}")
        raise ParameterError(f"{text!r} is no measure; write a name, or a name with parameters: hill[k=20]")
    name, inside = found.groups()
    parameters: dict[str, Any] = {}
    for item in _split(inside or ""):
        key, equals, value = item.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ParameterError(f"{text!r}: {item.strip()!r} is no parameter; write name=value, as in hill[k=20]")
        if key.strip() in parameters:
            raise ParameterError(f"{text!r} gives {key.strip()!r} twice")
        parameters[key.strip()] = _value(value.strip())
    return name, parameters


def parse_nested(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read a measure with wrappers around it as people type it.

    Parameters
    ----------
    text : str
        What `parse_call` reads, or a name with such a text in parentheses and parameters of its own behind it:
        ``"with_interval(hill[k=20])[resamples=500]"``.

    Returns
    -------
    list of (str, dict)
        Names and parameters as `parse_call` gives them, from the outermost wrapper to the measure.

    Raises
    ------
    ParameterError
        If the text is not of this form.

    Examples
    --------
    >>> parse_nested("with_interval(hill[k=20])[resamples=500]")
    [('with_interval', {'resamples': 500}), ('hill', {'k': 20})]
    """
    name, opening, rest = text.partition("(")
    if not opening or "[" in name:
        return [parse_call(text)]
    end, depth = -1, 1
    for place, character in enumerate(rest):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            end = place
            break
    if end < 0:
        raise ParameterError(f"{text!r} lacks a closing parenthesis; write with_interval(power_law)[resamples=500]")
    behind = rest[end + 1 :].strip()
    if behind and not behind.startswith("["):
        raise ParameterError(f"{text!r}: {behind!r} is out of place; write with_interval(power_law)[resamples=500]")
    return [parse_call(name + behind), *parse_nested(rest[:end])]


def _split(inside: str) -> list[str]:
    """Split at commas that are not inside brackets or quotes."""
    pieces, depth, quoted, piece = [], 0, "", ""
    for character in inside:
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth == 0:
            pieces.append(piece)
            piece = ""
            continue
        piece += character
    return [p for p in (*pieces, piece) if p.strip()]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("\"'")
