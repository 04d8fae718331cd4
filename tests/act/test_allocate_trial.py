"""A plan against uniform ranks: it wins, loses and ties where it must."""

import json

import numpy as np
import pytest

from theodolite.act import Allocation, LayerRank, RankPlan, Trial, TrialRow, TrialSettings, allocate, try_plan
from theodolite.act.allocate.trial import uniform_plan
from theodolite.core import ParameterError

SIDE = 12


def planned(ranks):
    layers = tuple(LayerRank(n, "other", 0, (SIDE, SIDE), r, None, "it was asked for") for n, r in ranks.items())
    return RankPlan("net", Allocation(1000), layers)


def trial_of(differences, train=75, held_out=25):
    rows = tuple(TrialRow(i, 2.0, 1.0 + d, 1.0) for i, d in enumerate(differences))
    plan = planned({"a": 2, "b": 4})
    return Trial(plan, uniform_plan(plan), TrialSettings(seeds=len(rows)), train, held_out, rows)


@pytest.mark.parametrize(
    ("differences", "verdict", "words"),
    [
        ([-0.5, -0.4, -0.6, -0.5], "better", "the plan did better here"),
        ([0.5, 0.4, 0.6, 0.5], "worse", "the plan did worse here"),
        ([-0.5, 0.4, -0.6, 0.5], "tie", "a tie: this trial shows no difference"),
        ([0.0, 0.0, 0.0], "tie", "a tie"),
    ],
)
def test_a_tie_is_called_a_tie(differences, verdict, words):
    trial = trial_of(differences)
    assert trial.verdict == verdict
    assert words in trial.describe()
    assert trial.differences == pytest.approx(differences)
    assert json.loads(trial.to_json())["verdict"] == verdict


def test_the_interval_is_that_of_nadeau_and_bengio():
    from scipy import stats

    differences = [-0.3, 0.1, -0.2, 0.05, -0.15]
    low, high = trial_of(differences, train=80, held_out=20).interval
    se = np.std(differences, ddof=1) * np.sqrt(1 / 5 + 20 / 80)
    expected = stats.t.interval(0.95, 4, loc=np.mean(differences), scale=se)
    assert (low, high) == pytest.approx(expected)


def test_uniform_spends_no_more_and_almost_as_much(source):
    for options in ({"budget": 4000}, {"budget": 9, "method": "alphalora", "expert_rank": 2}):
        plan = allocate(source, **options)
        uniform = uniform_plan(plan)
        ranks = [layer.rank for layer in uniform.layers]
        assert max(ranks) - min(ranks) <= 1
        assert [layer.module for layer in uniform.layers] == [layer.module for layer in plan.layers]
        assert 0 <= plan.parameters - uniform.parameters < 48
    with pytest.raises(ParameterError, match="no uniform plan to compare with"):
        uniform_plan(planned({"a": 1, "b": 0}))


def test_what_stays_of_a_matrix_is_no_question_for_adapters(source):
    with pytest.raises(ParameterError, match="WeLore's ranks say what stays"):
        try_plan(allocate(source, method="welore", budget=0.5), lambda: None, (np.ones(3), np.ones(3)))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seeds": 2}, "seeds is 2; it must be a whole number of at least 3"),
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"hold_out": 1.0}, "hold_out is 1.0"),
    ],
)
def test_wrong_settings_are_named(options, match):
    with pytest.raises(ParameterError, match=match):
        TrialSettings(**options)


@pytest.fixture(scope="session")
def peft(torch):
    return pytest.importorskip("peft", reason="needs the extra [peft]")


def sum_of_two(torch):
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = (torch.nn.Linear(SIDE, SIDE, bias=False) for _ in range(2))
            for weight in self.parameters():
                torch.nn.init.zeros_(weight)

        def forward(self, x):
            return self.a(x[:, :SIDE]) + self.b(x[:, SIDE:])

    return Sum


@pytest.fixture(scope="session")
def needs_rank_in_a():
    """Inputs of two halves, and targets to which the first contributes by six directions and the second by none."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((400, 2 * SIDE))
    left, right = (np.linalg.qr(rng.standard_normal((SIDE, 6)))[0] for _ in range(2))
    return inputs, inputs[:, :SIDE] @ left @ right.T


FAST = TrialSettings(steps=300, seeds=3, learning_rate=0.02)


@pytest.mark.torch
@pytest.mark.parametrize(("ranks", "verdict"), [({"a": 6, "b": 0}, "better"), ({"a": 0, "b": 6}, "worse")])
def test_rank_where_it_is_needed_wins_and_elsewhere_loses(peft, torch, needs_rank_in_a, ranks, verdict):
    seen = []
    trial = try_plan(planned(ranks), sum_of_two(torch), needs_rank_in_a, settings=FAST, progress=seen.append)
    assert trial.uniform.parameters == trial.plan.parameters == 6 * 2 * SIDE
    assert trial.verdict == verdict
    best = min(row.plan for row in trial.rows) if verdict == "better" else max(row.uniform for row in trial.rows)
    assert best < trial.rows[0].before
    assert (trial.train, trial.held_out) == (300, 100)
    assert [p.done for p in seen] == list(range(7))


@pytest.mark.torch
def test_the_same_ranks_give_the_same_losses(peft, torch, needs_rank_in_a):
    settings = TrialSettings(steps=20, seeds=3)
    trial = try_plan(planned({"a": 3, "b": 3}), sum_of_two(torch), needs_rank_in_a, settings=settings)
    assert trial.differences == (0.0, 0.0, 0.0)
    assert trial.interval == (0.0, 0.0)
    assert trial.verdict == "tie"
    again = try_plan(planned({"a": 3, "b": 3}), sum_of_two(torch), needs_rank_in_a, settings=settings)
    assert again == trial
    assert len({row.plan for row in trial.rows}) == 3


@pytest.mark.torch
def test_classes_and_sequences_of_them(peft, torch):
    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(SIDE, SIDE), torch.nn.Linear(SIDE, SIDE)

        def forward(self, x):
            return (self.b(torch.relu(self.a(x))),)

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((40, 5, SIDE)).astype(np.float32)
    settings = TrialSettings(steps=5, seeds=3, batch_size=7)
    for each, targets in ((inputs, rng.integers(0, SIDE, (40, 5))), (inputs[:, 0], rng.integers(0, SIDE, 40))):
        trial = try_plan(planned({"a": 2, "b": 2}), Classifier, (each, targets), settings=settings)
        assert 1 < trial.rows[0].before < 5
    with pytest.raises(ParameterError, match="expected a class for each"):
        try_plan(planned({"a": 2, "b": 2}), Classifier, (inputs, rng.integers(0, 3, 40)), settings=settings)
    with pytest.raises(ParameterError, match=r"outputs of .* for targets of"):
        try_plan(planned({"a": 2, "b": 2}), Classifier, (inputs, rng.random((40, 3))), settings=settings)
    with pytest.raises(ParameterError, match="40 inputs and 39 targets"):
        try_plan(planned({"a": 2, "b": 2}), Classifier, (inputs, rng.integers(0, 3, 39)), settings=settings)
    with pytest.raises(ParameterError, match="loss is not finite"):
        try_plan(planned({"a": 2, "b": 2}), Classifier, (inputs * np.nan, rng.random((40, 5, SIDE))), settings=settings)
    with pytest.raises(ParameterError, match="data: the model can't be run on these inputs: mat1 and mat2"):
        try_plan(planned({"a": 2, "b": 2}), Classifier, (inputs[..., 1:], inputs), settings=settings)
    with pytest.raises(ParameterError, match="factory: it can't be called without arguments"):
        try_plan(planned({"a": 2, "b": 2}), lambda given: given, (inputs, inputs), settings=settings)
    with pytest.raises(ParameterError, match="factory: it gave int"):
        try_plan(planned({"a": 2, "b": 2}), lambda: 3, (inputs, inputs), settings=settings)
