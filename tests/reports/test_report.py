"""Files: written whole or not at all, in three formats, and figures beside them."""

import json
import stat
from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.reports import figure, report


def test_a_path_is_written_and_given_back_and_none_gives_the_text(plant, tmp_path):
    readings = plant.transformer(1)
    path = tmp_path / "new" / "report.md"
    assert report(readings, path, format="md") == path
    assert path.read_text(encoding="utf-8") == report(readings, format="md")
    assert report(readings, str(path), format="md") == path


def test_a_write_that_fails_leaves_the_old_file_and_no_other(plant, tmp_path, monkeypatch):
    path = tmp_path / "report.md"
    path.write_text("old")
    seen = []

    def fails(self, target):
        seen.append((Path(target).read_text(), self.stat().st_size))
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        report(plant.transformer(1), path, format="md")
    # Everything had been written beside the file before it was touched.
    assert seen == [("old", len(report(plant.transformer(1), format="md").encode()))]
    assert [p.name for p in tmp_path.iterdir()] == ["report.md"]
    assert path.read_text() == "old"


def test_permissions_are_those_of_a_file_and_stay_what_they_were(plant, tmp_path):
    plain, path = tmp_path / "plain", tmp_path / "report.md"
    plain.touch()
    report(plant.transformer(1), path, format="md")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    report(plant.transformer(1), path, format="md")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_wrong_arguments_are_named(plant, tmp_path):
    with pytest.raises(ValueError, match=r"format: 'htm' is unknown; did you mean 'html'\?"):
        report(Readings([], []), format="htm")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        report(Readings([], []), tmp_path)


def test_json_holds_rules_verdicts_evidence_and_the_readings(plant):
    readings = plant.transformer(4)
    value = json.loads(report(readings, format="json"))
    assert [rule["key"] for rule in value["rules"]] == ["untrained", "heavy", "low_rank"]
    model = value["models"][0]
    assert model["counts"] == {
        "looks untrained": 2,
        "heavier than 2": 2,
        "low rank": 2,
        "no finding": 2,
        "not judged": 0,
    }
    layers = {layer["target"]: layer for layer in model["layers"]}
    heavy = layers["m:h.0.query.weight"]
    assert heavy["verdicts"] == ["heavier than 2"]
    assert heavy["answers"]["heavy"]["holds"] is True
    assert heavy["answers"]["heavy"]["checks"][0]["reading"] == "power_law.alpha"
    assert layers["m:embed.weight"]["apart"] == "embedding"
    assert [ReadingRow.from_dict(row) for row in value["readings"]] == list(readings.rows)
    assert [TargetRow.from_dict(row) for row in value["targets"]] == list(readings.targets)
    assert "clauset2009power" in {source["key"] for source in value["citations"]}


def test_json_holds_the_strength_of_each_trap(plant):
    one = plant.layer()
    kept = plant.changed(plant.by_verdict["trap"], "correlation_traps_count", array="a#strengths")
    kept = plant.changed(kept, "power_law_alpha", array="a#eigenvalues")
    arrays = {"a#strengths": np.array([4.5, 2.25]), "a#eigenvalues": np.arange(1.0, 129.0)}
    value = json.loads(report(Readings([one], plant.rows(one, **kept), arrays.__getitem__), format="json"))
    beside = {(row["measure"], row["field"]): row["beside"] for row in value["readings"] if "beside" in row}
    assert beside == {("correlation_traps", "count"): {"strengths": [4.5, 2.25]}}
    says = value["models"][0]["layers"][0]["answers"]["trap"]["checks"][0]["says"]
    assert "they lie at 4.50 and 2.25 × its edge" in says


def test_json_and_markdown_hold_traps_where_they_were_looked_for(plant):
    readings = plant.readings_of(plant.by_verdict["trap"])
    value = json.loads(report(readings, format="json"))
    assert [rule["key"] for rule in value["rules"]] == ["untrained", "heavy", "low_rank", "trap"]
    assert value["models"][0]["counts"]["trap"] == 1
    check = value["models"][0]["layers"][0]["answers"]["trap"]["checks"][0]
    assert check["reading"] == "correlation_traps.count"
    assert "2 eigenvalues stand out" in check["says"]
    text = report(readings, format="md")
    assert "## Which layers hold traps?" in text
    assert "- `h.0.q`: 2 eigenvalues stand out of the bulk in at least 95 % of 20 shuffles" in text
    assert "| effective rank | traps |" in text
    assert "| 90.0 (≤ 0.5) | 2 |" in text
    assert [rule["key"] for rule in json.loads(report(Readings([], []), format="json"))["rules"]] == [
        "untrained", "heavy", "low_rank",
    ]  # fmt: skip


def test_markdown_has_columns_for_the_bulk_where_it_was_read(plant):
    bulk = {
        "marchenko_pastur_spikes": {"value": 12.0, "unit": "eigenvalues"},
        "marchenko_pastur_soft_rank": {"value": 0.25},
    }
    text = report(plant.readings_of(plant.by_verdict["no finding"] | bulk), format="md")
    assert "| effective rank | spikes | soft rank |" in text
    assert "| 12 | 0.250 |" in text
    assert "spikes" not in report(plant.transformer(1), format="md")


def test_markdown_has_the_same_answers_and_escapes_names(plant):
    text = report(plant.transformer(4), format="md")
    assert "**Of 8 layers, 2 look untrained" in text
    assert "- `h.0.query`: alpha 1.60, 95 % interval 1.40 to 1.80, ends below 2" in text
    assert "| `h.0.up` | low rank | up | 0 | 128 × 256 |" in text
    odd = plant.readings_of(plant.by_verdict["low rank"], name="a`b|c\nd", model="*m* <b>")
    text = report(odd, format="md")
    assert r"# \*m\* \<b\>" in text
    assert r"| ``a`b\|c d`` |" in text


def test_markdown_counts_what_is_too_long_to_list(plant):
    text = report(plant.transformer(30, verdicts=["low rank"]), format="md")
    assert text.count("- `h.") == 20
    assert "- and 40 more" in text


@pytest.mark.parametrize("name", ["map", "depth", "roles", "spectrum", "overview"])
def test_figures_are_drawn(plant, tmp_path, name):
    path = tmp_path / f"{name}.svg"
    assert figure(plant.transformer(3), name, path) == path
    drawn = path.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert {"map": "h.0", "spectrum": "eigenvalue", "overview": "heavier than 2"}.get(name, "query") in drawn
    assert "var(--" not in drawn


def test_a_figure_can_be_a_picture_of_a_named_layer_in_the_dark(plant, tmp_path):
    path = figure(plant.transformer(2), "spectrum", tmp_path / "s.png", layer="h.1.up", theme="dark")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mapp"}, r"name: no figure is named 'mapp'; did you mean 'map'\?"),
        ({"path": "x.gif"}, r"path: x.gif ends in '.gif'; figures are written as .svg or .png"),
        ({"quantity": "stable_rnak"}, r"quantity: 'stable_rnak' can't be drawn; did you mean 'stable_rank'\?"),
        ({"name": "spectrum", "layer": "h.0.qery"}, r"layer: no layer is named 'h.0.qery'; did you mean 'h.0.query'"),
    ],
)
def test_what_can_not_be_drawn_is_named(plant, tmp_path, arguments, message):
    given = {"name": "map", "path": "x.svg"} | arguments
    with pytest.raises(ValueError, match=message):
        figure(plant.transformer(2), given.pop("name"), tmp_path / given.pop("path"), **given)


def test_a_spectrum_that_was_not_kept_can_not_be_drawn(plant, tmp_path):
    with pytest.raises(ValueError, match=r"no eigenvalues were kept of h\.0\.q; survey into a folder"):
        figure(plant.readings_of(plant.by_verdict["low rank"]), "spectrum", tmp_path / "x.svg")
    with pytest.raises(ValueError, match="no layer was measured"):
        figure(Readings([], []), "spectrum", tmp_path / "x.svg")


def test_the_report_is_part_of_the_package_s_face():
    assert td.report is report
