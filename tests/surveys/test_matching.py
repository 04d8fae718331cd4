"""Which tensor is which."""

import pytest

from theodolite.core import ParameterError
from theodolite.surveys.matching import Match, matched


def named(*names: str) -> dict:
    return dict.fromkeys(names)


def test_equal_names_match_and_the_rest_is_reported():
    found = matched(named("a", "b", "c"), named("d", "c", "b"))
    assert found.matches == (Match("c", "c"), Match("b", "b"))
    assert (found.only_before, found.only_after) == (("a",), ("d",))
    assert found.renamed == ()


def test_renamings_come_before_equal_names():
    before, after = named("old.0.w", "old.1.w", "same", "x"), named("new.0.q", "new.1.q", "same", "old.0.w")
    found = matched(before, after, {"old.*.w": "new.*.q", "x": "same"})
    assert found.matches == (
        Match("old.0.w", "new.0.q", "old.*.w=new.*.q"),
        Match("old.1.w", "new.1.q", "old.*.w=new.*.q"),
        Match("x", "same", "x=same"),
    )
    assert (found.only_before, found.only_after) == (("same",), ("old.0.w",))


def test_several_stars_keep_their_order_and_signs_of_patterns_are_plain():
    found = matched(named("a[0].b.c"), named("m.a[0].b.n.c"), {"*.b.*": "m.*.b.n.*"})
    assert found.matches[0].after == "m.a[0].b.n.c"


@pytest.mark.parametrize(
    ("renames", "says"),
    [
        ({"encodr.*": "m.*"}, "no tensor before is named 'encodr"),
        ({"encoder.w": "modl.encoder.w"}, "leads to no tensor after; did you mean 'model.encoder.w'"),
        ({"encoder.*": "model.encoder"}, r"has 1 and 0 signs \*"),
        ({"encoder.*": "model.encoder.*", "encoder.w": "model.encoder.w"}, "of which one has its partner"),
    ],
)
def test_renamings_that_lead_nowhere_are_refused(renames, says):
    with pytest.raises(ParameterError, match=says):
        matched(named("encoder.w"), named("model.encoder.w"), renames)


def test_nothing_in_common_brings_a_hint():
    with pytest.raises(ParameterError, match=r"try the renaming '\*=model\.\*'"):
        matched(named("encoder.w"), named("model.encoder.w"))
    with pytest.raises(ParameterError, match=r"try the renaming 'model\.\*=\*'"):
        matched(named("model.encoder.w"), named("encoder.w"))
    with pytest.raises(ParameterError, match="give renamings OLD=NEW"):
        matched(named("a"), named("b"))


def test_a_suggestion_is_no_list_of_a_thousand_names():
    before = named(*(f"layer.{i}.w" for i in range(1000)))
    with pytest.raises(ParameterError) as refused:
        matched(before, named("layer.0.w"), {"xyz": "layer.0.w"})
    assert len(str(refused.value)) < 200
