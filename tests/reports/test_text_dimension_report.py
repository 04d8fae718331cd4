"""The report on texts: distributions beside repetition, AUC of genres, tables, as a page, Markdown and JSON."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape

from theodolite.reports import text_dimension_report
from theodolite.reports.charts.texts import (
    MOST_DRAWN,
    area_chart,
    area_rows,
    distribution_chart,
    numbers_drawn,
    repetition_chart,
    text_rows,
)
from theodolite.reports.texts import comparison_table, genre_table, notes, table_key
from theodolite.study import TextDimensions, TextEstimate, TextReading, TextSettings
from theodolite.study.texts.result import QUANTITIES


@pytest.fixture(scope="module")
def page(genres):
    return text_dimension_report(genres)


def drawn(chart):
    found = {}
    for layer in chart.to_dict()["layer"]:
        mark = layer["mark"]["type"]
        found[mark] = layer["data"]["values"]
    return found


def test_the_page_has_words_charts_tables_and_notes(page, genres):
    for sentence in genres.explain().splitlines():
        assert str(escape(sentence)) in page
    told = json.loads(re.search(r'<script type="application/json" id="survey">(.*?)</script>', page, re.DOTALL)[1])
    order = ["ph_dimension", "type_token_ratio", "two_nn", "unique_token_ratio", "mle"]
    assert numbers_drawn(genres) == order
    assert list(told["charts"]) == [*(f"texts-{name}" for name in order), "repetition", *(f"auc-{n}" for n in order)]
    for name in told["charts"]:
        assert page.count(f'id="{name}"') == 1
    assert "Pedashenko" in page
    assert "2511.15210" in page
    assert "every number: no number for 1 text." in page
    assert "<b>tales" not in page
    assert not re.search(r'(src|href)="https?:', page)


def test_every_text_is_drawn_beside_the_middle_of_its_genre(genres):
    rows = text_rows(genres, "ph_dimension")
    assert [row["value"] for row in rows] == pytest.approx(genres.values("ph_dimension")[np.r_[:24]], abs=1e-6)
    assert {row["genre"] for row in rows} == {"abstracts", "<b>tales"}
    assert len({row["aside"] for row in rows[:12]}) == 12
    shown = drawn(distribution_chart(genres, "ph_dimension"))
    assert shown["circle"] == rows
    low, median, high = np.quantile(genres.values("ph_dimension", "<b>tales"), (0.25, 0.5, 0.75))
    box = shown["rule"][1]
    assert (box["low"], box["median"], box["high"], box["texts"]) == pytest.approx((low, median, high, 12), abs=1e-6)


def test_many_texts_are_thinned_out_and_their_quartiles_are_not():
    values = np.random.default_rng(0).standard_normal(1000) + 9
    found = [dict.fromkeys(QUANTITIES, TextEstimate(float(value))) for value in values]
    texts = tuple(TextReading("a", place, 160, 99, one) for place, one in enumerate(found))
    many = TextDimensions(texts, ("a",), "Net", "h.1", TextSettings())
    assert len(text_rows(many, "mle")) == MOST_DRAWN
    assert drawn(distribution_chart(many, "mle"))["rule"][0]["median"] == pytest.approx(np.median(values), abs=1e-6)
    page = text_dimension_report(many)
    assert f"of each genre {MOST_DRAWN} at most" in page
    assert "auc-mle" not in page


def test_many_genres_leave_the_head_of_the_page_short():
    steps = np.linspace(0, 1, 6)
    texts = [
        TextReading(f"g{genre}", place, 160, 99, dict.fromkeys(QUANTITIES, TextEstimate(9 + 2 * genre + float(step))))
        for genre in range(6)
        for place, step in enumerate(steps)
    ]
    many = TextDimensions(tuple(texts), tuple(f"g{genre}" for genre in range(6)), "Net", "h.1", TextSettings())
    page, sentences = text_dimension_report(many), many.explain().splitlines()
    assert len(sentences) > 20
    head, told = page.index("Text by text"), page.index("Told apart by</h2>")
    for place, sentence in enumerate(sentences):
        where = page.index(str(escape(sentence)))
        assert where < head if place < 12 else where > told or sentence in sentences[:12]
    alone = TextDimensions(tuple(texts[::6]), many.genres, "Net", "h.1", TextSettings())
    assert alone.comparisons == ()
    assert all(str(escape(sentence)) in text_dimension_report(alone) for sentence in alone.explain().splitlines())


def test_repetition_stands_against_the_dimension_of_the_same_text(genres):
    rows = repetition_chart(genres).to_dict()["data"]["values"]
    by_text = {(text.genre, text.place + 1): text.estimates for text in genres.texts}
    for row in rows:
        estimates = by_text[row["genre"], row["text"]]
        assert row["value"] == pytest.approx(estimates["ph_dimension"].value, abs=1e-6)
        assert row["ratio"] == pytest.approx(estimates["unique_token_ratio"].value, abs=1e-6)
    assert len(rows) == 24


def test_areas_stand_both_ways(genres):
    first, back = area_rows(genres, "two_nn")
    told = next(one for one in genres.comparisons if one.quantity == "two_nn")
    assert (first["row"], first["column"], first["auc"], first["apart"]) == ("abstracts", "<b>tales", 0.0, True)
    assert (back["row"], back["column"], back["auc"]) == ("<b>tales", "abstracts", 1.0)
    assert (back["low"], back["high"]) == pytest.approx((1 - told.high, 1 - told.low), abs=1e-6)
    assert not area_rows(genres, "type_token_ratio")[0]["apart"]
    texts = [layer["mark"].get("fontWeight") for layer in area_chart(genres, "two_nn").to_dict()["layer"]]
    assert texts == [None, "bold", "normal"]


def test_the_tables(genres):
    head, rows = genre_table(genres)
    assert head == ["genre", "texts", *QUANTITIES]
    assert [row[:2] for row in rows] == [["abstracts", "12"], ["<b>tales", "12"]]
    assert rows[1][2] == "12.0 ± 0.19 (0.25)"
    assert rows[1][3] == "12.0 ± 0.19"
    head, rows = comparison_table(genres)
    assert head == ["AUC", *QUANTITIES]
    assert rows[0][:2] == ["abstracts > <b>tales", "0.00 [0.00, 0.24]"] or rows[0][1].startswith("0.00 [0.00, ")
    assert rows[0][4].startswith("0.50 [")
    assert rows[1][0] == "  p"
    assert [line.partition(".")[0] for line in notes(genres)] == [
        "every number: no number for 1 text",
        "two_nn, mle: beside the numbers of 24 texts",
    ]


def test_the_key_and_the_legend_name_only_what_there_is(genres):
    bare = {name: TextEstimate(None, outcome="SHORT_TEXT") for name in QUANTITIES}
    assert "in brackets" in table_key(genres)
    texts = [
        replace(text, estimates={n: replace(one, spread=None) for n, one in text.estimates.items()})
        for text in genres.texts
    ]
    texts.append(replace(texts[0], genre="empty", estimates=bare))
    found = replace(genres, texts=tuple(texts), genres=(*genres.genres, "empty"))
    assert "in brackets" not in table_key(found)
    assert "In brackets" not in (page := text_dimension_report(found))
    assert "Mean over texts ± its standard error.</p>" in page
    legend = repetition_chart(found).to_dict()["encoding"]["color"]["legend"]
    assert legend["values"] == [*genres.genres]
    one = replace(genres, settings=replace(genres.settings, reruns=1, repeats=1))
    assert ", 1 repeat, 1 rerun, " in text_dimension_report(one, format="md")


def test_no_point_lies_on_the_end_of_an_axis(genres):
    for layer in distribution_chart(genres, "ph_dimension").to_dict()["layer"]:
        assert layer["encoding"]["x"]["scale"]["padding"] > 0
        assert layer["encoding"]["x"]["axis"]["labelFlush"] is False


def test_markdown_and_json_say_the_same(genres):
    text = text_dimension_report(genres, format="md")
    assert text.startswith("# The dimension of texts: abstracts, ")
    for heading in ("## Genres", "## Told apart by", "## Notes and refusals", "## Reads as", "## How to cite"):
        assert heading in text
    told = json.loads(text_dimension_report(genres, format="json"))
    assert told["sentences"] == genres.explain().splitlines()
    assert told["comparisons"][0]["auc"] == 0.0


def test_a_file_and_a_wrong_format(genres, tmp_path):
    path = text_dimension_report(genres, tmp_path / "page.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ValueError, match="format: 'pdf' is unknown"):
        text_dimension_report(genres, format="pdf")
