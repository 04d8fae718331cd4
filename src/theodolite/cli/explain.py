"""``theodolite explain``: what a measure or a wrapper means, what it promises, and how to call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.cli.docstring import Docstring
    from theodolite.core import Field, Measure, Outcome

USAGE = "theodolite explain MEASURE"
EXAMPLES = """\
Examples

  theodolite explain power_law         the maths, the parameters, how to call it
  theodolite explain power_law.alpha   the measure that gives this number
  theodolite explain with_interval     what can be put around a measure
  theodolite explain NO_POWER_LAW      why a number is missing, what would help"""

_ELSEWHERE = ("Parameters", "Returns", "Raises", "References", "See Also")


def explain(
    name: Annotated[str, Parameter(name="MEASURE", help="A measure, a field, a wrapper, or an outcome.")], /
) -> int:
    """Explain a measure: how to read it, when it misleads.

    A field (alpha, power_law.alpha) explains the measure that gives it; a wrapper (with_interval) what it puts beside a
    measure's numbers; the name of an outcome, as it stands in reports and readings, why a number is missing.

    Parameters
    ----------
    name : str
        A measure, a field, a wrapper, or an outcome.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.display import stdout
    from theodolite.core import Outcome

    where = stdout()
    if name.upper() in Outcome.__members__:
        _outcome(where, Outcome[name.upper()])
        return 0
    wrapper = _wrapper_meant(name)
    if wrapper is not None:
        _wrapper(where, wrapper)
        return 0
    for measure in _meant(name):
        _measure(where, measure)
    return 0


def _meant(name: str) -> list[Measure[..., Any]]:
    """Find the measures that a name, a field's name or both together may mean."""
    from theodolite.catalogue import measures
    from theodolite.cli.exits import CommandError
    from theodolite.core import Outcome, closest
    from theodolite.resample import WRAPPERS

    known = measures()
    fields = {f"{key}.{field}" for key, measure in known.items() for field in measure.traits.fields}
    for form in (name, name.removeprefix("spectra."), name.lower(), name.lower().replace("-", "_")):
        if form in known:
            return [known[form]]
        if form in fields:
            return [known[form.rpartition(".")[0]]]
        owners = [known[full.rpartition(".")[0]] for full in sorted(fields) if full.rpartition(".")[2] == form]
        if owners and form != "value":
            return owners
    choices = [*known, *(field for field in fields if not field.endswith(".value")), *WRAPPERS, *Outcome.__members__]
    raise CommandError(f"there is no measure {name!r}; {closest(name, choices)}", "See them all: theodolite list")


def _wrapper_meant(name: str) -> Callable[..., Any] | None:
    from theodolite.resample import WRAPPERS

    return WRAPPERS.get(name.removeprefix("resample.").lower().replace("-", "_"))


def _outcome(where: Console, outcome: Outcome) -> None:
    from rich.text import Text

    kind = {"refused": "takes a number's place", "note": "stands beside a number", "failed": "an unforeseen error"}
    where.print(Text.assemble((outcome.name, "bold"), f"  {kind[outcome.severity]}", style=""))
    where.print()
    where.print(outcome.cause)
    where.print(outcome.remedy)


def _measure(where: Console, measure: Measure[..., Any]) -> None:
    from theodolite.catalogue import family
    from theodolite.cli.docstring import read

    told = read(measure.__doc__)
    _opening(where, measure.__name__, family(measure), told)
    _numbers(where, measure)
    _parameters(where, measure, told)
    _sections(where, told)
    _calls(where, measure)
    _source(where, measure)


def _wrapper(where: Console, wrapper: Callable[..., Any]) -> None:
    from theodolite.cli.docstring import read
    from theodolite.core.parameters import keywords

    told, name = read(wrapper.__doc__), wrapper.__name__
    _opening(where, name, "around a measure", told)
    _parameters(where, wrapper, told)
    _sections(where, told)
    key, parameter = next((key, p) for key, p in keywords(wrapper).items() if isinstance(p.default, int))
    _shown_calls(
        where,
        [
            f"theodolite survey model.safetensors -m '{name}(power_law)'",
            f"theodolite survey model.safetensors -m '{name}(power_law)[{key}={2 * parameter.default}]'",
            f"td.resample.{name}(td.spectra.power_law)(weights, rng=0)",
        ],
    )


def _opening(where: Console, name: str, kind: str, told: Docstring) -> None:
    from rich.text import Text

    from theodolite.cli.docstring import readable

    where.print(Text.assemble((name, "bold"), (f"  {kind}", "dim")))
    where.print(readable(told.summary))
    if told.body:
        where.print()
        where.print(readable(told.body))


def _sections(where: Console, told: Docstring) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from theodolite.cli.docstring import readable

    for heading, text in told.sections.items():
        if heading not in _ELSEWHERE:
            where.print()
            where.print(Text(heading, style="bold"))
            where.print(Padding(Text(text) if heading == "Examples" else readable(text), (0, 0, 0, 2), expand=False))


def _numbers(where: Console, measure: Measure[..., Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from theodolite.cli.display import table

    said = ("how to read it", "what leaves or moves it")
    shown = table("number", "unit", "range", *said, wrap=said)
    for field, promise in measure.traits.fields.items():
        shown.add_row(field, promise.unit, _range(promise), promise.reads, _moves(promise))
    where.print()
    where.print(Text("Numbers", style="bold"))
    where.print(Padding(shown, (0, 0, 0, 2), expand=False))


def _range(promise: Field) -> str:
    low, high = promise.bounds
    if low is None and high is None:
        return "any"
    if high is None:
        return f"≥ {low:g}"
    return f"≤ {high:g}" if low is None else f"{low:g} to {high:g}"


def _moves(promise: Field) -> str:
    from theodolite.core.formula import plain

    said = []
    if promise.invariant_to:
        said.append(f"unchanged by {', '.join(promise.invariant_to)}")
    said += [plain(f"{move} by c multiplies it by c^{{{degree:g}}}") for move, degree in promise.equivariant.items()]
    if promise.varies:
        said.append(f"changed by {', '.join(promise.varies)}")
    return "; ".join(said)


def _parameters(where: Console, measure: Callable[..., Any], told: Docstring) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from theodolite.cli.display import table
    from theodolite.cli.docstring import readable
    from theodolite.core.parameters import keywords

    known = keywords(measure)
    if not known:
        return
    shown = table("parameter", "default", "values", "meaning", wrap=("values", "meaning"))
    for name, parameter in known.items():
        kind, text = told.parameters.get(name, ("", ""))
        shown.add_row(name, _literal(parameter.default), kind, readable(text))
    where.print()
    where.print(Text("Parameters", style="bold"))
    where.print(Padding(shown, (0, 0, 0, 2), expand=False))


def _literal(value: object) -> str:
    """Write a default as one would type it on the command line; what is left out by default is not typed at all."""
    import json

    if value is None:
        return "left out"
    return value if isinstance(value, str) else json.dumps(value)


def _calls(where: Console, measure: Measure[..., Any]) -> None:
    from theodolite.catalogue import family

    name = measure.__name__
    command, given, among = _looked_at(measure)
    lines = [f"{command} -m {name}"] if command else []
    lines.append(f"td.{family(measure)}.{name}({given})   # {among}")
    for parameter, value in _other_values(measure):
        if command:
            lines.insert(1, f"{command} -m '{name}[{parameter}={_literal(value)}]'")
        lines.append(f"td.{family(measure)}.{name}({given}, {parameter}={value!r})")
    _shown_calls(where, lines)


def _looked_at(measure: Measure[..., Any]) -> tuple[str, str, str]:
    """Say which command asks a measure, if one does, what it is given, and what that may be."""
    from theodolite.core import Cloud, Pair, Spectrum

    views = measure.traits.views
    if views == (Spectrum,):
        return "theodolite survey model.safetensors", "weights", "an array, a Spectrum, or td.open(path)[tensor]"
    if views == (Pair,):
        return "theodolite similarity a.npz b.npz", "x, y", "arrays of rows x features, clouds, or one Pair"
    if measure.traits.variadic:
        return "", "x, y, z", "any number of arrays of rows x features, or clouds"
    if views == (Cloud,):
        return _of_one_cloud(measure)
    if len(views) > 1:
        given = inspect.signature(measure).parameters.values()
        names = [one.name for one in given if one.kind is one.POSITIONAL_ONLY]
        return "", ", ".join(names), f"{', '.join(names[: len(views)])}: arrays of rows x features, or clouds"
    return "", "x, y", "arrays, or one view of both"


def _of_one_cloud(measure: Measure[..., Any]) -> tuple[str, str, str]:
    given = list(inspect.signature(measure).parameters.values())
    beside = [one.name for one in given[1:] if one.kind is one.POSITIONAL_ONLY]
    command = "theodolite dimension features.npz" + (" --labels labels.npy" if "labels" in beside else "")
    among = "an array of rows x features, a Cloud, or td.open_features(path)[layer]"
    return command, ", ".join(["points", *beside]), among + "".join(f"; {name}: one for each row" for name in beside)


def _shown_calls(where: Console, lines: list[str]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    where.print()
    where.print(Text("How to call it", style="bold"))
    where.print(Padding(Text("\n".join(lines)), (0, 0, 0, 2), expand=False))


def _other_values(measure: Measure[..., Any]) -> list[tuple[str, object]]:
    """Find a parameter and a value that is not its default, to show how it is given."""
    from typing import get_args, get_type_hints

    from theodolite.core.parameters import keywords

    hints = get_type_hints(inspect.unwrap(measure))
    for name, parameter in keywords(measure).items():
        choices = (True, False) if hints[name] is bool else get_args(hints[name])
        other = [choice for choice in choices if choice != parameter.default and isinstance(choice, (str, bool))]
        if other:
            return [(name, other[0])]
    return []


def _source(where: Console, measure: Measure[..., Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from theodolite.core.bibliography import reference

    where.print()
    where.print(Text("Source", style="bold"))
    where.print(Padding(Text(reference(measure.traits.cite).text), (0, 0, 0, 2), expand=False))
