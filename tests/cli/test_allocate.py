"""`theodolite allocate`: what it says, writes, refuses, and how it ends."""

import json
import re

import numpy as np
import pytest

import theodolite as td

BUDGET = ("--budget", "3000")


def test_it_explains_every_layer(cli, checkpoint):
    ran = cli("allocate", checkpoint, *BUDGET)
    assert ran.code == 0
    plan = td.act.allocate(checkpoint, budget=3000)
    assert ran.out.splitlines() == [
        *plan.explain().splitlines(),
        "Next     the same with --format peft -o lora.json writes it for PEFT",
    ]
    assert ran.out.count("model.layers.") == 4


def test_a_run_gives_what_its_checkpoint_gives(cli, checkpoint):
    assert cli("survey", checkpoint, "-o", "run", "--no-report").code == 0
    for options in (BUDGET, (*BUDGET, "--by", "energy"), ("--method", "welore", "--budget", "0.5")):
        run, direct = (
            td.act.RankPlan.from_json(cli("allocate", path, *options, "--format", "json").out)
            for path in ("run", checkpoint)
        )
        assert [(r.module, r.rank, r.kept) for r in run.layers] == [(r.module, r.rank, r.kept) for r in direct.layers]


def test_json_is_the_plan_and_nothing_else(cli, checkpoint):
    options = ("--method", "alphalora", "--budget", "9", "--alpha", "released", "--expert-rank", "4", "--jobs", "2")
    ran = cli("allocate", checkpoint, *options, "--format", "json")
    plan = td.act.allocate(checkpoint, method="alphalora", budget=9, alpha="released", expert_rank=4)
    assert td.act.RankPlan.from_json(ran.out) == plan
    assert "AlphaLoRA by alpha (the exponent of AlphaLoRA's released code" in ran.err


def test_peft_options_to_a_file(cli, checkpoint, tmp_path):
    ran = cli("allocate", checkpoint, *BUDGET, "--beta", "4", "--format", "peft", "-o", "lora.json", "--scaling", "2")
    assert ran.code == 0
    written = json.loads((tmp_path / "cwd" / "lora.json").read_text())
    assert written == td.act.allocate(checkpoint, budget=3000, beta=4).to_peft(scaling=2.0)
    assert "Plan     lora.json" in ran.out
    assert "peft.LoraConfig(**json.load(open('lora.json')))" in ran.out
    prefixed = json.loads(cli("allocate", checkpoint, *BUDGET, "--format", "peft", "--prefix", "base.").out)
    (ours,) = [json.loads(cli("allocate", checkpoint, *BUDGET, "--format", "json").out)["layers"]]
    for layer in ours:
        assert re.fullmatch(prefixed["target_modules"], f"base.{layer['module']}")
        assert not re.fullmatch(prefixed["target_modules"], layer["module"])


def test_a_file_alone_is_json(cli, checkpoint, tmp_path):
    assert cli("allocate", checkpoint, "--budget", "4", "--unit", "mean_rank", "-o", "plan.json").code == 0
    plan = td.act.RankPlan.from_json((tmp_path / "cwd" / "plan.json").read_text())
    assert sum(layer.rank for layer in plan.layers) == 16


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "How much is there to share out?"),
        (("--budget", "10"), "budget is 10 parameters, and a floor of 1"),
        (("--budget", "0.5"), "budget is 0.5; a number of parameters is whole"),
        ((*BUDGET, "--by", "alhpa"), "alhpa"),
        ((*BUDGET, "--by", "energy", "--alpha", "hill"), "alpha is 'hill', which goes with by='alpha'"),
        ((*BUDGET, "--layers", "nope"), "no matrix of a linear layer that matches layers='nope'"),
        ((*BUDGET, "--jobs", "0"), "jobs is 0"),
        ((*BUDGET, "--seeds", "1"), "seeds is 1"),
        ((*BUDGET, "--scaling", "0", "--format", "peft"), "scaling is 0"),
        ((*BUDGET, "-o", "no/such/folder/plan.json"), "plan.json can't be written"),
        (
            (*BUDGET, "--try", "no_such_module:build", "data.npz"),
            "error: --try 'no_such_module:build': there is no module named 'no_such_module'",
        ),
    ],
)
def test_wrong_usage_is_2_and_writes_nothing(cli, checkpoint, tmp_path, options, says):
    np.savez(tmp_path / "cwd" / "data.npz", inputs=np.zeros((4, 2)), targets=np.zeros(4))
    ran = cli("allocate", checkpoint, *options)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert [path.name for path in (tmp_path / "cwd").iterdir()] == ["data.npz"]


def test_an_unreadable_input_is_4(cli, checkpoint, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"no such thing")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "survey.json").write_text("{")
    for path in (tmp_path / "broken.safetensors", tmp_path / "nowhere", tmp_path / "broken"):
        ran = cli("allocate", path, *BUDGET)
        assert ran.code == 4, ran
        assert ran.err.startswith("error: ")
    assert cli("allocate", checkpoint, *BUDGET, "--try", "json:loads", tmp_path / "nowhere.npz").code == 4


def test_a_run_that_lacks_something_says_what(cli, checkpoint):
    assert cli("survey", checkpoint, "-o", "run", "--no-report", "-m", "stable_rank").code == 0
    ran = cli("allocate", "run", *BUDGET)
    assert ran.code == 2
    assert "survey again with 'hill', or plan from the checkpoint" in ran.err


def test_an_interrupt_is_130(cli, checkpoint, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.numerics.gram.gram_eigenvalues", stop)
    monkeypatch.setattr("theodolite.core.views.gram_eigenvalues", stop)
    assert cli("allocate", checkpoint, *BUDGET).code == 130


FACTORY = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = torch.nn.Module()
        self.model.layers = torch.nn.ModuleList(torch.nn.Module() for _ in range(2))
        for layer in self.model.layers:
            layer.self_attn, layer.mlp = torch.nn.Module(), torch.nn.Module()
            layer.self_attn.q_proj = torch.nn.Linear(64, 64)
            layer.mlp.up_proj = torch.nn.Linear(64, 96)

    def forward(self, x):
        for layer in self.model.layers:
            x = torch.relu(layer.self_attn.q_proj(x))
        return self.model.layers[0].mlp.up_proj(x) + self.model.layers[1].mlp.up_proj(x)
"""


@pytest.mark.torch
def test_a_trial_on_the_users_model_and_data(cli, checkpoint, tmp_path, torch, monkeypatch):
    pytest.importorskip("peft", reason="needs the extra [peft]")
    (tmp_path / "cwd" / "allocate_trial_net.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path / "cwd"))
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "cwd" / "data.npz", inputs=rng.random((60, 64)), targets=rng.integers(0, 96, 60))
    trial = ("--try", "allocate_trial_net:Net", "data.npz", "--steps", "3", "--seeds", "3", "--batch-size", "8")
    ran = cli("allocate", checkpoint, *BUDGET, *trial)
    assert ran.code == 0, ran.err
    assert "Trained 3 times for 3 steps on 45 examples: the held-out loss" in ran.out
    assert "95 % interval" in ran.out
    record = json.loads(cli("allocate", checkpoint, *BUDGET, *trial, "--format", "json").out)
    assert record["trial"]["verdict"] in {"tie", "better", "worse"}
    assert len(record["trial"]["rows"]) == 3
    assert record["trial"]["parameters"]["uniform"] <= record["trial"]["parameters"]["plan"]
    wrong = cli("allocate", checkpoint, *BUDGET, *trial, "--prefix", "inner.")
    assert wrong.code == 2
    assert "are not among its modules: 'inner.model.layers.0" in wrong.err
