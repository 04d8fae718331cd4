"""Checks of what a measure's fields promise: each move, the bounds, the unit."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from theodolite.core.clouds import Cloud
from theodolite.core.outcomes import Refusal
from theodolite.core.parameters import complete
from theodolite.core.traits import Field, Move
from theodolite.testing.subject import Check, Numbers, Subject, close

VARIATION = 100
"""A claim of variation asks for this many times the tolerance within which a claim of invariance must hold."""

ITSELF = 1e-7
"""How far the value of a cloud with itself may be off, relative to that of different clouds where this is above 1."""

APART: tuple[Move, ...] = ("separate_scale", "translation", "rotation", "permutation", "linear")
"""Moves of one cloud that are not those of the other."""


def claims(subject: Subject) -> Iterator[Check]:
    """List the checks of every promise of every field.

    Parameters
    ----------
    subject : Subject
        The measure.

    Yields
    ------
    Check
        Not run yet.
    """
    for name, promise in subject.measure.traits.fields.items():
        for move in promise.invariant_to:
            yield subject.check(f"{name} is invariant to {move}", _keeps, name, move, 0.0)
        for move, degree in promise.equivariant.items():
            yield subject.check(f"{name} follows {move} to degree {degree:g}", _keeps, name, move, degree)
        for move in promise.varies:
            yield subject.check(f"{name} varies with {move}", _varies, name, move)
        if promise.of_itself is not None:
            yield subject.check(f"{name} of a cloud with itself is {promise.of_itself:g}", _of_itself, name, promise)
        yield subject.check(f"{name} stays within its bounds", _bounded, name, promise)
        yield subject.check(f"{name} says its unit and how it reads", _described, name, promise)
        yield subject.check(f"{name} of float32 agrees with float64", _precise, name)
    for way in subject.specimens.equivalents:
        yield subject.check(f"gives the same {way}", _equivalent, way)
    if subject.measure.traits.views == (Cloud,) and not subject.measure.traits.variadic:
        yield subject.check("looks at as many neighbours as it says", _looks_at)


def _keeps(subject: Subject, name: str, move: str, degree: float) -> None:
    for sample, _, value in subject.answers(name):
        for numbers, factor in subject.moved(sample, move):
            got, expected = numbers.get(name), value * factor**degree
            claim = f"{subject.name}.{name} claims {'invariance' if degree == 0 else f'degree {degree:g}'} under {move}"
            by = "" if factor == 1.0 else f" by {factor:g}"
            if got is None:
                raise AssertionError(f"{claim}, but {move}{by} of the sample {sample!r} is refused")
            if not close(got, expected, subject.rtol):
                raise AssertionError(
                    f"{claim}; {move}{by} of the sample {sample!r} gave {got!r}, expected {expected!r}"
                )


def _varies(subject: Subject, name: str, move: str) -> None:
    for sample, _, value in subject.answers(name):
        for numbers, _ in subject.moved(sample, move):
            got = numbers.get(name)
            if got is None or not close(got, value, VARIATION * subject.rtol):
                return
    raise AssertionError(
        f"{subject.name}.{name} claims to vary with {move}, but no sample shows it: declare it invariant, or give "
        "specimens that show the variation"
    )


def _of_itself(subject: Subject, name: str, promise: Field) -> None:
    """Set every cloud against itself, and against itself moved in whatever way the field doesn't see."""
    if subject.specimens.alike is None:
        raise AssertionError(f"{subject.name}.{name}: no specimen says how to set a cloud against itself")
    expected = promise.of_itself
    assert expected is not None  # noqa: S101 - it isn't checked otherwise
    for sample, _, apart in subject.answers(name):
        slack = ITSELF * max(1.0, abs(apart))
        for move in ("", *(move for move in promise.invariant_to if move in APART)):
            for numbers in subject.once(("itself", sample, move), functools.partial(_alike, subject, sample, move)):
                got = numbers.get(name)
                if got is None or abs(got - expected) > slack:
                    raise AssertionError(
                        f"{subject.name}.{name} of a cloud of the sample {sample!r} with itself"
                        f"{f' under {move}' if move else ''} is {'refused' if got is None else repr(got)}, "
                        f"expected {expected!r}"
                    )


def _alike(subject: Subject, sample: str, move: str) -> list[Numbers]:
    """Measure each cloud of a sample against itself, moved its own way in each place."""
    specimens = subject.specimens
    assert specimens.alike is not None  # noqa: S101 - it isn't asked otherwise
    alike = specimens.alike(subject.samples[sample])
    if not move:
        return [subject.numbers(given) for given in alike]
    if move not in specimens.moves:
        return []  # another check says so
    return [subject.numbers(given) for same in alike for given, _ in specimens.moves[move](same)]


def _bounded(subject: Subject, name: str, promise: Field) -> None:
    low, high = promise.bounds
    if low is not None and high is not None and low > high:
        raise AssertionError(f"{subject.name}.{name}: bounds {promise.bounds} are the wrong way round")
    every = {**subject.samples, **subject.specimens.degenerate}
    for sample, arguments in every.items():
        value = subject.once(("bounded", sample), functools.partial(_values, subject, arguments)).get(name)
        if value is None:
            continue
        slack = subject.rtol * max(abs(value), 1e-6)
        if (low is not None and value < low - slack) or (high is not None and value > high + slack):
            raise AssertionError(
                f"{subject.name}.{name} is {value!r} on {sample!r}, outside its bounds {promise.bounds}"
            )


def _values(subject: Subject, arguments: tuple[Any, ...]) -> Numbers:
    """Measure; nothing for whatever is refused, in whatever form (another check looks at that)."""
    try:
        with np.errstate(all="ignore"):
            return subject.numbers(arguments)
    except (TypeError, ValueError):
        return {}


def _described(subject: Subject, name: str, promise: Field) -> None:
    for attribute in ("unit", "reads"):
        if not getattr(promise, attribute).strip():
            raise AssertionError(f"{subject.name}.{name}: Field({attribute}=...) is empty")
    wrong = promise.undeclared(subject.measure.traits.views[0].moves)
    if wrong:
        raise AssertionError(f"{subject.name}.{name}: declare each move exactly once; look at {', '.join(wrong)}")


def _precise(subject: Subject, name: str) -> None:
    for sample, arguments, value in subject.answers(name):
        single = tuple(array.astype(np.float32) if array.dtype.kind == "f" else array for array in arguments)
        got = subject.once(("float32", sample), functools.partial(subject.numbers, single)).get(name)
        if got is None or not close(got, value, 1e-4):
            raise AssertionError(f"{subject.name}.{name} of {sample!r} is {value!r} in float64, {got!r} in float32")


def _equivalent(subject: Subject, way: str) -> None:
    for sample, arguments in subject.samples.items():
        expected = subject.numbers(arguments)
        try:
            got = subject.read(subject.result(subject.specimens.equivalents[way](arguments)))
        except Refusal as refusal:
            if not expected or refusal.outcome.name.startswith("NEEDS_"):
                continue
            raise
        if not expected:
            raise AssertionError(f"{subject.name} refuses {sample!r}, but gives {got} when it is passed {way}")
        for name, value in expected.items():
            if name not in got or not close(got[name], value, subject.rtol):
                raise AssertionError(
                    f"{subject.name}.{name} of {sample!r} is {value!r}, but {got.get(name)!r} when it is passed {way}"
                )


def _looks_at(subject: Subject) -> None:
    says = subject.measure.traits.neighbours
    parameters = complete(subject.measure, subject.parameters)
    for sample, (rows, *beside) in subject.samples.items():
        cloud = Cloud(rows)
        try:
            subject.result((cloud, *beside))
        except Refusal:
            continue
        said = 0 if says is None else says(cloud.distinct.count, parameters)
        if cloud.listed != said:
            raise AssertionError(
                f"{subject.name} looked at {cloud.listed} neighbours of each point of the sample {sample!r} and says "
                f"{said}; declare them, so that a run finds neighbours once: @measure(neighbours=...)"
            )
