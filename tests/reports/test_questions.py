"""Each verdict on planted readings, at its borders and one step beyond them."""

from inspect import signature

import numpy as np
import pytest

from theodolite.core import ReadingRow, Readings, canonical_json
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
    TRAP_PERSISTENCE,
    TRAP_SHUFFLES,
    UNANSWERED,
    VERDICTS,
    verdicts_of,
)
from theodolite.spectra import correlation_traps

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


def shuffled(shuffles: int, convention: str = "theodolite") -> str:
    return canonical_json({"convention": convention, "shuffles": shuffles})


@pytest.mark.parametrize(("count", "trap"), [(0.0, False), (1.0, True), (7.0, True)])
def test_one_trap_is_enough(plant, count, trap):
    numbers = plant.changed(plant.by_verdict["trap"], "correlation_traps_count", value=count)
    assert ("trap" in verdicts(plant.readings_of(numbers))) is trap


@pytest.mark.parametrize(
    ("params", "holds", "said"),
    [
        (shuffled(TRAP_SHUFFLES), True, "in at least 95 % of 20 shuffles"),
        (shuffled(100), True, "in at least 95 % of 100 shuffles"),
        (shuffled(TRAP_SHUFFLES - 1), None, "in 19 shuffles; the rule asks for 20"),
        (shuffled(1), None, "in 1 shuffle; the rule asks for 20"),
        (shuffled(100, "weightwatcher"), None, "a single shuffle decides, fewer than 20"),
        ("{}", None, "an unknown number of shuffles"),
    ],
)
def test_a_trap_needs_enough_shuffles(plant, params, holds, said):
    numbers = plant.changed(plant.by_verdict["trap"], "correlation_traps_count", params=params)
    answer = judge(plant.readings_of(numbers))[0].answers[3]
    assert answer.holds is holds
    assert said in answer.checks[0].says


def test_the_rule_of_traps_is_how_the_measure_counts():
    from theodolite.spectra._correlation_traps import PERSISTENCE

    assert PERSISTENCE == TRAP_PERSISTENCE
    assert signature(correlation_traps).parameters["shuffles"].default >= TRAP_SHUFFLES


def test_the_evidence_of_a_trap_counts_and_weighs(plant):
    says = [
        judge(plant.readings_of(plant.changed(plant.by_verdict["trap"], "correlation_traps_count", value=count)))[0]
        .answers[3]
        .checks[0]
        .says
        for count in (0.0, 1.0, 2.0)
    ]
    behind = "out of the bulk in at least 95 % of 20 shuffles; the largest lies at 4.50 × its edge (median)"
    assert says == [f"no eigenvalue stands {behind}", f"1 eigenvalue stands {behind}", f"2 eigenvalues stand {behind}"]


def trap_says(plant, strengths=(), count=None, **numbers):
    one = plant.layer()
    fields = plant.changed(
        plant.by_verdict["trap"], "correlation_traps_count", value=float(count or len(strengths)), array="x#strengths"
    ) | {name: {"value": value} for name, value in numbers.items()}
    if strengths:
        fields = plant.changed(fields, "correlation_traps_strength", value=float(strengths[0]))
    readings = Readings([one], plant.rows(one, **fields), lambda reference: np.asarray(strengths))
    return judge(readings)[0].answers[3].checks[0].says


def test_the_evidence_of_traps_names_the_strength_of_each(plant):
    behind = "out of the bulk in at least 95 % of 20 shuffles"
    assert trap_says(plant, [4.5, 2.25]).endswith(f"stand {behind}; they lie at 4.50 and 2.25 × its edge (medians)")
    assert trap_says(plant, [4.5, 2.0, 1.5]).endswith("; they lie at 4.50, 2.00 and 1.50 × its edge (medians)")
    assert trap_says(plant, [4.5]).endswith(f"stands {behind}; the largest lies at 4.50 × its edge (median)")
    many = trap_says(plant, np.arange(20.0, 0.0, -1.0).tolist())
    assert many.endswith("; they lie at 20.0, 19.0, 18.0, 17.0, 16.0, 15.0, 14.0, 13.0, … × its edge (medians)")


def test_the_evidence_of_a_trap_says_whether_it_is_the_mean(plant):
    entries = "; the mean of the weights is too small to show, so that "
    assert trap_says(plant, [4.5], correlation_traps_mean=1.0).endswith(f"{entries}a single entry makes it")
    assert trap_says(plant, [4.5, 2.0], correlation_traps_mean=1.0).endswith(f"{entries}single entries make them")
    alone = trap_says(plant, [4.5], correlation_traps_mean=4.6)
    assert alone.endswith("; the mean of all weights alone would lie at 4.60 × it, which is this one")
    both = trap_says(plant, [9.0, 2.0], correlation_traps_mean=2.2)
    assert both.endswith("would lie at 2.20 × it, which is one of them")
    neither = trap_says(plant, [9.0, 4.0], correlation_traps_mean=1.1)
    assert neither.endswith("would lie at 1.10 × it")
    assert "mean" not in trap_says(plant, [4.5])


def test_the_words_on_traps_name_both_causes():
    reads = next(question.reads for question in QUESTIONS if question.key == "trap")
    assert "single entries" in reads
    assert "mean that all weights have in common" in reads


def test_traps_are_asked_for_only_where_they_were_looked_for(plant):
    three, four = plant.transformer(1, "a"), plant.transformer(1, "b", verdicts=["trap", "no finding"])
    judged = judge(three + four)
    keys = {
        model: {tuple(a.question.key for a in one.answers) for one in judged if one.layer.target.model == model}
        for model in "ab"
    }
    assert keys == {"a": {("untrained", "heavy", "low_rank")}, "b": {("untrained", "heavy", "low_rank", "trap")}}
    # A layer in which nobody looked is no layer without traps.
    missing = next(one for one in judged if one.layer.name == "h.0.query" and one.layer.target.model == "b")
    assert missing.answers[3].reason == "correlation_traps.count was not measured"
    assert missing.verdict == UNANSWERED


def test_traps_asked_under_one_convention_are_not_asked_under_another(plant):
    ours, theirs = plant.layer("a"), plant.layer("b", convention="weightwatcher")
    rows = plant.rows(ours, **plant.by_verdict["trap"]) + plant.rows(theirs, **plant.by_verdict["no finding"])
    assert [len(one.answers) for one in judge(Readings([ours, theirs], rows))] == [4, 3]


def test_where_a_count_of_traps_was_refused_the_question_is_open(plant):
    one = plant.layer()
    refused = ReadingRow(target=one.target, measure="correlation_traps", field="count", outcome="NO_SPREAD")
    judged = judge(Readings([one], [*plant.rows(one, **plant.by_verdict["no finding"]), refused]))[0]
    assert judged.answers[3].holds is None
    assert judged.verdict == UNANSWERED


def test_verdicts_are_offered_in_their_order():
    assert verdicts_of(QUESTIONS) == VERDICTS
    assert verdicts_of(QUESTIONS[:3]) == ("looks untrained", "heavier than 2", "low rank", NO_FINDING, UNANSWERED)


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
    assert f"at least {100 * TRAP_PERSISTENCE:g} % of at least {TRAP_SHUFFLES} seeded shuffles" in rule["trap"]
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
