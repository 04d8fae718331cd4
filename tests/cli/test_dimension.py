"""`theodolite dimension`: what it says, keeps, writes, refuses, and how it ends."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import theodolite as td
from theodolite.reports.layers import number_text


@pytest.fixture
def files(tmp_path):
    for number, name in enumerate(("one", "two")):
        rng = np.random.default_rng(number)
        layers = {f"layer{k}": rng.random((120, k)) @ rng.standard_normal((k, 9)) for k in (1, 3, 2)}
        np.savez(tmp_path / f"{name}.npz", **layers, dead=np.ones((30, 4)))
    (tmp_path / "text.npz").write_text("no features")
    (tmp_path / "two.csv").write_text("kind,other\na,b\n")
    (tmp_path / "y.csv").write_text("kind\n" + "\n".join("abc"[n % 3] for n in range(120)))
    return tmp_path


def test_a_table_of_layers_by_measures(cli, files):
    ran = cli("dimension", files / "one.npz", "-m", "two_nn", "-m", "mle[k=8]", "-m", "mle[k=12]")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "one"
    assert lines[1].split() == ["layer", "rows", "two_nn", "mle[k=8]", "mle[k=12]"]
    direct = td.dimension.two_nn(np.load(files / "one.npz")["layer3"])
    interval = direct.intervals["dimension"]
    half = (interval.high - interval.low) / 2
    assert lines[3].split()[:5] == ["layer3", "120", f"{direct.dimension:.2f}", "±", number_text(half, 2)]
    assert lines[5].split() == ["dead", "30", "–", "–", "–"]
    assert "4 clouds of 30 to 120 rows; ± and brackets: the 95 % interval." in lines
    assert sum("no number for 1 cloud." in line for line in lines) == 3


def test_the_numbers_are_those_of_the_measures(cli, files):
    ran = cli("dimension", files / "one.npz", files / "two.npz", "--json", "--layers", "layer*")
    told = json.loads(ran.out)
    assert [one["cloud"] for one in told["clouds"]] == [f"{m}:layer{k}" for m in ("one", "two") for k in (1, 3, 2)]
    assert told["profile"] == ["two_nn", "gride", "mle"]
    values = {one["name"]: one["value"] for one in told["quantities"]}
    stored = [np.load(files / f"{model}.npz")[f"layer{k}"] for model in ("one", "two") for k in (1, 3, 2)]
    expected = [float(td.dimension.mle(points).dimension) for points in stored]
    np.testing.assert_allclose(values["mle.dimension"], expected, rtol=1e-9)
    assert len(told["curves"]) == 6


def test_a_store_is_gone_on_with_and_reported_again(cli, files, tmp_path, monkeypatch):
    import theodolite.surveys.each_cloud as running

    asked = []
    ask = running.ask
    monkeypatch.setattr(running, "ask", lambda about, *rest: asked.append(about) or ask(about, *rest))
    first = cli("dimension", files / "one.npz", "--store", "kept.run", "-o", "page.json")
    assert (first.code, len(asked)) == (0, 12)
    assert "Run      kept.run" in first.out
    cli("dimension", files / "one.npz", files / "two.npz", "--store", "kept.run")
    assert len(asked) == 24
    cli("dimension", files / "one.npz", "--store", "alone.run")
    ran = cli("report", "alone.run", "-o", "again.json")
    assert ran.code == 0
    page, again = (json.loads((tmp_path / "cwd" / name).read_text()) for name in ("page.json", "again.json"))
    assert again == page


def test_a_run_that_holds_pairs_too_has_no_one_page(cli, files):
    cli("dimension", files / "one.npz", "--layers", "layer*", "-m", "two_nn", "--store", "kept.run")
    pairs = ("similarity", files / "one.npz", "--layers", "layer*", "-m", "cka", "--store")
    ran = cli(*pairs, "kept.run")
    assert ran.code == 2
    assert "kept.run: it is a run over single clouds; give another folder" in ran.err
    assert cli("report", "kept.run").code == 0, "the run is as it was"
    assert cli(*pairs, "pairs.run").code == 0
    ran = cli("dimension", files / "one.npz", "-m", "two_nn", "--store", "pairs.run")
    assert "pairs.run: it is a run over pairs of clouds" in ran.err
    assert cli(*pairs, "pairs.run").code == 0, "its own kind goes on"
    ran = cli("report", "kept.run", "pairs.run")
    assert ran.code == 2
    assert "pairs of clouds and single clouds" in ran.err
    assert "theodolite dimension ... --store RUN" in ran.err


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors"])
def test_a_page_of_each_kind_of_file(cli, files, tmp_path, kind):
    layers = np.load(files / "one.npz")
    names = {"npy": ["layer3"]}.get(kind, ["layer1", "layer3"])
    if kind == "npy":
        np.save(files / "net.npy", layers["layer3"])
    elif kind == "npz":
        np.savez(files / "net.npz", **{name: layers[name] for name in names})
    else:
        save_file({name: layers[name] for name in names}, files / "net.safetensors")
    asked = (files / f"net.{kind}", "-m", "two_nn")
    ran = cli("dimension", *asked, "-o", "page.html")
    assert ran.code == 0, ran.err
    text = (tmp_path / "cwd" / "page.html").read_text(encoding="utf-8")
    assert cli("dimension", *asked, "-o", "page.json").code == 0
    told = json.loads((tmp_path / "cwd" / "page.json").read_text(encoding="utf-8"))
    assert [one["shape"] for one in told["clouds"]] == [[120, 9]] * len(names)
    values = next(one for one in told["quantities"] if one["name"] == "two_nn.dimension")["value"]
    assert values == pytest.approx([float(td.dimension.two_nn(layers[name]).dimension) for name in names], rel=1e-9)
    for name in names if kind != "npy" else ["net"]:
        assert name in text


@pytest.mark.parametrize("ending", ["html", "md", "json"])
def test_a_page(cli, files, tmp_path, ending):
    ran = cli("dimension", files / "one.npz", "-o", f"page.{ending}")
    assert ran.code == 0
    text = (tmp_path / "cwd" / f"page.{ending}").read_text(encoding="utf-8")
    assert text.startswith({"html": "<!doctype html>", "md": "# one: the dimension of 4 clouds", "json": "{"}[ending])
    assert "layer3" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.npz"], 4, "missing.npz"),
        (["one.npz", "-m", "two_n"], 2, "did you mean 'two_nn'"),
        (["one.npz", "-m", "cka"], 2, "cka is no measure of one cloud; theodolite similarity"),
        (["one.npz", "-m", "two_nn,mle"], 2, "give each by itself: -m two_nn -m mle"),
        (["one.npz", "-o", "page.pdf"], 2, "End it in .html, .md or .json."),
        (["one.npz", "-m", "label_sharpness", "--labels", "two.csv"], 4, "as in two.csv:COLUMN"),
        (["one.npz", "-m", "label_sharpness"], 2, "--labels FILE[:KEY]"),
        (["one.npz", "-m", "label_sharpness", "--labels", "absent.txt"], 4, "absent.txt: there is no such file"),
        (["one.npz", "--labels", "y.csv"], 2, "--labels: no measure asked for looks at them"),
        (["one.npz", "-m", "coding_rate", "--labels", "y.csv:kinds"], 4, "did you mean 'kind'?"),
        (["one.npz", "-m", "coding_rate", "--labels", "y.csv"], 2, "--labels: 120 labels, and one:dead has 30 rows"),
        (["one.npz", "-m", "mle[k=2]"], 2, "'k' is 2"),
        (["one.npz", "--layers", "block*"], 2, "matches nothing in one"),
        (["one.npz", "--jobs", "0"], 2, "--jobs is 0"),
        (["one.npz", "--model", "nets:build"], 2, "a checkpoint and data are needed, and 1 files were given"),
        (["text.npz"], 4, "text.npz"),
        (["one.npz", "-o", "one.npz/page.html"], 2, "can't be written"),
    ],
)
def test_errors_are_a_line_and_what_would_help(cli, files, arguments, code, says):
    ran = cli("dimension", *(str(files / one) if ".npz" in one or ".csv" in one else one for one in arguments))
    assert ran.code == code, ran.err
    assert says in ran.err
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_labels_from_a_file(cli, files):
    labels = [n % 3 for n in range(120)]
    (files / "a:b.txt").write_text("\n".join(map(str, labels)))
    np.savez(files / "y.npz", targets=labels, halves=[n % 2 for n in range(120)])
    values = {}
    for told in ("y.csv", "y.csv:kind", "a:b.txt", "y.npz", "y.npz:halves"):
        ran = cli("dimension", files / "one.npz", "--layers", "layer*", "-m", "label_sharpness", "--labels",
                  files / told, "--json")  # fmt: skip
        assert ran.code == 0, ran.err
        values[told] = json.loads(ran.out)["quantities"][0]["value"]
    layers = np.load(files / "one.npz")
    expected = [float(td.dimension.label_sharpness(layers[f"layer{k}"], labels).sharpness) for k in (1, 3, 2)]
    np.testing.assert_allclose(values["y.csv"], expected, rtol=1e-9)
    assert values["y.csv"] == values["y.csv:kind"] == values["a:b.txt"] == values["y.npz"] != values["y.npz:halves"]


def test_a_run_without_any_number_is_no_success(cli, files):
    ran = cli("dimension", files / "one.npz", "--layers", "dead", "-m", "two_nn", "-m", "mle")
    assert ran.code == 3
    assert "two_nn: no number for 1 cloud." in ran.out
    assert cli("dimension", files / "one.npz", "--layers", "dead,layer1", "-m", "two_nn").code == 0


def test_a_survey_of_weights_points_here(cli, files):
    ran = cli("survey", files / "one.npz", "-m", "two_nn")
    assert ran.code == 2
    assert "td.dimensions" in ran.err


@pytest.mark.torch
def test_a_checkpoint_without_its_function_is_told_what_it_needs(cli, tmp_path, torch):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "m.pt")
    ran = cli("dimension", tmp_path / "m.pt")
    assert ran.code == 4
    assert "A checkpoint needs --model package.module:function" in ran.err


def test_a_model_is_run_over_data(cli, tmp_path, torch):
    home = tmp_path / "cwd"
    (home / "nets_of_dimension.py").write_text(
        "import torch\n\n\ndef build():\n    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), "
        "torch.nn.Linear(8, 5))\n"
    )
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5))
    torch.save(model.state_dict(), home / "m.pt")
    rows = np.random.default_rng(0).random((90, 3)).astype(np.float32)
    np.savez(home / "x.npz", inputs=rows)
    ran = cli("dimension", "m.pt", "x.npz", "--model", "nets_of_dimension:build", "-m", "two_nn", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert [one["shape"] for one in told["clouds"]] == [[90, 8], [90, 5]]
    with torch.no_grad():
        first = model[0](torch.from_numpy(rows)).numpy()
    value = next(one for one in told["quantities"] if one["name"] == "two_nn.dimension")["value"][0]
    assert value == pytest.approx(float(td.dimension.two_nn(first).dimension), rel=1e-5)


def test_explain_and_list_show_the_right_call(cli):
    shown = cli("explain", "mle").out
    assert "theodolite dimension features.npz -m mle" in shown
    assert "td.dimension.mle(points)" in shown
    with_labels = cli("explain", "label_sharpness").out
    assert "theodolite dimension features.npz --labels labels.npy -m label_sharpness" in with_labels
    assert "td.dimension.label_sharpness(points, labels)" in with_labels
    beside = "theodolite dimension features.npz --labels labels.npy -m coding_rate"
    assert beside in cli("explain", "coding_rate").out
    assert "td.dimension.exact_inductive_bias(cloud, test, targets)" in cli("explain", "exact_inductive_bias").out
    spread = [line.split()[:3] for line in cli("explain", "shape_distance").out.splitlines()]
    assert ["scale", "left", "out"] in spread
    assert "td.similarity.barycentre(x, y, z)" in cli("explain", "barycentre").out
