"""The report on a corpus: the page's words, numbers and charts, the same as Markdown and JSON."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from theodolite.reports import corpus_report
from theodolite.reports.charts.corpus import dot_chart, dot_rows, scatter_chart
from theodolite.reports.corpus import MOST_DRAWN, ranked
from theodolite.study import corpus as study


@pytest.fixture(scope="module")
def page(corpus):
    return corpus_report(corpus)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="corpus">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_says_first_what_was_found(page, corpus):
    words = page.index("3 metrics against accuracy")
    assert words < page.index("Simpson’s paradox: shape rises") < page.index('id="dots"') < page.index("<table")
    for trend in corpus.trends:
        for sentence in trend.sentences:
            assert escape(sentence) in page
    assert "remark (no column of numbers)" in page
    assert "A new measure of rank correlation" in page


def test_the_finding_stands_beside_the_name_and_in_sight(page):
    table = page[page.index("<table") :]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", table)
    assert heads[:3] == ["metric", "finding", "all models"]
    first = re.findall(r"<td[^>]*>([^<]*)</td>", table)
    assert first[0] == "reversed"
    assert len(re.findall(r"<td", table[: table.index("</tr>", table.index("<tbody"))])) == len(heads) - 1


def test_the_page_says_that_models_of_one_group_are_not_independent(page, corpus):
    (said,) = [sentence for sentence in corpus.sentences if "not independent draws" in sentence]
    assert said.startswith("Models of one family ")
    assert escape(said) in page
    assert said in corpus_report(corpus, format="md")


def test_the_page_lets_nothing_in(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert not re.search(r'(src|href)="https?:', page)


def test_paradoxes_are_told_first(corpus):
    assert [trend.name for trend in ranked(corpus)] == ["shape", "scale", "noise"]


def test_the_charts_hold_every_correlation(page, corpus):
    data = data_of(page)
    rows = dot_rows(ranked(corpus))
    assert len(rows) == data["drawn"] == 3 * 5
    shape = {row["who"]: row for row in rows if row["metric"] == "shape"}
    assert shape["all models"]["tau"] > 0 > shape["within groups"]["tau"]
    assert shape["a"]["tau"] == round(corpus.trend("shape").groups[0].tau, 4)
    assert [metric["name"] for metric in data["metrics"]] == ["shape", "scale", "noise", "depth"]
    assert len(data["metrics"][0]["values"]) == len(data["models"]) == len(data["quality"]) == 24
    spec = dot_chart(rows, corpus.table.group_names).to_dict()
    assert spec["params"] == [{"name": "chosen", "value": -1}]
    colour = scatter_chart(("a", "b"), "q").to_dict()["layer"][1]["encoding"]["color"]["scale"]
    assert colour == {"domain": ["a", "b", ""], "range": ["var(--group-0)", "var(--group-1)", "var(--tone)"]}


def test_markdown_has_words_and_the_table(corpus):
    text = corpus_report(corpus, format="md")
    assert text.startswith("# 3 metrics against accuracy\n\n**24 models in 3 groups of family: ")
    row = next(line for line in text.splitlines() if line.startswith("| `shape` |"))
    assert row.startswith("| `shape` | reversed |")
    assert row.endswith("| 24 |")
    assert row.count("*") == sum(one.kendall.says(0.05) for one in corpus.trend("shape").groups)
    assert "| `depth` |" in text


def test_json_is_the_results_own(corpus, tmp_path):
    path = corpus_report(corpus, tmp_path / "deep" / "corpus.json", format="json")
    assert json.loads(path.read_text(encoding="utf-8")) == corpus.to_dict()
    with pytest.raises(ValueError, match="format: 'pdf' is unknown"):
        corpus_report(corpus, format="pdf")


def test_names_are_not_trusted(tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    frame = pd.DataFrame({"model": [evil] * 5, evil: [1.0, 2, 3, 5, 4], "acc": [1.0, 2, 3, 4, 5], "g": [evil] * 5})
    page = corpus_report(study(frame, quality="acc", group="g", resamples=100, permutations=100))
    assert "<img src=x" not in page
    assert data_of(page)["metrics"][0]["name"] == evil


def test_many_metrics_and_none_make_a_page():
    rng = np.random.default_rng(0)
    many = pd.DataFrame(rng.normal(size=(12, 80)), columns=[f"m{i}" for i in range(80)])
    page = corpus_report(study(many, quality="m0", resamples=100, permutations=100))
    assert "67 more metrics, in words" in page
    assert f"the first {MOST_DRAWN} of 79" in page
    few = corpus_report(study(many[["m0", "m1"]].head(3), quality="m0"))
    assert "only 3 of the models have both numbers, too few" in few
    assert data_of(few)["drawn"] == 0
