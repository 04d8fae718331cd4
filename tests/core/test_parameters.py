"""Parameters: read from the signature, completed, checked, and parsed as people type them."""

from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.core import Limits, ParameterError
from theodolite.core.parameters import complete, keywords, parse_call, parse_nested, takes_rng


def tail(
    data: object,
    /,
    *,
    k: Annotated[int, Limits(ge=1)] | None = None,
    share: Annotated[float, Limits(gt=0, le=1)] = 0.5,
    convention: Literal["ours", "theirs"] = "ours",
    clip: bool = False,
    levels: tuple[float, ...] = (0.5,),
    rng: int = 0,
) -> float:
    """Nothing."""


def plain(data: object, /) -> float:
    """Nothing."""


def demanding(data: object, /, *, k: int) -> float:
    """Nothing."""


def test_keywords_leave_data_and_chance_out():
    assert list(keywords(tail)) == ["k", "share", "convention", "clip", "levels"]
    assert dict(keywords(plain)) == {}
    assert takes_rng(tail)
    assert not takes_rng(plain)
    with pytest.raises(TypeError):
        keywords(tail)["k"] = None


def test_defaults_are_filled_in():
    assert complete(tail, {}) == {"k": None, "share": 0.5, "convention": "ours", "clip": False, "levels": (0.5,)}
    assert list(complete(tail, {"clip": True, "k": 3})) == ["k", "share", "convention", "clip", "levels"]


def test_numpy_scalars_are_python_scalars():
    found = complete(tail, {"k": np.int32(3), "share": np.float32(0.25), "clip": np.True_})
    assert (found["k"], found["share"], found["clip"]) == (3, 0.25, True)
    assert {type(found[name]) for name in ("k", "share", "clip")} == {int, float, bool}


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"shar": 1}, r"^tail: unknown parameter 'shar'; did you mean 'share'\?$"),
        ({"rng": 1}, r"^tail: unknown parameter 'rng'; choose from: clip, convention, k, levels, share$"),
        ({"k": 0}, r"^tail: parameter 'k' is 0: expected `int` >= 1$"),
        ({"k": 2.5}, r"^tail: parameter 'k' is 2.5: expected `int \| null`, got `float`$"),
        ({"k": True}, r"^tail: parameter 'k' is True: expected `int \| null`, got `bool`$"),
        ({"k": "3"}, r"^tail: parameter 'k' is '3': expected"),
        ({"share": 0.0}, r"^tail: parameter 'share' is 0.0: expected `float` > 0"),
        ({"share": float("nan")}, r"^tail: parameter 'share' is nan"),
        ({"convention": "hers"}, r"^tail: parameter 'convention' is 'hers': expected 'ours' or 'theirs'$"),
        ({"levels": [0.1, "x"]}, r"^tail: parameter 'levels' is \[0.1, 'x'\]: expected `float`"),
        ({"clip": 1}, r"^tail: parameter 'clip' is 1: expected `bool`, got `int`$"),
    ],
)
def test_wrong_values_are_named(given_, told):
    with pytest.raises(ParameterError, match=told):
        complete(tail, given_)


def test_a_measure_without_parameters_says_so():
    with pytest.raises(ParameterError, match=r"^plain: unknown parameter 'k'; it takes none$"):
        complete(plain, {"k": 1})


def test_a_parameter_without_default_must_be_given():
    with pytest.raises(ParameterError, match=r"^demanding: .*`k`"):
        complete(demanding, {})


def test_text_is_read_as_what_is_wanted():
    found = complete(tail, {"k": "3", "share": "0.25", "clip": "true"}, text=True)
    assert (found["k"], found["share"], found["clip"]) == (3, 0.25, True)
    with pytest.raises(ParameterError, match="parameter 'k' is 'three'"):
        complete(tail, {"k": "three"}, text=True)


def test_infinities_are_no_parameters():
    def free(data: object, /, *, x: float = 1.0) -> float:
        """Nothing."""

    for wrong in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ParameterError, match=r"free: parameter 'x' is .*; expected a finite number"):
            complete(free, {"x": wrong})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hill", ("hill", {})),
        (" hill ", ("hill", {})),
        ("hill[]", ("hill", {})),
        ("spectra.hill[k=20]", ("spectra.hill", {"k": 20})),
        (
            "power_law[convention=weightwatcher, xmax=max]",
            ("power_law", {"convention": "weightwatcher", "xmax": "max"}),
        ),
        ('f[a=[1, 2], b={"c": 3}]', ("f", {"a": [1, 2], "b": {"c": 3}})),
        ("f[a='x, y=z', b=null]", ("f", {"a": "x, y=z", "b": None})),
        ("f[a=1e-3, b=true, c=-2]", ("f", {"a": 1e-3, "b": True, "c": -2})),
        ("f [ a = 1 ]", ("f", {"a": 1})),
    ],
)
def test_calls_are_parsed(text, expected):
    assert parse_call(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1hill", "hill[k=20", "hill k=20", "hill[20]", "hill[=3]", "hill[k=1, k=2]", "a b", "hill]["]
)
def test_what_is_no_call_is_refused(text):
    with pytest.raises(ParameterError, match=r"hill\[k=20\]|twice"):
        parse_call(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,6}", fullmatch=True),
        st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_parsing_undoes_writing(parameters):
    import json

    inside = ", ".join(f"{key}={json.dumps(value)}" for key, value in parameters.items())
    assert parse_call(f"measure[{inside}]") == ("measure", parameters)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        name, _ = parse_call(text)
    except ParameterError:
        return
    assert name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hill", [("hill", {})]),
        ("hill[k=(1)]", [("hill", {"k": "(1)"})]),
        ("with_interval(hill)", [("with_interval", {}), ("hill", {})]),
        ("a(b(c[k=1])[l=2])[m='x']", [("a", {"m": "x"}), ("b", {"l": 2}), ("c", {"k": 1})]),
        (" a ( b ) [m=1] ", [("a", {"m": 1}), ("b", {})]),
        ("a(b[k=(1, 2)])", [("a", {}), ("b", {"k": "(1, 2)"})]),
    ],
)
def test_measures_within_wrappers(text, expected):
    assert parse_nested(text) == expected


@pytest.mark.parametrize("text", ["a(", "a(b", "a()", "a(b)c", "(b)", "a(b))", "a(b)[k]"])
def test_what_is_no_measure_within_a_wrapper(text):
    with pytest.raises(ParameterError):
        parse_nested(text)
