"""`theodolite compare`: what it says, writes, guards, and how it ends."""

import importlib
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file


@pytest.fixture
def tuned(checkpoint, tmp_path):
    """The checkpoint with one layer changed a little and one given a spike."""
    rng = np.random.default_rng(0)
    arrays = load_file(checkpoint)
    name = "model.layers.0.mlp.up_proj.weight"
    arrays[name] = arrays[name] + 0.02 * rng.standard_normal(arrays[name].shape).astype("f4")
    name = "model.layers.1.self_attn.q_proj.weight"
    u, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, 64)))
    arrays[name] = arrays[name] + (4 * np.linalg.norm(arrays[name], 2) * np.outer(u, v)).astype("f4")
    save_file(arrays, tmp_path / "tuned.safetensors")
    return tmp_path / "tuned.safetensors"


def test_it_tells_in_sentences_and_a_table(cli, checkpoint, tuned, tmp_path):
    ran = cli("compare", checkpoint, tuned)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "tiny → tuned"
    assert lines[1].startswith("2 of 5 matrices differ; ")
    assert "1 intruder dimension among the 10 leading left singular vectors (epsilon 0.5): " in ran.out
    assert "Of alpha the median shift is " in ran.out
    table = ran.out[ran.out.index("changed most") :].splitlines()
    assert table[1].split()[0] == "model.layers.1.self_attn.q_proj"
    assert table[2].split()[0] == "model.layers.0.mlp.up_proj"
    assert list((tmp_path / "cwd").iterdir()) == []


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("intruders > 0", 1),
        ("intruders > 1", 0),
        ("relative_change.max > 500 %", 0),
        ("alpha.shift.median > 100 or changed == 2", 1),
    ],
)
def test_a_gate_ends_with_1(cli, checkpoint, tuned, condition, code):
    ran = cli("compare", checkpoint, tuned, "--fail-if", condition)
    assert ran.code == code
    assert f"{'Violated' if code else 'Not violated'}: {condition}" in ran.out


def test_json_is_one_object_and_nothing_else(cli, checkpoint, tuned):
    ran = cli("compare", checkpoint, tuned, "--json", "-m", "none", "--fail-if", "intruders > 0", "--k", "3")
    record = json.loads(ran.out)
    assert ran.code == 1
    assert record["gate"] == {
        "condition": "intruders > 0",
        "violated": True,
        "evidence": ["intruders > 0 holds: in 1 of 5 layers, largest 1"],
    }
    assert record["settings"]["k"] == 3
    assert len(record["layers"]) == 5
    assert "Violated" in ran.err


def test_pages_by_their_ending(cli, checkpoint, tuned, tmp_path):
    for name, holds in (("diff.html", "<!doctype html>"), ("diff.md", "# tiny → tuned"), ("diff.json", "{")):
        ran = cli("compare", checkpoint, tuned, "-o", name, "--measures", "none")
        assert ran.code == 0
        assert f"Report   {name}" in ran.out
        assert (tmp_path / "cwd" / name).read_text(encoding="utf-8").startswith(holds)


def test_renames(cli, checkpoint, tmp_path):
    arrays = {name.replace("model.layers", "net.blocks"): array for name, array in load_file(checkpoint).items()}
    save_file(arrays, tmp_path / "renamed.safetensors")
    ran = cli(
        "compare", checkpoint, tmp_path / "renamed.safetensors", "-m", "none", "--map", "model.layers.*=net.blocks.*"
    )
    assert ran.code == 0
    assert "None of 5 matrices differs: all are identical." in ran.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--fail-if", "intruder > 0"), "unknown name 'intruder'; did you mean 'intruders'"),
        (("--fail-if", "intruders >"), "ends where a number should follow"),
        (("--map", "nonsense"), "--map: 'nonsense' is no OLD=NEW"),
        (("--map", "a=b", "--map", "a=c"), "--map: 'a' is renamed twice"),
        (("--map", "nope=x"), "no tensor before is named 'nope'"),
        (("--k", "0"), "k is 0"),
        (("--epsilon", "3"), "epsilon is 3"),
        (("--jobs", "0"), "--jobs is 0"),
        (("-m", "stablerank"), "stable_rank"),
        (("-m", "none", "-o", "a_file/diff.html"), "a_file/diff.html can't be written: Not a directory."),
    ],
)
def test_wrong_usage_is_2(cli, checkpoint, tuned, tmp_path, options, says):
    (tmp_path / "cwd" / "a_file").write_text("")
    ran = cli("compare", checkpoint, tuned, *options)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_mistake_in_the_gate_does_not_cost_the_comparison(cli, checkpoint, tuned, tmp_path):
    page = tmp_path / "diff.html"
    ran = cli("compare", checkpoint, tuned, "-m", "none", "--fail-if", "intruder > 0", "-o", page)
    assert ran.code == 2
    assert "--fail-if: " in ran.err
    assert "median relative change" in ran.out
    assert "median relative change" in page.read_text()


def test_an_unreadable_input_is_4(cli, checkpoint, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"no such thing")
    for other in (tmp_path / "broken.safetensors", tmp_path / "nowhere"):
        ran = cli("compare", checkpoint, other)
        assert ran.code == 4
        assert ran.err.startswith("error: ")


def test_an_interrupt_is_130(cli, checkpoint, tuned, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("theodolite.study.comparisons.compare"), "compare_pairs", stop)
    assert cli("compare", checkpoint, tuned, "-m", "none").code == 130
