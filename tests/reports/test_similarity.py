"""The report on representations: heat maps, best matches, points and a tree, the same as Markdown and JSON."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape

import theodolite as td
from theodolite.core import Outcome
from theodolite.reports import similarity_report
from theodolite.reports.charts.similarity import cell_rows, embedding_chart, pair_map, tree_chart
from theodolite.reports.layers import number_text
from theodolite.reports.similarity import arranged, match_table, reads, shown_of
from theodolite.study import cluster


def network(depth, seed):
    turn = np.random.default_rng(seed)
    rows = np.random.default_rng(1).standard_normal((80, 6))
    layers = {}
    for place in range(depth):
        rows = np.tanh(rows @ turn.standard_normal((rows.shape[1], 12)) / np.sqrt(rows.shape[1]) * 1.5)
        layers[f"block.{place}"] = rows
    return layers


@pytest.fixture(scope="module")
def found():
    """Two networks of three and four layers, of which the last is dead."""
    nets = {"small": network(3, 1), "large": network(3, 2) | {"dead<b>": np.ones((80, 2))}}
    return td.all_pairs(nets, measures=["with_interval(cka)", "angular_procrustes", "mutual_knn"])


@pytest.fixture(scope="module")
def page(found):
    return similarity_report(found)


def charts_of(page):
    return json.loads(re.search(r'<script type="application/json" id="survey">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_has_words_maps_matches_and_points(page, found):
    for sentence in shown_of(found).explain().splitlines():
        assert str(escape(sentence)) in page
    charts = charts_of(page)["charts"]
    assert list(charts) == ["map-0", "map-1", "map-2", "points", "tree"]
    for name in charts:
        assert f'id="{name}"' in page
    assert page.index('id="map-2"') < page.index("<table") < page.index('id="points"') < page.index('id="tree"')
    assert "small × large" in page
    assert "Left out, having no distance to some: large:dead&lt;b&gt;" in page
    assert "no number for 3 pairs" in page
    assert "Kornblith" in page


def test_the_page_lets_nothing_in(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert not re.search(r'(src|href)="https?:', page)
    assert "dead<b>" not in page


def test_of_two_models_the_one_is_set_against_the_other(found):
    shown = shown_of(found)
    assert shown.names == ("block.0", "block.1", "block.2")
    assert shown.against == ("block.0", "block.1", "block.2", "dead<b>")
    alone = found.between("small", "small")
    assert shown_of(alone) is alone


def test_the_map_holds_every_pair_with_what_stands_beside_it(found):
    shown = shown_of(found)
    rows = cell_rows(shown, shown.quantity("cka"))
    assert len(rows) == 12
    matrix = shown.matrix("cka")
    for place, row in enumerate(rows):
        i, j = divmod(place, 4)
        assert (row["row"], row["column"]) == (shown.names[i], shown.against[j])
        if j == 3:
            assert (row["value"], row["says"], row["why"]) == (None, "×", "constant cloud")
        else:
            assert row["value"] == pytest.approx(matrix[i, j], abs=1e-6)
            assert re.fullmatch(r"-?[\d.]+ to -?[\d.]+", row["range"])
            assert row["chance"] != "–"
    match = shown.best_match("cka")
    assert [row["column"] for row in rows if row["best"]] == [shown.against[place] for place in match.best]
    assert [row["column"] for row in rows if row["path"]] == [shown.against[place] for place in match.path]


def test_a_distance_is_dark_where_it_is_small(found):
    shown = shown_of(found)

    def tone(name):
        layers = pair_map(shown, shown.quantity(name)).to_dict()["layer"]
        return next(layer["encoding"]["opacity"]["scale"] for layer in layers if "opacity" in layer["encoding"])

    low, high = tone("cka")["range"]
    assert low < high
    assert tone("cka")["domain"] == [0, 1]
    near, far = tone("angular_procrustes")["range"]
    assert near > far
    assert tone("angular_procrustes")["domain"] == [0, np.pi / 2]
    assert tone("angular_procrustes")["clamp"]


def test_every_row_and_column_bears_its_name_where_there_is_room(found):
    def thinned(width):
        layers = pair_map(found, found.quantity("cka"), width=width).to_dict()["layer"]
        return {layer["encoding"][side]["axis"]["labelOverlap"] for layer in layers for side in "xy"}

    assert thinned(30 * len(found.columns)) == {False}
    assert thinned(6 * len(found.columns)) == {True}


def test_points_are_those_of_the_embedding_and_models_are_joined(found):
    made = arranged(found)
    spec = embedding_chart(found, made.embedding).to_dict()
    rows = spec["data"]["values"] if "values" in spec.get("data", {}) else next(iter(spec["datasets"].values()))
    assert [row["layer"] for row in rows] == [f"block.{place}" for place in (0, 1, 2, 0, 1, 2)]
    drawn = np.array([[row["x"], row["y"]] for row in rows])
    np.testing.assert_allclose(drawn, made.embedding.coordinates, atol=1e-6)
    assert spec["layer"][0]["mark"]["type"] == "line"
    assert spec["layer"][0]["encoding"]["detail"]["field"] == "model"


def test_points_on_each_other_share_a_label(found):
    made = arranged(found).embedding
    place = np.array([[0, 0], [1e-4, 0], [1, 1], [0, -1e-4], [0, 1], [0, 1]], dtype=float)
    spec = embedding_chart(found, replace(made, coordinates=place)).to_dict()
    rows = spec["data"]["values"] if "values" in spec.get("data", {}) else next(iter(spec["datasets"].values()))
    assert [row["label"] for row in rows] == ["block.0, block.1", "", "block.2", "", "block.1, block.2", ""]
    assert [row["layer"] for row in rows] == [f"block.{place}" for place in (0, 1, 2, 0, 1, 2)]


def test_words_count_what_is_shown(found):
    shown = shown_of(found)
    told = json.loads(similarity_report(found, format="json"))
    assert told["sentences"] == shown.explain().splitlines() != found.explain().splitlines()
    assert "12 pairs over 80 rows" in similarity_report(found)
    assert "12 pairs over 80 rows" in similarity_report(found, format="md")


def test_an_order_that_is_none_says_so():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((60, 4))
    one = {f"l{k}": base + 0.1 * rng.standard_normal((60, 4)) for k in range(3)}
    other = {"near": base} | {f"far{k}": rng.standard_normal((60, 4)) for k in range(3)}
    told = shown_of(td.all_pairs({"a": one, "b": other}, measures=["cka"])).explain()
    assert "3 of 3 on one path in the order of depth, but all with near, 1 mutual" in told
    third = {"near": base, "next": one["l2"]}
    told = shown_of(td.all_pairs({"a": one, "b": third}, measures=["cka"])).explain()
    assert "3 of 3 on one path in the order of depth, with 2 different partners" in told
    told = shown_of(td.all_pairs({"a": {"l2": one["l2"]}, "b": third}, measures=["cka"])).explain()
    assert "1 of 1 on one path in the order of depth, 1 mutual" in told


def test_refusals_name_their_clouds():
    rows = np.random.default_rng(0).standard_normal((40, 3))
    dead, broken = np.ones((40, 3)), np.where(np.arange(120).reshape(40, 3) == 7, np.nan, rows)
    found = td.all_pairs({"net": {"a": rows, "dead": dead, "b": rows**2}}, measures=["cka"])
    assert ["(net:dead)" in why for _, why, _ in found.refusals] == [True]
    found = td.all_pairs({"net": {"a": rows, "broken": broken, "b": rows**2}}, measures=["cka"])
    assert ["(1 of 40 rows; net:broken)" in why for _, why, _ in found.refusals] == [True]
    both = {"a": {"a": rows, "dead": dead}, "b": {"b": rows, "dead": dead}}
    ((_, why, count),) = shown_of(td.all_pairs(both, measures=["mutual_knn"])).refusals
    assert count == 3
    assert "(a:dead, b:dead)" in why or "(b:dead, a:dead)" in why
    assert why.endswith(Outcome.CONSTANT_CLOUD.remedy)
    found = td.dimensions({"net": {"a": rows, "broken": broken}}, ["two_nn"])
    assert ["(1 of 40 rows; net:broken)" in why for _, why, _ in found.refusals] == [True]


def test_the_tree_has_a_bracket_for_each_merge():
    points = np.array([0.0, 1.0, 10.0, 11.5])
    found = cluster(np.abs(points[:, None] - points))
    first, second = tree_chart(found).to_dict()["layer"]
    corners = first["data"]["values"]
    assert len(corners) == 4 * 3
    tops = [max(row["height"] for row in corners if row["merge"] == merge) for merge in range(3)]
    np.testing.assert_allclose(sorted(tops), [1.0, 1.5, 10.25])
    assert sorted(row["name"] for row in second["data"]["values"]) == ["1", "2", "3", "4"]


def test_the_table_names_the_best_and_the_path(found):
    shown = shown_of(found)
    head, rows = match_table(shown)
    assert head[:6] == ["cloud", "best by cka", "value", "interval", "chance", "in order"]
    match = shown.best_match("cka")
    assert [row[1] for row in rows] == [shown.against[place] for place in match.best]
    for row, best, onward in zip(rows, match.best, match.path, strict=True):
        assert row[5] == ("same" if onward == best else shown.against[onward])


def test_the_table_has_intervals_where_they_were_asked_for(found):
    head, rows = match_table(shown_of(found))
    assert [head[place - 1] for place, name in enumerate(head) if name == "chance"] == ["interval", "value", "value"]
    assert {len(row) for row in rows} == {len(head)}
    at = head.index("best by angular_procrustes")
    distances = shown_of(found).matrix("angular_procrustes")
    assert [row[at + 1] for row in rows] == [number_text(float(one)) for one in np.nanmin(distances, axis=1)]


def test_a_measure_says_itself_how_it_is_read_and_when_it_misleads(found, page):
    told = {name: (says, misleads) for name, says, misleads in reads(found)}
    assert list(told) == ["cka", "angular_procrustes", "mutual_knn"]
    for says, misleads in told.values():
        assert says
        assert misleads
        assert "----" not in says + misleads
        assert str(escape(says)) in page


def test_markdown_and_json(found, tmp_path):
    text = similarity_report(found, format="md")
    assert "## Best matches" in text
    assert "| `block.0` |" in text
    record = json.loads(similarity_report(found, format="json"))
    assert record["rows"] == list(found.rows)
    assert record["between"]["quantities"][0]["best_match"]["path"] == [
        shown_of(found).against[place] for place in shown_of(found).best_match("cka").path
    ]
    quantity = record["quantities"][0]
    assert quantity["value"][0][0] == 1
    assert quantity["value"][6] == [None] * 7
    assert quantity["outcome"][6][0] == "CONSTANT_CLOUD"
    assert quantity["low"][0][1] < quantity["value"][0][1] < quantity["high"][0][1]
    assert len(record["embedding"]["coordinates"]) == 6
    assert len(record["clustering"]["merges"]) == 5
    path = similarity_report(found, tmp_path / "page.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ValueError, match="format: 'pdf' is unknown"):
        similarity_report(found, format="pdf")


def test_two_clouds_make_a_page_without_a_picture():
    rows = network(2, 3)
    page = similarity_report(td.all_pairs(rows, measures=["cka"]))
    assert list(charts_of(page)["charts"]) == ["map-0"]
    assert 'id="points"' not in page


def test_what_has_no_distances_says_so():
    dead = {"a": np.ones((9, 2)), "b": np.ones((9, 2)), "c": np.ones((9, 3))}
    found = td.all_pairs(dead, measures=["cka"])
    assert arranged(found).embedding is None
    assert "no number for 3 pairs" in similarity_report(found)


def test_words_of_the_measures_hold_no_markup():
    from theodolite.catalogue import measures
    from theodolite.reports.similarity import _section

    formulas = 0
    for name, measure in measures().items():
        for heading in ("Reads as", "Misleads when"):
            told = _section(measure.__doc__, heading)
            formulas += ":math:" in (measure.__doc__ or "").partition(heading)[2]
            assert not {"\\", "`"} & set(told), f"{name}, {heading}: {told}"
    assert formulas
    assert _section("Reads as\n--------\nAbove :math:`2 \\log_{10} n`.", "Reads as") == "Above 2 log₁₀ n."
