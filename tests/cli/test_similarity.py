"""`theodolite similarity`: what it says, keeps, writes, refuses, and how it ends."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.reports.layers import number_text


@pytest.fixture
def files(tmp_path):
    base = np.random.default_rng(4).standard_normal((60, 8))
    for number, name in enumerate(("one", "two", "three")):
        rng = np.random.default_rng(number)
        layers = {f"layer{k}": np.tanh(base @ rng.standard_normal((8, 10)) * (k + 1)) for k in range(3)}
        np.savez(tmp_path / f"{name}.npz", **layers)
    np.savez(tmp_path / "short.npz", layer0=base[:50])
    np.save(tmp_path / "single.npy", base)
    (tmp_path / "text.npz").write_text("no features")
    return tmp_path


def test_two_files_are_set_against_each_other(cli, files, tmp_path):
    ran = cli("similarity", files / "one.npz", files / "two.npz", "-o", "page.html")
    assert ran.code == 0
    assert ran.out.startswith("one × two\n3 clouds of one against 3 of two, over 60 rows.")
    for measure in ("cka", "angular_procrustes", "mutual_knn"):
        assert f"{measure} (" in ran.out
    table = ran.out[ran.out.index("most like") :]
    assert [line.split()[0] for line in table.splitlines()[1:4]] == ["layer0", "layer1", "layer2"]
    assert (tmp_path / "cwd" / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_numbers_are_those_of_the_measures(cli, files):
    import theodolite as td

    ran = cli("similarity", files / "one.npz", files / "two.npz", "--json", "-m", "cka", "-m", "cka[estimator=biased]")
    told = json.loads(ran.out)
    one, two = (dict(np.load(files / f"{name}.npz")) for name in ("one", "two"))
    names = [quantity["name"] for quantity in told["between"]["quantities"]]
    assert names == ["cka[estimator=unbiased]", "cka[estimator=biased]"]
    for quantity, estimator in zip(told["between"]["quantities"], ("unbiased", "biased"), strict=True):
        expected = [[td.similarity.cka(x, y, estimator=estimator) for y in two.values()] for x in one.values()]
        np.testing.assert_allclose(quantity["value"], expected)
    assert told["rows"] == [f"{model}:layer{k}" for model in ("one", "two") for k in range(3)]


def test_one_file_is_set_against_itself(cli, files):
    ran = cli("similarity", files / "one.npz", "-m", "cka", "--layers", "layer[01]", "--json")
    quantity = json.loads(ran.out)["quantities"][0]
    assert np.diag(quantity["value"]).tolist() == [1, 1]
    assert quantity["best_match"]["best"] == ["layer1", "layer0"]


def test_a_store_is_gone_on_with(cli, files, monkeypatch):
    import theodolite.surveys.all_pairs as running

    cli("similarity", files / "one.npz", files / "two.npz", "-m", "cka", "--store", "seeds.run")
    asked = []
    ask = running.ask
    monkeypatch.setattr(running, "ask", lambda about, *rest: asked.append(about) or ask(about, *rest))
    ran = cli("similarity", *(files / f"{n}.npz" for n in ("one", "two", "three")), "-m", "cka", "--store", "seeds.run")
    assert ran.code == 0
    assert len(asked) == 3 * 6 + 3, "pairs of the third network alone"
    assert "one × two × three" in ran.out
    assert "Run      seeds.run" in ran.out


def test_the_run_has_a_report_of_its_own(cli, files, tmp_path):
    cli("similarity", files / "one.npz", files / "two.npz", "-m", "cka", "--store", "kept.run", "-o", "page.json")
    ran = cli("report", "kept.run", "-o", "again.json")
    assert ran.code == 0
    page, again = (json.loads((tmp_path / "cwd" / name).read_text()) for name in ("page.json", "again.json"))
    assert again == page


def test_a_survey_of_weights_points_here(cli, files):
    ran = cli("survey", files / "one.npz", "-m", "cka")
    assert ran.code == 2
    assert "theodolite similarity compare clouds" in ran.err
    assert "Traceback" not in ran.err


def test_intervals_and_chance_are_asked_for(cli, files):
    ran = cli("similarity", files / "one.npz", "-m", "cka", "--interval", "--null", "--draws", "39", "--json")
    quantity = json.loads(ran.out)["quantities"][0]
    assert quantity["low"][0][1] < quantity["value"][0][1] < quantity["high"][0][1]
    assert quantity["p_value"][0][1] == pytest.approx(2 / 40)
    shown = cli("similarity", files / "one.npz", "-m", "cka", "--interval", "--null", "--draws", "39").out
    assert " p 0.050" in shown
    other = cli("similarity", files / "one.npz", "-m", "cka", "--null", "--draws", "39", "--seed", "1", "--json").out
    assert json.loads(other)["quantities"][0]["chance"] != quantity["chance"]


def test_it_says_how_to_come_by_chance_where_no_closed_form_gives_it(cli, files):
    measures = ("-m", "cka", "-m", "angular_procrustes")
    hint = "What chance gives for angular_procrustes: --null draws it."
    assert hint in cli("similarity", files / "one.npz", *measures).out.splitlines()
    assert "--null draws it" not in cli("similarity", files / "one.npz", *measures, "--null", "--draws", "19").out


def test_a_run_without_any_number_is_no_success(cli, files):
    base = np.load(files / "one.npz")["layer0"]
    np.savez(files / "dead.npz", one=np.ones((60, 3)), other=np.zeros((60, 2)), live=base)
    ran = cli("similarity", files / "dead.npz", "--layers", "one,other", "-m", "cka")
    assert ran.code == 3, ran.out
    assert cli("similarity", files / "dead.npz", "-m", "angular_procrustes").code == 3, "one cloud has no pair"
    np.savez(files / "more.npz", one=np.ones((60, 3)), live=base, other=base[:, :4])
    assert cli("similarity", files / "more.npz", "-m", "cka").code == 0


def test_heat_map_shows_alike_as_full(cli, files):
    lines = cli("similarity", files / "one.npz", "-m", "angular_procrustes").out.splitlines()
    start = next(place for place, line in enumerate(lines) if "fuller = more alike" in line)
    rows = [line[len("0 layer0 ") :] for line in lines[start + 2 : start + 5]]
    assert [line.split()[:2] for line in lines[start + 2 : start + 5]] == [[f"{k}", f"layer{k}"] for k in range(3)]
    values = td.all_pairs(files / "one.npz", measures=["angular_procrustes"]).matrix()
    assert lines[start + 5] == f"blank {number_text(values.max())} … █ {number_text(0.0)}"
    assert [row[2 * k : 2 * k + 2] for k, row in enumerate(rows)] == ["██"] * 3
    assert rows[0][4:6] != "██"


def test_columns_of_a_heat_map_can_be_told_apart(cli, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "one.npz", **{f"block.{2 * k}": rng.standard_normal((30, 3)) for k in range(3)})
    np.savez(tmp_path / "many.npz", **{f"layer.{2 * k}": rng.standard_normal((30, 3)) for k in range(12)})
    lines = cli("similarity", tmp_path / "one.npz", tmp_path / "many.npz", "-m", "cka").out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("columns: "))
    assert lines[start].endswith("10 = layer.20, 11 = layer.22")
    tens, units, first = (line[len("0 block.0 ") :] for line in lines[start + 1 : start + 4])
    assert [a + b for a, b in zip(tens[20:23:2], units[20:23:2], strict=True)] == ["10", " 1"]
    assert units.split() == [str(place % 10) for place in range(12)]
    assert len(first) == 24


@pytest.mark.torch
def test_checkpoints_are_run_over_data(cli, files, torch, tmp_path, monkeypatch):
    (tmp_path / "cwd" / "smallnet.py").write_text(
        "import torch\n\ndef build():\n    return torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), "
        "torch.nn.Linear(6, 4))\n"
    )
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))
        torch.save(model.state_dict(), files / f"net{seed}.pt")
    inputs = np.load(files / "single.npy").astype(np.float32)
    np.savez(files / "data.npz", inputs=inputs)
    paths = (files / "net0.pt", files / "net1.pt")
    how = ("--model", "smallnet:build", "--data", files / "data.npz", "-m", "cka", "--json")
    ran = cli("similarity", *paths, *how)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["rows"] == ["net0:0", "net0:2", "net1:0", "net1:2"]
    first = torch.load(files / "net0.pt")
    hidden = inputs @ first["0.weight"].numpy().T + first["0.bias"].numpy()
    out = np.maximum(hidden, 0) @ first["2.weight"].numpy().T + first["2.bias"].numpy()
    import theodolite as td

    expected = td.similarity.cka(hidden.astype(np.float64), out.astype(np.float64))
    assert told["quantities"][0]["value"][0][1] == pytest.approx(expected, abs=1e-5)


@pytest.mark.torch
def test_evidence_from_rows_that_go_together_has_a_warning(cli, files, torch):
    import theodolite as td

    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Conv2d(2, 2, 1))
    images = np.random.default_rng(0).standard_normal((20, 1, 5, 5)).astype(np.float32)
    for name, options in (("flat", {}), ("places", {"features": "positions"})):
        td.record(net, images, ["0", "2"], **options).write(files / f"{name}.safetensors")
    gathered = td.record(net, images, ["0", "2"], features="positions", rows=0, moments=True, folds=5)
    gathered.write(files / "folds.safetensors")
    warning = "Rows are positions, and those of one example go together"
    assert warning in cli("similarity", files / "places.safetensors", "-m", "cka", "--interval").out
    assert warning in cli("similarity", files / "places.safetensors", "-m", "cka", "--interval", "--json").err
    for name, evidence in (("places", ()), ("flat", ("--interval",)), ("folds", ("--interval",))):
        ran = cli("similarity", files / f"{name}.safetensors", "-m", "cka", *evidence)
        assert ran.code == 0, ran.err
        assert "go together" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("one.npz", "short.npz"), 2, "one:layer0 has 60 rows and short:layer0 has 50"),
        (("single.npy",), 2, "there is one cloud"),
        (("text.npz",), 4, "text.npz"),
        (("nowhere.npz",), 4, "nowhere.npz"),
        (("one.npz", "-m", "ck"), 2, "did you mean"),
        (("one.npz", "-m", "stable_rank"), 2, "stable_rank is no measure of two clouds"),
        (("one.npz", "--jobs", "0"), 2, "--jobs is 0"),
        (("one.npz", "--draws", "40"), 2, "--draws goes with --null"),
        (("one.npz", "--data", "single.npy"), 2, "--data goes with --model"),
        (("one.npz", "--model", "os:getcwd"), 2, "--model needs --data"),
        (("one.npz", "--layers", "conv*"), 2, "matches nothing in one"),
        (("one.npz", "-m", "cka", "--store", "."), 2, "it is no run folder"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(cli, files, tmp_path, words, code, says):
    (tmp_path / "cwd" / "thesis.txt").write_text("dear")
    given = [files / word if word.endswith((".npz", ".npy")) else word for word in words]
    ran = cli("similarity", *given)
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_run_whose_shown_pairs_have_no_number_is_no_success(cli, files):
    base = np.load(files / "one.npz")["layer0"]
    np.savez(files / "alive.npz", one=base, two=base[:, :4])
    np.savez(files / "flat.npz", one=np.ones((60, 3)), two=np.zeros((60, 2)))
    ran = cli("similarity", files / "alive.npz", files / "flat.npz", "-m", "cka")
    assert ran.code == 3, "numbers within the first model are not those that are shown"


def test_a_page_that_can_not_be_written_is_refused_before_anything_is_measured(cli, files, monkeypatch):
    import theodolite.surveys.all_pairs as running

    monkeypatch.setattr(running, "ask", lambda *_: pytest.fail("measured"))
    for page, says in (("page.pdf", ".html, .md or .json"), ("page", "no format"), ("short.npz/p.html", "written")):
        given = files / page if "/" in page else page
        ran = cli("similarity", files / "one.npz", "-m", "cka", "-o", given, "--store", "none.run")
        assert ran.code == 2, ran.err
        assert says in ran.err
    assert not (files / "cwd" / "none.run").exists()


def test_a_store_that_can_not_be_made_is_an_error_in_a_line(cli, files, monkeypatch):
    from pathlib import Path

    def refused(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    for command, measure in (("similarity", "cka"), ("dimension", "two_nn")):
        ran = cli(command, files / "one.npz", "-m", measure, "--store", "locked.run")
        assert ran.code == 2
        assert "locked.run: it can't be written: Permission denied; give another folder" in ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("kept", [True, False])
def test_an_interrupt_says_what_is_left(cli, files, monkeypatch, kept):
    import theodolite.surveys.all_pairs as running

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "_measure", stopped)
    ran = cli("similarity", files / "one.npz", "-m", "cka", *(("--store", "kept.run") if kept else ()))
    assert ran.code == 130
    assert ("run the same command again to go on" if kept else "with --store, the same command would go on") in ran.err


def test_measures_of_one_cloud_and_run_folders_point_to_their_commands(cli, files):
    ran = cli("similarity", files / "one.npz", "-m", "two_nn")
    assert "two_nn is no measure of two clouds; it measures one cloud: theodolite dimension" in ran.err
    cli("similarity", files / "one.npz", "-m", "cka", "--store", "kept.run")
    ran = cli("similarity", "kept.run")
    assert ran.code == 4
    assert "theodolite report kept.run" in ran.err


def test_what_to_cite_for_pairs_is_no_random_matrix(cli, files):
    cli("similarity", files / "one.npz", "-m", "cka", "-m", "cka[estimator=biased]", "--null", "--store", "kept.run")
    ran = cli("cite", "kept.run")
    assert ran.code == 0
    assert "Kornblith" in ran.out
    assert "Dumitriu" not in ran.out
    assert "chance levels" not in ran.out
