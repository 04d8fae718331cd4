"""The page in a real browser: no error, nothing fetched, and table, charts and keys choose the same layer."""

import itertools
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

import theodolite as td
from theodolite.reports import (
    corpus_report,
    dimension_report,
    report,
    similarity_report,
    text_dimension_report,
    track_report,
    width_report,
)

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "--window-size=1280,1600",
)  # fmt: skip
PATIENCE = 60


class Browser:
    """Chromium over its debugging pipe: commands in, answers and events out, each ended by a zero byte."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # The browser reads commands from its file 3 and writes answers to its file 4.
        plumbing = f'exec 3<&{to_read} 4>&{to_write}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", plumbing, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._ids = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._from], [], [], PATIENCE)[0], "the browser doesn't answer"
            read = os.read(self._from, 1 << 20)
            assert read, "the browser has gone"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def ask(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until something holds, and give it back."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.ask(expression)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never came true: {expression}")

    def open(self, path: Path, charts: int = 4) -> None:
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        drawn = f"document.querySelectorAll('figure svg').length === {charts}"
        self.until(f"document.readyState === 'complete' && {drawn}")

    def click(self, expression: str) -> None:
        """Click into the middle of an element, as a hand would."""
        box = self.ask(
            f"(() => {{ const e = {expression}; e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            buttons = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], **buttons)

    def press(self, key: str) -> None:
        codes = {"ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "ArrowLeft": 37, "End": 35, "Home": 36, "Enter": 13}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    @property
    def chosen(self) -> str:
        return self.ask("document.getElementById('layer-name').textContent")

    @property
    def complaints(self) -> list[dict[str, Any]]:
        loud = {"Runtime.exceptionThrown", "Log.entryAdded"}
        said = [e for e in self.events if e["method"] == "Runtime.consoleAPICalled" and e["params"]["type"] != "log"]
        return [event for event in self.events if event["method"] in loud] + said

    @property
    def fetched(self) -> list[str]:
        sent = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("file:", "data:"))]


# The frame of the chosen cell on the map, and the ring around the chosen point of another chart.
FRAMED = "[...document.querySelectorAll('#map svg path')].filter(p => p.getAttribute('stroke-opacity') === '1').length"
PLACE = (
    "(id => JSON.stringify([...document.querySelectorAll(`#${id} svg path`)].filter(p => p.getAttribute('stroke') =="
    "= 'var(--accent)' && !['0'].includes(p.getAttribute('opacity')) && p.getAttribute('stroke-opacity') !== '0')"
    ".map(p => p.getAttribute('transform') ?? p.getAttribute('d'))))"
)
SET = "((id, v, e) => { const i = document.getElementById(id); i.value = v; i.dispatchEvent(new Event(e)); })"
SELECTED = "[...document.querySelectorAll('#table tr[aria-selected=true]')].map(r => r.firstChild.textContent).join()"


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def path(plant, tmp_path_factory) -> Path:
    return report(plant.transformer(4, model="first") + plant.transformer(3, model="second"),
                  tmp_path_factory.mktemp("page") / "report.html")  # fmt: skip


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Browser]:
    browser.open(path)
    yield browser
    assert browser.complaints == []
    assert browser.fetched == []


def test_the_page_opens_on_a_layer_with_a_finding(page):
    assert page.chosen == "h.0.query"
    assert page.ask("document.querySelectorAll('#table tr[data-layer]').length") == 9
    assert page.ask("document.getElementById('layer-verdict').textContent") == "heavier than 2"
    assert page.ask(FRAMED) == 1
    assert page.ask("getComputedStyle(document.querySelector('.panel')).borderRadius") == "10px"


def test_a_row_chooses_in_the_charts(page):
    before = {chart: page.ask(f"{PLACE}('{chart}')") for chart in ("map", "depth", "roles")}
    page.click("[...document.querySelectorAll('#table tr[data-layer]')].find(r => r.textContent.startsWith('h.2.up'))")
    assert page.chosen == "h.2.up"
    for chart, place in before.items():
        page.until(f"{PLACE}('{chart}') !== {json.dumps(place)}")
    assert page.ask(SELECTED) == "h.2.up"
    assert page.ask(FRAMED) == 1


@pytest.mark.parametrize("chart", ["map", "depth", "roles"])
def test_a_mark_chooses_in_the_table(page, chart):
    marks = f"[...document.querySelectorAll('#{chart} svg path')]"
    wanted = f"{marks}.find(p => /layer: h\\.3\\.up;/.test(p.getAttribute('aria-label')))"
    assert page.ask(f"Boolean({wanted})")
    page.click(wanted)
    page.until("document.getElementById('layer-name').textContent === 'h.3.up'")
    assert page.ask(SELECTED) == "h.3.up"


def test_keys_choose_in_the_table(page):
    page.click("[...document.querySelectorAll('#table tr[data-layer]')].find(r => r.textContent.startsWith('h.0.up'))")
    page.press("ArrowDown")
    assert page.chosen == "h.1.query"
    page.press("ArrowUp")
    page.press("ArrowUp")
    assert page.chosen == "h.0.query"
    page.press("End")
    assert page.chosen == "h.3.up"
    assert page.ask("document.activeElement.getAttribute('aria-selected')") == "true"


def test_keys_choose_on_the_map(page):
    page.ask("document.getElementById('map').focus()")
    page.press("ArrowRight")
    assert page.chosen == "h.1.query"
    page.press("ArrowDown")
    assert page.chosen == "h.1.up"
    page.press("ArrowLeft")
    assert page.chosen == "h.0.up"
    page.until(f"{FRAMED} === 1")


def test_the_table_sorts_and_filters(page):
    first = "document.querySelector('#table tr[data-layer]').firstChild.textContent"
    heading = "[...document.querySelectorAll('#table th button')].find(b => b.textContent === 'alpha')"
    page.click(heading)
    assert page.ask("document.querySelector('#table th[aria-sort]').getAttribute('aria-sort')") == "ascending"
    assert page.ask(first) == "h.0.query"
    page.click(heading)
    assert page.ask(first) == "embed"
    page.ask(SET + "('find', 'UP', 'input')")
    assert page.ask("document.querySelectorAll('#table tr[data-layer]').length") == 4
    assert page.ask("document.getElementById('shown').textContent") == "4 of 9 layers"
    page.ask(SET + "('verdict', '2', 'change')")
    assert page.ask(
        "[...document.querySelectorAll('#table .verdict')].every(v => v.textContent.startsWith('low rank'))"
    )


def test_another_model_and_another_quantity_are_a_click_away(page):
    page.click("document.querySelector('[data-show-model=\"1\"]')")
    assert page.ask("[...document.querySelectorAll('h1')].filter(h => h.offsetParent).map(h => h.textContent)") == [
        "second"
    ]
    assert page.ask("document.querySelectorAll('#table tr[data-layer]').length") == 7
    page.ask(SET + "('quantity', '2', 'change')")
    page.until("document.querySelector('#roles svg').textContent.includes('effective rank / n')")


def test_dark_is_a_choice_and_print_is_light(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.ask(ground)
    page.click("document.getElementById('theme')")
    page.click("document.getElementById('theme')")
    assert page.ask("document.documentElement.dataset.theme") == "dark"
    assert page.ask(ground) != light
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.ask("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fbfaf7"
    page.call("Emulation.setEmulatedMedia", media="")
    page.ask("localStorage.clear()")


def test_the_policy_holds_in_the_browser(page):
    page.ask(
        "(s => { s.textContent = 'window.broken = 1'; document.body.append(s); })(document.createElement('script'))"
    )
    assert page.ask("window.broken === undefined")
    assert any("Content Security Policy" in str(event) for event in page.complaints)
    page.events.clear()


def test_five_hundred_layers_are_light(browser, plant, tmp_path):
    many = plant.transformer(84, roles=("query", "key", "value", "output", "up", "down"))
    browser.open(report(many, tmp_path / "many.html"))
    assert browser.ask("document.querySelectorAll('#table tr[data-layer]').length") < 150
    browser.ask("document.getElementById('table').scrollTop = 1e6")
    browser.until("[...document.querySelectorAll('#table tr[data-layer]')].at(-1).textContent.startsWith('h.83.down')")
    browser.ask("dispatchEvent(new Event('beforeprint'))")
    assert browser.ask("document.querySelectorAll('#table tr[data-layer]').length") == 505
    assert browser.ask("document.querySelectorAll('#depth .role-frame, #depth svg g.mark-group').length") < 100
    assert browser.complaints == []


def test_a_fitted_bulk_is_drawn_and_its_spikes_are_counted(browser, plant, tmp_path):
    browser.open(report(plant.with_bulk(spikes=5), tmp_path / "bulk.html"))
    assert "5 spikes beyond the edge" in browser.ask("document.getElementById('spectrum-key').textContent")
    assert "edge, 5 spikes" in browser.ask("document.querySelector('#spectrum svg').textContent")
    hollow = "[...document.querySelectorAll('#spectrum svg path')].filter(p => p.getAttribute('fill') === 'transparent'"
    assert browser.ask(f"{hollow} && /rank: /.test(p.getAttribute('aria-label'))).length") == 5
    assert browser.ask("[...document.querySelectorAll('#values dl')].map(d => d.textContent).includes('spikes5')")
    assert browser.complaints == []


def test_traps_stand_in_the_panel_of_the_layer_and_can_be_filtered(browser, plant, tmp_path):
    browser.open(report(plant.transformer(2, verdicts=["trap"]), tmp_path / "traps.html"))
    assert browser.ask("document.getElementById('layer-verdict').textContent") == "trap"
    last = "[...document.querySelectorAll('#layer-answers .answer-row')].at(-1).textContent"
    assert browser.ask(last).startswith("Trap? yes2 eigenvalues stand out of the bulk in at least 95 % of 20 shuffles")
    browser.ask(SET + "('verdict', '3', 'change')")
    assert browser.ask("document.getElementById('shown').textContent") == "4 of 5 layers"
    options = "[...document.querySelectorAll('#verdict option')].map(o => o.textContent).join()"
    assert "trap" in browser.ask(options)
    browser.open(report(plant.transformer(2), tmp_path / "plain.html"))
    assert "trap" not in browser.ask(options)
    assert browser.complaints == []


def test_names_stay_text_in_the_browser(browser, plant, tmp_path):
    evil = "</script><img src=x onerror=window.broken=1>"
    browser.open(report(plant.transformer(2, model=evil, roles=(evil, "up")), tmp_path / "evil.html"))
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.ask("window.broken === undefined")
    assert evil in browser.ask("document.getElementById('layer-name').textContent")
    assert browser.complaints == []


def test_a_corpus_is_chosen_from_in_words_numbers_and_pictures(browser, corpus, tmp_path):
    # Without motion, so that nothing scrolls away from under a click.
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    browser.open(corpus_report(corpus, tmp_path / "corpus.html"), charts=2)
    name = "document.getElementById('metric-name').textContent"
    scatter = "document.querySelector('#scatter svg')"
    assert browser.ask(name) == "shape"
    assert browser.ask(f"{scatter}.textContent.includes('shape') && {scatter}.textContent.includes('accuracy')")
    points = (
        "[...document.querySelectorAll('#scatter svg path')].filter(p => /model: /.test(p.getAttribute('aria-label')))"
    )
    assert browser.ask(f"{points}.length") == 24
    colours = browser.ask(f"[...new Set({points}.map(p => p.getAttribute('fill')))].sort().join()")
    assert colours == "var(--group-0),var(--group-1),var(--group-2)"
    browser.click("document.querySelector('tr [data-metric=\"1\"]')")
    browser.until(f"{name} === 'scale' && {scatter}.textContent.includes('scale')")
    assert browser.ask("document.querySelector('tr[aria-selected=true]').textContent").startswith("scale")
    dots = "[...document.querySelectorAll('#dots svg path')]"
    browser.click(f"{dots}.find(p => /metric: shape;.* over: a;/.test(p.getAttribute('aria-label')))")
    browser.until(f"{name} === 'shape'")
    browser.ask("document.getElementById('dots').focus()")
    browser.press("ArrowDown")
    browser.until(f"{name} === 'scale'")
    assert browser.complaints == []
    assert browser.fetched == []
    browser.call("Emulation.setEmulatedMedia", features=[])


def test_a_family_of_widths_is_drawn_without_any_network(browser, tmp_path):
    models = [{"up.weight": np.ones((2 * d, d)), "flat.weight": np.eye(d)} for d in (8, 16, 32)]
    browser.open(width_report(td.width_transfer(models), tmp_path / "width.html"), charts=3)
    assert browser.ask(
        "[...document.querySelectorAll('#slopes svg text')].map(t => t.textContent).includes('up.weight')"
    )
    assert browser.ask("document.querySelectorAll('#shapes svg').length") == 1
    browser.click("document.getElementById('theme')")
    browser.until("document.documentElement.dataset.theme === 'light'")
    assert browser.complaints == []
    assert browser.fetched == []


def test_a_training_is_drawn_without_any_network(browser, tmp_path):
    states = [{"up_proj.weight": np.diag(np.linspace(1, 2 + step, 12))} for step in range(3)]
    runs = [td.survey(state, ["stable_rank", "effective_rank"]) for state in states]
    browser.open(track_report(td.track(runs, steps=[0, 10, 20]), tmp_path / "track.html"), charts=3)
    for chart in ("model", "roles-0", "roles-1"):
        assert browser.ask(f"document.querySelectorAll('#{chart} svg .mark-line path').length") >= 1
    assert browser.ask("[...document.querySelectorAll('#model svg text')].map(t => t.textContent).includes('step')")
    assert browser.complaints == []
    assert browser.fetched == []


def test_representations_are_drawn_without_any_network(browser, tmp_path):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((40, 5))
    nets = {net: {f"l{k}": np.tanh((k + 1) * base @ rng.standard_normal((5, 6))) for k in range(3)} for net in "ab"}
    nets["b"]["dead"] = np.ones((40, 2))
    browser.open(similarity_report(td.all_pairs(nets, measures=["cka"]), tmp_path / "similarity.html"), charts=3)
    cells = "[...document.querySelectorAll('#map-0 svg .mark-rect path')]"
    assert browser.ask(f"{cells}.filter(p => /of: l0; and: l2; cka: /.test(p.getAttribute('aria-label'))).length") >= 1
    assert browser.ask("document.querySelectorAll('#tree svg .mark-line path').length") == 5
    assert browser.ask("[...document.querySelectorAll('#points svg text')].map(t => t.textContent).includes('l2')")
    assert browser.complaints == []
    assert browser.fetched == []


def test_dimensions_are_drawn_without_any_network(browser, tmp_path):
    rng = np.random.default_rng(0)
    layers = {f"l{k}": rng.random((80, k)) @ rng.standard_normal((k, 6)) for k in (1, 2, 3)} | {"dead": np.ones((9, 2))}
    found = td.dimensions({"net": layers}, measures=["two_nn", "gride"])
    browser.open(dimension_report(found, tmp_path / "dimension.html"), charts=2)
    assert browser.ask("document.querySelectorAll('#profile-0 svg .mark-symbol.role-mark path').length") == 6
    assert browser.ask("document.querySelectorAll('#profile-0 svg .mark-rule.role-mark line').length") == 6
    assert browser.ask("document.querySelectorAll('#curves-0 svg .mark-line path').length") == 3
    assert browser.ask("[...document.querySelectorAll('#profile-0 svg text')].map(t => t.textContent).includes('dead')")
    assert browser.complaints == []
    assert browser.fetched == []


def test_texts_are_drawn_without_any_network(browser, tmp_path, genres):
    browser.open(text_dimension_report(genres, tmp_path / "texts.html"), charts=11)
    points = "#texts-ph_dimension svg .mark-symbol.role-mark path"
    assert browser.ask(f"document.querySelectorAll('{points}').length") == 24 + 2, "a point for each text, two medians"
    assert browser.ask("document.querySelectorAll('#auc-mle svg .mark-rect.role-mark path').length") == 2
    assert browser.ask("[...document.querySelectorAll('#auc-mle svg text')].map(t => t.textContent).includes('1.00')")
    assert browser.complaints == []
    assert browser.fetched == []
