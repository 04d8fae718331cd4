"""Checks of what a measure gives back: library, device, shape, gradient, repeatability, pickles."""

from __future__ import annotations

import dataclasses
import functools
import pickle
from collections.abc import Iterator
from typing import Any

import array_api_compat
import numpy as np

from theodolite.core.arrays import to_numpy
from theodolite.core.outcomes import Missing, Refusal
from theodolite.core.parameters import complete
from theodolite.core.results import BESIDE, Estimate, Result, field_readings
from theodolite.testing.backends import Backend
from theodolite.testing.subject import Check, Subject, close


def answers(subject: Subject) -> Iterator[Check]:
    """List the checks of results, over every backend.

    Parameters
    ----------
    subject : Subject
        The measure.

    Yields
    ------
    Check
        Not run yet.
    """
    for backend in subject.backends:
        yield subject.check(f"answers in kind on {backend}", _in_kind, backend, backend=backend)
        if backend.differentiable and subject.measure.traits.runs == "array":
            yield subject.check(f"has the right gradient on {backend}", _gradient, backend, backend=backend)
    yield subject.check("gives the same twice", _repeats)
    if subject.random:
        yield subject.check("is determined by its seed", _seeded)
    yield subject.check("survives pickling", _pickles)
    yield subject.check("works as a partial", _partial)


def _parts(subject: Subject, result: Any) -> dict[str, Any]:
    """Return every array of a result by name: the fields, and the ends of their intervals."""
    if isinstance(result, Result):
        parts = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in BESIDE}
        intervals = dict(result.intervals)
    elif isinstance(result, Estimate):
        parts, intervals = {"value": result.value}, {} if result.interval is None else {"value": result.interval}
    else:
        parts, intervals = {"value": result}, {}
    wanted = subject.measure.traits.fields.keys()
    if parts.keys() != wanted:
        raise AssertionError(f"{subject.name} gave the fields {', '.join(parts)}; it declares {', '.join(wanted)}")
    for name, interval in intervals.items():
        ends = {"low": interval.low, "high": interval.high, "se": interval.se}
        parts.update({f"{name}.{end}": value for end, value in ends.items() if value is not None})
    return {name: part for name, part in parts.items() if not isinstance(part, Missing)}


def _in_kind(subject: Subject, backend: Backend) -> None:
    answered = False
    for sample, arguments in subject.samples.items():
        given = tuple(backend.convert(array) for array in arguments)
        expected = subject.numbers(arguments)
        try:
            result = subject.result(given)
        except Refusal:
            if expected:
                raise AssertionError(f"{subject.name} refuses {sample!r} on {backend}, not on numpy") from None
            continue
        answered = True
        for name, part in _parts(subject, result).items():
            wrong = backend.difference(part, given[0])
            if wrong:
                raise AssertionError(f"{subject.name}.{name} of {sample!r} on {backend}: {wrong}")
            if part.shape != ():
                raise AssertionError(f"{subject.name}.{name} on {backend} has shape {tuple(part.shape)}, expected ()")
        for name, value in subject.read(result).items():
            if name not in expected or not close(value, expected[name], subject.rtol):
                raise AssertionError(
                    f"{subject.name}.{name} of {sample!r} is {value!r} on {backend}, {expected.get(name)!r} on numpy"
                )
    if not answered:
        raise AssertionError(f"{subject.name} answers on no sample on {backend}")


def _gradient(subject: Subject, backend: Backend) -> None:
    """Compare the derivative along a random direction with a central difference."""
    for sample, arguments in subject.samples.items():
        rng = np.random.default_rng(30)
        along = tuple(float(np.abs(array).max()) * rng.standard_normal(array.shape) for array in arguments)
        step = 1e-6
        ahead = subject.numbers(tuple(a + step * v for a, v in zip(arguments, along, strict=True)))
        behind = subject.numbers(tuple(a - step * v for a, v in zip(arguments, along, strict=True)))
        for name in subject.numbers(arguments):
            given = tuple(backend.convert(array).requires_grad_() for array in arguments)
            part = _parts(subject, subject.result(given))[name]
            library = array_api_compat.array_namespace(part)
            if not library.isdtype(part.dtype, "real floating"):
                continue
            if not part.requires_grad:
                raise AssertionError(f"{subject.name}.{name} on {backend} is cut off from its input's gradient")
            part.backward()
            cut = [str(place) for place, argument in enumerate(given) if argument.grad is None]
            if cut:
                raise AssertionError(
                    f"{subject.name}.{name} on {backend} is cut off from the gradient of argument {', '.join(cut)}"
                )
            slope = sum(float(np.sum(to_numpy(g.grad) * v)) for g, v in zip(given, along, strict=True))
            expected = (ahead[name] - behind[name]) / (2 * step)
            if not np.isfinite(slope) or abs(slope - expected) > 1e-4 * max(abs(slope), abs(expected), 1e-3):
                raise AssertionError(
                    f"{subject.name}.{name} of {sample!r} on {backend}: its derivative is {slope!r}, "
                    f"by finite differences {expected!r}"
                )


def _repeats(subject: Subject) -> None:
    for sample, arguments in subject.samples.items():
        first, second = subject.numbers(arguments), subject.numbers(arguments)
        if first != second:
            raise AssertionError(f"{subject.name} of {sample!r} gave {first}, then {second}; take rng for chance")


def _seeded(subject: Subject) -> None:
    arguments = next(iter(subject.samples.values()))
    by_int, by_generator = (subject.numbers(arguments, rng=rng) for rng in (7, np.random.default_rng(7)))
    if by_int != by_generator:
        raise AssertionError(f"{subject.name}: rng=7 gave {by_int}, a generator with that seed {by_generator}")
    answers = [_everything(subject, arguments, seed) for seed in range(8)]
    if all(answer == answers[0] for answer in answers):
        raise AssertionError(f"{subject.name} takes rng, but eight seeds give the same answer: {by_int}")


def _everything(subject: Subject, arguments: tuple[Any, ...], seed: int) -> Any:
    """Read the fields with what stands beside them, which may be all that is random."""
    try:
        return list(field_readings(subject.result(arguments, rng=seed), subject.measure.traits.fields))
    except Refusal as refusal:
        return refusal.outcome


def _pickles(subject: Subject) -> None:
    try:
        loaded = pickle.loads(pickle.dumps(subject.measure))  # noqa: S301 - our own bytes
    except (pickle.PicklingError, AttributeError, ImportError) as error:
        raise AssertionError(f"{subject.name} can't be pickled by name ({error}); define it in a module") from error
    if loaded != subject.measure:  # functions are equal only where they are the same
        raise AssertionError(f"{subject.name} is another object after pickling: its module holds something else")
    for arguments in subject.samples.values():
        numbers = subject.numbers(arguments)
        if numbers:
            again = subject.read(pickle.loads(pickle.dumps(subject.result(arguments))))  # noqa: S301
            if again != numbers:
                raise AssertionError(f"{subject.name}: its result is {numbers}, after pickling {again}")


def _partial(subject: Subject) -> None:
    first, again = (next(iter(subject.samples.values())) for _ in range(2))
    spelled_out = complete(subject.measure, subject.parameters)
    fixed = functools.partial(subject.measure, **spelled_out)
    seed = {"rng": 0} if subject.random else {}
    try:
        got = subject.read(fixed(*first, **seed))
    except Refusal:
        got = {}
    if got != subject.numbers(again):
        raise AssertionError(
            f"{subject.name} with its defaults spelled out ({spelled_out}) gives another answer: {got}"
        )
