"""Conditions of a gate: read, answered, and refused where there is no answer."""

import pytest

from theodolite.core import ParameterError
from theodolite.core.conditions import Condition

VALUES = {
    "intruders": [0, 0, 3],
    "intruders.right": [0, 0, 0],
    "relative_change": [0.01, None, 0.04],
    "alpha.shift": [-1.0, 0.5, 2.0],
    "changed": 2.0,
    "nothing": [None, None],
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("intruders > 0", True),
        ("intruders > 3", False),
        ("intruders >= 3", True),
        ("intruders.right > 0", False),
        ("intruders.sum == 3", True),
        ("intruders.count == 3", True),
        ("relative_change.count == 2", True),
        ("relative_change.max > 0.05", False),
        ("relative_change.max > 3 %", True),
        ("relative_change.max>3%", True),
        ("relative_change.median < 0.026", True),
        ("relative_change.mean != 0.025", False),
        ("relative_change < 0.02", True),
        ("alpha.shift.min < -0.5e0", True),
        ("alpha.shift.median > 1 and intruders > 2", False),
        ("alpha.shift.median > 1 or intruders > 2", True),
        ("not intruders > 2", False),
        ("not (intruders > 5 or changed == 3)", True),
        ("changed == 2", True),
        ("intruders > 5 or intruders > 2 and changed == 3", False),
        ("(intruders > 2 or intruders > 5) and changed == 2", True),
        ("changed == 2 or intruders > 9 and intruders > 9", True),
        ("nothing.count == 0", True),
    ],
)
def test_answers(text, holds):
    assert Condition(text).judge(VALUES).holds is holds


def test_evidence_says_what_was_seen():
    verdict = Condition("intruders > 0 and relative_change.max > 5 %").judge(VALUES)
    assert verdict.evidence == (
        "intruders > 0 holds: in 1 of 3 layers, largest 3",
        "relative_change.max > 0.05 doesn't hold: it is 0.04",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write one such as"),
        ("intruders", "ends where a comparison should follow"),
        ("intruders >", "ends where a number should follow"),
        ("> 3", "a name should stand in place of '>' \\(sign 1"),
        ("intruders > 3 4", "'and' or 'or' should stand in place of '4'"),
        ("(intruders > 3", r"ends where '\)' should follow"),
        ("intruders ( 3", "a comparison should stand in place of '\\('"),
        ("__import__('os').system('true')", "can't be read"),
        ("intruders > 3; changed > 1", "'; changed > 1' .* can't be read"),
        ("intruders > changed", "a number should stand in place of 'changed'"),
        ("(" * 60 + "intruders > 1" + ")" * 60, "nests more than 40 deep"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text, says):
    with pytest.raises(ParameterError, match=says):
        Condition(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("intruder > 0", "unknown name 'intruder'; did you mean 'intruders'"),
        ("relative_change.maximum > 0", "behind relative_change, did you mean 'max'"),
        ("changed.max > 0", "behind changed"),
        ("nothing > 0", "no layer has nothing"),
        ("nothing.max > 0", "no layer has nothing"),
    ],
)
def test_a_gate_never_stands_open_by_mistake(text, says):
    with pytest.raises(ParameterError, match=says):
        Condition(text).judge(VALUES)


def test_evidence_says_how_many_layers_have_no_number():
    (says,) = Condition("a > 5 %").judge({"a": [0.01, None, None]}).evidence
    assert says == "a > 0.05 doesn't hold: in 0 of 1 layers, largest 0.01; 2 without a number"


def test_names_are_those_that_are_compared():
    text = "not (hill[k=20].shift.max > 5 % or b < -1) and b >= 0"
    assert Condition(text).names == ("hill[k=20].shift.max", "b")
