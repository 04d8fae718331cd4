"""`theodolite survey`: what goes where, what is kept, and how it ends."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.cli.running import default_output
from theodolite.surveys import PRESETS, read_run
from theodolite.surveys.lock import FileLock

QUICK = ("-m", "stable_rank", "--no-report")


def test_summary_says_what_was_measured_and_where_it_lies(cli, checkpoint):
    ran = cli("survey", checkpoint)
    assert ran.code == 0, ran.err
    assert "tiny" in ran.out
    assert "5 matrices measured" in ran.out
    assert "3 tensors not" in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("stable rank"))
    readings = read_run("tiny.theodolite")
    values = sorted(row.value for row in readings if row.name == "stable_rank" and not row.target.endswith("*"))
    assert row.split()[2] == f"{np.median(values):.1f}"
    assert row.split()[3:5] == [f"{values[0]:.1f}", f"{values[-1]:.1f}"]


def test_report_is_written_and_its_path_and_url_printed_whole(cli, checkpoint):
    ran = cli(
        "survey", checkpoint, "-o", "a folder with a rather long name/and another.theodolite", "-m", "stable_rank"
    )
    page = Path("a folder with a rather long name/and another.theodolite/report.html")
    assert page.is_file()
    assert str(page) in ran.out
    assert page.resolve().as_uri() in ran.out.split()
    assert "theodolite cite 'a folder with a rather long name/and another.theodolite'" in ran.out


def test_without_report(cli, checkpoint):
    ran = cli("survey", checkpoint, *QUICK)
    assert ran.code == 0
    assert not Path("tiny.theodolite/report.html").exists()
    assert "theodolite report tiny.theodolite" in ran.out


def test_json_is_pure_and_is_the_readings(cli, checkpoint):
    ran = cli("survey", checkpoint, "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    expected = [json.loads(line) for line in read_run("tiny.theodolite").ndjson()]
    assert rows == expected
    assert {"target", "measure", "field", "value", "outcome", "role", "shape"} <= set(rows[0])
    assert "Report" in ran.err


def test_csv_is_a_table_of_the_same_readings(cli, checkpoint):
    ran = cli("survey", checkpoint, "--csv", *QUICK)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    readings = read_run("tiny.theodolite")
    assert [row["target"] for row in rows] == [row.target for row in readings]
    assert [float(row["value"]) for row in rows] == [row.value for row in readings]
    assert {"120x64", "64x64"} <= {row["shape"] for row in rows}
    assert "Run" in ran.err


def test_measures_with_parameters_and_layers(cli, checkpoint):
    ran = cli(
        "survey", checkpoint, "-m", "hill[k=20]", "-m", "stable_rank", "--layers", "*q_proj*", "--json", "--no-report"
    )
    rows = [json.loads(line) for line in ran.out.splitlines()]
    layers = [row for row in rows if row["module"] != "*"]
    assert {row["module"] for row in layers} == {f"model.layers.{block}.self_attn.q_proj" for block in (0, 1)}
    assert {row["measure"] for row in layers} == {"hill", "stable_rank"}
    assert {json.loads(row["params"])["k"] for row in layers if row["measure"] == "hill"} == {20}


def test_preset_and_measures_add_up(cli, checkpoint):
    ran = cli("survey", checkpoint, "--preset", "quick", "-m", "hill", "--json", "--no-report")
    measured = {json.loads(line)["measure"] for line in ran.out.splitlines()}
    assert measured >= {*PRESETS["quick"]["measures"], "hill"}


def test_presets_that_help_offers_are_those_there_are(cli):
    for preset in PRESETS:
        assert "there is no such file" in cli("survey", "nowhere", "--preset", preset).err
    refused = cli("survey", "nowhere", "--preset", "fuller")
    assert refused.code == 2
    assert all(preset in refused.err for preset in PRESETS)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        (("-m", "stablerank"), "'stable_rank'"),
        (("-m", "hill[kk=3]"), "'k'"),
        (("-m", "hill[k=3"), "hill[k=20]"),
        (("-m", "quik"), "'quick'"),
        (("--preset", "quik"), "quick"),
        (("--jbs", "2"), "--jobs"),
        (("--jobs", "0"), "-1: one per core"),
        (("--jobs", "two"), "--jobs"),
        (("--shard", "3/2"), "2/8"),
        (("--shard", "0/2"), "2/8"),
        (("--shard", "half"), "2/8"),
        (("--json", "--csv"), "Choose one"),
        (("--layers", "*atention*"), "theodolite inspect"),
        (("--shard", "1/2", "--fresh"), "by hand"),
        (("--config", "nowhere.toml"), "--config"),
        (("--seed", "-1"), "at least 0"),
        (("--view", "fold"), "unfold"),
    ],
)
def test_wrong_use_is_one_line_with_advice_and_nothing_is_written(cli, checkpoint, wrong, advice):
    ran = cli("survey", checkpoint, *wrong)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert advice in ran.err
    assert "Traceback" not in ran.err
    assert list(Path().iterdir()) == []


def test_config_describes_and_options_override(cli, checkpoint):
    Path("s.toml").write_text('measures = ["stable_rank"]\nseed = 5\nlayers = "*mlp*"\n')
    ran = cli("survey", checkpoint, "--config", "s.toml", "--seed", "9", "--json", "--no-report")
    rows = [row for row in map(json.loads, ran.out.splitlines()) if row["module"] != "*"]
    assert {row["measure"] for row in rows} == {"stable_rank"}
    assert {row["seed"] for row in rows} == {9}
    assert all("mlp" in row["module"] for row in rows)
    Path("bad.toml").write_text("mesures = []\n")
    bad = cli("survey", checkpoint, "--config", "bad.toml")
    assert bad.code == 2
    assert "'measures'" in bad.err


def test_convention_reaches_the_readings(cli, checkpoint):
    ran = cli("survey", checkpoint, "-m", "stable_rank", "--convention", "weightwatcher", "--json", "--no-report")
    assert {json.loads(line)["convention"] for line in ran.out.splitlines()} == {"weightwatcher"}


def test_run_is_named_after_what_is_surveyed(cli, checkpoint, other_checkpoint):
    cli("survey", checkpoint, other_checkpoint, *QUICK)
    assert Path("tiny+other.theodolite/survey.json").is_file()
    assert default_output(["m"]).name == "m.theodolite"
    assert default_output(["some/where: odd*"]).name == "some-where-odd.theodolite"
    assert default_output(["..."]).name == "model.theodolite"
    assert len(default_output([f"model-number-{n}" for n in range(40)]).name) < 100


def test_a_model_given_twice_is_surveyed_once(cli, checkpoint):
    ran = cli("survey", checkpoint, checkpoint.parent / "." / checkpoint.name, *QUICK)
    assert ran.code == 0
    assert read_run("tiny.theodolite").models == ("tiny",)


def test_fresh_keeps_the_old_run_and_says_where(cli, checkpoint):
    cli("survey", checkpoint, *QUICK)
    before = read_run("tiny.theodolite").canonical()
    ran = cli("survey", checkpoint, "-m", "nuclear_norm", "--no-report", "--fresh")
    assert ran.code == 0
    kept = re.search(r"kept as (\S+)", ran.err)
    assert kept is not None
    assert read_run(kept[1]).canonical() == before
    assert {row.measure for row in read_run("tiny.theodolite")} == {"nuclear_norm"}


def test_fresh_touches_nothing_but_runs(cli, checkpoint):
    mine = Path("thesis")
    mine.mkdir()
    (mine / "chapter.tex").write_text("years of work")
    for arguments in (("--fresh",), ()):
        ran = cli("survey", checkpoint, "-o", "thesis", *QUICK, *arguments)
        assert ran.code == 2
        assert "thesis" in ran.err
        assert [entry.name for entry in mine.iterdir()] == ["chapter.tex"]
    Path("file").write_text("")
    assert cli("survey", checkpoint, "-o", "file", *QUICK).code == 2


def test_locked_run_is_refused_with_the_process(cli, checkpoint):
    cli("survey", checkpoint, *QUICK)
    with FileLock(next(Path("tiny.theodolite/readings").glob("*.lock"))):
        ran = cli("survey", checkpoint, "-m", "hill")
    assert ran.code == 2
    assert str(os.getpid()) in ran.err


def test_shards_come_together(cli, checkpoint):
    whole = cli("survey", checkpoint, "-o", "whole", *QUICK)
    assert whole.code == 0
    for shard in ("1/2", "2/2"):
        ran = cli("survey", checkpoint, "-o", "parts", "-m", "stable_rank", "--shard", shard)
        assert ran.code == 0
        assert "when all 2 shards are done" in ran.out
        assert not Path("parts/report.html").exists()
    assert read_run("parts").canonical() == read_run("whole").canonical()


@pytest.mark.parametrize("make", ["missing", "text", "truncated", "folder"])
def test_unreadable_input_is_exit_4_with_a_remedy(cli, checkpoint, tmp_path, make):
    target = tmp_path / "input.safetensors"
    if make == "text":
        target.write_text("once upon a time")
    elif make == "truncated":
        target.write_bytes(checkpoint.read_bytes()[:-10])
    elif make == "folder":
        target.mkdir()
    for command in (("survey",), ("inspect",)):
        ran = cli(*command, target)
        assert ran.code == 4
        assert "input.safetensors" in ran.err
        first, remedy, *_ = ran.err.splitlines()
        assert first.startswith("error: ")
        assert remedy
        assert "Traceback" not in ran.err
    assert list(Path().iterdir()) == []


def test_failed_readings_are_exit_3_and_named(cli, checkpoint, monkeypatch):
    def starved(matrix: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("theodolite.core.views.gram_eigenvalues", starved)
    ran = cli("survey", checkpoint, *QUICK)
    assert ran.code == 3
    assert "5 numbers missing in 5 layers: UNEXPECTED" in ran.out


def test_refused_readings_are_no_failure(cli, tmp_path):
    holed = np.ones((64, 64), np.float32)
    holed[3, 4] = np.nan
    save_file({"layer.weight": holed}, tmp_path / "holed.safetensors")
    ran = cli("survey", tmp_path / "holed.safetensors", *QUICK)
    assert ran.code == 0
    assert "NOT_FINITE" in ran.out
    assert cli("explain", "NOT_FINITE").code == 0


def test_interrupted_says_how_to_go_on(cli, checkpoint, monkeypatch):
    from theodolite.surveys import run

    answer, asked = run.answer, []

    def stopping(task: object) -> object:
        asked.append(task)
        if len(asked) > 2:
            raise KeyboardInterrupt
        return answer(task)

    with monkeypatch.context() as patch:
        patch.setattr(run, "answer", stopping)
        ran = cli("survey", checkpoint, *QUICK)
    assert ran.code == 130
    assert "tiny.theodolite" in ran.err
    assert "again" in ran.err
    assert "Traceback" not in ran.err
    done = [row for row in read_run("tiny.theodolite") if not row.target.endswith("*")]
    assert len(done) == 2
    assert cli("survey", checkpoint, *QUICK).code == 0
    done = [row for row in read_run("tiny.theodolite") if not row.target.endswith("*")]
    assert len(done) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_control_c_ends_a_process_with_130(tmp_path):
    rng = np.random.default_rng(0)
    save_file({f"l.{i}.weight": rng.standard_normal((500, 500)) for i in range(40)}, tmp_path / "many.safetensors")
    command = [sys.executable, "-m", "theodolite", "survey", "many.safetensors", "--no-report"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        journal = tmp_path / "many.theodolite" / "readings"
        # Not before the first target: BLAS libraries are looked for in a callback from C, which loses interrupts.
        while process.poll() is None and not any(b'"reading"' in file.read_bytes() for file in journal.glob("*.jsonl")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "go on from there" in err
    measured = {row.target for row in read_run(tmp_path / "many.theodolite")}
    assert len(measured) < 41


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_shown_on_a_terminal_and_nowhere_else(tmp_path, checkpoint):
    import pty

    command = [sys.executable, "-m", "theodolite", "survey", str(checkpoint), *QUICK, "--json"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        out, _ = process.communicate()
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # Linux says EIO where the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0
    assert b"5/5" in shown
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
    quiet = subprocess.run([*command, "--fresh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "5/5" not in quiet.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_reader_that_leaves_early_is_no_error(tmp_path, checkpoint):
    command = f"{sys.executable} -m theodolite survey {checkpoint} --json --no-report | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "BrokenPipe" not in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_evidence_is_asked_for_around_a_measure(cli, checkpoint):
    ran = cli("survey", checkpoint, "-m", "with_null(with_interval(hill[k=5])[resamples=40])[draws=19]", "--json")
    assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in ran.out.splitlines()]
    layers = [row for row in rows if row["module"] != "*" and row["value"] is not None]
    assert layers
    assert all(row["low"] <= row["value"] <= row["high"] and 0 < row["p_value"] <= 1 for row in layers)


def test_a_wrong_wrapper_is_answered_with_the_right_one(cli, checkpoint):
    ran = cli("survey", checkpoint, "-m", "with_intervall(hill)")
    assert ran.code == 2
    assert "did you mean 'with_interval'" in ran.err
