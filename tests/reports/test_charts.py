"""Charts as data: what they encode, that their schema accepts them, and that the page's libraries can draw them."""

import json
import re

import altair as alt
import numpy as np
import pytest
import vl_convert

from theodolite.core import Readings
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.reports import charts, judge
from theodolite.reports.charts.bulk import marchenko_pastur_quantiles
from theodolite.reports.charts.quantities import QUANTITIES
from theodolite.reports.charts.rows import places, roles_of
from theodolite.reports.charts.spectrum import MOST_POINTS, log_spaced_ranks
from theodolite.reports.charts.theme import SHAPES, VARIABLES, vega_config
from theodolite.reports.questions import NO_FINDING, VERDICTS

ALPHA, SHARE = QUANTITIES[0], QUANTITIES[2]
LAYER_CHARTS = (charts.verdict_map, charts.depth_chart, charts.role_chart)


@pytest.fixture(scope="module")
def judged(plant):
    return judge(plant.transformer(4))


@pytest.fixture(scope="module")
def rows(judged):
    return charts.chart_rows(judged, ALPHA)


def marks(spec: dict) -> list[dict]:
    """Every unit of a chart, however deep."""
    if "spec" in spec:
        return marks(spec["spec"])
    return [unit for layer in spec["layer"] for unit in marks(layer)] if "layer" in spec else [spec]


@pytest.mark.parametrize("draw", LAYER_CHARTS)
@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.key)
def test_charts_of_layers_fit_their_schema_and_have_one_chosen_layer_at_the_top(draw, quantity, rows):
    for data in (None, rows):
        spec = draw(quantity, data).to_dict(validate=True)
        assert {"name": "chosen", "value": -1} in spec["params"]
        conditions = json.dumps([mark["encoding"] for mark in marks(spec)])
        assert "datum.i === chosen" in conditions


def test_the_page_fills_in_named_data_and_figures_carry_their_own(rows):
    for draw in LAYER_CHARTS:
        assert draw(ALPHA).to_dict()["data"] == {"name": "layers"}
        assert draw(ALPHA, rows).to_dict()["data"]["values"] == rows
    empty = charts.spectrum_chart().to_dict(validate=True)
    named = {mark["data"]["name"] for mark in marks(empty)}
    assert named == {"points", "balanced", "spikes", "tail", "chance", "bulk", "edge"}


@pytest.mark.parametrize("draw", [charts.depth_chart, charts.role_chart, charts.verdict_map])
def test_a_verdict_is_told_by_shape_and_colour_everywhere(draw, rows):
    signs = [mark["encoding"] for mark in marks(draw(ALPHA, rows).to_dict()) if "shape" in mark["encoding"]]
    assert signs
    for encoding in signs:
        for channel in ("color", "shape"):
            assert encoding[channel]["field"] == "verdict"
            assert encoding[channel]["scale"]["domain"] == list(VERDICTS)


def test_the_theme_has_a_shape_and_a_colour_for_every_verdict():
    assert list(SHAPES) == list(VERDICTS)
    assert len(set(SHAPES.values())) == len(VERDICTS)
    for theme in (charts.LIGHT, charts.DARK, VARIABLES):
        assert list(theme.verdicts) == list(VERDICTS)
        assert len(vega_config(theme)["range"]["category"]) == len(VERDICTS)
    assert charts.LIGHT.colours().keys() == charts.DARK.colours().keys() == VARIABLES.colours().keys()
    assert VARIABLES.colours()["ink"] == "var(--ink)"


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: str, ground: str, opacity: float) -> str:
    pairs = zip(*((int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (colour, ground)), strict=True)
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", [charts.LIGHT, charts.DARK], ids=lambda theme: theme.name)
def test_text_and_signs_can_be_told_from_their_ground(theme):
    for ground in (theme.paper, theme.panel):
        assert all(contrast(text, ground) >= 4.5 for text in (theme.ink, theme.muted, theme.accent))
        assert all(contrast(sign, ground) >= 3 for sign in theme.verdicts.values())
    strongest = max(charts.verdict_map(ALPHA).to_dict()["layer"][0]["encoding"]["opacity"]["scale"]["range"])
    assert contrast(theme.ink, mixed(theme.tone, theme.panel, strongest)) >= 4.5


def test_the_bundle_speaks_the_version_that_the_charts_are_written_in():
    newest = vl_convert.get_vegalite_versions()[-1]
    assert alt.SCHEMA_VERSION.startswith(f"v{newest}."), "altair and vl-convert-python are a pair"


@pytest.mark.parametrize("draw", LAYER_CHARTS)
def test_charts_compile_to_vega(draw, rows):
    compiled = vl_convert.vegalite_to_vega(draw(ALPHA, rows).to_dict())
    assert [signal for signal in compiled["signals"] if signal["name"] == "chosen"] == [{"name": "chosen", "value": -1}]


def test_rows_hold_what_was_read(judged, rows):
    first = next(row for row in rows if row["layer"] == "h.0.up")
    assert first == {
        "i": 2, "layer": "h.0.up", "role": "up", "role_order": 2, "order": 0, "place": "0", "apart": False,
        "verdict": "low rank", "value": 3.0, "low": 2.5, "high": 3.5, "chance": 7.1, "percentile": 0.5,
    }  # fmt: skip
    shares = charts.chart_rows(judged, SHARE)
    assert shares[2]["value"] == 30 / 128
    assert shares[2]["chance"] == 110 / 128
    assert shares[2]["percentile"] == 0.5


def test_a_logarithmic_axis_leaves_out_what_it_can_not_show(plant):
    zero = judge(plant.readings_of({"spectral_norm": {"value": 0.0}}))
    norm = next(quantity for quantity in QUANTITIES if quantity.name == "spectral_norm")
    assert norm.scale == "log"
    assert charts.chart_rows(zero, norm) == []


def test_places_are_blocks_where_they_tell_layers_apart(plant):
    def where(*about):
        layers = [plant.layer(f"l{i}", role=role, block=block) for i, (role, block) in enumerate(about)]
        rows = [row for one in layers for row in plant.rows(one, **plant.by_verdict["no finding"])]
        return places(judge(Readings(layers, rows)))

    assert where(("query", 0), ("up", 0), ("query", 1), ("other", None), ("other", None)) == (
        [(0, "0"), (0, "0"), (1, "1"), (2, "–"), (3, "– 2")], "block",
    )  # fmt: skip
    assert where(("conv", 0), ("conv", 0), ("conv", 1))[0] == [(1, "1"), (2, "2"), (3, "3")]
    assert where(("conv", None), ("head", None))[0] == [(1, "1"), (1, "1")]
    assert where() == ([], "place among the layers of its role")


def test_roles_stand_in_the_order_of_the_network(judged, plant):
    assert roles_of(judged) == ["embedding", "query", "up"]
    unknown = [plant.layer(str(i), role=role) for i, role in enumerate(("zeta", "down", "alpha", "key"))]
    rows = [row for one in unknown for row in plant.rows(one, **plant.by_verdict["no finding"])]
    assert roles_of(judge(Readings(unknown, rows))) == ["key", "down", "zeta", "alpha"]


def test_marks_without_a_number_are_left_out(judged, rows):
    def names(data):
        return [layer.get("name") for layer in charts.depth_chart(ALPHA, data).to_dict()["spec"]["layer"]]

    bare = [row | {"chance": None} for row in rows]
    assert {"chance", "low"} <= set(names(rows))
    assert "chance" not in names(bare)
    assert "low" in names(bare)


def test_no_finding_has_no_sign_on_the_map(rows):
    spec = charts.verdict_map(ALPHA, rows).to_dict()
    filters = [mark["transform"] for mark in marks(spec) if "shape" in mark["encoding"]]
    assert filters == [[{"filter": f"(datum.verdict !== '{NO_FINDING}')"}]]


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 384, 1000, 50_000])
def test_ranks_are_few_spread_evenly_in_the_logarithm_and_hold_both_ends(count):
    ranks = log_spaced_ranks(count)
    assert ranks[0] == 1
    assert ranks[-1] == count
    assert list(ranks) == sorted(set(ranks))
    assert len(ranks) == min(count, MOST_POINTS)
    if count >= 10_000:
        steps = np.diff(np.log(np.array(ranks[150:], dtype=float)))
        assert steps.max() < 1.5 * steps.min()


@pytest.mark.parametrize("shape", [(600, 600), (400, 1600)])
def test_the_chance_curve_is_what_large_gaussian_matrices_show(shape):
    drawn = np.sort(np.concatenate([gaussian_eigenvalues(shape, seed) for seed in range(20)]) / shape[1])[::-1]
    law = marchenko_pastur_quantiles(shape[0] / shape[1])
    for value, above in law:
        if 0.01 <= above <= 0.95:
            assert np.mean(drawn >= value) == pytest.approx(above, abs=0.005)
    assert law[0][0] == pytest.approx((1 + np.sqrt(shape[0] / shape[1])) ** 2)


def test_a_spectrum_has_its_tail_where_the_fit_has_it(plant):
    size, alpha = 1000, 3.0
    # Eigenvalues whose number above x is exactly size · x^(1 - alpha), so that the line goes through the points.
    values = (np.arange(1, size + 1) / size) ** (1 / (1 - alpha))
    one = plant.layer(shape=(size, size))
    fit = {
        "power_law_alpha": {"value": alpha, "array": "#eigenvalues"},
        "power_law_xmin": {"value": float(values.min())},
    }
    readings = Readings([one], plant.rows(one, **fit), {"#eigenvalues": values}.__getitem__)
    data = charts.spectrum_data(readings, judge(readings)[0].layer)
    (x0, y0), (x1, y1) = data.tail
    assert (x0, y0) == (values.min(), size)
    assert y1 == pytest.approx(1.0)
    assert x1 == values.max()
    for x, rank in zip(data.eigenvalues, data.ranks, strict=True):
        assert rank == pytest.approx(y0 * (x / x0) ** (1 - alpha))
    assert len(data.ranks) <= MOST_POINTS
    assert data.ranks[-1] == 980
    total = sum(values)
    assert data.chance[0][0] == pytest.approx(4 * total / size)


def test_the_line_of_a_tail_stops_at_half_an_eigenvalue(plant):
    one = plant.layer(shape=(100, 100))
    fit = {"power_law_alpha": {"value": 6.0, "array": "#eigenvalues"}, "power_law_xmin": {"value": 1.0}}
    readings = Readings([one], plant.rows(one, **fit), {"#eigenvalues": np.linspace(0.5, 50, 100)}.__getitem__)
    assert charts.spectrum_data(readings, judge(readings)[0].layer).tail[1][1] == pytest.approx(0.5)


def test_pooled_slices_have_a_chance_curve_and_other_counts_have_none(plant):
    values = np.ones(9 * 128) + np.arange(9 * 128)
    for columns, there in (
        ({"shape": (9, 128, 256), "view": "slices"}, True),
        ({"shape": (9, 128, 256), "view": "fft"}, False),
        ({"shape": (128, 256)}, False),
    ):
        one = plant.layer(**columns)
        readings = Readings(
            [one], plant.rows(one, power_law_alpha={"value": 3.0, "array": "#eigenvalues"}), lambda _: values
        )
        assert bool(charts.spectrum_data(readings, judge(readings)[0].layer).chance) is there


@pytest.mark.parametrize("values", [np.zeros(5), np.array([])])
def test_there_is_no_spectrum_without_a_positive_eigenvalue(plant, values):
    one = plant.layer()
    readings = Readings([one], plant.rows(one, stable_rank={"value": 1.0, "array": "#eigenvalues"}), lambda _: values)
    assert charts.spectrum_data(readings, judge(readings)[0].layer) is None


def test_there_is_no_spectrum_without_arrays(plant):
    one = plant.layer()
    for reference in ("", "#eigenvalues"):
        readings = Readings([one], plant.rows(one, stable_rank={"value": 1.0, "array": reference}))
        assert charts.spectrum_data(readings, judge(readings)[0].layer) is None


def test_charts_name_no_colour_themselves(rows):
    # Colours come from the theme, so that one chart serves light, dark and print.
    for draw in LAYER_CHARTS:
        spec = draw(ALPHA, rows).to_dict()
        spec.pop("config", None)
        assert not re.search(r"#[0-9a-fA-F]{6}\b", json.dumps(spec))
