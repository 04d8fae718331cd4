"""Each verdict on planted readings, at its borders and one step beyond them."""

import numpy as np
import pytest

from theodolite.core import ReadingRow, Readings
from theodolite.numerics.chance import chance_levels
from theodolite.reports import judge
from theodolite.reports.questions import (
    CENTRAL,
    HEAVY_ALPHA,
    LOW_RANK_PERCENTILE,
    LOW_RANK_SHARE,
    NO_FINDING,
    OUTLIER_PERCENTILE,
    QUESTIONS,
    SMALLEST_SIDE,
    UNANSWERED,
    VERDICTS,
)

SHAPE = (128, 256)


def verdicts(readings: Readings) -> tuple[str, ...]:
    return judge(readings)[0].verdicts


@pytest.mark.parametrize("verdict", [*(question.verdict for question in QUESTIONS), NO_FINDING])
def test_planted_layers_get_their_verdict_and_no_other(plant, verdict):
    assert verdicts(plant.readings_of(plant.by_verdict[verdict])) == (verdict,)


@pytest.mark.parametrize("name", ["power_law_alpha", "power_law_distance"])
@pytest.mark.parametrize(
    ("percentile", "untrained"),
    [(CENTRAL[0], False), (CENTRAL[1], False), (CENTRAL[0] + 1e-6, True), (CENTRAL[1] - 1e-6, True)],
)
def test_untrained_needs_both_quantities_inside_chance_borders_excluded(plant, name, percentile, untrained):
    numbers = plant.changed(plant.by_verdict["looks untrained"], name, percentile=percentile)
    assert ("looks untrained" in verdicts(plant.readings_of(numbers))) is untrained


@pytest.mark.parametrize(("percentile", "untrained"), [(OUTLIER_PERCENTILE, False), (OUTLIER_PERCENTILE + 0.01, True)])
def test_an_outlier_is_no_untrained_layer(plant, percentile, untrained):
    numbers = plant.changed(plant.by_verdict["looks untrained"], "stable_rank", percentile=percentile)
    assert ("looks untrained" in verdicts(plant.readings_of(numbers))) is untrained


def test_the_rules_look_no_further_than_chance_levels_reach(plant):
    # A percentile stops at the outermost level that is known; a rule that asks for less could never apply.
    law = chance_levels(SHAPE)
    lowest = law["stable_rank.value"].percentile(1.0)
    outlier = plant.changed(plant.by_verdict["looks untrained"], "stable_rank", value=1.0, percentile=lowest)
    assert "looks untrained" not in verdicts(plant.readings_of(outlier))
    assert law["effective_rank.value"].percentile(1.0) < LOW_RANK_PERCENTILE
    assert law["power_law.alpha"].percentile(1.0) < CENTRAL[0] < CENTRAL[1] < law["power_law.alpha"].percentile(1e9)


@pytest.mark.parametrize(("high", "heavy"), [(HEAVY_ALPHA - 1e-9, True), (HEAVY_ALPHA, False)])
def test_heavy_asks_for_the_upper_end_of_the_interval(plant, high, heavy):
    numbers = plant.changed(plant.by_verdict["heavier than 2"], "power_law_alpha", high=high)
    assert ("heavier than 2" in verdicts(plant.readings_of(numbers))) is heavy


@pytest.mark.parametrize(
    ("value", "percentile", "low"),
    [
        (LOW_RANK_SHARE * min(SHAPE) - 1e-9, LOW_RANK_PERCENTILE - 1e-9, True),
        (LOW_RANK_SHARE * min(SHAPE), LOW_RANK_PERCENTILE - 1e-9, False),
        (LOW_RANK_SHARE * min(SHAPE) - 1e-9, LOW_RANK_PERCENTILE, True),
        (LOW_RANK_SHARE * min(SHAPE) - 1e-9, LOW_RANK_PERCENTILE + 1e-6, False),
    ],
)
def test_low_rank_asks_for_less_than_chance_and_less_than_half(plant, value, percentile, low):
    numbers = plant.changed(plant.by_verdict["low rank"], "effective_rank", value=value, percentile=percentile)
    assert ("low rank" in verdicts(plant.readings_of(numbers))) is low


def test_half_is_counted_in_eigenvalues_for_a_pooled_stack(plant):
    numbers = plant.changed(plant.by_verdict["low rank"], "effective_rank", value=9 * 128 * 0.49)
    assert verdicts(plant.readings_of(numbers, shape=(9, 128, 256), view="slices")) == ("low rank",)
    assert verdicts(plant.readings_of(numbers, shape=(8, 128, 256), view="slices")) == ("no finding",)


def test_a_layer_may_earn_two_verdicts(plant):
    both = plant.by_verdict["heavier than 2"] | {"effective_rank": plant.by_verdict["low rank"]["effective_rank"]}
    judged = judge(plant.readings_of(both))[0]
    assert judged.verdicts == ("heavier than 2", "low rank")
    assert judged.verdict == "heavier than 2"


def test_without_chance_levels_the_question_is_open_and_says_why(plant):
    bare = {
        name: {**numbers, "chance": None, "percentile": None}
        for name, numbers in plant.by_verdict["looks untrained"].items()
    }
    judged = judge(plant.readings_of(bare, convention="weightwatcher"))[0]
    untrained, heavy, low_rank = judged.answers
    assert (untrained.holds, heavy.holds, low_rank.holds) == (None, False, False)
    assert judged.verdict == UNANSWERED
    assert "WeightWatcher" in untrained.reason
    # One comparison that fails decides, whatever is missing beside it.
    assert low_rank.checks[1].holds is None


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"view": "slices", "shape": (9, 128, 256)}, "pooled slices"),
        ({"convention": "weightwatcher"}, "WeightWatcher"),
        ({}, "without chance levels"),
    ],
)
def test_the_reason_fits_the_cause(plant, columns, said):
    bare = plant.changed(plant.by_verdict["looks untrained"], "power_law_alpha", percentile=None)
    assert said in judge(plant.readings_of(bare, **columns))[0].answers[0].reason


def test_a_refused_reading_leaves_its_cause_as_the_reason(plant):
    one = plant.layer()
    refused = ReadingRow(target=one.target, measure="power_law", field="alpha", outcome="NOT_FINITE", note="3 NaN")
    judged = judge(Readings([one], [refused]))[0]
    assert judged.verdict == UNANSWERED
    assert all("NaN or infinite" in judged.answers[index].reason for index in (0, 1))
    assert judged.answers[2].reason == "effective_rank was not measured"


def test_an_interval_that_is_missing_is_no_heavy_tail(plant):
    bare = plant.changed(plant.by_verdict["heavier than 2"], "power_law_alpha", low=None, high=None)
    judged = judge(plant.readings_of(bare))[0]
    assert judged.answers[1].holds is None
    assert "interval" in judged.answers[1].reason


@pytest.mark.parametrize(
    ("columns", "apart"),
    [
        ({"role": "embedding"}, "embedding"),
        ({"role": "head"}, "output head"),
        ({"shape": (SMALLEST_SIDE - 1, 500)}, f"smaller side below {SMALLEST_SIDE}"),
        ({"shape": (9, SMALLEST_SIDE - 1, 500)}, f"smaller side below {SMALLEST_SIDE}"),
        ({"shape": (SMALLEST_SIDE, 500)}, ""),
        ({"shape": (500, SMALLEST_SIDE)}, ""),
    ],
)
def test_embeddings_heads_and_small_matrices_are_named_apart(plant, columns, apart):
    assert judge(plant.readings_of(plant.by_verdict["no finding"], **columns))[0].apart == apart


def test_what_was_asked_for_first_counts_where_a_measure_was_asked_for_twice(plant):
    one = plant.layer()
    first = plant.rows(one, power_law_alpha={"value": 1.5, "high": 1.8, "params": '{"a":1}'})
    second = plant.rows(one, power_law_alpha={"value": 5.0, "high": 8.0, "params": '{"a":2}'})
    assert judge(Readings([one], [*first, *second]))[0].answers[1].holds is True
    assert judge(Readings([one], [*second, *first]))[0].answers[1].holds is False


def test_readings_against_another_target_are_none_of_the_layer(plant):
    one, other = plant.layer("a"), plant.layer("b")
    row = ReadingRow(target=one.target, against=other.target, measure="power_law", field="alpha", value=1.0, high=1.1)
    assert judge(Readings([one, other], [row])) == ()


def test_rules_and_evidence_hold_the_numbers_that_they_go_by(plant):
    rule = {question.key: question.rule for question in QUESTIONS}
    assert all(f"{number:g}" in rule["untrained"] for number in (*CENTRAL, OUTLIER_PERCENTILE))
    assert f"{HEAVY_ALPHA:g}" in rule["heavy"]
    assert f"{100 * LOW_RANK_SHARE:g} %" in rule["low_rank"]
    evidence = judge(plant.readings_of(plant.by_verdict["heavier than 2"]))[0].findings[0].checks[0].says
    assert all(number in evidence for number in ("1.60", "1.40", "1.80", "95 %"))
    assert len(set(VERDICTS)) == len(VERDICTS)


def test_gaussian_matrices_look_untrained_nineteen_times_in_twenty(plant):
    # The rule on its own null: percentiles drawn as chance would draw them, the two of the fit independent.
    rng = np.random.default_rng(0)
    found = 0
    for alpha, distance, stable in rng.uniform(0.5, 99.5, (1000, 3)):
        numbers = plant.by_verdict["looks untrained"]
        for name, percentile in (("power_law_alpha", alpha), ("power_law_distance", distance), ("stable_rank", stable)):
            numbers = plant.changed(numbers, name, percentile=float(percentile))
        found += verdicts(plant.readings_of(numbers)) == ("looks untrained",)
    assert 0.94 <= found / 1000 <= 0.99
