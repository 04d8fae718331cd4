"""Flips between two versions: counted by hand, tied to accuracy by an identity, with intervals that cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import theodolite as td
from theodolite.core import ParameterError
from theodolite.updates import update_compatibility

LABELS = np.array([0, 0, 1, 1, 2, 2, 0, 1])
OLD = np.array([0, 0, 1, 2, 0, 0, 1, 1])  # right: 0 1 2 7
NEW = np.array([0, 1, 1, 1, 1, 0, 2, 1])  # right: 0 2 3 7


def test_counts_by_hand():
    found = update_compatibility(OLD, NEW, LABELS)
    assert found.old_accuracy.value == found.new_accuracy.value == 4 / 8
    assert found.negative_flips.value == 1 / 8  # example 1
    assert found.positive_flips.value == 1 / 8  # example 3
    # Both wrong: 4 (0 and 1), 5 (0 and 0), 6 (1 and 2).
    assert found.inconsistency.value == 2 / 3
    assert found.relative_negative_flips == (1 / 8) / (0.5 * 0.5)
    assert found.change.value == 0.0
    assert found.p_value == 1.0
    assert (found.examples, found.count) == (8, 8)
    assert found.score_loss is found.score_gain is None


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), classes=st.integers(2, 4), tokens=st.booleans())
def test_positive_less_negative_flips_is_the_change_of_accuracy(seed, count, classes, tokens):
    rng = np.random.default_rng(seed)
    shape = (count, 3) if tokens else (count,)
    old, new, labels = rng.integers(0, classes, (3, *shape))
    labels[rng.random(shape) < 0.2] = -100
    labels.flat[0] = 0
    found = update_compatibility(old, new, labels)
    counted = labels != -100
    expected = (new == labels)[counted].mean() - (old == labels)[counted].mean()
    assert found.positive_flips.value - found.negative_flips.value == pytest.approx(expected, abs=1e-12)
    assert found.change.value == pytest.approx(expected, abs=1e-12)
    back = update_compatibility(new, old, labels)
    assert back.negative_flips.value == found.positive_flips.value
    assert (back.inconsistency is None) == (found.inconsistency is None)
    if found.inconsistency is not None:
        assert back.inconsistency.value == found.inconsistency.value


def test_mcnemar_is_the_binomial_test_of_the_flips():
    rng = np.random.default_rng(0)
    labels = np.zeros(300, int)
    old, new = (rng.random(300) < 0.3).astype(int), (rng.random(300) < 0.15).astype(int)
    found = update_compatibility(old, new, labels)
    negative, positive = int(((old == 0) & (new == 1)).sum()), int(((old == 1) & (new == 0)).sum())
    assert found.p_value == pytest.approx(stats.binomtest(negative, negative + positive).pvalue, rel=1e-10)
    assert found.p_value < 0.05


def test_independent_errors_have_a_relative_rate_of_one():
    rng = np.random.default_rng(1)
    old, new = (rng.random(200_000) < 0.3).astype(int), (rng.random(200_000) < 0.2).astype(int)
    found = update_compatibility(old, new, np.zeros(200_000, int))
    assert found.relative_negative_flips == pytest.approx(1.0, abs=0.02)
    # The same errors again: an update that only mends has none.
    assert update_compatibility(old, old * new, np.zeros(200_000, int)).relative_negative_flips == 0.0
    assert update_compatibility(np.ones(5, int), np.zeros(5, int), np.zeros(5, int)).relative_negative_flips is None


def test_intervals_of_flips_cover():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        old, new = (rng.random(400) < 0.1).astype(int), (rng.random(400) < 0.1).astype(int)
        interval = update_compatibility(old, new, np.zeros(400, int)).negative_flips.interval
        covered += interval.low <= 0.9 * 0.1 <= interval.high
    assert covered >= 275


def test_logits_decide_and_grade():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]))
    other = np.array([[0.6, 0.3, 0.1], [0.4, 0.35, 0.25], [0.05, 0.05, 0.9]])  # probabilities as they are
    labels = np.array([0, 1, 2])
    found = update_compatibility(logits, other, labels)
    assert found.negative_flips.value == pytest.approx(1 / 3)
    assert found.score_loss == pytest.approx((0.1 + 0.15) / 3)
    assert found.score_gain == pytest.approx(0.1 / 3)
    moved = update_compatibility(logits + 7.0, np.log(other) - 3.0, labels)
    assert moved.score_loss == pytest.approx(found.score_loss)
    # Where one version gives classes alone there is nothing to grade.
    assert update_compatibility(logits.argmax(1), other, labels).score_loss is None
    assert update_compatibility(logits.argmax(1), other, labels).negative_flips.value == found.negative_flips.value


def test_ignored_positions_count_nowhere():
    shown = update_compatibility(OLD[:6], NEW[:6], LABELS[:6])
    hidden = np.where(np.arange(8) < 6, LABELS, -100)
    masked = update_compatibility(OLD, NEW, hidden)
    assert masked.to_dict() == shown.to_dict()
    logits = np.random.default_rng(0).standard_normal((8, 3))
    logits[7] = np.nan  # nobody looks there
    assert update_compatibility(logits, NEW, hidden).count == 6


def test_slices_are_the_same_on_their_examples_with_adjusted_p_values():
    rng = np.random.default_rng(3)
    labels = np.zeros(200, int)
    old, new = rng.integers(0, 2, (2, 200))
    kinds = np.repeat(["a", "b"], 100)
    new[100:] = np.where(rng.random(100) < 0.9, 0, 1)
    found = update_compatibility(old, new, labels, slices=kinds)
    alone = {kind: update_compatibility(old[kinds == kind], new[kinds == kind], labels[kinds == kind]) for kind in "ab"}
    for kind in "ab":
        assert found.slices[kind].negative_flips == alone[kind].negative_flips
    ordered = sorted("ab", key=lambda kind: alone[kind].p_value)
    assert found.slices[ordered[0]].p_value == min(1.0, 2 * alone[ordered[0]].p_value)
    assert found.slices[ordered[1]].p_value == max(found.slices[ordered[0]].p_value, alone[ordered[1]].p_value)
    by_name = update_compatibility(old, new, labels, slices={"first": kinds == "a", "all": kinds != "z"})
    assert by_name.slices["all"].negative_flips == found.negative_flips
    assert by_name.slices["first"].count == 100


def test_conditions():
    found = update_compatibility(OLD, NEW, LABELS, slices=np.repeat([0, 1], 4))
    assert found.judge("negative_flips > 0.1").holds
    assert not found.judge("negative_flips > 20 %").holds
    assert found.judge("slices.negative_flips.max >= 0.25 and slices.negative_flips.min == 0").holds
    with pytest.raises(ParameterError, match="did you mean"):
        found.judge("negative_flip > 0")


@pytest.mark.parametrize(
    ("old", "new", "labels", "says"),
    [
        ([0, 1], NEW, LABELS, "old: expected an array of predictions or logits, got list"),
        (OLD[:5], NEW, LABELS, r"old: got int64 of shape \(5,\); expected whole numbers of shape \(8,\)"),
        (OLD, NEW.astype(float), LABELS, "new: got float64 of shape"),
        (OLD, NEW, LABELS.astype(float), "labels: got float64; expected whole numbers"),
        (OLD, NEW, np.full(8, -100), "no example with a label that counts"),
        (OLD, NEW, None, "labels: there are none"),
        (OLD, np.full((8, 3), np.nan), LABELS, "new: 8 of 8 predictions hold NaN"),
        (OLD, np.zeros((8, 2)), LABELS, "labels: one is 2, and new has 2 classes"),
        (OLD, np.zeros((8, 3)), LABELS - 1, "labels: one is -1, and new has 3 classes"),
    ],
)
def test_what_does_not_go_together(old, new, labels, says):
    with pytest.raises(ParameterError, match=says):
        update_compatibility(old, new, labels)


def test_slices_that_do_not_fit():
    for slices, says in [
        (np.zeros(3), r"slices: got shape \(3,\)"),
        ({"a": np.zeros(8, int)}, "'a' holds int64; expected true or false"),
        ({"a": np.zeros(8, bool)}, "'a' has no example"),
    ]:
        with pytest.raises(ParameterError, match=says):
            update_compatibility(OLD, NEW, LABELS, slices=slices)


@pytest.mark.torch
def test_models_are_run_without_keeping_logits():
    torch = pytest.importorskip("torch", reason="needs the extra [torch]")
    rng = np.random.default_rng(0)
    inputs = torch.as_tensor(rng.standard_normal((50, 6)), dtype=torch.float32)
    targets = torch.as_tensor(rng.integers(0, 3, 50))
    models = [torch.nn.Linear(6, 3) for _ in range(2)]
    seen = []
    versions = [
        td.updates.answers(model, (inputs, targets), batch_size=16, progress=lambda at: seen.append(at.done))
        for model in models
    ]
    found = update_compatibility(*versions)
    with torch.no_grad():
        logits = [model(inputs).double().numpy() for model in models]
    expected = update_compatibility(*logits, targets.numpy())
    assert found.negative_flips == expected.negative_flips
    assert found.score_loss == pytest.approx(expected.score_loss)
    assert seen[-1] == 4
    with pytest.raises(ParameterError, match="labels are not those of old"):
        update_compatibility(versions[0], td.updates.answers(models[1], (inputs, targets.flip(0))))
