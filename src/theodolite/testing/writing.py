"""Checks of what a measure says of itself: name, signature, docstring, citation, version."""

from __future__ import annotations

import doctest
import inspect
import io
import re
import sys
from collections.abc import Iterator

from theodolite.core.names import closest
from theodolite.core.parameters import keywords
from theodolite.core.results import Result
from theodolite.testing.subject import Check, Subject

SECTIONS = ("Parameters", "Returns", "Reads as", "Misleads when", "Cost", "References", "Examples")
"""Headings that every measure's docstring has, underlined with dashes as in any NumPy docstring."""


def writing(subject: Subject) -> Iterator[Check]:
    """List the checks of what is written.

    Parameters
    ----------
    subject : Subject
        The measure.

    Yields
    ------
    Check
        Not run yet.
    """
    yield subject.check("is named by a noun in snake_case", _named)
    yield subject.check("has an honest signature", _signature)
    yield subject.check("has a summary of one sentence", _summary)
    for heading in SECTIONS:
        yield subject.check(f"has the section {heading!r}", _section, heading)
    yield subject.check("documents every parameter and field", _documented)
    yield subject.check("says the shapes of its arrays", _shaped)
    yield subject.check("has examples that run", _examples)
    yield subject.check("cites a source that exists", _cited)
    yield subject.check("has a version", _versioned)


def sections(docstring: str | None) -> dict[str, str]:
    """Split a NumPy docstring at its underlined headings.

    Parameters
    ----------
    docstring : str or None
        The docstring.

    Returns
    -------
    dict of str to str
        Text by heading, ``""`` for what stands before the first.
    """
    found, heading = {"": ""}, ""
    lines = inspect.cleandoc(docstring or "").splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.strip() and re.fullmatch(r"-{3,}", below.strip()) and len(below.strip()) == len(line.strip()):
            heading = line.strip()
            found[heading] = ""
        elif not re.fullmatch(r"-{3,}", line.strip()):
            found[heading] += line + "\n"
    return {name: text.strip("\n") for name, text in found.items()}


def _named(subject: Subject) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", subject.name):
        raise AssertionError(f"{subject.name}: write it in snake_case")
    if subject.name.startswith(("get_", "compute_", "calculate_", "estimate_", "measure_")):
        raise AssertionError(f"{subject.name}: a measure is a noun; drop the verb")


def _signature(subject: Subject) -> None:
    signature = inspect.signature(subject.measure)
    kinds = inspect.Parameter
    for parameter in signature.parameters.values():
        if parameter.kind not in {kinds.POSITIONAL_ONLY, kinds.KEYWORD_ONLY, kinds.VAR_POSITIONAL}:
            raise AssertionError(
                f"{subject.name}({parameter.name}): data come positionally before '/', parameters by keyword after '*'"
            )
        if parameter.annotation is parameter.empty:
            raise AssertionError(f"{subject.name}({parameter.name}) has no annotation")
        if parameter.kind is kinds.KEYWORD_ONLY and parameter.default is parameter.empty and parameter.name != "rng":
            raise AssertionError(f"{subject.name}({parameter.name}) has no default; a survey runs with the defaults")
    if signature.return_annotation is signature.empty:
        raise AssertionError(f"{subject.name} has no return annotation")


def _summary(subject: Subject) -> None:
    first, _, rest = inspect.cleandoc(subject.measure.__doc__ or "").partition("\n")
    if not first.strip().endswith(".") or rest.partition("\n")[0].strip():
        raise AssertionError(f"{subject.name}: its docstring starts with one sentence on one line, got {first!r}")


def _section(subject: Subject, heading: str) -> None:
    found = sections(subject.measure.__doc__)
    if not found.get(heading, "").strip():
        known = ", ".join(name for name in found if name)
        raise AssertionError(
            f"{subject.name}: its docstring has no {heading!r}, underlined to its length; it has: {known}"
        )


def _documented(subject: Subject) -> None:
    found = sections(subject.measure.__doc__)
    entries = {
        name.strip().lstrip("*")
        for line in found.get("Parameters", "").splitlines()
        if line and not line[0].isspace()
        for name in line.partition(":")[0].split(",")
    }
    for parameter in inspect.signature(subject.measure).parameters:
        if parameter not in entries:
            raise AssertionError(
                f"{subject.name}: its docstring doesn't describe {parameter!r}; {closest(parameter, entries)}"
            )
    told = _returned(subject)
    for name in subject.measure.traits.fields:
        if name != "value" and name not in told:
            raise AssertionError(f"{subject.name}: neither 'Returns' nor the result's docstring describes {name!r}")


def _returned(subject: Subject) -> str:
    """Return what is written about the result: the section, and the docstring of its class."""
    hint = inspect.unwrap(subject.measure).__annotations__.get("return")
    result = getattr(sys.modules[subject.measure.__module__], hint, None) if isinstance(hint, str) else hint
    told = result.__doc__ or "" if isinstance(result, type) and issubclass(result, Result) else ""
    return sections(subject.measure.__doc__).get("Returns", "") + told


def _shaped(subject: Subject) -> None:
    given, returned = sections(subject.measure.__doc__).get("Parameters", ""), _returned(subject)
    if "of shape (" not in given:
        raise AssertionError(f"{subject.name}: 'Parameters' says of no argument: array of shape (rows, columns)")
    if "of shape (" not in returned and not returned.startswith("Estimate"):
        raise AssertionError(f"{subject.name}: 'Returns' doesn't say: array of shape ()")


def _examples(subject: Subject) -> None:
    module = sys.modules[subject.measure.__module__]
    function = inspect.unwrap(subject.measure)
    told = io.StringIO()
    parser, runner = (
        doctest.DocTestParser(),
        doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS),
    )
    test = parser.get_doctest(function.__doc__ or "", dict(vars(module)), subject.name, module.__file__, 0)
    if all(doctest.SKIP in example.options for example in test.examples):
        raise AssertionError(f"{subject.name}: its docstring has no example, after >>>, that is run")
    runner.run(test, out=told.write)
    if runner.failures:
        raise AssertionError(f"{subject.name}: an example of its docstring fails\n{told.getvalue()}")


def _cited(subject: Subject) -> None:
    key = subject.measure.traits.cite
    if key not in subject.references:
        raise AssertionError(
            f"{subject.name} cites {key!r}, which is not in the bibliography ({closest(key, subject.references)}); "
            "measures of other packages bring theirs: references=parse_references(text)"
        )


def _versioned(subject: Subject) -> None:
    version = subject.measure.traits.version
    if not isinstance(version, int) or version < 1:
        raise AssertionError(f"{subject.name}: version is {version!r}; it is an integer that starts at 1")
    if not keywords(subject.measure).keys() >= subject.parameters.keys():
        raise AssertionError(
            f"{subject.name}: a parameter that is fixed is none of its own: {dict(subject.parameters)}"
        )
