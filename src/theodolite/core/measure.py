"""A measure: a plain function that declares what it looks at and what it promises."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import (
    Annotated,
    Any,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from theodolite.core.outcomes import Note, Refusal
from theodolite.core.parameters import complete, takes_rng
from theodolite.core.results import BESIDE, Result
from theodolite.core.traits import Field, Runs, Traits
from theodolite.core.views import View

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Measure(Protocol[P, R_co]):
    """A function with traits; its first argument is a view, or whatever the view can be made from."""

    traits: Traits
    __name__: str
    __module__: str
    __doc__: str | None

    def __call__(self, target: Any, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Measure a target."""


class Hooks(TypedDict, total=False):
    """Functions that a measure may bring beside itself; `Traits` says what each does."""

    synthetic: Callable[..., Any]
    looks_at: Callable[..., Any]
    chance: Callable[..., Mapping[str, float]]
    doubts: Callable[..., tuple[Note, ...]]
    neighbours: Callable[[int, Mapping[str, Any]], int]


def measure(
    *,
    cite: str,
    needs: str | tuple[str, ...] = "eigenvalues",
    runs: Runs = "array",
    version: int = 1,
    **hooks: Unpack[Hooks],
) -> Callable[[Callable[..., R]], Measure[..., R]]:
    """Declare that a function is a measure.

    The function's positional-only parameters are annotated with the views they are seen through (``*clouds: Cloud``:
    any number of them); its return annotation carries a `Field` (or is a dataclass whose fields do). The decorated
    function accepts, in a view's place, whatever the view can be made from, checks its keywords and puts its name into
    every refusal.

    Parameters
    ----------
    cite : str
        Key of the source in the bibliography.
    needs : str or tuple of str
        What the views must have.
    runs : {"array", "host"}
        ``"array"``: a closed form in the caller's array library; ``"host"``: a fit or search in NumPy.
    version : int
        Raised whenever the same input may give another number.
    **hooks
        What else it brings: `synthetic`, `looks_at`, `chance`, `doubts`, `neighbours`, as `Traits` says.

    Returns
    -------
    callable
        The decorator.
    """
    wanted = (needs,) if isinstance(needs, str) else tuple(needs)

    def declare(function: Callable[..., R]) -> Measure[..., R]:
        declared = _declared(function, wanted, runs, version, cite)
        declared.traits = replace(declared.traits, **hooks)
        return cast("Measure[..., R]", declared)

    return declare


def _declared(function: Callable[..., Any], needs: tuple[str, ...], runs: Runs, version: int, cite: str) -> Any:
    name = function.__name__
    hints = get_type_hints(function, include_extras=True)
    seen = _views(function, hints)
    variadic = any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values())
    traits = Traits(tuple(seen.values()), needs, runs, version, cite, _fields(hints["return"]), variadic=variadic)
    for field_name, promise in traits.fields.items():
        wrong = promise.undeclared(next(iter(seen.values())).moves)
        if wrong:
            raise TypeError(f"{name}.{field_name}: declare each move exactly once; look at {', '.join(wrong)}")
    random = takes_rng(function)

    @functools.wraps(function)
    def call(*targets: Any, **given: Any) -> Any:
        with speaking_for(name):
            views, used = _looked_at(targets, seen, traits.variadic)
            for view in views:
                view.require(needs)
            rng = {"rng": given.pop("rng")} if random and "rng" in given else {}
            return function(*views, *targets[used:], **complete(function, given), **rng)

    call.traits = traits  # type: ignore[attr-defined]
    return call


@contextmanager
def speaking_for(name: str) -> Iterator[None]:
    """Put a measure's name before every refusal and every complaint about its arguments.

    Parameters
    ----------
    name : str
        The measure's name.

    Yields
    ------
    None
        Nothing; errors come out in the measure's name.
    """  # noqa: DOC501 - what is raised inside
    try:
        yield
    except Refusal as refusal:
        raise refusal.of(name) from None
    except (TypeError, ValueError) as error:
        if not str(error).startswith((f"{name}: ", f"{name}(")):
            error.args = (f"{name}: {error}",)
        raise


def _looked_at(targets: tuple[Any, ...], seen: Mapping[str, type[View]], variadic: bool) -> tuple[list[View], int]:
    """Make the views of the positional arguments, and count the arguments that they took."""
    views: list[View] = []
    used = 0
    for argument, view in seen.items():
        while used < len(targets):
            made, taken = view.from_arguments(targets[used:], name=argument)
            views.append(made)
            used += taken
            if not variadic:
                break
    return views, used


def _views(function: Callable[..., Any], hints: dict[str, Any]) -> dict[str, type[View]]:
    """Return the positional-only parameters that are views, by name."""
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        positional = parameter.kind in {parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL}
        if positional and isinstance(hint, type) and issubclass(hint, View):
            found[parameter.name] = hint
    if not found:
        raise TypeError(f"{function.__name__}: its first parameter must be positional-only and annotated with a view")
    return found


def _fields(returned: Any) -> dict[str, Field]:
    """Read the promises from the return annotation."""
    if get_origin(returned) is Annotated:
        return {"value": _promise(returned, "value")}
    if isinstance(returned, type) and issubclass(returned, Result):
        hints = get_type_hints(returned, include_extras=True)
        own = [f.name for f in dataclass_fields(returned) if f.name not in BESIDE]
        return {field_name: _promise(hints[field_name], field_name) for field_name in own}
    raise TypeError(f"a measure returns Annotated[Array, Field(...)] or a Result, not {returned!r}")


def _promise(hint: Any, name: str) -> Field:
    for extra in get_args(hint)[1:]:
        if isinstance(extra, Field):
            return extra
    raise TypeError(f"field {name!r} has no Field in its annotation")
