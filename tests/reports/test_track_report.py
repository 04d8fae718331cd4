"""The report on a training: the page's words, numbers and curves, the same as Markdown and JSON."""

import json
import re

import numpy as np
import pytest
from markupsafe import escape

import theodolite as td
from theodolite.reports import track_report
from theodolite.reports.charts.track import drawn_metrics, model_chart, role_chart


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(3)
    start = {f"layers.{block}.mlp.up_proj.weight": rng.standard_normal((80, 64)) for block in range(3)}
    spike = np.outer(rng.standard_normal(80), rng.standard_normal(64))
    runs = []
    for step in range(3):
        state = start | {"layers.1.mlp.up_proj.weight": start["layers.1.mlp.up_proj.weight"] + step * spike}
        runs.append(td.survey(state, ["power_law", "stable_rank"]))
    return td.track(runs, steps=[0, 1000, 2000])


@pytest.fixture(scope="module")
def page(found):
    return track_report(found)


def test_the_page_has_words_curves_and_numbers(page, found):
    for sentence in found.explain().splitlines():
        assert str(escape(sentence)) in page
    assert page.index('id="model"') < page.index('id="roles-0"') < page.index("<table")
    charts = json.loads(re.search(r'<script type="application/json" id="survey">(.*?)</script>', page, re.DOTALL)[1])
    assert list(charts["charts"]) == ["model", "roles-0", "roles-1"]
    first = re.search(r"<tbody>\s*<tr><th[^>]*>([^<]*)</th><td>([^<]*)", page)
    assert first[1] == "layers.1.mlp.up_proj"


def test_the_page_lets_nothing_in(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert not re.search(r'(src|href)="https?:', page)


def test_the_curves_hold_every_point(found):
    assert drawn_metrics(found) == ("power_law.alpha", "stable_rank")
    rows = role_chart(found, "stable_rank").to_dict()["data"]["values"]
    assert len(rows) == 9
    drawn = [row["value"] for row in rows if row["layer"] == "layers.1.mlp.up_proj"]
    assert drawn == list(found.curve("stable_rank", "layers.1.mlp.up_proj").values)
    means = model_chart(found).to_dict()["data"]["values"]
    assert {row["metric"] for row in means} == {"power_law.alpha", "stable_rank"}
    assert len(means) == 6


def test_markdown_and_json(found, tmp_path):
    text = track_report(found, format="md")
    assert text.startswith("# 3 checkpoints: ")
    assert "| `layers.1.mlp.up_proj` | stable_rank |" in text
    assert json.loads(track_report(found, format="json")) == json.loads(json.dumps(found.to_dict()))
    assert track_report(found, tmp_path / "page.html") == tmp_path / "page.html"
