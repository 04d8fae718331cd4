"""What can be asked, and what is answered to questions that can't."""

import functools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

import theodolite as td
from theodolite.core import Array, Field, ParameterError, Spectrum, measure
from theodolite.surveys import PRESETS, Request, Survey

INVARIANT = ("scale", "permutation", "rotation", "transpose")


@measure(cite="none")
def hill(spectrum: Spectrum, /) -> Annotated[Array, Field(unit="1", invariant_to=INVARIANT)]:
    """Somebody else's measure with a name that is taken."""
    return spectrum.eigenvalues[-1]


def test_every_way_to_name_a_measure_means_the_same() -> None:
    ways = ["hill[k=20]", functools.partial(td.spectra.hill, k=20), {"measure": "hill", "parameters": {"k": "20"}}]
    requests = {Request.of(way) for way in ways}
    assert requests == {Request(td.spectra.hill, {"k": 20})}


def test_nested_partials_are_one() -> None:
    twice = functools.partial(functools.partial(td.spectra.power_law, truncated=True), convention="weightwatcher")
    assert Request.of(twice).parameters == {"convention": "weightwatcher", "truncated": True}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (lambda matrix: 1.0, "a lambda has no name"),
        (len, "len is no measure"),
        (functools.partial(td.spectra.hill, 3), "binds data by position"),
        (functools.partial(lambda matrix: 1.0), "a lambda has no name"),
        ("stablerank", r"did you mean 'stable_rank'\?"),
        ("hill[kk=3]", r"unknown parameter 'kk'"),
        ("hill[k=many]", "k"),
        ("hill[", "write a name"),
        ("with_intervall(hill)", r"'with_intervall' is no wrapper; did you mean 'with_interval'"),
        ("with_interval(hil)", r"no measure is named 'hil'; did you mean 'hill'\?"),
        ("with_interval(hill)[resample=50]", r"unknown parameter 'resample'; did you mean 'resamples'\?"),
        ("with_interval(hill)[k=3]", r"'k' is a parameter of hill; write with_interval\(hill\[k=...\]\)"),
        ("with_interval(hill", "lacks a closing parenthesis"),
        ("with_interval", r"with_interval goes around a measure: with_interval\(power_law\)"),
        ("with_interval(with_interval(hill))", "has it already"),
        ("with_p_value(hill)", "declares no law"),
        ("hill(power_law)", "'hill' is no wrapper; choose from: with_interval, with_null, with_p_value"),
        ({"measure": "hill", "with_interval": 3}, "expected a table"),
        ({"name": "hill"}, "keys 'measure'"),
        ({"measure": 5}, "expected a name and a table"),
        ({"measure": "hill", "parameters": 3}, "expected a name and a table"),
        (3, "3 is no measure"),
    ],
)
def test_what_is_no_measure_is_refused_with_the_reason(given: Any, says: str) -> None:
    with pytest.raises((ParameterError, TypeError), match=says):
        Survey.of([given])


def test_a_measure_inside_a_function_is_refused() -> None:
    def make(power: float) -> Callable[..., Any]:
        @measure(cite="none")
        def inner(spectrum: Spectrum, /) -> Annotated[Array, Field(unit="1", unspecified=INVARIANT)]:
            """Depend on what is not in the name."""
            return spectrum.eigenvalues[-1] ** power

        return inner

    with pytest.raises(TypeError, match="defined inside a function"):
        Survey.of([make(2.0)])


def test_two_measures_of_one_name_are_refused() -> None:
    with pytest.raises(ParameterError, match="two different measures are named 'hill'"):
        Survey.of(["hill", hill])


def test_repeated_requests_are_asked_once_and_other_parameters_again() -> None:
    asked = Survey.of(["hill[k=20]", "hill", functools.partial(td.spectra.hill, k=20)]).measures
    assert [dict(request.parameters) for request in asked] == [{"k": 20}, {}]


def test_presets() -> None:
    quick, standard = Survey.of("quick"), Survey.of()
    names = [request.name for request in standard.measures]
    assert names == [*PRESETS["quick"]["measures"], "hill"]
    assert (quick.chance, standard.chance, quick.preset, standard.preset) == (False, True, "quick", "standard")
    assert [r.name for r in Survey.of(["quick", "hill[k=3]"]).measures] == [*PRESETS["quick"]["measures"], "hill"]


def test_full_adds_the_bulk_the_tail_families_and_the_interval_of_alpha_to_standard() -> None:
    full, standard = Survey.of("full"), Survey.of("standard")
    bulk = ["marchenko_pastur", "outliers", "trace_log_rank", "random_distance", "correlation_traps"]
    tails = ["truncated_power_law", "exponential_tail", "lognormal_tail", "tail_comparison"]
    assert [request.name for request in full.measures] == [*(r.name for r in standard.measures), *bulk, *tails]
    assert {request.name: request.evidence for request in full.measures if request.evidence} == {
        "power_law": {"with_interval": {"resamples": 200, "level": 0.95}}
    }
    assert (full.chance, full.preset) == (True, "full")


@pytest.mark.parametrize(("name", "meant"), [("ful", "full"), ("standart", "standard")])
def test_a_preset_that_does_not_exist_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ParameterError, match=f"did you mean '{meant}'"):
        Survey.of(name)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"convention": "weightwacher"}, r"convention is 'weightwacher'; did you mean 'weightwatcher'\?"),
        ({"view": "slice"}, r"did you mean 'slices'\?"),
        ({"sed": 1}, r"unknown option 'sed' of a survey; did you mean 'seed'\?"),
        ({"seed": -1}, "seed is -1; it must be an integer of at least 0"),
        ({"seed": True}, "seed is True"),
        ({"chance": 1}, "chance is 1; it must be true or false"),
        ({"layers": " "}, "layers is ' '"),
    ],
)
def test_options_that_do_not_fit(overrides: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        Survey.of("quick", **overrides)


def test_no_measures_is_no_survey() -> None:
    with pytest.raises(ParameterError, match="at least one"):
        Survey.of([])


def test_a_survey_is_frozen_hashable_picklable_and_survives_its_own_record() -> None:
    survey = Survey.of(["hill[k=20]", "power_law"], layers="*.weight", seed=3, chance=False, view="slices")
    assert Survey.from_dict(survey.to_dict()) == survey == pickle.loads(pickle.dumps(survey))
    assert len({survey, Survey.of(survey), Survey.of(survey, seed=4)}) == 2
    with pytest.raises(AttributeError):
        survey.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [(None, True), ("*attention*", True), ("layers.0.*", True), ("head", False), ("head, layers.?.attention", True)],
)
def test_layers_match_names_and_modules(pattern: str | None, kept: bool) -> None:
    assert Survey.of("quick", layers=pattern).keeps("layers.0.attention.weight", "layers.0.attention") is kept


TOML = """
seed = 7
convention = "weightwatcher"
layers = "*.weight"
measures = ["stable_rank", "hill[k=20]", {measure = "power_law", parameters = {truncated = true}}]
"""


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "survey.toml"
    file.write_text(TOML)
    survey = Survey.from_toml(file)
    expected = ["stable_rank", "hill[k=20]", functools.partial(td.spectra.power_law, truncated=True)]
    assert survey == Survey.of(expected, seed=7, convention="weightwatcher", layers="*.weight")


def test_a_record_needs_no_measures() -> None:
    assert Survey.of({"preset": "quick", "seed": 1}) == Survey.of("quick", seed=1)


def test_toml_tables_and_presets(tmp_path: Path) -> None:
    file = tmp_path / "survey.toml"
    file.write_text('preset = "quick"\n[measures.hill]\nk = 20\n')
    assert Survey.from_toml(file) == Survey.of(["quick", "hill[k=20]"])
    file.write_text("seed = 1\n")
    assert Survey.from_toml(file) == Survey.of("standard", seed=1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sead = 1", r"unknown key 'sead'; did you mean 'seed'\?"),
        ("seed = 'x'", "seed is 'x'"),
        ("measures = ['hil']", r"did you mean 'hill'\?"),
        ("measures = 'hill'", "must be a list of names"),
        ("[measures.hill]\nkk = 1", "unknown parameter 'kk'"),
        ("[measures.hill]\nk = 1.5", "parameter 'k' is 1.5"),
        ("[measures]\nhill = 3", r"measures.hill is 3; it must be a table"),
        ("measures = []", "needs at least one"),
        ("measures = [{measure = 5}]", "expected a name and a table"),
        ("preset = 3", "preset is 3"),
        ("preset = 'ful'", "full"),
        ("seed = ", "Invalid value"),
    ],
)
def test_toml_errors_name_the_file_and_the_key(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "survey.toml"
    file.write_text(text)
    with pytest.raises(ParameterError, match=says) as caught:
        Survey.from_toml(file)
    assert str(file) in str(caught.value)
