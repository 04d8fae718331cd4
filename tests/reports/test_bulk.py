"""The fitted bulk on a spectrum: the law that was fitted, where it ends, and what lies beyond."""

import json

import numpy as np
import pytest

from theodolite.core import ReadingRow, Readings
from theodolite.reports import charts, figure, judge, report
from theodolite.reports.charts.bulk import LEAST_RANK, drawn_bulk, marchenko_pastur_quantiles
from theodolite.surveys import survey

POOLED = '{"convention":"weightwatcher"}'


def drawn(readings: Readings) -> charts.SpectrumData:
    return charts.spectrum_data(readings, judge(readings)[0].layer)


@pytest.mark.parametrize("shape", [(128, 256), (256, 128), (200, 200)])
@pytest.mark.parametrize("spikes", [0, 1, 10])
def test_the_curve_lies_on_the_eigenvalues_of_the_bulk(plant, shape, spikes):
    data = drawn(plant.with_bulk(shape, spikes))
    short, long = sorted(shape)
    x, y = np.array(data.bulk.curve).T
    # The law of a matrix with a row and a column less for every spike, in the units of the eigenvalues.
    assert data.bulk.edge == pytest.approx(0.09 * (np.sqrt(short - spikes) + np.sqrt(long - spikes)) ** 2)
    assert x[0] == data.bulk.edge
    assert y[0] == max(spikes, LEAST_RANK)
    assert np.all(np.diff(x) < 0)
    assert np.all(np.diff(y) >= 0)
    for value, rank in zip(data.eigenvalues, data.ranks, strict=True):
        if x[-1] < value < x[0]:
            assert abs(np.interp(-value, -x, y) - rank) < 0.03 * short


def test_spikes_are_the_largest_and_lie_beyond_the_edge(plant):
    data = drawn(plant.with_bulk(spikes=5))
    rows = data.rows()
    assert [row["y"] for row in rows["spikes"]] == [1, 2, 3, 4, 5]
    assert [row["y"] for row in rows["points"]] == list(data.ranks[5:])
    assert min(row["x"] for row in rows["spikes"]) > 2 * data.bulk.edge
    assert rows["edge"] == [{"x": data.bulk.edge, "says": "edge, 5 spikes"}]
    # Six would have been one too many: the sixth lies where the law ends.
    assert rows["points"][0]["x"] == pytest.approx(data.bulk.edge, rel=0.1)


@pytest.mark.parametrize(("spikes", "says"), [(0, "edge, no spikes"), (1, "edge, 1 spike"), (2, "edge, 2 spikes")])
def test_spikes_are_counted_in_words(plant, spikes, says):
    rows = drawn(plant.with_bulk(spikes=spikes)).rows()
    assert rows["edge"][0]["says"] == says
    assert len(rows["spikes"]) == spikes


def test_a_fitted_bulk_takes_the_place_of_chance_and_nothing_else(plant):
    with_it = plant.with_bulk()
    without = Readings(with_it.targets, [r for r in with_it.rows if r.measure != "marchenko_pastur"], with_it.array)
    fitted, plain = drawn(with_it), drawn(without)
    assert (fitted.chance, plain.bulk) == ((), None)
    assert plain.chance
    assert fitted.eigenvalues == plain.eigenvalues
    assert fitted.tail == plain.tail
    assert plain.rows()["spikes"] == plain.rows()["edge"] == plain.rows()["bulk"] == []
    assert len(plain.rows()["points"]) == len(plain.ranks)


def test_a_refused_fit_leaves_chance(plant):
    read = plant.with_bulk()
    kept = [row for row in read.rows if row.measure != "marchenko_pastur"]
    refused = [
        ReadingRow(target=read.targets[0].target, measure="marchenko_pastur", field=field, outcome="NO_SPREAD")
        for field in ("variance", "spikes")
    ]
    data = drawn(Readings(read.targets, [*kept, *refused], read.array))
    assert data.bulk is None
    assert data.chance


def fit(plant, shape, values, view="matrix", params="{}", spikes=2.0, variance=1.0):
    one = plant.layer(shape=shape, view=view)
    numbers = {
        "marchenko_pastur_variance": {"value": variance, "params": params},
        "marchenko_pastur_spikes": {"value": spikes, "params": params},
    }
    return drawn_bulk(judge(Readings([one], plant.rows(one, **numbers)))[0].layer, np.asarray(values), 0.0)


def test_a_stack_has_a_single_law_only_where_it_was_pooled(plant):
    values = np.linspace(0.1, 30, 9 * 64)
    # Two slices together have fewer eigenvalues than columns: nothing but the rule keeps them apart.
    two = np.linspace(0.1, 30, 2 * 8)
    assert fit(plant, (2, 8, 100), two, "slices") is None
    assert fit(plant, (2, 8, 100), two, "slices", POOLED) is not None
    pooled = fit(plant, (9, 64, 100), values, "slices", POOLED)
    assert pooled.edge == pytest.approx((8 + 10) ** 2)
    assert pooled.spikes == 2
    assert pooled.curve[-1][1] == pytest.approx(2 + 0.9995 * (9 * 64 - 2))
    assert fit(plant, (9, 64, 100), values, "fft", POOLED) is None
    assert fit(plant, (64, 100), values) is None


def test_the_law_of_weightwatcher_is_that_of_the_whole_matrix(plant):
    values = np.linspace(0.1, 30, 64)
    assert fit(plant, (64, 100), values, params=POOLED, spikes=15.0).edge == pytest.approx((8 + 10) ** 2)
    assert fit(plant, (64, 100), values, spikes=15.0).edge == pytest.approx((49**0.5 + 85**0.5) ** 2)


def test_eigenvalues_of_zero_are_no_noise(plant):
    alive = np.linspace(1, 30, 36)
    dead = np.concatenate((np.zeros(28), alive))
    assert fit(plant, (64, 100), dead, spikes=0.0).edge == pytest.approx((6 + 10) ** 2)
    assert fit(plant, (64, 100), dead, spikes=36.0) is None


@pytest.fixture(scope="module")
def kernel() -> Readings:
    """The survey of a kernel whose centre is four times as strong as the other positions, and one direction more."""
    rng = np.random.default_rng(0)
    taps = rng.standard_normal((300, 64, 3, 3))
    taps[:, :, 1, 1] *= 4
    taps += 2 * np.multiply.outer(np.outer(*(rng.standard_normal(side) for side in (300, 64))), np.eye(3)) / 3
    return survey({"conv.weight": taps}, ["power_law", "marchenko_pastur"])


def test_an_unfolded_kernel_shows_what_its_bulk_was_fitted_to(kernel):
    data, spikes = drawn(kernel), kernel.where("marchenko_pastur.spikes").rows[0].value
    rows = data.rows()
    assert 0 < spikes < 20
    assert [row["y"] for row in rows["spikes"]] == list(range(1, int(spikes) + 1))
    assert min(row["x"] for row in rows["spikes"]) > data.bulk.edge
    # No other of them lies beyond the edge by more than noise does, and the law lies on them.
    assert max(row["x"] for row in rows["balanced"]) < 1.05 * data.bulk.edge
    x, y = np.array(data.bulk.curve).T
    inside = [(row["x"], row["y"]) for row in rows["balanced"] if x[-1] < row["x"] < x[0]]
    assert max(abs(np.interp(-value, -x, y) - rank) for value, rank in inside) < 0.03 * 300
    # The layer's own eigenvalues are all there, and many lie beyond an edge that isn't theirs.
    assert [row["y"] for row in rows["points"]] == list(data.ranks)
    assert sum(row["x"] > 1.05 * data.bulk.edge for row in rows["points"]) > spikes + 20
    spec = charts.spectrum_chart(data).to_dict(validate=True)
    assert "balanced" in {unit["data"]["name"] for unit in spec["layer"]}


def test_the_page_holds_no_more_than_so_many_of_both(kernel):
    text = report(kernel)
    data = json.loads(text.split('<script type="application/json" id="survey">')[1].split("</script>")[0])
    (spectrum,) = data["spectra"]
    assert 200 < len(spectrum["points"][0]) <= 256
    assert 100 < len(spectrum["balanced"][0]) == len(spectrum["balanced"][1]) <= 128


def test_a_kernel_whose_second_spectrum_is_gone_is_still_drawn(kernel):
    def load(reference):
        if reference.endswith("#balanced_eigenvalues"):
            raise LookupError(reference)
        return kernel.array(reference)

    data = drawn(Readings(kernel.targets, kernel.rows, load))
    assert data.balanced == ()
    assert data.eigenvalues == drawn(kernel).eigenvalues


def test_a_picture_of_a_bulk_fits_its_schema_and_leaves_out_what_it_has_not(plant):
    def names(readings):
        spec = charts.spectrum_chart(drawn(readings)).to_dict(validate=True)
        return {unit["data"]["name"] for unit in spec["layer"]}

    assert names(plant.with_bulk()) == {"points", "spikes", "tail", "bulk", "edge"}
    assert names(plant.with_bulk(spikes=0)) == {"points", "tail", "bulk", "edge"}
    assert names(plant.transformer(1)) == {"points", "tail", "chance"}


def test_spikes_are_told_by_shape_and_not_by_colour_alone():
    units = {u["data"]["name"]: u["mark"] for u in charts.spectrum_chart().to_dict()["layer"] if "filled" in u["mark"]}
    assert units["points"]["shape"] != units["spikes"]["shape"]
    assert (units["points"]["filled"], units["spikes"]["filled"]) == (True, False)


def test_the_page_holds_the_bulk_in_few_numbers(plant):
    text = report(plant.with_bulk())
    data = json.loads(text.split('<script type="application/json" id="survey">')[1].split("</script>")[0])
    (spectrum,) = data["spectra"]
    assert (spectrum["spikes"], spectrum["says"]) == (5, "5 spikes")
    assert spectrum["edge"] == pytest.approx(drawn(plant.with_bulk()).bulk.edge, rel=1e-3)
    assert spectrum["chance"] == [[], []]
    assert 20 < len(spectrum["bulk"][0]) == len(spectrum["bulk"][1]) <= 50
    assert "Where a bulk was fitted" in text.replace("<strong>", "").replace("</strong>", "")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_counts_the_spikes(plant, tmp_path, theme):
    path = figure(plant.with_bulk(), "spectrum", tmp_path / "s.svg", theme=theme)
    assert "edge, 5 spikes" in path.read_text(encoding="utf-8")


def test_the_curve_is_dense_at_both_ends():
    value, above = np.array(marchenko_pastur_quantiles(1.0)).T
    assert np.max(-np.diff(np.log(value))) < 1.6
    assert np.min(above[1:]) <= 1e-4
