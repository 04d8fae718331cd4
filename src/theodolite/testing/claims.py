"""Checks of what a measure's fields promise: each move, the bounds, the unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from theodolite.core.outcomes import Refusal
from theodolite.core.traits import Field
from theodolite.testing.subject import Check, Subject, close

VARIATION = 100
"""A claim of variation asks for this many times the tolerance within which a claim of invariance must hold."""


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
        yield subject.check(f"{name} stays within its bounds", _bounded, name, promise)
        yield subject.check(f"{name} says its unit and how it reads", _described, name, promise)
        yield subject.check(f"{name} of float32 agrees with float64", _precise, name)
    for way in subject.specimens.equivalents:
        yield subject.check(f"gives the same {way}", _equivalent, way)


def _keeps(subject: Subject, name: str, move: str, degree: float) -> None:
    for sample, arguments, value in subject.answers(name):
        for moved, factor in _moves(subject, move)(arguments):
            got, expected = subject.numbers(moved).get(name), value * factor**degree
            claim = f"{subject.name}.{name} claims {'invariance' if degree == 0 else f'degree {degree:g}'} under {move}"
            by = "" if factor == 1.0 else f" by {factor:g}"
            if got is None:
                raise AssertionError(f"{claim}, but {move}{by} of the sample {sample!r} is refused")
            if not close(got, expected, subject.rtol):
                raise AssertionError(
                    f"{claim}; {move}{by} of the sample {sample!r} gave {got!r}, expected {expected!r}"
                )


def _varies(subject: Subject, name: str, move: str) -> None:
    for _, arguments, value in subject.answers(name):
        for moved, _ in _moves(subject, move)(arguments):
            got = subject.numbers(moved).get(name)
            if got is None or not close(got, value, VARIATION * subject.rtol):
                return
    raise AssertionError(
        f"{subject.name}.{name} claims to vary with {move}, but no sample shows it: declare it invariant, or give "
        "specimens that show the variation"
    )


def _moves(subject: Subject, move: str) -> Any:
    known = subject.specimens.moves
    if move not in known:
        raise AssertionError(
            f"{subject.name}: no specimen says how to apply {move!r}; the moves are {', '.join(known)}"
        )
    return known[move]


def _bounded(subject: Subject, name: str, promise: Field) -> None:
    low, high = promise.bounds
    if low is not None and high is not None and low > high:
        raise AssertionError(f"{subject.name}.{name}: bounds {promise.bounds} are the wrong way round")
    every = {**subject.samples, **subject.specimens.degenerate}
    for sample, arguments in every.items():
        value = _value(subject, arguments, name)
        if value is None:
            continue
        slack = subject.rtol * max(abs(value), 1e-6)
        if (low is not None and value < low - slack) or (high is not None and value > high + slack):
            raise AssertionError(
                f"{subject.name}.{name} is {value!r} on {sample!r}, outside its bounds {promise.bounds}"
            )


def _value(subject: Subject, arguments: tuple[Any, ...], name: str) -> float | None:
    """Return one field; None for whatever is refused, in whatever form (another check looks at that)."""
    try:
        with np.errstate(all="ignore"):
            return subject.numbers(arguments).get(name)
    except (TypeError, ValueError):
        return None


def _described(subject: Subject, name: str, promise: Field) -> None:
    for attribute in ("unit", "reads"):
        if not getattr(promise, attribute).strip():
            raise AssertionError(f"{subject.name}.{name}: Field({attribute}=...) is empty")
    wrong = promise.undeclared(subject.measure.traits.views[0].moves)
    if wrong:
        raise AssertionError(f"{subject.name}.{name}: declare each move exactly once; look at {', '.join(wrong)}")


def _precise(subject: Subject, name: str) -> None:
    for sample, arguments, value in subject.answers(name):
        got = subject.numbers(tuple(array.astype(np.float32) for array in arguments)).get(name)
        if got is None or not close(got, value, 1e-4):
            raise AssertionError(f"{subject.name}.{name} of {sample!r} is {value!r} in float64, {got!r} in float32")


def _equivalent(subject: Subject, way: str) -> None:
    for sample, arguments in subject.samples.items():
        expected = subject.numbers(arguments)
        try:
            got = subject.read(subject.result(subject.specimens.equivalents[way](arguments)))
        except Refusal as refusal:
            if refusal.outcome.name.startswith("NEEDS_"):
                continue
            raise
        for name, value in expected.items():
            if name not in got or not close(got[name], value, subject.rtol):
                raise AssertionError(
                    f"{subject.name}.{name} of {sample!r} is {value!r}, but {got.get(name)!r} when it is passed {way}"
                )
