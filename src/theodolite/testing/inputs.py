"""Checks of what a measure does with input that is wrong, or on the edge, or not its own to change."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from theodolite.core.outcomes import Refusal
from theodolite.core.parameters import keywords
from theodolite.core.results import field_readings
from theodolite.testing.backends import Backend
from theodolite.testing.subject import FINDINGS, Check, Subject


def inputs(subject: Subject) -> Iterator[Check]:
    """List the checks of malformed and degenerate input and of wrong parameters.

    Parameters
    ----------
    subject : Subject
        The measure.

    Yields
    ------
    Check
        Not run yet.
    """
    for case, given in subject.specimens.malformed.items():
        yield subject.check(f"rejects {case} in its own name", _rejects, given)
    several = any(len(arguments) > 1 for arguments in subject.samples.values())
    for backend in subject.backends:
        spoiled = [case for case, given in subject.specimens.malformed.items() if _convertible(given)]
        if backend.name != "numpy":
            yield subject.check(f"rejects malformed input on {backend}", _rejects_on, backend, spoiled, backend=backend)
        if backend.extra and several:
            yield subject.check(f"rejects NumPy beside {backend}", _rejects_mixed, backend, backend=backend)
        yield subject.check(f"refuses or answers on the edge on {backend}", _edges, backend, backend=backend)
        yield subject.check(f"leaves its input alone on {backend}", _unmutated, backend, backend=backend)
    yield subject.check("rejects an unknown parameter with advice", _unknown_parameter)
    for parameter in keywords(subject.measure):
        yield subject.check(f"rejects a wrong value of {parameter}", _wrong_parameter, parameter)


def _convertible(given: tuple[Any, ...]) -> bool:
    return bool(given) and all(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in given)


def _rejects(subject: Subject, given: tuple[Any, ...]) -> None:
    try:
        result = subject.result(given)
    except (TypeError, ValueError) as error:
        if not str(error).startswith((f"{subject.name}: ", f"{subject.name}(")):
            raise AssertionError(f"{subject.name} rejects it, but not in its own name: {error}") from error
        if len(str(error)) < len(subject.name) + 10:
            raise AssertionError(f"{subject.name} rejects it without a reason: {error}") from error
        return
    except FINDINGS as error:
        kind = type(error).__name__
        raise AssertionError(f"{subject.name} raises {kind}; a ValueError or TypeError was due: {error}") from error
    raise AssertionError(f"{subject.name} accepts it and gives {result!r}")


def _rejects_on(subject: Subject, backend: Backend, cases: list[str]) -> None:
    for case in cases:
        given = tuple(backend.convert(array) for array in subject.specimens.malformed[case])
        try:
            _rejects(subject, given)
        except AssertionError as error:
            raise AssertionError(f"{case} on {backend}: {error}") from error


def _rejects_mixed(subject: Subject, backend: Backend) -> None:
    first, *others = next(arguments for arguments in subject.samples.values() if len(arguments) > 1)
    _rejects(subject, (first, *(backend.convert(array) for array in others)))


def _edges(subject: Subject, backend: Backend) -> None:
    for case, arguments in subject.specimens.degenerate.items():
        given = tuple(backend.convert(array) for array in arguments)
        where = f"{subject.name} of {case!r} on {backend}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                result = subject.result(given)
        except Refusal as refusal:
            if refusal.outcome.severity != "refused" or refusal.measure != subject.name:
                raise AssertionError(f"{where}: {refusal.outcome.name} in the name of {refusal.measure!r}") from refusal
            continue
        except (ArithmeticError, RuntimeWarning, TypeError, ValueError) as error:
            raise AssertionError(
                f"{where} raised {type(error).__name__} ({error}); it must answer, or refuse with an outcome"
            ) from error
        try:
            list(field_readings(result, subject.measure.traits.fields))
        except ValueError as error:
            raise AssertionError(f"{where} gave {result!r}: {error}") from error


def _unmutated(subject: Subject, backend: Backend) -> None:
    for sample, arguments in subject.samples.items():
        given = tuple(backend.convert(array) for array in arguments)
        with contextlib.suppress(Refusal):
            subject.result(given)
        for position, (array, original) in enumerate(zip(given, arguments, strict=True)):
            if not backend.matches(array, original):
                raise AssertionError(
                    f"{subject.name} changed argument {position} of the sample {sample!r} on {backend}"
                )


def _unknown_parameter(subject: Subject) -> None:
    known = keywords(subject.measure)
    nearly = f"{next(iter(known), 'thresold')}x"
    arguments = next(iter(subject.samples.values()))
    try:
        subject.result(arguments, **{nearly: 1})
    except (TypeError, ValueError) as error:
        told = str(error)
        if not told.startswith(f"{subject.name}: ") or nearly not in told:
            raise AssertionError(f"the message names neither measure nor parameter: {told}") from error
        if known and next(iter(known)) not in told.replace(nearly, ""):
            raise AssertionError(f"the message has no advice: {told}") from error
        return
    raise AssertionError(f"{subject.name} ignores the unknown parameter {nearly!r}")


def _wrong_parameter(subject: Subject, parameter: str) -> None:
    arguments = next(iter(subject.samples.values()))
    for wrong in (object(), {"no": "value"}):
        try:
            subject.result(arguments, **{parameter: wrong})
        except (TypeError, ValueError) as error:
            told = str(error)
            if not told.startswith(f"{subject.name}: ") or parameter not in told:
                raise AssertionError(f"the message doesn't name {parameter!r}: {told}") from error
            continue
        raise AssertionError(f"{subject.name} accepts {wrong!r} for {parameter}")
