"""The decorator: what it accepts, what it refuses to declare, and what becomes of errors."""

import functools
import inspect
import pickle
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from theodolite.core import Array, Field, Limits, Outcome, ParameterError, Refusal, Result, Spectrum, measure

MOVES = ("scale", "permutation", "rotation", "transpose")
Free = Annotated[Array, Field(unit="1", unspecified=MOVES)]


@measure(cite="hill1975simple", needs=("eigenvalues", "shape"), runs="host", version=3)
def power_sum(spectrum: Spectrum, /, *, power: Annotated[int, Limits(ge=1)] = 1, rng: int = 0) -> Free:
    """Sum of powers."""
    if power == 99:
        raise Refusal(Outcome.NO_SPREAD, "detail")
    if power == 98:
        raise ValueError("an inner error")
    return np.sum(spectrum.eigenvalues**power) + rng


def test_traits_are_what_was_declared():
    traits = power_sum.traits
    assert (traits.views, traits.needs, traits.runs, traits.version, traits.cite) == (
        (Spectrum,),
        ("eigenvalues", "shape"),
        "host",
        3,
        "hill1975simple",
    )
    assert dict(traits.fields) == {"value": Field(unit="1", unspecified=MOVES)}


def test_it_stays_an_ordinary_function():
    assert power_sum.__name__ == "power_sum"
    assert power_sum.__doc__ == "Sum of powers."
    assert list(inspect.signature(power_sum).parameters) == ["spectrum", "power", "rng"]
    assert pickle.loads(pickle.dumps(power_sum)) is power_sum
    again = pickle.loads(pickle.dumps(functools.partial(power_sum, power=2)))
    assert again(np.diag([1.0, 2.0])) == 17.0


def test_it_takes_arrays_views_and_weights():
    class Weight:
        def spectrum(self):
            return Spectrum(np.diag([1.0, 2.0]))

    for target in (np.diag([1.0, 2.0]), Spectrum(np.diag([1.0, 2.0])), Weight()):
        assert power_sum(target) == 5.0


def test_parameters_are_checked_and_the_generator_passes_by():
    assert power_sum(np.eye(2), power=np.int64(2), rng=5) == 7.0
    with pytest.raises(ParameterError, match=r"^power_sum: parameter 'power' is 0"):
        power_sum(np.eye(2), power=0)
    with pytest.raises(ParameterError, match=r"^power_sum: unknown parameter 'pow'; did you mean 'power'\?$"):
        power_sum(np.eye(2), pow=2)


def test_refusals_and_errors_bear_its_name_once():
    with pytest.raises(Refusal) as caught:
        power_sum(np.eye(2), power=99)
    assert (caught.value.measure, caught.value.detail) == ("power_sum", "detail")
    assert str(caught.value).startswith("power_sum: ")
    with pytest.raises(ValueError, match=r"^power_sum: an inner error$"):
        power_sum(np.eye(2), power=98)
    with pytest.raises(TypeError, match=r"^power_sum: spectrum: expected a 2-D array"):
        power_sum([[1.0]])
    with pytest.raises(TypeError, match=r"^power_sum\(\) takes 1 positional argument but 2"):
        power_sum(np.eye(2), np.eye(2))
    with pytest.raises(TypeError, match=r"^power_sum: |^power_sum\("):
        power_sum()


def test_an_error_with_a_constructor_of_its_own_keeps_type_and_content():
    class CountError(ValueError):
        def __init__(self, count: int) -> None:
            self.count = count
            super().__init__(f"{count} wrong")

    @measure(cite="x")
    def broken(spectrum: Spectrum, /) -> Free:
        raise CountError(3)

    with pytest.raises(CountError, match=r"^broken: 3 wrong$") as caught:
        broken(np.eye(2))
    assert caught.value.count == 3
    assert caught.traceback[-1].name == "broken"


def test_a_name_that_another_begins_with_is_not_mistaken():
    @measure(cite="x")
    def hill(spectrum: Spectrum, /) -> Free:
        raise ValueError("hillside")

    with pytest.raises(ValueError, match=r"^hill: hillside$"):
        hill(np.eye(2))


def test_what_the_view_lacks_is_refused_with_the_outcome():
    with pytest.raises(Refusal) as caught:
        power_sum(Spectrum.from_eigenvalues(np.ones(3)))
    assert caught.value.outcome is Outcome.NEEDS_SHAPE
    assert power_sum(Spectrum.from_eigenvalues(np.ones(3), shape=(3, 5))) == 3.0

    @measure(cite="x", needs="matrix")
    def corner(spectrum: Spectrum, /) -> Free:
        return spectrum.matrix[0, 0]

    with pytest.raises(Refusal) as caught:
        corner(Spectrum.from_eigenvalues(np.ones(3), shape=(3, 5)))
    assert caught.value.outcome is Outcome.NEEDS_MATRIX

    @measure(cite="x", needs="orbits")
    def lost(spectrum: Spectrum, /) -> Free:
        return spectrum

    with pytest.raises(TypeError, match=r"^lost: needs: 'orbits' is nothing that a view can have"):
        lost(np.eye(2))


def test_several_fields_are_declared_on_the_result():
    @dataclass(frozen=True, kw_only=True)
    class Ends(Result):
        low: Annotated[Array, Field(unit="eigenvalue", unspecified=MOVES)]
        high: Annotated[Array, Field(unit="weight", unspecified=MOVES)]

    @measure(cite="x")
    def ends(spectrum: Spectrum, /) -> Ends:
        return Ends(low=spectrum.eigenvalues[0], high=spectrum.eigenvalues[-1])

    assert {name: field.unit for name, field in ends.traits.fields.items()} == {"low": "eigenvalue", "high": "weight"}
    assert ends(np.diag([1.0, 3.0])).high == 9.0


def by_name(matrix: Spectrum) -> Free:
    """Not positional-only."""


def without_a_view(matrix: int, /) -> Free:
    """No view."""


def without_a_field(spectrum: Spectrum, /) -> float:
    """No promise."""


def half_declared(spectrum: Spectrum, /) -> Annotated[Array, Field(unit="1", varies=("scale",))]:
    """Not every move."""


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (by_name, "by_name: its first parameter must be positional-only and annotated with a view"),
        (without_a_view, "without_a_view: its first parameter must be positional-only"),
        (without_a_field, "a measure returns Annotated"),
        (
            half_declared,
            "half_declared.value: declare each move exactly once; look at permutation, rotation, transpose",
        ),
    ],
)
def test_wrong_declarations_fail_at_once(function, told):
    with pytest.raises(TypeError, match=told):
        measure(cite="x")(function)


def test_a_field_of_a_result_without_a_promise_fails_at_once():
    @dataclass(frozen=True, kw_only=True)
    class Bare(Result):
        low: Annotated[Array, "no promise"]

    def bare(spectrum: Spectrum, /) -> Bare:
        """Nothing."""

    with pytest.raises(TypeError, match=r"field 'low' has no Field in its annotation"):
        measure(cite="x")(bare)
