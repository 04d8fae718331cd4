"""Outcomes say cause and remedy; refusals carry them; notes and missing fields can't be confused."""

import pickle

import pytest

from theodolite.core import Missing, Note, Outcome, Refusal


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_cause_and_a_remedy(outcome):
    assert outcome.severity in {"refused", "note", "failed"}
    for sentence in (outcome.cause, outcome.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert outcome.cause != outcome.remedy


def test_outcomes_are_distinct():
    # Two members with one value would be aliases in an enumeration, and one of them lost.
    assert len(Outcome) == len(Outcome.__members__)
    assert len({outcome.cause for outcome in Outcome}) == len(Outcome)


def test_a_refusal_says_who_why_what_and_what_helps():
    refusal = Refusal(Outcome.ALL_ZERO, "shape (3, 4)", "hill")
    assert isinstance(refusal, ValueError)
    assert str(refusal) == f"hill: {Outcome.ALL_ZERO.cause} (shape (3, 4)) {Outcome.ALL_ZERO.remedy}"
    assert str(Refusal(Outcome.ALL_ZERO)) == f"{Outcome.ALL_ZERO.cause} {Outcome.ALL_ZERO.remedy}"


def test_a_refusal_takes_a_name_without_changing():
    anonymous = Refusal(Outcome.EMPTY, "shape (0, 3)")
    named = anonymous.of("hill")
    assert (named.outcome, named.detail, named.measure) == (Outcome.EMPTY, "shape (0, 3)", "hill")
    assert anonymous.measure == ""


def test_a_refusal_survives_pickling():
    refusal = Refusal(Outcome.NO_SPREAD, "8 of 8", "hill")
    again = pickle.loads(pickle.dumps(refusal))
    assert type(again) is Refusal
    assert (again.outcome, again.detail, again.measure, str(again)) == (
        refusal.outcome,
        refusal.detail,
        refusal.measure,
        str(refusal),
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_notes_stand_beside_values_and_missing_fields_in_their_place(outcome):
    for kind, severity in ((Note, "note"), (Missing, "refused")):
        if outcome.severity == severity:
            assert kind(outcome).outcome is outcome
        else:
            with pytest.raises(ValueError, match=outcome.name):
                kind(outcome)
