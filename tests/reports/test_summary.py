"""The sentences that head the page and end a run."""

import pytest

from theodolite.core import Readings, TargetRow
from theodolite.reports import report, summary
from theodolite.reports.layers import model_names, number_text
from theodolite.reports.questions import percentile_text
from theodolite.reports.summary import named


def told(plant, *verdicts: str):
    layers = [plant.layer(f"h.{i}.q") for i in range(len(verdicts))]
    rows = [row for one, v in zip(layers, verdicts, strict=True) for row in plant.rows(one, **plant.by_verdict[v])]
    return summary(Readings(layers, rows))[0]


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        (["no finding"], "No finding in the one layer."),
        (["no finding"] * 3, "No finding in any of the 3 layers."),
        (["looks untrained"], "Of 1 layer, 1 looks untrained."),
        (["looks untrained"] * 2 + ["no finding"], "Of 3 layers, 2 look untrained; 1 gives no finding."),
        (
            ["looks untrained", "heavier than 2", "low rank", "low rank", "no finding", "no finding"],
            "Of 6 layers, 1 looks untrained, 1 has a tail heavier than 2 and 2 are low rank; 2 give no finding.",
        ),
        (["trap"], "Of 1 layer, 1 holds a trap."),
        (["trap"] * 2, "Of 2 layers, 2 hold traps."),
    ],
)
def test_headlines(plant, verdicts, headline):
    assert told(plant, *verdicts).headline == headline


def test_counts_leave_out_what_is_named_apart_and_count_what_is_listed(plant):
    one = summary(plant.transformer(4))[0]
    assert (len(one.counted), len(one.apart), one.listed) == (8, 1, 4)
    assert one.verdicts == {"looks untrained": 2, "heavier than 2": 2, "low rank": 2, "no finding": 2, "not judged": 0}
    assert "Named apart: 1 × embedding." in one.sentences
    assert "Listed, not measured: 4 tensors." in one.sentences
    assert "Heavier than 2: h.0.query, h.2.query." in one.sentences


def test_traps_are_counted_where_they_were_looked_for(plant):
    one = told(plant, "trap", "trap")
    assert one.verdicts == {"looks untrained": 0, "heavier than 2": 0, "low rank": 0, "trap": 2, "no finding": 0,
                            "not judged": 0}  # fmt: skip
    assert "Trap: h.0.q, h.1.q." in one.sentences
    assert "trap" not in told(plant, "no finding").verdicts


@pytest.mark.parametrize(("reasons", "tail"), [(1, "."), (2, " (and 1 more reason)."), (4, " (and 3 more reasons).")])
def test_reasons_are_counted_in_words(plant, reasons, tail):
    outcomes = ("ALL_ZERO", "NO_SPREAD", "NO_POWER_LAW", "TOO_FEW_EIGENVALUES")[:reasons]
    layers = [plant.layer(f"h.{i}.q") for i in range(reasons)]
    gone = [plant.by_verdict["no finding"] | {"power_law_alpha": {"outcome": outcome}} for outcome in outcomes]
    rows = [row for one, numbers in zip(layers, gone, strict=True) for row in plant.rows(one, **numbers)]
    read = Readings(layers, rows)
    (said,) = [sentence for sentence in summary(read)[0].sentences if sentence.startswith("“Which tails")]
    assert said.endswith(tail)
    assert ("more reason" in said) == (reasons > 1)
    assert ("for 1 more reason.<" in report(read)) == (reasons == 4)
    assert "1 more reasons" not in report(read)


def test_an_open_question_is_told_with_its_reason(plant):
    bare = plant.changed(plant.by_verdict["looks untrained"], "stable_rank", percentile=None)
    one = summary(plant.readings_of(bare))[0]
    assert one.headline == "No finding in 1 layer, but not every question could be answered."
    assert any("stable_rank was measured without chance levels" in sentence for sentence in one.sentences)


def test_models_stand_apart_and_so_do_two_conventions_of_one_model(plant):
    both = plant.transformer(2, model="a") + plant.transformer(2, model="b")
    assert [one.model for one in summary(both)] == ["a", "b"]
    ours, theirs = plant.layer(), TargetRow(target="m@weightwatcher:h.0.q.weight", model="m", module="h.0.q",
                                            shape=(128, 256), convention="weightwatcher", view="matrix")  # fmt: skip
    rows = [row for one in (ours, theirs) for row in plant.rows(one, **plant.by_verdict["no finding"])]
    readings = Readings([ours, theirs], rows)
    assert list(model_names(readings).values()) == ["m (theodolite)", "m (weightwatcher)"]
    assert [len(one.judgements) for one in summary(readings)] == [1, 1]


def test_nothing_read_is_nothing_told():
    assert summary(Readings([], [])) == ()
    listed = TargetRow(target="m:b", model="m", module="b", listed_because="a bias")
    assert summary(Readings([listed], []))[0].headline == "No layer could be judged."


def test_long_lists_of_names_end_in_a_count(plant):
    judged = told(plant, *["low rank"] * 6).counted
    assert named(judged[:4]) == "h.0.q, h.1.q, h.2.q, h.3.q"
    assert named(judged) == "h.0.q, h.1.q, h.2.q and 3 more"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (-2.5, "−2.50"), (999.6, "1000"), (12345.6, "12346"), (-1e-9, "-1.00e-09"), (1e9, "1.00e+09")],
)
def test_numbers_are_written_for_people(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(("percentile", "text"), [(0.5, "≤ 0.5"), (0.51, "0.5"), (50.0, "50"), (99.5, "≥ 99.5")])
def test_a_percentile_at_the_end_of_what_is_known_says_so(percentile, text):
    assert percentile_text(percentile) == text
