"""The report on dimensions: profiles with intervals, curves over scales, notes, as a page, Markdown and JSON."""

import json
import re

import numpy as np
import pytest
from markupsafe import escape

import theodolite as td
from theodolite.core import ReadingRow
from theodolite.reports import dimension_report
from theodolite.reports.charts.dimension import drawn_curves, drawn_profiles, profile_chart, profile_rows, scale_chart
from theodolite.reports.dimension import interval_text, label_table, notes, profile_table
from theodolite.reports.layers import number_text

MEASURES = ["two_nn", "gride", "diffusion_spectral_entropy"]


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(2)
    layers = {f"block.{k}": rng.random((150, k)) @ rng.standard_normal((k, 8)) for k in (1, 2)}
    wide = rng.standard_normal((60, 40))
    return td.dimensions({"small": layers | {"dead<b>": np.ones((20, 2))}, "large": {"wide": wide}}, measures=MEASURES)


@pytest.fixture(scope="module")
def page(found):
    return dimension_report(found)


def drawn(chart):
    spec = chart.to_dict()
    return spec["data"]["values"] if "values" in spec.get("data", {}) else next(iter(spec["datasets"].values()))


def test_the_page_has_words_charts_a_table_and_notes(page, found):
    for sentence in found.explain().splitlines():
        assert str(escape(sentence)) in page
    told = json.loads(re.search(r'<script type="application/json" id="survey">(.*?)</script>', page, re.DOTALL)[1])
    assert list(told["charts"]) == ["profile-0", "profile-1", "profile-2", "profile-3", "curves-0", "curves-1"]
    for name in told["charts"]:
        assert page.count(f'id="{name}"') == 1
    assert page.index('id="profile-0"') < page.index('id="curves-0"') < page.index("<table") < page.index("Reads as")
    assert "Facco" in page
    assert "dead<b>" not in page
    assert not re.search(r'(src|href)="https?:', page)


def test_numbers_of_one_unit_share_a_picture(found):
    assert drawn_profiles(found) == [
        ("small", ("two_nn", "gride")),
        ("small", ("diffusion_spectral_entropy",)),
        ("large", ("two_nn", "gride")),
        ("large", ("diffusion_spectral_entropy",)),
    ]
    assert drawn_curves(found) == [("small", "gride"), ("large", "gride")]


def test_every_number_is_drawn_with_its_interval(found):
    rows = profile_rows(found, "small", ["two_nn", "gride"])
    assert [(row["layer"], row["measure"]) for row in rows] == [
        (layer, measure) for measure in ("two_nn", "gride") for layer in ("block.1", "block.2", "dead<b>")
    ]
    for row in rows:
        reading = found.reading(f"small:{row['layer']}", row["measure"])
        if row["layer"] == "dead<b>":
            assert (row["value"], row["low"], row["why"]) == (None, None, "too few points")
        else:
            assert (row["value"], row["low"], row["high"]) == pytest.approx(
                (reading.value, reading.low, reading.high), abs=1e-6
            )
    chart = profile_chart(found, "small", ["two_nn", "gride"])
    assert drawn(chart) == rows
    told = chart.to_dict()
    assert [layer["mark"]["type"] for layer in told["layer"]] == ["line", "rule", "point"]
    rule = told["layer"][1]["encoding"]
    assert (rule["y"]["field"], rule["y2"]["field"]) == ("low", "high")
    assert rule["x"]["scale"]["domain"] == ["block.1", "block.2", "dead<b>"], "a layer without a number has its place"


def test_curves_are_drawn_with_their_errors(found):
    rows = drawn(scale_chart(found, "small", "gride"))
    curve = found.curves[1]
    shown = [row for row in rows if row["layer"] == "block.2"]
    assert [row["radius"] for row in shown] == curve.radii.tolist()
    assert [row["dimension"] for row in shown] == curve.dimensions.tolist()
    np.testing.assert_allclose([row["high"] - row["dimension"] for row in shown], 1.96 * curve.standard_errors)
    assert {row["depth"] for row in rows} == {0, 1}


def test_the_table_marks_doubts_and_gaps(found):
    head, rows = profile_table(found)
    assert head == ["layer", "rows", *MEASURES]
    assert [row[:2] for row in rows] == [
        ["small:block.1", "150"],
        ["small:block.2", "150"],
        ["small:dead<b>", "20"],
        ["large:wide", "60"],
    ]
    assert rows[2][2:4] == ["–", "–"]
    assert rows[3][2].endswith("*"), "60 points tell of 3.6 dimensions"
    assert not rows[0][2].endswith("*")
    told = notes(found)
    assert any(line.startswith("two_nn: no number for 1 cloud. ") for line in told)
    assert any(line.startswith("two_nn: beside the numbers of large:wide. ") for line in told)


def test_an_interval_is_written_from_both_ends():
    def row(**columns):
        return ReadingRow(target="m:a", measure="two_nn", field="dimension", **columns)

    assert interval_text(None) == "–"
    assert interval_text(row(outcome="TOO_FEW_POINTS")) == "–"
    assert interval_text(row(value=3.14159)) == "3.14"
    assert interval_text(row(value=3.0, low=2.5, high=3.5, level=0.95)) == "3.00 ± 0.50"
    assert interval_text(row(value=0.5, low=0.0, high=1.5, level=0.95)) == "0.500 [0.00, 1.50]"


def test_markdown_and_json_say_the_same(found):
    text = dimension_report(found, format="md")
    assert text.startswith("# small, large: the dimension of 4 clouds\n")
    for heading in ("## Layers", "## Over scales", "## Notes and refusals", "## Reads as", "## How to cite"):
        assert heading in text
    told = json.loads(dimension_report(found, format="json"))
    assert told["sentences"] == found.explain().splitlines()
    assert told["profile"] == MEASURES
    assert len(told["curves"]) == 3


def test_a_page_without_any_number_or_curve():
    shown = td.dimensions({"dead": np.ones((20, 2))}, measures=["two_nn"])
    page = dimension_report(shown)
    assert 'class="chart"' not in page
    assert "no number for 1 cloud" in page
    assert "## Over scales" not in dimension_report(shown, format="md")


def test_a_file_and_a_wrong_format(found, tmp_path):
    path = dimension_report(found, tmp_path / "page.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ValueError, match="format: 'pdf' is unknown"):
        dimension_report(found, format="pdf")


def test_numbers_that_labels_were_given_for_have_a_table_of_their_own(found):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    clouds = {"a": rng.standard_normal((60, 3)) + 2 * labels[:, None], "b": rng.standard_normal((60, 4))}
    shown = td.dimensions(clouds, ["two_nn", "coding_rate"], labels=labels)
    head, rows = label_table(shown)
    assert head == ["layer", "coding_rate.class_rate", "coding_rate.reduction"]
    reduction = float(td.dimension.coding_rate(clouds["a"], labels).reduction)
    assert rows[0] == ["a", rows[0][1], number_text(reduction)]
    assert "<h2>With labels</h2>" in dimension_report(shown)
    assert "## With labels" in dimension_report(shown, format="md")
    assert label_table(found) == (["layer"], [])
    assert "With labels" not in dimension_report(found)
