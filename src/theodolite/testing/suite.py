"""The suite that every measure must pass, ours and other people's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from theodolite.core.bibliography import Reference
from theodolite.testing.answers import answers
from theodolite.testing.claims import claims
from theodolite.testing.inputs import inputs
from theodolite.testing.specimens import Specimens
from theodolite.testing.subject import Check, Subject
from theodolite.testing.writing import writing


def checks(
    measure: Any,
    *,
    specimens: Specimens | None = None,
    backends: Iterable[str] | None = None,
    references: Mapping[str, Reference] | None = None,
    rtol: float = 1e-6,
) -> Iterator[Check]:
    """List everything that a measure must satisfy, as named checks that are not run yet.

    Made for pytest: parametrise a test with them, skip where `Check.missing` gives a reason, call them.

    Parameters
    ----------
    measure : Measure or functools.partial
        The measure; a partial fixes keywords.
    specimens : Specimens, optional
        The data; those of the measure's view where they are not given.
    backends : iterable of str, optional
        Names of the array libraries to try; all where they are not given.
    references : mapping of str to Reference, optional
        The bibliography that the citation key is looked up in; theodolite's where it is not given.
    rtol : float
        How closely two answers that should be equal must agree. A claim of variation asks for a hundred times as much.

    Yields
    ------
    Check
        One for each promise, each bad input, each backend and each thing that must be written.

    Examples
    --------
    >>> import theodolite as td
    >>> found = [check.name for check in td.testing.checks(td.spectra.stable_rank, backends=["numpy"])]
    >>> found[0]
    'value is invariant to scale'
    """
    subject = Subject.of(measure, specimens, backends, references, rtol)
    yield from claims(subject)
    yield from answers(subject)
    yield from inputs(subject)
    yield from writing(subject)


def check_measure(
    measure: Any,
    *,
    specimens: Specimens | None = None,
    backends: Iterable[str] | None = None,
    references: Mapping[str, Reference] | None = None,
    rtol: float = 1e-6,
) -> tuple[str, ...]:
    """Run every check on a measure and report all that fail at once.

    Parameters
    ----------
    measure : Measure or functools.partial
        The measure; a partial fixes keywords.
    specimens : Specimens, optional
        The data; those of the measure's view where they are not given.
    backends : iterable of str, optional
        Names of the array libraries to try; all that are installed where they are not given.
    references : mapping of str to Reference, optional
        The bibliography that the citation key is looked up in; theodolite's where it is not given.
    rtol : float
        How closely two answers that should be equal must agree.

    Returns
    -------
    tuple of str
        Names of the checks that could not run here, with the reason.

    Raises
    ------
    AssertionError
        If a check fails; the message lists every one.

    Examples
    --------
    >>> import theodolite as td
    >>> td.testing.check_measure(td.spectra.stable_rank, backends=["numpy", "numpy read-only"])
    ()
    """
    skipped, failed, passed = [], [], 0
    for check in checks(measure, specimens=specimens, backends=backends, references=references, rtol=rtol):
        reason = check.missing
        if reason:
            skipped.append(f"{check.name}: {reason}")
            continue
        try:
            check()
        except AssertionError as error:
            failed.append(f"- {check.name}\n    {error}")
        else:
            passed += 1
    if failed:
        raise AssertionError("\n".join([f"{len(failed)} of {len(failed) + passed} checks fail", *failed]))
    return tuple(skipped)
