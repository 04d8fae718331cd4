"""`theodolite width` and `theodolite transfer`."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

SHAPE = np.linspace(1, 0.1, 64)


@pytest.fixture
def models(tmp_path):
    """Make a family with a given exponent of the largest singular value; its files."""

    def build(exponent):
        paths = []
        for d in (8, 16, 32):
            rng = np.random.default_rng(d)
            left, right = (np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2))
            values = 2.0 * d**exponent * SHAPE[:: 64 // d]
            tensors = {
                "a.weight": (left * values) @ right,
                "a.bias": np.ones(d),
                "embed.weight": rng.normal(size=(9, d)),
            }
            paths.append(tmp_path / f"d{d}.safetensors")
            save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, paths[-1])
        return paths

    return build


def test_a_family_that_passes(cli, models):
    ran = cli("width", *models(0.0))
    assert ran.code == 0
    assert "1 of 1 matrix keeps its largest singular value through widths 8, 16, 32" in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("a.weight"))
    assert row.split()[1:3] in (["passes", "0.000"], ["passes", "-0.000"])
    assert "vector-like" in ran.out
    assert "passes when its largest singular value grows or shrinks at most as the width to the power 0.125" in ran.out


def test_a_check_that_fails_is_exit_code_1(cli, models):
    paths = models(0.75)
    assert cli("width", *paths).code == 0
    ran = cli("width", *paths, "--check")
    assert ran.code == 1
    assert "the family fails" in ran.out
    assert cli("width", *paths, "--check", "--tolerance", "0.8").code == 0


def test_a_matrix_that_is_not_finite_lets_the_family_fail(cli, models, tmp_path):
    paths = models(0.0)
    broken = {"a.weight": np.full((16, 16), np.nan, dtype=np.float32), "b.weight": np.eye(16, dtype=np.float32)}
    save_file(broken, paths[1])
    for d, path in zip((8, 32), (paths[0], paths[2]), strict=True):
        save_file({"a.weight": np.eye(d, dtype=np.float32), "b.weight": np.eye(d, dtype=np.float32)}, path)
    ran = cli("width", *paths, "--check")
    assert ran.code == 1
    assert "1 of 1 matrix keeps its largest singular value" in ran.out
    assert "and 1 is zero or not finite: the family fails." in ran.out
    assert "No slope of a.weight: at width 16: " in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("a.weight"))
    assert row.split() == ["a.weight", "no", "slope"]


def test_json_and_given_widths(cli, models):
    ran = cli("width", *models(0.75), "--json", "--widths", "1,2,4", "--level", "0.5")
    found = json.loads(ran.out)
    assert found["widths"] == [1, 2, 4]
    assert found["level"] == 0.5
    (judged,) = [matrix for matrix in found["matrices"] if matrix["kind"] == "matrix-like"]
    assert judged["slope"] == pytest.approx(0.75, abs=1e-6)
    assert judged["ratios"] == pytest.approx([2**0.75] * 2, abs=1e-5)
    assert ran.err == ""


def test_names_are_brought_together(cli, models, tmp_path):
    paths = models(0.0)
    wrapped = tmp_path / "other.safetensors"
    save_file({"net.a.weight": np.eye(64, dtype=np.float32), "net.b": np.eye(3, dtype=np.float32)}, wrapped)
    ran = cli("width", paths[0], wrapped)
    assert ran.code == 2
    assert "no matrix has the same name" in ran.err
    ran = cli("width", *paths[:2], wrapped, "--rename", r"^net\.=")
    assert ran.code == 0
    assert "In some models only, left out: embed.weight, b." in ran.out


@pytest.mark.parametrize(
    ("ending", "words"), [("html", "<h1>Width transfer"), ("md", "# Width transfer"), ("json", '"schema": 1')]
)
def test_a_page_is_written(cli, models, tmp_path, ending, words):
    page = tmp_path / f"page.{ending}"
    ran = cli("width", *models(0.0), "-o", page)
    assert ran.code == 0
    assert str(page) in ran.out
    assert words in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--widths", "a,b"], 2, "not a list of numbers"),
        (["--widths", "1,2"], 2, "error: --widths: got 2 for 3 models"),
        (["--widths", "4,4,4"], 2, "error: --widths: all are the same"),
        (["--level", "2"], 2, "error: --level: got 2.0"),
        (["--rename", "nothing"], 2, "has no '='"),
        (["--rename", "(=x"], 2, "no regular expression"),
        (["--tolerance", "-1"], 2, "error: --tolerance: got -1.0"),
        (["nowhere.safetensors"], 4, "no such file"),
    ],
)
def test_what_is_wrong_is_said(cli, models, arguments, code, words):
    ran = cli("width", *models(0.0), *arguments)
    assert ran.code == code
    assert words in ran.err


def test_a_single_model_is_not_enough(cli, models):
    ran = cli("width", models(0.0)[0])
    assert ran.code == 2
    assert ran.err.startswith("error: MODEL: widths are compared between models; got 1")


def test_a_file_that_is_given_twice_is_a_line_and_no_traceback(cli, models):
    path = models(0.0)[0]
    ran = cli("width", path, path)
    assert ran.code == 2
    assert "two models are named " in ran.err
    assert "Traceback" not in ran.err


TUNED = ("--lr", "3e-3", "--weight-decay", "0.1", "--width", "256", "--to", "1024")


def test_transfer_says_what_to_set(cli):
    ran = cli("transfer", *TUNED)
    assert ran.code == 0
    rows = {line.split()[0]: line.split()[1:3] for line in ran.out.splitlines()[1:5]}
    assert rows == {
        "matrix-like": ["0.00075", "0.2"],
        "vector-like": ["0.003", "0"],
        "embedding": ["0.003", "0"],
        "head": ["0.003", "0"],
    }
    assert "11.0851 before, 11.0851 after" in ran.out


def test_transfer_as_json(cli):
    found = json.loads(cli("transfer", *TUNED, "--vector-lr", "0.01", "--head", "plain", "--json").out)
    assert found["classes"][0]["weight_decay"] == pytest.approx(0.2)
    assert found["classes"][3]["learning_rate"] == pytest.approx(0.0025)
    assert found["invariants"][0] == pytest.approx(found["invariants"][1])


def test_transfer_names_the_option_that_is_wrong(cli):
    ran = cli("transfer", "--lr", "3e-3", "--weight-decay", "0", "--width", "256", "--to", "1024")
    assert ran.code == 2
    assert "--weight-decay: got 0.0" in ran.err
    assert cli("transfer", "--lr", "3e-3").code == 2
