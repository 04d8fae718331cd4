"""The report on a family of widths: as a page, as Markdown, as JSON."""

import html
import json
import re

import numpy as np
import pytest

import theodolite as td
from theodolite.reports import width_report
from theodolite.reports.charts.width import growth_chart, shape_chart, slope_chart


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    models = [
        {
            "up<script>.weight": rng.normal(size=(2 * d, d)),
            "flat.weight": np.eye(d),
            "embed.weight": rng.normal(size=(40, d)),
            "zero.weight": np.zeros((d, d)),
            "ln.weight": np.ones(d),
            f"only{d}.weight": np.eye(3),
        }
        for d in (16, 32, 64)
    ]
    return td.width_transfer(models)


def test_the_page_says_everything_without_its_code(found):
    page = width_report(found)
    assert "1 of 2 matrices keep their largest singular value through widths 16, 32, 64" in page
    assert found.rule in page
    assert "<script>.weight" not in page
    assert "up&lt;script&gt;.weight" in page
    assert "it is zero at width 16" in page or "it is zero at width 64" in page
    assert "only32.weight" in page
    assert "2510.15262" in page


def test_the_page_needs_nothing_else(found):
    page = width_report(found)
    assert "default-src 'none'" in html.unescape(page)
    body = page.partition("<body>")[2].partition('<script type="application/json"')[0]
    assert not re.search(r"(src|href)=\"https?:", body)
    assert "<script" not in body


def test_charts_hold_what_was_found(found):
    growth = growth_chart(found).to_dict()
    wedge, lines = growth["layer"][0]["data"]["values"], growth["layer"][1]["data"]["values"]
    assert wedge[-1] == {"width": 64.0, "low": pytest.approx(4**-0.125), "high": pytest.approx(4**0.125)}
    flat = [row["grown"] for row in lines if row["matrix"] == "flat.weight"]
    assert flat == pytest.approx([1, 1, 1])
    assert {row["answer"] for row in lines} == {"passes", "fails", "not judged"}
    assert "zero.weight" not in {row["matrix"] for row in lines}
    slopes = slope_chart(found).to_dict()
    assert [layer["mark"]["type"] for layer in slopes["layer"]] == ["rect", "rule", "point"]
    shapes = shape_chart(found).to_dict()
    assert shapes["facet"]["sort"][-1] == "embed.weight"
    assert {row["width"] for row in shapes["data"]["values"]} == {16.0, 32.0, 64.0}


def test_markdown_has_a_row_for_every_matrix(found):
    text = width_report(found, format="md")
    for matrix in found.matrices:
        assert f"| `{matrix.name}` |" in text
    assert "| `ln.weight` |" in text
    assert "- `only32.weight`: only in model 1" in text


def test_an_answer_that_the_interval_leaves_open_says_so():
    unsure = td.width_transfer([{"a.weight": scale * np.eye(d)} for d, scale in ((8, 1.0), (16, 1.5), (32, 1.0))])
    assert unsure.matrices[0].settled is False
    for form in ("html", "md"):
        assert "passes, not surely" in width_report(unsure, format=form)


def test_a_folder_is_no_place_for_a_page(found, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        width_report(found, tmp_path)


def test_json_is_the_result(found):
    assert json.loads(width_report(found, format="json")) == json.loads(json.dumps(found.to_dict()))


def test_a_family_without_a_slope_has_no_charts():
    nothing = td.width_transfer([{"a.weight": np.zeros((d, d))} for d in (3, 4)])
    assert 'class="chart"' not in width_report(nothing)


def test_files_and_formats(found, tmp_path):
    path = width_report(found, tmp_path / "deep" / "page.md", format="md")
    assert path.read_text(encoding="utf-8") == width_report(found, format="md")
    with pytest.raises(ValueError, match="format: 'pdf' is unknown"):
        width_report(found, format="pdf")
