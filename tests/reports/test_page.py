"""The page: one safe file of modest size that says what the readings say."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.reports import report
from theodolite.reports.frame import inline_script, script_json

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\u2028'\"`${7*7}"


class Page(HTMLParser):
    """What stands in a page, read as a browser reads it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag):
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data):
        if self._open in self.inside:
            self.inside[self._open][-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def data(self) -> dict:
        return json.loads(self.inside["script"][0])


@pytest.fixture(scope="module")
def text(plant) -> str:
    return report(plant.transformer(4))


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_nothing_comes_from_outside(page):
    for tag in ("img", "iframe", "object", "embed", "base", "form", "audio", "video"):
        assert not page.attributes(tag)
    assert [attributes["href"] for attributes in page.attributes("link")] == ["data:,"]
    assert not any("src" in attributes for attributes in page.attributes("script"))
    assert "@import" not in page.inside["style"][0]
    assert "url(" not in page.inside["style"][0]


def test_the_policy_lets_this_style_and_this_code_in_and_nothing_else(page):
    policy = next(m["content"] for m in page.attributes("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'{sha256(page.inside['script'][1])}'"
    assert rules["style-src"] == f"'{sha256(page.inside['style'][0])}'"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_nothing_in_the_page_needs_what_the_policy_forbids(page):
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    kinds = [attributes.get("type") for attributes in page.attributes("script")]
    assert kinds == ["application/json", "module"]


def test_names_are_text_wherever_they_stand(plant):
    one = plant.layer(EVIL, model=f"model {EVIL}", role=f"role {EVIL}", file=EVIL, dtype=EVIL)
    listed = TargetRow(target=f"model {EVIL}:x", model=f"model {EVIL}", module=EVIL, listed_because=EVIL)
    refused = ReadingRow(target=one.target, measure=EVIL, outcome="UNEXPECTED", note=EVIL, unit=EVIL, device=EVIL)
    readings = Readings([one, listed], [*plant.rows(one, **plant.by_verdict["low rank"]), refused])
    plain = Page(report(readings))
    assert len(plain.attributes("script")) == 2
    assert not plain.attributes("img")
    assert plain.data["layers"][0]["name"] == EVIL
    assert "<img src=x onerror=alert(2)>" in plain.text


@pytest.mark.parametrize("sign", ["</script>", "<!--", "<script", "\u2028", "&amp;"])
def test_json_in_a_script_has_no_sign_of_html(sign):
    written = script_json({sign: [sign]})
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == {sign: [sign]}
    with pytest.raises(ValueError, match="Out of range"):
        script_json(float("nan"))


def test_code_can_not_end_its_own_element():
    assert inline_script("a = '</SCRIPT>' + '<!--' + 'x < y'") == "a = '\\x3c/SCRIPT>' + '\\x3c!--' + 'x < y'"


def test_the_code_builds_no_html_and_evaluates_nothing():
    from importlib.resources import files

    from theodolite.reports.frame import EVERY_CHART
    from theodolite.reports.page import SCRIPTS

    folder = files("theodolite.reports") / "templates"
    scripts = {each.name for each in folder.iterdir() if each.name.endswith(".js")}
    assert scripts >= {*SCRIPTS, *EVERY_CHART}
    for name in scripts:
        code = (folder / name).read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(", code
        )
        assert len(code.splitlines()) <= 400


def test_the_page_answers_in_words_before_any_code_runs(page):
    assert (
        "Of 8 layers, 2 look untrained, 2 have tails heavier than 2 and 2 are low rank; 2 give no finding." in page.text
    )
    assert "Which layers look untrained?" in page.text
    assert page.text.count("Rule.") == 3
    assert "alpha 7.00 is at percentile 50 of chance (median 7.10)" in page.text
    assert re.search(r"Named apart, not counted\..*embed", page.text)
    assert re.search(r"4 tensors.*: a bias", page.text)
    assert "Clauset" in page.text
    assert "4.500" in page.text
    assert "seed 0" in page.text


def test_the_data_hold_every_layer_and_thin_spectra(page):
    data = page.data
    assert len(data["layers"]) == len(data["spectra"]) == 9
    assert data["readings"]["power_law.alpha"]["value"][1] == 1.6
    assert data["readings"]["power_law.alpha"]["high"][1] == 1.8
    assert all(len(spectrum["points"][0]) <= 256 for spectrum in data["spectra"])
    assert {chart for charts in data["charts"].values() for chart in charts} == {"map", "depth", "roles"}
    assert {quantity["kind"] for quantity in data["quantities"]} == set(data["charts"])


def test_a_survey_without_traps_asks_three_questions_and_shows_no_sign_of_a_fourth(page):
    assert len([a for a in page.attributes("article") if "question" in a["class"]]) == 3
    assert not re.search(r"\btraps?\b", page.text)
    assert "bulk was fitted" not in page.text
    assert page.data["offered"] == [0, 1, 2, 4, 5]
    assert {len(one["answers"]) for one in page.data["layers"]} == {3}
    assert {column["name"] for column in page.data["columns"]} == {
        "power_law.alpha", "power_law.distance", "stable_rank", "effective_rank", "spectral_norm",
    }  # fmt: skip
    assert all(set(spectrum) == {"points", "tail", "chance"} for spectrum in page.data["spectra"])


def test_traps_have_their_own_question_sign_and_column(plant):
    page = Page(report(plant.transformer(2, verdicts=["trap"])))
    assert "Which layers hold traps?" in page.text
    assert page.text.count("Rule.") == 4
    assert "2 eigenvalues stand out of the bulk in at least 95 % of 20 shuffles" in page.text
    assert page.data["offered"] == [0, 1, 2, 3, 4, 5]
    assert page.data["layers"][1]["verdicts"] == [3]
    assert {"name": "correlation_traps.count", "title": "traps", "share": False} in page.data["columns"]
    assert page.data["readings"]["correlation_traps.count"]["counts"] is True
    card = next(i for i, (tag, a) in enumerate(page.tags) if tag == "section" and a.get("class") == "questions four")
    signs = [a["href"] for tag, a in page.tags[card:] if tag == "use"][:4]
    assert signs == ["#sign-0", "#sign-1", "#sign-2", "#sign-3"]


def test_models_with_and_without_traps_stand_side_by_side(plant):
    page = Page(report(plant.transformer(1, "a") + plant.transformer(1, "b", verdicts=["trap"])))
    assert {len(one["answers"]) for one in page.data["layers"]} == {3, 4}
    # Layers, then the verdicts in their order; of traps, the first model has not been asked.
    assert "a2011–00" in re.sub(r"\s", "", page.text)
    assert "b2000200" in re.sub(r"\s", "", page.text)


def test_p_values_reach_the_page(plant):
    numbers = plant.changed(plant.by_verdict["no finding"], "power_law_distance", p_value=0.03)
    assert Page(report(plant.readings_of(numbers))).data["readings"]["power_law.distance"]["p_value"] == [0.03]


def test_an_open_question_says_so_with_its_reason(plant):
    bare = plant.changed(plant.by_verdict["looks untrained"], "stable_rank", percentile=None)
    text = Page(report(plant.readings_of(bare, convention="weightwatcher"))).text
    assert "no layer could be judged" in text
    assert (
        "Can’t be answered for 1 layer: stable_rank has no chance level under the convention of WeightWatcher" in text
    )


def test_a_refused_reading_shows_cause_remedy_and_layer(plant):
    one = plant.layer()
    refused = ReadingRow(target=one.target, measure="power_law", field="alpha", outcome="NOT_FINITE", note="3 NaN")
    text = Page(report(Readings([one], [refused]))).text
    assert "1 layer: The weights hold NaN or infinite entries." in text
    assert "h.0.q.weight: power_law" in text


def test_several_models_stand_side_by_side(plant):
    page = Page(report(plant.transformer(2, model="first") + plant.transformer(2, model="second")))
    assert [a["data-show-model"] for a in page.attributes("button") if "data-show-model" in a] == ["0", "1"]
    assert [(m["name"], m["start"], m["stop"]) for m in page.data["models"]] == [("first", 0, 5), ("second", 5, 10)]


@pytest.mark.parametrize("readings", [Readings([], []), Readings([TargetRow(target="m:b", model="m", module="b")], [])])
def test_a_survey_of_nothing_has_a_page(readings):
    assert (
        "No layer could be judged." in Page(report(readings)).text or "Nothing was read." in Page(report(readings)).text
    )


def test_controls_have_names_and_pictures_have_words(page):
    labelled = {attributes.get("for") for attributes in page.attributes("label")}
    assert "quantity" in labelled
    assert all(figure.get("aria-label") for figure in page.attributes("figure"))
    assert page.attributes("html")[0]["lang"] == "en"
    assert all(svg.get("aria-hidden") == "true" for svg in page.attributes("svg"))
    assert "@media print" in page.inside["style"][0]
    assert "prefers-color-scheme: dark" in page.inside["style"][0]


def test_the_page_is_small(plant, text):
    assert len(text.encode()) < 1_100_000
    many = plant.transformer(84, roles=("query", "key", "value", "output", "up", "down"))
    assert len(report(many).encode()) < 3_000_000
    bulk = {
        f"marchenko_pastur_{field}": {"value": value, "params": '{"convention":"theodolite"}'}
        for field, value in {"variance": 0.9123456, "spikes": 3.0, "edge": 645.123456, "soft_rank": 0.9123456}.items()
    }
    traps = {name: v for name, v in plant.by_verdict["trap"].items() if name.startswith("correlation_traps")}
    more = [row for one in many.targets if one.fingerprint for row in plant.rows(one, **bulk, **traps)]
    full = report(Readings(many.targets, [*many.rows, *more], many.array))
    assert full.count('"says":"3 spikes"') == 505
    assert len(full.encode()) < 3_000_000


def test_equal_readings_give_equal_pages(plant, text):
    assert report(plant.transformer(4)) == text
