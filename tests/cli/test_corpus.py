"""`theodolite corpus`: what it says, writes, refuses, and how it ends."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

FAST = ("--resamples", "200", "--permutations", "999")


@pytest.fixture
def models(tmp_path):
    rng = np.random.default_rng(0)
    family, inside = np.repeat(np.arange(3), 8), rng.normal(size=24)
    frame = pd.DataFrame({"model": [f"net{i}" for i in range(24)], "family": np.array(list("abc"))[family]})
    frame["error"] = 9 + 3 * family + inside
    frame["shape"] = 3 * family - inside + 0.1 * rng.normal(size=24)
    frame["scale"] = 3 * family + inside + 0.1 * rng.normal(size=24)
    frame["depth"] = 10 * family + 8
    path = tmp_path / "models.csv"
    frame.to_csv(path, index=False)
    return path


def test_it_says_what_goes_with_the_quality_and_shows_the_numbers(cli, models):
    ran = cli("corpus", models, "--quality", "error", "--group", "family", "--lower-is-better", *FAST)
    assert ran.code == 0
    assert ran.out.startswith(
        "24 models in 3 groups of family: 2 of 2 metrics go with error beyond chance over all models"
    )
    assert "Simpson’s paradox: shape rises with error over all 24 models (τ = +0." in ran.out
    assert "better models have lower values" in ran.out
    assert "Taken for baselines by their names: depth." in ran.out
    head, first, *_ = ran.out[ran.out.index("metric  ") :].splitlines()
    assert head.split() == ["metric", "finding", "all", "models", "p", "within", "p", "within", "a", "b", "c"]
    assert first.split()[0] == "shape"
    assert first.split()[1] == "reversed"


def test_json_is_the_result_and_nothing_else(cli, models, tmp_path):
    ran = cli(
        "corpus", models, "--quality", "error", "--json", "-o", "page.html", "--no-baselines", "--seed", "3", *FAST
    )
    told = json.loads(ran.out)
    assert [metric["name"] for metric in told["metrics"]] == ["shape", "scale", "depth"]
    assert told["sampling"]["seed"] == 3
    assert told["higher_is_better"] is None
    assert "Report   page.html" in ran.err
    assert (tmp_path / "cwd" / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_options_name_columns_and_files_their_form(cli, models, tmp_path):
    options = (
        "--quality",
        "error",
        "--metric",
        "scale",
        "--baseline",
        "shape",
        "--baseline",
        "depth",
        "--correction",
        "bh",
    )
    assert cli("corpus", models, *options, "-o", "page.md", *FAST).code == 0
    text = (tmp_path / "cwd" / "page.md").read_text(encoding="utf-8")
    assert text.startswith("# One metric against error")
    assert "Given shape and depth" in text


def test_tabs_and_gzip_are_read(cli, models, tmp_path):
    text = models.read_text().replace(",", "\t")
    (tmp_path / "models.tsv.gz").write_bytes(gzip.compress(text.encode()))
    plain = cli("corpus", models, "--quality", "error", *FAST).out
    assert cli("corpus", tmp_path / "models.tsv.gz", "--quality", "error", *FAST).out == plain


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--quality", "eror"), 2, "there is no column 'eror'; did you mean 'error'?"),
        (("--quality", "family"), 2, "'family' holds no numbers"),
        (("--quality", "error", "--lower-is-better", "--higher-is-better"), 2, "exclude each other"),
        (("--quality", "error", "--baseline", "depth", "--no-baselines"), 2, "exclude each other"),
        (("--quality", "error", "--resamples", "5"), 2, "--resamples is 5; it must be at least 100.\nSee theodolite"),
        (("--quality", "error", "--metric", "family"), 2, "'family' holds no numbers"),
        (("--quality", "error", "-o", "models.csv/page.html"), 2, "can't be written"),
        ((), 2, "--quality"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(cli, models, options, code, says):
    (models.parent / "cwd" / "models.csv").write_text("")
    ran = cli("corpus", models, *options)
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [("model,error,shape\n", "the table has no rows"), ("model,error\na,1\nb,2\n", "no column of numbers is left")],
)
def test_a_table_with_nothing_to_compare_is_refused(cli, tmp_path, text, says):
    (tmp_path / "bare.csv").write_text(text)
    ran = cli("corpus", tmp_path / "bare.csv", "--quality", "error")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_what_is_no_table_can_not_be_read(cli, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    (tmp_path / "not.csv.gz").write_bytes(b"plain")
    for name in ("missing.csv", "empty.csv", "binary.csv", "not.csv.gz"):
        ran = cli("corpus", tmp_path / name, "--quality", "error")
        assert ran.code == 4, (name, ran)
        assert name in ran.err
