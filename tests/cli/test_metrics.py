"""`theodolite metrics`: what it takes, what it says is missing, and how it ends."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td
from theodolite.generalization import METRICS


@pytest.fixture
def start(checkpoint, tmp_path):
    """The tensors of the checkpoint, halved."""
    path = tmp_path / "start.safetensors"
    save_file({name: (a / 2).astype(a.dtype) for name, a in load_file(checkpoint).items()}, path)
    return path


def test_the_table_and_what_is_missing(cli, checkpoint):
    ran = cli("metrics", checkpoint)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "tiny: 5 matrices of 28,160 weights, 1 sample"
    found = td.generalization_metrics(checkpoint)
    for name, value in found.numbers.items():
        assert any(line.split()[:2] == [name, f"{value:.6g}"] for line in lines), name
    assert "Not taken: FRO_DIST, DIST_SPEC_INIT\n" in ran.out
    needs = ran.out.partition("Not taken: PACBAYES_INIT, PACBAYES_MAG_INIT, PACBAYES_MAG_ORIG\n")[2].splitlines()[0]
    assert "(not given: init, model, data)" in needs
    assert "--init INIT" in ran.out
    assert "--model package.module:function" in ran.out or "theodolite[torch]" in ran.out
    for name in METRICS:
        assert name in ran.out


def test_the_start_adds_the_distances(cli, checkpoint, start):
    ran = cli("metrics", checkpoint, "--init", start, "--samples", "4")
    found = td.generalization_metrics(checkpoint, start, samples=4)
    assert f"FRO_DIST {found['FRO_DIST'].value:.6g}".split() in [line.split()[:2] for line in ran.out.splitlines()]
    assert "4 samples" in ran.out


def test_json_is_one_object_a_metric_and_nothing_else(cli, checkpoint, start):
    ran = cli("metrics", checkpoint, "--init", start, "--json", "--convention", "authors")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    found = td.generalization_metrics(checkpoint, start, convention="authors")
    assert [row["metric"] for row in rows] == [*METRICS]
    assert {row["metric"]: row["value"] for row in rows} == {name: metric.value for name, metric in found.items()}
    assert all(row["model"] == "tiny" and (row["value"] is None) == bool(row["reason"]) for row in rows)


@pytest.mark.torch
def test_a_network_of_your_own_is_run_on_your_data(cli, torch, tmp_path):
    home = tmp_path / "cwd"
    (home / "mynets_for_metrics.py").write_text(
        "import torch\n"
        "def build():\n    return torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))\n"
        "def wide():\n    return torch.nn.Linear(7, 3)\n"
        "def sized(n):\n    return torch.nn.Linear(n, 3)\n"
    )
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))
    torch.save(net.state_dict(), home / "net.pt")
    inputs = torch.randn(60, 6)
    targets = net(inputs).argmax(-1)
    np.savez(home / "train.npz", inputs=inputs.numpy(), targets=targets.numpy())
    ran = cli("metrics", "net.pt", "--init", "net.pt", "--model", "mynets_for_metrics:build", "--data", "train.npz")
    assert ran.code == 0
    assert "On the data: accuracy 1, loss " in ran.out
    found = td.generalization_metrics(net, net.state_dict(), data=(inputs, targets))
    for name in ("PATH_NORM", "INVERSE_MARGIN", "PACBAYES_FLATNESS", "PACBAYES_MAG_INIT"):
        assert f"{found[name].value:.6g}" in ran.out, name
    for model, says in (
        ("mynets_for_metrics:wide", "lacks"),
        ("mynets_for_metrics:sized", "--model 'mynets_for_metrics:sized': missing a required argument: 'n'; name a"),
        ("mynets_for_metrics:bild", "did you mean 'build'"),
        ("no_such_module_at_all:build", "no module named"),
        ("mynets_for_metrics", "package.module:function"),
    ):
        wrong = cli("metrics", "net.pt", "--model", model)
        assert wrong.code == 2
        assert says in wrong.err
        assert "Traceback" not in wrong.err
        assert wrong.out == ""
    np.savez(home / "odd.npz", x=inputs.numpy())
    wrong = cli("metrics", "net.pt", "--model", "mynets_for_metrics:build", "--data", "odd.npz")
    assert wrong.code == 2
    assert "--data: odd.npz holds 'x'; expected 'inputs' and 'targets'" in wrong.err


def test_data_without_a_model_are_said_to_need_one(cli, checkpoint, tmp_path):
    np.savez(tmp_path / "train.npz", inputs=np.zeros((3, 2)), targets=np.zeros(3, dtype=int))
    ran = cli("metrics", checkpoint, "--data", tmp_path / "train.npz")
    assert ran.code == 0
    assert "3 samples" in ran.out
    assert "This metric runs the network" in ran.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--samples", "0"), "samples is 0"),
        (("--displacement", "-1"), "displacement is -1.0"),
        (("--convention", "author"), "author"),
        (("--seed", "-2"), "seed is -2"),
    ],
)
def test_wrong_usage_is_2(cli, checkpoint, options, says):
    ran = cli("metrics", checkpoint, *options)
    assert ran.code == 2
    assert says in ran.err
    assert ran.out == ""


def test_the_start_of_another_network_is_2(cli, checkpoint, tmp_path):
    np.savez(tmp_path / "other.npz", **{"a.weight": np.eye(3)})
    ran = cli("metrics", checkpoint, "--init", tmp_path / "other.npz")
    assert ran.code == 2
    assert "init: other holds no model.embed_tokens.weight" in ran.err


@pytest.mark.parametrize("option", ["", "--init", "--data"])
def test_what_can_not_be_read_is_4(cli, checkpoint, tmp_path, option):
    (tmp_path / "broken.safetensors").write_bytes(b"no such thing")
    broken = tmp_path / "broken.safetensors"
    ran = cli("metrics", checkpoint, option, broken) if option else cli("metrics", broken)
    assert ran.code == 4
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_an_interrupt_is_130(cli, checkpoint, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.generalization.generalization_metrics", stop)
    assert cli("metrics", checkpoint).code == 130


@pytest.mark.parametrize("error", [ValueError("a bug of ours"), TypeError("a bug of ours")])
def test_a_bug_is_no_wrong_usage(cli, checkpoint, monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("theodolite.generalization.generalization_metrics", broken)
    with pytest.raises(type(error), match="a bug of ours"):
        cli("metrics", checkpoint)


@pytest.mark.torch
def test_the_batch_size_reaches_the_network(cli, torch, tmp_path):
    home = tmp_path / "cwd"
    home.mkdir(exist_ok=True)
    (home / "counting_nets.py").write_text(
        "import torch\n"
        "sizes = []\n"
        "class Net(torch.nn.Linear):\n"
        "    def forward(self, x):\n        sizes.append(len(x))\n        return super().forward(x)\n"
        "def build():\n    return Net(3, 3)\n"
        "def odd():\n    return 3\n"
    )
    torch.save(torch.nn.Linear(3, 3).state_dict(), home / "net.pt")
    np.savez(home / "train.npz", inputs=np.eye(3)[[0, 1, 2, 0, 1]], targets=np.array([0, 1, 2, 0, 1]))
    asked = ("metrics", "net.pt", "--model", "counting_nets:build", "--data", "train.npz")
    assert cli(*asked, "--batch-size", "2").code == 0
    assert set(sys.modules["counting_nets"].sizes) == {1, 2}
    wrong = cli(*asked, "--batch-size", "0")
    assert wrong.code == 2
    assert "--batch-size is 0" in wrong.err
    odd = cli("metrics", "net.pt", "--model", "counting_nets:odd")
    assert odd.code == 2
    assert "--model 'counting_nets:odd': it gave int; expected a torch.nn.Module" in odd.err


def test_a_network_is_named_alike_by_every_command_that_runs_one(cli):
    told = []
    for command in ("smooth", "metrics"):
        words = cli(command, "--help").out.replace("│", " ").split()
        start = words.index("--model")
        told.append(" ".join(words[start : words.index("256]", start)]))
    assert told[0] == told[1]
    assert "--batch-size" in told[0]
