"""`inspect`, `list`, `explain`, `cite` and `report`."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.catalogue import family, measures
from theodolite.core import Outcome, Pair, Spectrum
from theodolite.core.bibliography import reference
from theodolite.core.parameters import keywords
from theodolite.resample import WRAPPERS
from theodolite.sources import open_checkpoint
from theodolite.surveys import Request


@pytest.fixture
def run(cli, checkpoint) -> Path:
    assert cli("survey", checkpoint, "-m", "stable_rank", "-m", "power_law", "--no-report").code == 0
    return Path("tiny.theodolite")


def test_inspect_folds_blocks_and_says_why_not(cli, checkpoint):
    ran = cli("inspect", checkpoint)
    assert ran.code == 0
    line = next(line for line in ran.out.splitlines() if "q_proj" in line)
    assert re.search(r"model\.layers\.\*\.self_attn\.q_proj\.weight +0–1 +64 × 64 +F32 +query", line)
    assert "model.layers.0" not in ran.out
    assert re.search(r"bias +2 +192 +model\.layers\.\*\.mlp\.up_proj\.bias", ran.out)
    assert "steps" in ran.out
    assert "tiny.theodolite" not in [entry.name for entry in Path().iterdir()]


def test_inspect_all_lists_every_tensor(cli, checkpoint):
    ran = cli("inspect", checkpoint, "--all")
    for name, weight in open_checkpoint(checkpoint).items():
        assert (name in ran.out) or weight.listed_because


def test_inspect_json_is_every_tensor_with_its_matrices_or_reason(cli, checkpoint):
    ran = cli("inspect", checkpoint, "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.err == ""
    assert [line["tensor"] for line in lines] == list(open_checkpoint(checkpoint))
    for line in lines:
        assert bool(line["matrices"]) != bool(line["listed_because"])
    bias = next(line for line in lines if line["tensor"].endswith("0.mlp.up_proj.bias"))
    assert bias["listed_because"] == "bias"


def test_inspect_names_the_parts_of_packed_tensors(cli, tmp_path):
    rng = np.random.default_rng(0)
    packed = {f"transformer.h.{i}.attn.c_attn.weight": rng.standard_normal((64, 192)) for i in range(3)}
    save_file(packed, tmp_path / "packed.safetensors")
    ran = cli("inspect", tmp_path / "packed.safetensors")
    assert "query, key, value: 64 × 64" in ran.out
    assert "0–2" in ran.out


def test_inspect_follows_the_convention(cli, checkpoint):
    ours = [json.loads(line) for line in cli("inspect", checkpoint, "--json").out.splitlines()]
    theirs = [
        json.loads(line)
        for line in cli("inspect", checkpoint, "--json", "--convention", "weightwatcher").out.splitlines()
    ]
    opened = open_checkpoint(checkpoint)
    assert [line["listed_because"] for line in ours] == [weight.listing() or "" for weight in opened.values()]
    assert [line["listed_because"] for line in theirs] == [w.listing("weightwatcher") or "" for w in opened.values()]


def test_list_shows_every_measure_with_its_fields(cli):
    ran = cli("list")
    assert ran.code == 0
    # A row may take several lines; those that follow the first begin with a space.
    rows = {row.split()[0]: row for row in re.split(r"\n(?=\S)", ran.out)}
    for name, measure in measures().items():
        for field in measure.traits.fields:
            assert field == "value" or field in rows[name].replace(",", "").split()


def test_list_json(cli):
    lines = [json.loads(line) for line in cli("list", "--json").out.splitlines()]
    assert [line["measure"] for line in lines] == list(measures())
    assert lines[0]["family"] == "spectra"
    law = next(line for line in lines if line["measure"] == "power_law")
    assert law["fields"]["xmin"] == "eigenvalue"


@pytest.mark.parametrize("name", sorted(measures()))
def test_explain_shows_everything_that_a_measure_says_of_itself(cli, name):
    measure = measures()[name]
    ran = cli("explain", name)
    assert ran.code == 0
    flat = " ".join(ran.out.split())
    for heading in ("Reads as", "Misleads when", "Cost"):
        assert heading in ran.out
    for field, promise in measure.traits.fields.items():
        line = next(line for line in ran.out.splitlines() if line.strip().startswith(f"{field} "))
        assert promise.unit in line
    for parameter in keywords(measure):
        assert re.search(rf"^ +{parameter} ", ran.out, re.MULTILINE)
    command = {(Spectrum,): "survey model.safetensors", (Pair,): "similarity a.npz b.npz"}.get(measure.traits.views)
    assert command is None or f"theodolite {command} -m {name}" in ran.out
    assert f"td.{family(measure)}.{name}(" in ran.out
    assert reference(measure.traits.cite).title in flat
    assert "\\" not in ran.out
    assert ":math:" not in ran.out


def test_explain_shows_calls_that_work(cli, checkpoint):
    shown = cli("explain", "power_law").out
    asked = re.search(r"-m '(power_law\[[^']+)'", shown)
    assert asked is not None
    assert cli("survey", checkpoint, "-m", asked[1], "--no-report").code == 0


def test_explain_finds_the_measure_of_a_field(cli):
    whole = cli("explain", "power_law").out
    for name in ("alpha", "power_law.alpha", "spectra.power_law", "Power-Law"):
        assert cli("explain", name).out == whole


@pytest.mark.parametrize("name", sorted(WRAPPERS))
def test_explain_tells_what_goes_around_a_measure(cli, checkpoint, name):
    ran = cli("explain", name)
    assert ran.code == 0
    flat = " ".join(ran.out.split())
    summary = inspect.getdoc(WRAPPERS[name]).partition("\n\n")[0]
    assert summary in flat
    for parameter, given in keywords(WRAPPERS[name]).items():
        default = given.default if isinstance(given.default, str) else json.dumps(given.default)
        default = "left out" if given.default is None else default
        assert re.search(rf"^ +{parameter} +{re.escape(default)} ", ran.out, re.MULTILINE)
    assert "Notes" in ran.out
    assert ":math:" not in ran.out
    # What it says to type works.
    for asked in re.findall(r"-m '([^']+)'", ran.out):
        assert Request.of(asked).evidence.keys() == {name}
    assert cli("explain", f"resample.{name}").out == ran.out
    assert name in cli("list").out


@pytest.mark.parametrize("outcome", list(Outcome))
def test_explain_knows_outcomes(cli, outcome):
    ran = cli("explain", outcome.name)
    assert " ".join(outcome.cause.split()) in " ".join(ran.out.split())
    assert " ".join(outcome.remedy.split()) in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("stablerank", "stable_rank"), ("NO_POWERLAW", "NO_POWER_LAW"), ("with_intervall", "with_interval")],
)
def test_explain_suggests(cli, wrong, meant):
    ran = cli("explain", wrong)
    assert ran.code == 2
    assert f"'{meant}'" in ran.err
    assert "theodolite list" in ran.err


def test_cite_names_the_source_of_each_measure(cli, run):
    ran = cli("cite", run)
    assert ran.code == 0
    flat = " ".join(ran.out.split())
    for name in ("stable_rank", "power_law"):
        cited = reference(measures()[name].traits.cite).text
        assert flat.index(" ".join(cited.split())) < flat.index(f"for {name}")
    assert reference("hill1975simple").text.split(".")[0] not in flat
    assert "theodolite" in ran.out.splitlines()[0]
    assert "chance levels" in ran.out


def test_cite_bibtex_is_bibtex(cli, run):
    ran = cli("cite", run, "--bibtex")
    entries = ran.out.split("\n\n")
    assert entries[0].startswith("@software{theodolite,")
    keys = [re.match(r"@\w+\{(\w+),", entry)[1] for entry in entries[1:]]
    assert {measures()[name].traits.cite for name in ("stable_rank", "power_law")} <= set(keys)
    assert len(keys) == len(set(keys))
    for entry in entries:
        assert entry.count("{") == entry.count("}")


def test_cite_speaks_of_the_convention(cli, checkpoint):
    cli("survey", checkpoint, "-m", "stable_rank", "--convention", "weightwatcher", "--no-report")
    ran = cli("cite", "tiny.theodolite")
    assert "convention of WeightWatcher" in ran.out
    assert "chance" not in ran.out


@pytest.mark.parametrize("command", ["cite", "report"])
@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_run_is_exit_4(cli, command, kind):
    if kind == "folder":
        Path("notrun").mkdir()
    ran = cli(command, "notrun")
    assert ran.code == 4
    assert "notrun" in ran.err
    assert "Traceback" not in ran.err


def test_report_goes_into_the_run(cli, run):
    ran = cli("report", run)
    assert ran.code == 0
    page = run / "report.html"
    assert "<html" in page.read_text(encoding="utf-8")
    assert page.resolve().as_uri() in ran.out


@pytest.mark.parametrize(("file", "start"), [("r.md", "#"), ("r.json", "{"), ("deep.html", "<!")])
def test_report_format_follows_the_ending(cli, run, file, start):
    assert cli("report", run, "-o", file).code == 0
    assert Path(file).read_text(encoding="utf-8").lstrip().startswith(start)


def test_report_to_standard_output_is_the_same_text(cli, run):
    cli("report", run, "-o", "r.md")
    ran = cli("report", run, "-o", "-", "--format", "md")
    assert ran.out.strip() == Path("r.md").read_text(encoding="utf-8").strip()


def test_report_of_two_runs_names_both(cli, run, other_checkpoint):
    cli("survey", other_checkpoint, "-m", "stable_rank", "--no-report")
    ran = cli("report", run, "other.theodolite", "--format", "md", "-o", "both.md")
    assert ran.code == 0, ran.err
    told = Path("both.md").read_text(encoding="utf-8")
    assert "tiny" in told
    assert "other" in told


def test_report_that_cannot_be_written(cli, run):
    ran = cli("report", run, "-o", "no/such/folder/r.html")
    assert ran.code in {0, 2}
    if ran.code == 2:
        assert "-o" in ran.err


def test_inspect_stars_the_block_and_nothing_else(cli, tmp_path):
    convs = {f"layer1.{i}.conv1.weight": np.ones((16, 16, 3, 3), np.float32) * (i + 1) for i in range(3)}
    save_file(convs, tmp_path / "res.safetensors")
    ran = cli("inspect", tmp_path / "res.safetensors")
    assert re.search(r"layer1\.\*\.conv1\.weight +0–2 +16 × 16 × 3 × 3 +F32 +conv +16 × 144", ran.out)
