"""The report on two checkpoints: as a page, as Markdown, as JSON."""

import html
import json
import re
import subprocess

import numpy as np
import pytest

import theodolite as td
from theodolite.core.conditions import Condition
from theodolite.reports import comparison_report
from theodolite.reports.charts.compare import change_map, drawn, overlap_chart


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    before = {
        f"layers.{i}.{name}.weight": rng.standard_normal((64, 64)) for i in range(2) for name in ("q_proj", "k_proj")
    }
    before |= {"head<script>.weight": rng.standard_normal((90, 64)), "norm.weight": np.ones(64)}
    before |= {"wrong.weight": np.eye(20), "gone.weight": np.eye(3)}
    after = {name: array.copy() for name, array in before.items() if name != "gone.weight"}
    u, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, 64)))
    after["layers.1.q_proj.weight"] += 80 * np.outer(u, v)
    after["layers.0.k_proj.weight"] += 0.01 * rng.standard_normal((64, 64))
    after["head<script>.weight"] *= 1.5
    after["wrong.weight"] = np.eye(21)
    return td.compare(before, after, ["power_law", "stable_rank"])


def test_the_page_says_everything_without_its_code(found):
    page = comparison_report(found, condition=Condition("intruders > 0"))
    text = html.unescape(page)
    for sentence in found.explain().splitlines():
        assert sentence in text
    assert "Violated: intruders > 0" in text
    assert "Not violated: intruders > 9" in html.unescape(
        comparison_report(found, condition=Condition("intruders > 9"))
    )
    assert "its shape is 20 x 20 before and 21 x 21 after" in text
    assert "Only in before" in text
    assert "2410.21228" in text
    assert "head<script>" not in page
    assert "head&lt;script&gt;" in page


def test_the_page_needs_nothing_else(found):
    page = comparison_report(found)
    assert "default-src 'none'" in html.unescape(page)
    body = page.partition("<body>")[2].partition('<script type="application/json"')[0]
    assert not re.search(r"(src|href)=\"https?:", body)
    assert "<script" not in body


def test_the_map_holds_every_change_and_frames_intruders(found):
    spec = change_map(found).to_dict()
    cells = {(cell["role"], cell["block"]): cell for cell in spec["data"]["values"]}
    assert cells["query", "1"]["intruders"] == 1
    assert cells["query", "1"]["change"] == pytest.approx(80 / 64, rel=0.1)
    assert cells["query", "0"]["change"] == 0
    assert cells["key", "0"]["says"] == "1.0 %"
    head = next(cell for (_, block), cell in cells.items() if block == "outside")
    assert head["change"] == pytest.approx(0.5)
    assert spec["layer"][-1]["transform"] == [{"filter": "(datum.intruders > 0)"}]


def test_the_overlap_picture_is_the_matrix_of_cosines(found):
    first = drawn(found)[0]
    assert first.name == "layers.1.q_proj"
    spec = overlap_chart(first, "left").to_dict()
    rows = spec["layer"][0].get("data", spec.get("data"))["values"]
    assert len(rows) == 100
    wanted = first.intruders["left"].similarity
    assert all(row["cosine"] == pytest.approx(wanted[row["before"] - 1, row["after"] - 1], abs=1e-4) for row in rows)
    assert [row["after"] for row in spec["layer"][1]["data"]["values"]] == [1]
    assert (
        "layer" not in overlap_chart(drawn(found)[-1], "left").to_dict()
        or len(overlap_chart(drawn(found)[-1], "left").to_dict()["layer"]) == 1
    )


def test_markdown_has_a_row_of_equal_length_for_every_matrix(found):
    text = comparison_report(found, format="md")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    for layer in found.layers:
        assert any(line.startswith(f"| `{layer.name}` |") for line in rows)
    assert "- its shape is 20 x 20 before and 21 x 21 after: `wrong`" in text


def test_json_brings_the_gate(found):
    record = json.loads(comparison_report(found, format="json", condition=Condition("changed > 100")))
    assert record["gate"]["violated"] is False
    assert record["explanation"] == found.explain().splitlines()
    with pytest.raises(ValueError, match="did you mean 'html'"):
        comparison_report(found, format="htm")


def test_a_folder_is_no_place_for_a_report(found, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        comparison_report(found, tmp_path)


def test_nothing_to_draw(tmp_path):
    one = td.compare({"norm.weight": np.ones(3)}, {"norm.weight": np.zeros(3)}, None)
    page = comparison_report(one, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "No matrix of the two could be compared." in page
    assert 'id="map"' not in page


@pytest.mark.browser
def test_a_browser_draws_all_pictures(found, chromium, tmp_path):
    path = comparison_report(found, tmp_path / "page.html")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True,
        check=True,
        timeout=120,
    )
    dom = done.stdout.decode()
    assert dom.count('class="marks" width=') == 1 + 2 * len(drawn(found))
