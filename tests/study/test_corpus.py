"""Corpora of models: published patterns, planted paradoxes, coverage, invariances, and what is missing."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

import theodolite as td
from theodolite.core import Missing, Outcome, ParameterError
from theodolite.study import Coefficient

FAST = {"resamples": 200, "permutations": 999}


def planted(seed=0, groups=4, count=9):
    """Models of several depths: `reversed` rises between the groups and falls within, and so on, by name."""
    rng = np.random.default_rng(seed)
    depth = np.repeat(np.arange(groups), count)
    inside = rng.normal(size=groups * count)
    noise = rng.normal(size=(6, groups * count))
    return pd.DataFrame(
        {
            "model": [f"net{index}" for index in range(groups * count)],
            "family": [f"depth {10 + 6 * one}" for one in depth],
            "depth": 10 + 6 * depth,
            "accuracy": 80 + 3 * depth + inside,
            "reversed": 3 * depth - inside + 0.3 * noise[0],
            "between": 3 * depth + noise[1],
            "inside": inside + 0.3 * noise[2] + 40 * np.array([1, 3, 0, 2])[depth],
            "consistent": 3 * depth + inside + 0.3 * noise[3],
            "nothing": noise[4],
        }
    )


@pytest.fixture(scope="module")
def simpson():
    return td.corpus(planted(), quality="accuracy", group="family", higher_is_better=True)


def test_published_trends_of_image_models(shared):
    """Kendall's tau with the top-1 error, family by family, as recomputed from the tables of the 2020 study."""
    frame = pd.read_csv(shared / "data" / "models2020" / "models.csv")
    found = td.corpus(frame, quality="top1_error_pct", group="family", higher_is_better=False, **FAST)
    wanted = {
        "alpha": {"VGG": -0.857, "ResNet": 0.6, "DenseNet": 0.0, "ResNet-1K": 0.076},
        "alpha_weighted": {"VGG": 0.929, "ResNet": 1.0, "DenseNet": 1.0, "ResNet-1K": 0.895},
        "log_norm": {"VGG": 0.79, "ResNet": 1.0, "DenseNet": 1.0, "ResNet-1K": 0.77},
        "log_spectral_norm": {"VGG": 0.93, "ResNet": 1.0, "DenseNet": 1.0, "ResNet-1K": 0.74},
    }
    for metric, taus in wanted.items():
        trend = found.trend(metric)
        assert {one.group: one.tau for one in trend.groups} == pytest.approx(taus, abs=0.005)
    # Alpha-hat holds everywhere; alpha has opposite signs in two families, and none beyond chance over all models.
    assert found.trend("alpha_weighted").finding == "consistent"
    assert "better models have lower values" in found.trend("alpha_weighted").sentences[0]
    assert found.trend("alpha").finding == "none"
    apart = found.trend("alpha").sentences[1]
    assert apart.startswith("It rises within ResNet (τ = +0.60, p = 0.23) and ResNet-1K")
    assert apart.endswith("falls within VGG (τ = −0.86, p = 0.0017).")
    overall = [found.trend(name).overall for name in wanted]
    for name, one in zip(wanted, overall, strict=True):
        assert one.tau == pytest.approx(scipy.stats.kendalltau(frame[name], frame["top1_error_pct"]).statistic)


@pytest.mark.torch
def test_four_image_networks_are_ordered_by_alpha_hat_by_depth_and_not_by_alpha(shared, torch):
    """Accuracies as published with the checkpoints; the order by alpha-hat is perfect, and 4 models prove nothing."""
    paths = sorted((shared / "data" / "resnets").glob("*.th"))
    readings = td.survey(paths, td.Survey.of(["power_law", "alpha_hat"], convention="weightwatcher"))
    accuracy = dict(zip(readings.models, (91.73, 92.63, 93.10, 93.39), strict=True))
    found = td.corpus(readings, quality=accuracy, higher_is_better=True)
    assert found.trend("alpha_hat").overall.spearman.value == -1
    assert abs(found.trend("power_law.alpha").overall.spearman.value) < 0.5
    assert {trend.name: trend.overall.spearman.value for trend in found.baselines} == {"parameters": 1, "layers": 1}
    assert found.trend("alpha_hat").overall.kendall.p_value == pytest.approx(1 / 12)
    assert found.trend("alpha_hat").finding == "none"
    said = " ".join(found.trend("alpha_hat").sentences)
    assert "parameters (τ = +1.00) and layers (τ = +1.00) alone go with quality at least as closely" in said
    assert "4 models are few: an order as perfect comes up by chance once in 12." in said
    assert "Only 4 models: a perfect order comes up by chance once in 12. Nothing can be beyond chance here." in (
        found.sentences
    )
    (partial,) = found.trend("alpha_hat").partial
    assert partial.spearman == Missing(Outcome.BASELINE_SAYS_ALL, "the quality")


def test_planted_findings_are_found(simpson):
    assert {trend.name: trend.finding for trend in simpson.trends} == {
        "reversed": "reversed", "between": "between groups", "inside": "within groups", "consistent": "consistent",
        "nothing": "none",
    }  # fmt: skip
    assert simpson.trend("depth") in simpson.baselines
    sentence = simpson.trend("reversed").sentences[0]
    assert sentence.startswith("Simpson’s paradox: reversed rises with accuracy over all 36 models (τ = +0.")
    assert "and falls within family (τ = −0." in sentence
    assert sentence.endswith("the differences between groups drive the overall trend.")
    assert "Simpson’s paradox, opposite signs over all models and within family: reversed." in simpson.sentences
    assert any("family are not independent draws" in sentence for sentence in simpson.sentences)
    assert not any("No group was named" in sentence for sentence in simpson.sentences)
    assert "it may be no more than the differences between groups" in simpson.trend("between").sentences[0]
    assert "the differences between groups hide it" in simpson.trend("inside").sentences[0]
    # Depth says it all of what differs between depths alone. Held fixed over all models, it doesn't undo what does not
    # rise with it: for that there are the pairs within.
    left = {trend.name: trend.partial[0].spearman.says(0.05) for trend in simpson.trends}
    assert left == {"reversed": True, "between": False, "inside": False, "consistent": True, "nothing": False}
    assert "Given the baselines, a trend is left for reversed, consistent." in simpson.sentences


def test_chance_alone_makes_no_paradox():
    rng = np.random.default_rng(3)
    frame = planted(3)[["family", "accuracy"]].assign(**{f"m{i}": rng.normal(size=36) for i in range(60)})
    found = td.corpus(frame, quality="accuracy", group="family", **FAST | {"permutations": 4999})
    assert [trend.finding for trend in found.trends].count("none") >= 59
    assert not [trend for trend in found.trends if trend.finding == "reversed"]
    uncorrected = td.corpus(frame, quality="accuracy", group="family", correction="none", **FAST)
    assert sum(trend.overall.kendall.says(0.05) for trend in uncorrected.trends) >= 1


def test_opposite_signs_without_evidence_are_no_paradox():
    frame = planted(1, groups=2, count=4)
    trend = td.corpus(frame, quality="accuracy", group="family", metrics=["reversed"], **FAST).trend("reversed")
    assert trend.overall.tau * trend.within.tau < 0
    assert trend.finding != "reversed"
    assert "Simpson" not in " ".join(trend.sentences)


@pytest.mark.parametrize("within", [False, True])
def test_intervals_hold_the_true_value_as_often_as_they_say(within):
    rng = np.random.default_rng(0)
    rho, count, inside = 0.7, 24, 0
    true = 2 / np.pi * np.arcsin(rho)
    widths = []
    for _ in range(250):
        x = rng.normal(size=count)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=count)
        groups = np.repeat(["a", "b"], count // 2) if within else [""] * count
        lift = 9.0 * (np.arange(count) >= count // 2) * within
        frame = pd.DataFrame({"x": x - lift, "y": y + lift, "g": groups})
        found = td.corpus(
            frame, quality="y", group="g" if within else None, metrics=["x"], resamples=400, permutations=100
        )
        trend = found.trend("x")
        one = (trend.within if within else trend.overall).kendall
        inside += one.low <= true <= one.high
        widths.append(one.high - one.low)
    # 95 % of 250, less three standard deviations; and no interval that holds everything.
    assert inside >= 0.905 * 250
    assert np.mean(widths) < 0.75


def test_large_corpora_have_intervals_and_p_values_too():
    rng = np.random.default_rng(1)
    x = rng.normal(size=1500)
    frame = pd.DataFrame({"x": x, "y": 0.3 * x + rng.normal(size=1500), "z": rng.normal(size=1500)})
    found = td.corpus(frame, quality="y", **FAST)
    tau = found.trend("x").overall.kendall
    assert tau.value == pytest.approx(scipy.stats.kendalltau(frame["x"], frame["y"]).statistic)
    assert tau.low < 2 / np.pi * np.arcsin(0.3 / np.hypot(0.3, 1)) < tau.high
    assert 0.05 < tau.high - tau.low < 0.1
    assert tau.p_value < 1e-10
    assert not found.trend("z").overall.kendall.says(0.05)


def test_monotone_changes_of_a_metric_or_the_quality_change_nothing_but_signs():
    frame = planted(2)
    found = td.corpus(frame, quality="accuracy", group="family", **FAST)
    frame["reversed"] = np.exp(frame["reversed"] / 3)
    frame["accuracy"] = frame["accuracy"] ** 3
    again = td.corpus(frame, quality="accuracy", group="family", **FAST)
    assert again.trend("reversed") == found.trend("reversed")
    frame["accuracy"] *= -1
    turned = td.corpus(frame, quality="accuracy", group="family", **FAST).trend("reversed")
    for one, other in zip(found.trend("reversed").associations, turned.associations, strict=True):
        assert other.tau == -one.tau
        assert other.kendall.p_value == one.kendall.p_value
        assert (other.kendall.low, other.kendall.high) == pytest.approx((-one.kendall.high, -one.kendall.low))


def test_one_seed_gives_one_answer_whatever_else_is_in_the_table():
    frame = planted(4)
    whole = td.corpus(frame, quality="accuracy", group="family", rng=3, correction="none", **FAST)
    again = td.corpus(frame, quality="accuracy", group="family", rng=3, correction="none", **FAST)
    assert again.to_json() == whole.to_json()
    alone = td.corpus(frame, quality="accuracy", group="family", rng=3, correction="none", metrics=["nothing"], **FAST)
    assert alone.trend("nothing").associations == whole.trend("nothing").associations
    other = td.corpus(frame, quality="accuracy", group="family", rng=4, correction="none", **FAST)
    assert other.trend("nothing") != whole.trend("nothing")
    assert other.trend("nothing").overall.tau == whole.trend("nothing").overall.tau
    assert td.corpus(frame, quality="accuracy", rng=np.random.default_rng(0), **FAST).sampling.seed > 3


def test_what_is_missing_is_left_out_column_by_column_and_counted():
    frame = planted(5)
    frame.loc[[0, 1], "accuracy"] = np.nan
    frame.loc[[1, 2, 9], "between"] = [np.nan, np.inf, -np.inf]
    frame.loc[[3], "family"] = None
    found = td.corpus(frame, quality="accuracy", group="family", **FAST)
    between, nothing = found.trend("between"), found.trend("nothing")
    assert (between.overall.models, between.overall.missing) == (32, 4)
    assert (between.within.models, between.within.missing) == (31, 5)
    assert (nothing.overall.models, nothing.overall.missing) == (34, 2)
    assert [(one.models, one.missing) for one in between.groups] == [(5, 3), (8, 1), (9, 0), (9, 0)]
    kept = frame[np.isfinite(frame["accuracy"]) & np.isfinite(frame["between"])]
    assert between.overall.tau == pytest.approx(scipy.stats.kendalltau(kept["between"], kept["accuracy"]).statistic)
    assert "2 of 36 models have no accuracy and are left out." in found.sentences
    assert "1 of 36 models have no family; they count over all models alone." in found.sentences
    assert "Values that are missing or infinite: between (2)." in found.sentences


def test_constant_columns_and_too_few_models_are_outcomes():
    frame = pd.DataFrame({"acc": [1.0, 2, 3, 4, 5], "same": 1.0, "few": [1, 2, 3, None, None], "fine": [1, 3, 2, 5, 4]})
    found = td.corpus(frame, quality="acc", **FAST)
    assert found.trend("same").overall.kendall == Missing(Outcome.CONSTANT_COLUMN, "the metric")
    assert found.trend("same").sentences == (
        "same is the same for all 5 models, so that there is no order to compare.",
    )
    assert found.trend("few").overall.spearman == Missing(Outcome.TOO_FEW_MODELS, "3 here")
    assert found.trend("few").sentences == ("few: only 3 of the models have both numbers, too few.",)
    # What gave no number is no test that the others are corrected for.
    assert found.trend("fine").overall.kendall.p_adjusted == found.trend("fine").overall.kendall.p_value
    flat = td.corpus(frame.assign(acc=2.0), quality="acc", **FAST)
    assert flat.trend("fine").overall.kendall == Missing(Outcome.CONSTANT_COLUMN, "the quality")
    json.loads(flat.to_json())


def test_a_perfect_order_has_a_p_value_and_no_interval():
    frame = pd.DataFrame({"acc": np.arange(6.0), "m": np.arange(6.0) ** 2})
    tau = td.corpus(frame, quality="acc", **FAST).trend("m").overall.kendall
    assert (tau.value, tau.low, tau.high) == (1.0, None, None)
    assert [note.outcome for note in tau.notes] == [Outcome.PERFECT_ORDER]
    assert tau.p_value == pytest.approx(2 / 720)


def test_the_untrained_network_stands_beside_its_own_metric():
    rng = np.random.default_rng(0)
    accuracy = rng.normal(size=20)
    frame = pd.DataFrame({"acc": accuracy, "norm": accuracy + 0.1 * rng.normal(size=20), "other": rng.normal(size=20)})
    frame["norm_init"] = accuracy + 0.3 * rng.normal(size=20)
    found = td.corpus(frame, quality="acc", **FAST)
    assert found.table.twins == {"norm": "norm_init"}
    assert found.trend("norm").partial[0].given == ("norm_init",)
    assert found.trend("other").partial == ()
    assert found.trend("norm").sentences[-1].startswith("Before training (norm_init) the same metric gives τ = +0.")
    assert td.corpus(frame, quality="acc", baselines=(), **FAST).trend("norm_init") in (
        td.corpus(frame, quality="acc", baselines=(), **FAST).trends
    )


def test_readings_of_several_models_are_a_table_too():
    rng = np.random.default_rng(0)
    readings = None
    for index in range(5):
        layers = {f"l{i}.weight": (1 + index) * rng.normal(size=(20 + index, 12)) for i in range(1 + index)}
        one = td.survey(layers, ["log_norm", "stable_rank"])
        targets = [replace(t, model=f"m{index}", target=f"m{index}{t.target}") for t in one.targets]
        found = td.Readings(targets, [replace(row, target=f"m{index}{row.target}") for row in one.rows])
        readings = found if readings is None else readings + found
    loss = {f"m{index}": 5.0 - index for index in range(5)}
    group = {f"m{index}": "ab"[index % 2] for index in range(5)}
    corpus = td.corpus(readings, quality=loss, group=group, higher_is_better=False, **FAST)
    assert set(corpus.table.metrics) == {"log_norm", "stable_rank"}
    assert list(corpus.table.baselines["layers"]) == [1, 2, 3, 4, 5]
    assert corpus.trend("log_norm").overall.tau == -1
    assert corpus.table.group_names == ("a", "b")
    with pytest.raises(ValueError, match=r"quality: there is no model 'm9'; choose from: m0, m1"):
        td.corpus(readings, quality={"m9": 1.0})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"quality": "acuracy"}, "there is no column 'acuracy'; did you mean 'accuracy'"),
        ({"quality": "family"}, "'family' holds no numbers"),
        ({"quality": "accuracy", "group": "accuracy"}, "the column 'accuracy' was given two meanings"),
        ({"quality": "accuracy", "baselines": ["family"]}, "'family' holds no numbers"),
        ({"quality": "accuracy", "level": 1.0}, "level is 1.0; it must be at least 0.5 and below 1"),
        ({"quality": "accuracy", "resamples": 3}, "resamples is 3; it must be at least 100"),
        ({"quality": "accuracy", "correction": "bonferroni"}, "correction is 'bonferroni'; choose from holm"),
        ({"quality": "accuracy", "resample": 300}, "unknown option 'resample' of corpus; did you mean 'resamples'"),
    ],
)
def test_wrong_arguments_are_named(arguments, says):
    with pytest.raises((ValueError, ParameterError), match=says.replace("(", r"\(")):
        td.corpus(planted(), **arguments)


def test_a_column_that_is_there_twice_is_refused():
    frame = planted()
    frame.columns = [name if name != "between" else "nothing" for name in frame.columns]
    with pytest.raises(ValueError, match="the column 'nothing' is there twice"):
        td.corpus(frame, quality="accuracy")


def test_columns_of_words_are_left_out_and_said_so():
    found = td.corpus(planted().assign(note="x"), quality="accuracy", metrics=["between"], **FAST)
    assert found.table.left_out["note"] == "no column of numbers"
    assert found.table.left_out["nothing"] == "not asked for"
    assert [trend.name for trend in found.trends] == ["between"]
    assert found.table.models[0] == "net0"


def test_several_columns_make_finer_groups_and_whole_numbers_stay_whole():
    frame = planted().assign(width=[1.0, 2.0, None] * 12)
    found = td.corpus(frame, quality="accuracy", group=["depth", "width"], **FAST)
    assert found.table.grouping == "depth × width"
    assert found.table.group_names[:2] == ("10 · 1", "10 · 2")
    assert found.table.groups[2] == ""


def test_the_frame_and_the_json_hold_everything(simpson):
    frame = simpson.frame
    assert len(frame) == 6 * (1 + 1 + 4)
    row = frame[(frame["name"] == "reversed") & (frame["scope"] == "within")].iloc[0]
    assert row["tau"] == simpson.trend("reversed").within.tau
    told = json.loads(simpson.to_json())
    assert told["schema"] == 1
    assert told["metrics"][0]["finding"] == "reversed"
    assert told["metrics"][0]["within"]["kendall"]["p_adjusted"] <= 0.01
    assert repr(simpson).startswith("Corpus(36 models in 4 groups of family: 3 of 5 metrics go with accuracy")
    with pytest.raises(KeyError, match="no metric is named 'reverse'; did you mean 'reversed'"):
        simpson.trend("reverse")
    assert isinstance(simpson.trend("depth").overall.kendall, Coefficient)


def test_hundreds_of_metrics_are_done_together():
    """Work is shared: 300 metrics draw the same orders and resamples, whose number does not grow with them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 300)), columns=[f"m{i}" for i in range(300)]).assign(
        acc=rng.normal(size=40)
    )
    found = td.corpus(frame, quality="acc")
    assert len(found.trends) == 300
    assert not any(trend.finding == "trend" for trend in found.trends)
