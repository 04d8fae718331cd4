"""`theodolite track`: what it says, writes, reuses, refuses, and how it ends."""

import json

import numpy as np
import pytest


@pytest.fixture
def training(tmp_path):
    rng = np.random.default_rng(2)
    start = {f"h.{block}.weight": rng.standard_normal((72, 64)) for block in range(10)}
    spike = np.outer(rng.standard_normal(72), rng.standard_normal(64))
    for step in (0, 1000):
        moved = {f"h.{block}.weight": step / 1000 * spike for block in (1, 8)}
        (tmp_path / "out").mkdir(exist_ok=True)
        np.savez(tmp_path / "out" / f"step_{step}.npz", **{name: w + moved.get(name, 0) for name, w in start.items()})
    return tmp_path / "out"


def test_a_folder_is_surveyed_and_followed(cli, training, tmp_path):
    ran = cli("track", training, "-m", "stable_rank", "-o", "page.html")
    assert ran.code == 0
    assert ran.out.startswith("step_0 → step_1000\n2 checkpoints from step 0 to 1,000: the numbers of 2 of 10 matrices")
    assert "12 matrices had to be measured; stored readings of the same content answered for 8." in ran.out
    assert "h.1" in ran.out[ran.out.index("moved most") :]
    assert (tmp_path / "cwd" / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "cwd" / "out.theodolite" / "survey.json").is_file()
    again = cli("track", training, "-m", "stable_rank")
    assert "0 matrices had to be measured; stored readings of the same content answered for 20." in again.out


def test_json_is_the_result_and_nothing_else(cli, training):
    ran = cli("track", training, "-m", "stable_rank", "--steps", "5,7", "--json", "--store", "runs")
    told = json.loads(ran.out)
    assert told["steps"] == [5, 7]
    assert told["computed"] == [10, 2]
    assert "Run      runs" in ran.err


def test_runs_are_read(cli, training):
    for step in (0, 1000):
        survey = ("survey", training / f"step_{step}.npz", "-m", "stable_rank", "-m", "hill", "--no-report")
        assert cli(*survey).code == 0
    ran = cli("track", "step_0.theodolite", "step_1000.theodolite", "-m", "stable_rank", "--json")
    told = json.loads(ran.out)
    assert told["steps"] == [0, 1000]
    assert {curve["metric"].split(".")[0] for curve in told["curves"]} == {"stable_rank"}


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("out/step_0.npz",), 2, "is one checkpoint or none"),
        (("out", "--steps", "a,b"), 2, "--steps is 'a,b'"),
        (("out", "--steps", "1,2,3", "-m", "hill"), 2, "got 3 for 2 checkpoints"),
        (("out", "--jobs", "0"), 2, "--jobs is 0"),
        (("out", "-m", "hil"), 2, "hil"),
        (("empty",), 4, "no checkpoints with a number in their names"),
        (("nowhere", "out/step_0.npz"), 4, "there is no such file or folder"),
        (("out", "--store", "out"), 2, "it is no run folder"),
        (("out", "-m", "stable_rank", "-o", "a_file/page.html"), 2, "a_file/page.html can't be written"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(cli, training, tmp_path, options, code, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cwd" / "a_file").write_text("")
    places = {name: tmp_path / name for name in ("out", "empty", "nowhere", "out/step_0.npz")}
    ran = cli("track", *(places.get(option, option) for option in options))
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err
