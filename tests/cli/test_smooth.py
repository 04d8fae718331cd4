"""`theodolite smooth`: what it says, writes, refuses, and how it ends."""

import hashlib
import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td


def test_a_dry_run_explains_every_matrix_and_writes_nothing(cli, checkpoint, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    ran = cli("smooth", checkpoint, "--dry-run")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("tiny, smoothed by the trace-log condition: 5 of 5 matrices change; ")
    assert lines[1:6] == td.act.smooth_plan(checkpoint).explain().splitlines()[1:]
    assert lines[6] == "Next     the same with -o OUT in place of --dry-run writes it"
    assert sorted(tmp_path.rglob("*")) == before


def test_it_writes_a_copy_and_leaves_the_original(cli, checkpoint, tmp_path):
    before = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    ran = cli("smooth", checkpoint, "-o", "smooth.safetensors", "--rank", "5")
    assert ran.code == 0
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() == before
    assert "tiny, smoothed by a rank (5): 5 of 5 matrices change; 25 of 320 components stay." in ran.out
    assert "Farthest from what it was: " in ran.out
    assert "Copy     smooth.safetensors" in ran.out
    assert "Next     theodolite survey smooth.safetensors" in ran.out
    loaded = load_file(tmp_path / "cwd" / "smooth.safetensors")
    original = load_file(checkpoint)
    assert loaded.keys() == original.keys()
    assert np.linalg.matrix_rank(loaded["model.layers.0.mlp.up_proj.weight"], rtol=1e-5) == 5
    np.testing.assert_array_equal(loaded["steps"], original["steps"])


def test_a_folder_holds_the_record_of_what_was_done(cli, checkpoint, tmp_path):
    assert cli("smooth", checkpoint, "-o", "copy", "--energy", "0.8", "--jobs", "2").code == 0
    record = json.loads((tmp_path / "cwd" / "copy" / "smoothing.json").read_text())
    assert td.act.SmoothPlan.from_dict(record) == td.act.smooth_plan(checkpoint, "energy", energy=0.8)
    assert len(record["changes"]) == 5


def test_json_is_the_plan_and_nothing_else(cli, checkpoint):
    ran = cli("smooth", checkpoint, "--dry-run", "--json", "--by", "spikes")
    assert td.act.SmoothPlan.from_json(ran.out) == td.act.smooth_plan(checkpoint, "spikes")
    ran = cli("smooth", checkpoint, "-o", "copy", "--json", "--by", "spikes")
    assert td.act.SmoothPlan.from_json(ran.out) == td.act.smooth_plan(checkpoint, "spikes")
    assert "Copy     copy" in ran.err


def test_layers_and_the_rule_that_an_amount_implies(cli, checkpoint):
    plan = json.loads(cli("smooth", checkpoint, "--dry-run", "--json", "--rank", "0.25", "--layers", "*.mlp.*").out)
    assert plan["smoothing"]["by"] == "rank"
    assert [m["tensor"] for m in plan["matrices"]] == [f"model.layers.{i}.mlp.up_proj.weight" for i in (0, 1)]
    assert [m["rank"] for m in plan["matrices"]] == [16, 16]
    assert json.loads(cli("smooth", checkpoint, "--dry-run", "--json", "--energy", "1").out)["smoothing"]["energy"] == 1


def test_traps_are_named(cli, tmp_path):
    array = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    array[7, 9] = 50.0
    save_file({"fc.weight": array}, tmp_path / "net.safetensors")
    ran = cli("smooth", tmp_path / "net.safetensors", "-o", "out.safetensors", "--by", "none", "--remove-traps")
    assert "1 trap removed" in ran.out
    assert "Farthest" not in ran.out  # nothing was smoothed, so there is no distance to tell
    dry = cli("smooth", tmp_path / "net.safetensors", "--dry-run", "--by", "none", "--remove-traps", "--seed", "3")
    assert "a trap is removed (50 in row 7, column 9)" in dry.out
    assert load_file(tmp_path / "cwd" / "out.safetensors")["fc.weight"][7, 9] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Give -o OUT, or --dry-run"),
        (("-o", "x", "--by", "tracelog"), "tracelog"),
        (("-o", "x", "--energy", "2"), "energy is 2.0; it must be a share above 0"),
        (("-o", "x", "--energy", "0.5", "--rank", "3"), "rank is 3, which goes with by='rank'"),
        (("-o", "x", "--by", "rank"), "rank is None"),
        (("-o", "x", "--by", "none"), "nothing would change"),
        (("-o", "x", "--layers", "nope"), "no matrix that matches layers='nope'"),
        (("-o", "x", "--jobs", "0"), "--jobs is 0."),
    ],
)
def test_wrong_usage_is_2_and_writes_nothing(cli, checkpoint, tmp_path, options, says):
    ran = cli("smooth", checkpoint, *options)
    assert ran.code == 2
    assert says in ran.err
    assert ran.out == ""
    assert list((tmp_path / "cwd").iterdir()) == []


def test_a_place_that_is_taken_is_2_before_any_work(cli, checkpoint, tmp_path, monkeypatch):
    out = tmp_path / "cwd" / "out.safetensors"
    assert cli("smooth", checkpoint, "-o", out, "--rank", "2").code == 0
    before = out.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("theodolite.act.smooth_plan", lambda *_, **__: 1 / 0)
        ran = cli("smooth", checkpoint, "-o", out, "--rank", "3")
        same = cli("smooth", checkpoint, "-o", checkpoint, "--rank", "3", "--overwrite")
    assert ran.code == 2
    assert "is there already" in ran.err
    assert "--overwrite" in ran.err
    assert same.code == 2
    assert "is the checkpoint itself" in same.err
    assert out.read_bytes() == before
    assert cli("smooth", checkpoint, "-o", out, "--rank", "3", "--overwrite").code == 0
    assert out.read_bytes() != before


def test_a_place_inside_a_file_is_2_before_any_work(cli, checkpoint, monkeypatch):
    monkeypatch.setattr("theodolite.act.smooth_plan", lambda *_, **__: 1 / 0)
    for inside in (checkpoint / "out", checkpoint / "a" / "out.safetensors"):
        ran = cli("smooth", checkpoint, "-o", inside, "--rank", "2")
        assert ran.code == 2
        assert f"{checkpoint.name} is a file, and " in ran.err
        assert "--overwrite" not in ran.err


def test_an_unreadable_input_is_4(cli, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"no such thing")
    for path in (tmp_path / "broken.safetensors", tmp_path / "nowhere"):
        ran = cli("smooth", path, "-o", "out")
        assert ran.code == 4
        assert ran.err.startswith("error: ")
        assert "Traceback" not in ran.err


def test_an_interrupt_is_130_and_leaves_nothing(cli, checkpoint, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.act.smooth.applying.smooth", stop)
    ran = cli("smooth", checkpoint, "-o", "out", "--rank", "2")
    assert ran.code == 130
    assert "Nothing was written" in ran.err
    assert list((tmp_path / "cwd").iterdir()) == []


def test_a_full_disk_is_a_line_and_not_a_traceback(cli, checkpoint, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("theodolite.sources.writer.SafetensorsWriter.write", full)
    ran = cli("smooth", checkpoint, "-o", "out", "--rank", "2")
    assert ran.code == 2
    assert "can't be written: No space left on device." in ran.err
    assert list((tmp_path / "cwd").iterdir()) == []


@pytest.mark.torch
def test_what_is_left_out_is_said(cli, tmp_path, torch):
    module = torch.nn.Linear(12, 10)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(12)).sum().backward()
    optimizer.step()
    torch.save({"model": module.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    ran = cli("smooth", tmp_path / "run.pt", "-o", "out.safetensors", "--rank", "2")
    assert ran.code == 0
    assert "Left out: " in ran.out
    assert "optimizer state, not a weight" in ran.out


NETS = """\
import torch


def build():
    return torch.nn.Linear(3, 3)


def wide():
    return torch.nn.Linear(4, 3)
"""


@pytest.fixture
def classifier(tmp_path, torch, monkeypatch):
    """Three classes, the weakest of which goes when two components stay; it is then taken for the first."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "smoothed_nets", raising=False)
    (tmp_path / "cwd").mkdir(exist_ok=True)
    (tmp_path / "cwd" / "smoothed_nets.py").write_text(NETS)
    weight, bias = np.diag([3.0, 2.0, 1.0]).astype(np.float32), np.array([0.01, 0, 0], dtype=np.float32)
    save_file({"weight": weight, "bias": bias}, tmp_path / "net.safetensors")
    targets = np.array([0, 1, 1, 2])
    np.savez(tmp_path / "data.npz", inputs=np.eye(3)[targets], targets=targets)
    return tmp_path / "net.safetensors", tmp_path / "data.npz"


@pytest.mark.torch
def test_whether_it_still_works_is_said_with_a_model_and_data(cli, classifier, tmp_path):
    path, data = classifier
    asked = ("smooth", path, "--rank", "2", "--model", "smoothed_nets:build", "--data", data)
    # Bonett and Price: of 0, 0, 0, 1 and the added 1 and -1 the mean is 1/6 and the squares about it sum to 17/6.
    half = 1.959964 * np.sqrt(17 / 6) / 6
    ends = f"{1 / 6 - half:.4f} to {1 / 6 + half:.4f}"
    said = f"Accuracy 1.0000 as it is and 0.7500 smoothed, a drop of 0.2500 (95 % interval {ends}), on 4 targets."
    dry = cli(*asked, "--dry-run")
    assert dry.code == 0
    assert said in dry.out.splitlines()
    written = cli(*asked, "-o", "smooth.safetensors", "--batch-size", "1")
    assert written.code == 0
    assert said in written.out.splitlines()
    record = json.loads(cli(*asked, "--dry-run", "--json").out)
    assert record["evaluation"]["drop"]["value"] == 0.25
    assert td.act.SmoothPlan.from_dict(record) == td.act.smooth_plan(path, "rank", rank=2)
    again = cli("smooth", "smooth.safetensors", "--rank", "2", "--dry-run", *asked[4:])
    assert "Accuracy 0.7500 as it is and 0.7500 smoothed" in again.out


@pytest.mark.torch
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "smoothed_nets:build"), "--model is given without --data."),
        (("--data", "DATA"), "--data is given without --model."),
        (("--model", "smoothed_nets:bild", "--data", "DATA"), "smoothed_nets has no 'bild'; did you mean 'build'"),
        (("--model", "smoothed_nets", "--data", "DATA"), "--model is 'smoothed_nets'; give it as package.module:"),
        (("--model", "smoothed_nets:wide", "--data", "DATA"), "--model: weight is 3 x 4 in the model and 3 x 3 in net"),
        (("--model", "smoothed_nets:build", "--data", "NET"), "--data: net.safetensors holds "),
        (("--model", "smoothed_nets:build", "--data", "DATA", "--batch-size", "0"), "--batch-size is 0"),
    ],
)
def test_a_model_or_data_that_dont_fit_are_2_before_any_work(cli, classifier, tmp_path, monkeypatch, options, says):
    path, data = classifier
    monkeypatch.setattr("theodolite.act.smooth_plan", lambda *_, **__: 1 / 0)
    given = [{"DATA": data, "NET": path}.get(option, option) for option in options]
    ran = cli("smooth", path, "-o", "out", "--rank", "2", *given)
    assert ran.code == 2
    assert says in ran.err
    assert not (tmp_path / "cwd" / "out").exists()


@pytest.mark.torch
def test_one_example_says_how_little_it_tells(cli, classifier, tmp_path):
    path, _ = classifier
    np.savez(tmp_path / "one.npz", inputs=np.eye(3)[:1], targets=np.zeros(1, dtype=int))
    asked = ("--rank", "2", "--dry-run", "--model", "smoothed_nets:build", "--data", tmp_path / "one.npz")
    ran = cli("smooth", path, *asked)
    half = 1.959964 * np.sqrt(2) / 3
    assert f"a drop of 0.0000 (95 % interval {-half:.4f} to {half:.4f}), on 1 target." in ran.out
    assert "standard error" not in ran.out


@pytest.mark.torch
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_data_that_are_not_finite_are_named_and_not_the_model(cli, classifier, tmp_path, odd):
    path, _ = classifier
    inputs = np.eye(3)
    inputs[1, 2] = odd
    np.savez(tmp_path / "odd.npz", inputs=inputs, targets=np.arange(3))
    for command in (("smooth", path, "--rank", "2", "--dry-run"), ("metrics", path)):
        ran = cli(*command, "--model", "smoothed_nets:build", "--data", tmp_path / "odd.npz")
        assert ran.code == 2
        assert "--data: 1 value of a batch of inputs is NaN or infinite" in ran.err
        assert "--model" not in ran.err
