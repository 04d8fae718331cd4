"""Profiles of dimensions: what stands in them, over scales, in words, and as JSON."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.reports.dimension import profile_table
from theodolite.study import DimensionProfile, dimensions, dimensions_of
from theodolite.surveys import RunFolderError, Survey

MEASURES = ["two_nn", "mle[k=8]", "mle[k=16]", "decimation"]


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(5)
    made = {f"block.{k}": rng.random((240, k)) @ rng.standard_normal((k, 10)) for k in (1, 3, 2)}
    return made | {"dead": np.zeros((30, 4))}


@pytest.fixture(scope="module")
def found(layers):
    return dimensions({"net": layers}, measures=MEASURES)


def test_a_profile_has_a_number_for_each_measure_and_layer(found, layers):
    assert found.models == ("net",)
    assert found.names == ("block.1", "block.3", "block.2", "dead")
    assert found.rows == (240, 240, 240, 30)
    assert list(found.profile) == ["two_nn", "mle[k=8]", "mle[k=16]", "decimation"]
    assert all(one.field == "dimension" for one in found.profile.values())
    for name, direct in (
        ("two_nn", td.dimension.two_nn),
        ("mle[k=8]", lambda points: td.dimension.mle(points, k=8)),
        ("mle[k=16]", lambda points: td.dimension.mle(points, k=16)),
    ):
        expected = [float(direct(points).dimension) for points in list(layers.values())[:3]]
        np.testing.assert_allclose(found.values(name)[:3], expected, rtol=1e-9)
        np.testing.assert_array_less(found.values(name, "low")[:3], expected)
        np.testing.assert_array_less(expected, found.values(name, "high")[:3])
        assert np.isnan(found.values(name)[3])
    np.testing.assert_array_equal(found.values("two_nn.points"), [240, 240, 240, np.nan])
    np.testing.assert_array_equal(found.values(), found.values("two_nn.dimension"))


def test_the_table_has_the_layers_for_rows(found):
    frame = found.frame
    assert frame.loc["block.3", "rows"] == 240
    assert (
        frame.loc["block.3", "mle[k=8] low"] < frame.loc["block.3", "mle[k=8]"] < frame.loc["block.3", "mle[k=8] high"]
    )
    assert frame.loc["dead"].drop("rows").isna().all()


def test_curves_are_those_of_the_measure(found, layers):
    assert [(one.cloud, one.quantity) for one in found.curves] == [(f"net:block.{k}", "decimation") for k in (1, 3, 2)]
    seeds = {row.target: row for row in found.readings if row.measure == "decimation"}
    assert len(seeds) == 4
    for curve, points in zip(found.curves, layers.values(), strict=False):
        direct = td.dimension.decimation(points).extra
        assert curve.radii.shape == curve.dimensions.shape == curve.standard_errors.shape == direct["radii"].shape
        assert np.all(np.diff(curve.radii) > 0)
        # The first scale has all points in it, and nothing is drawn.
        assert curve.dimensions[0] == pytest.approx(direct["dimensions"][0], rel=1e-9)
        assert curve.standard_errors[0] == pytest.approx(direct["standard_errors"][0], rel=1e-6)
    gride = dimensions({"net": layers}, measures=["gride"])
    np.testing.assert_array_equal(gride.curves[1].plateau, td.dimension.gride(layers["block.3"]).extra["plateau"])
    assert dimensions({"net": layers}, measures=["two_nn"]).curves == ()


def test_a_layer_without_a_number_is_said_once_for_each_measure(found):
    assert [(name, count) for name, _, count in found.refusals] == [(name, 1) for name in found.profile]
    assert "distinct points" in found.refusals[0][1]
    assert found.reading("dead", "two_nn").outcome == "TOO_FEW_POINTS"
    assert found.reading("net:dead") is found.reading("dead")


def test_doubts_are_counted():
    rng = np.random.default_rng(0)
    shown = dimensions({"a": rng.standard_normal((60, 40)), "b": rng.standard_normal((70, 40))}, measures=["two_nn"])
    assert ("two_nn", 2) in [(name, count) for name, why, count in shown.doubts if "points" in why]


def test_a_doubt_names_its_clouds_and_casts_its_shadow_on_what_stands_for_the_measure():
    rng = np.random.default_rng(0)
    noisy = rng.random((1500, 2)) @ rng.standard_normal((2, 8)) + 0.03 * rng.standard_normal((1500, 8))
    shown = dimensions({"a": noisy, "b": rng.random((1500, 2))}, measures=["gride"])
    beside = {(row.target, row.field) for row in shown.readings.rows if row.outcome and row.value is not None}
    assert beside == {("arrays:a", "plateau")}
    assert [(name, clouds) for name, _, clouds in shown.doubtful] == [("gride.plateau", ("a",))]
    assert [shown.in_doubt(cloud, "gride") for cloud in shown.names] == [True, False]
    assert shown.in_doubt("a", "gride.plateau")
    _, rows = profile_table(shown)
    assert [row[-1][-1:] == "*" for row in rows] == [True, False]


def test_words_name_the_least_and_the_most(found):
    first, *told = found.explain().splitlines()
    assert first == "4 clouds of 30 to 240 rows; ± and brackets: the 95 % interval."
    ends = [found.values("two_nn", column)[:2] for column in ("value", "high")]
    (least, most), (above, over) = ends[0], ends[1] - ends[0]
    assert told[0] == f"two_nn: from {least:.3g} ± {above:.2g} (block.1) to {most:.3g} ± {over:.2g} (block.3)."
    assert sum("no number for 1 cloud." in line for line in told) == 4
    alone = dimensions({"one": np.random.default_rng(0).random((50, 2))}, measures=["two_nn"]).explain()
    assert " to " not in alone


def test_everything_as_json(found):
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["clouds"][1] == {
        "cloud": "net:block.3",
        "model": "net",
        "layer": "block.3",
        "shape": [240, 10],
    }
    assert told["profile"] == list(found.profile)
    by_name = {one["name"]: one for one in told["quantities"]}
    one = by_name["mle[k=16].dimension"]
    assert one["value"][:3] == found.values("mle[k=16]")[:3].tolist()
    assert (one["value"][3], one["outcome"][3]) == (None, "TOO_FEW_POINTS")
    assert one["params"]["k"] == 16
    assert one["unit"] == "dimensions"
    assert [curve["cloud"] for curve in told["curves"]] == ["net:block.1", "net:block.3", "net:block.2"]


def test_a_run_is_taken_up_again(layers, tmp_path):
    first = dimensions({"net": layers}, measures=MEASURES, store=tmp_path / "run")
    again = dimensions_of(td.read_run(tmp_path / "run"))
    assert isinstance(again, DimensionProfile)
    assert again.to_dict() == first.to_dict()
    narrow = dimensions({"net": layers}, measures=["two_nn"], store=tmp_path / "run")
    assert list(narrow.profile) == ["two_nn"], "what was asked, and not all that the folder holds"
    assert narrow.quantity().name == "two_nn.dimension"


def test_pairs_are_left_apart(layers, tmp_path):
    live = {name: points for name, points in layers.items() if name != "dead"}
    td.all_pairs({"net": live}, measures=["cka"], store=tmp_path / "pairs")
    td.dimensions({"net": live}, measures=["two_nn"], store=tmp_path / "clouds")
    both = td.read_run(tmp_path / "pairs") + td.read_run(tmp_path / "clouds")
    assert list(dimensions_of(both).profile) == ["two_nn"]
    with pytest.raises(RunFolderError, match="pairs of clouds"):
        td.dimensions({"net": live}, measures=["two_nn"], store=tmp_path / "pairs")


def test_several_models_and_a_seed(layers):
    shown = dimensions({"one": layers, "two": layers}, measures=Survey.of(["two_nn"], seed=4, layers="block.1"))
    assert shown.names == ("one:block.1", "two:block.1")
    assert shown.explain().startswith("2 clouds of 2 models of 240 rows; ")
    assert {row.seed for row in shown.readings} == {4}


def test_a_folder_with_two_seeds_gives_the_one_that_is_asked(layers, tmp_path):
    def drawn(seed):
        asked = Survey.of(["decimation[halvings=2]"], seed=seed, layers="block*")
        return dimensions({"net": layers}, asked, store=tmp_path / "run")

    first, second = drawn(1), drawn(2)
    assert {row.seed for row in second.readings} == {2}
    assert not np.array_equal(first.values(), second.values())
    np.testing.assert_array_equal(drawn(1).values(), first.values())


def test_names_that_are_none(found):
    with pytest.raises(ParameterError, match=r"'mle' may be mle\[k=8\], mle\[k=16\]; choose one"):
        found.values("mle")
    with pytest.raises(ParameterError, match="'two_n' was not read; did you mean 'two_nn'"):
        found.values("two_n")
    with pytest.raises(ParameterError, match=r"no cloud 'block\.4'; did you mean"):
        found.reading("block.4")
    with pytest.raises(ParameterError, match=r"column is 'sE'; choose from: .*se, value"):
        found.values("two_nn", "sE")


LABELLED = ["two_nn", "label_sharpness", "class_separability", "coding_rate"]


@pytest.fixture(scope="module")
def classed():
    rng = np.random.default_rng(8)
    labels = np.arange(90) % 3
    return {"a": rng.standard_normal((90, 4)) + labels[:, None], "b": rng.standard_normal((90, 7))}, labels


def test_labels_stand_beside_every_cloud(classed):
    clouds, labels = classed
    found = dimensions(clouds, LABELLED, labels=labels)
    assert [one.field for one in found.profile.values()] == ["dimension", "sharpness", "mean_length", "rate"]
    for name, points in clouds.items():
        direct = td.dimension.class_separability(points, labels)
        row = found.reading(name, "class_separability.fisher_ratio")
        assert row.value == pytest.approx(float(direct.fisher_ratio), rel=1e-9)
        assert found.reading(name, "label_sharpness").value == pytest.approx(
            float(td.dimension.label_sharpness(points, labels).sharpness), rel=1e-9
        )
        assert found.reading(name, "coding_rate.reduction").value > 0
    assert any(line.startswith("coding_rate.reduction: ") for line in found.explain().splitlines())
    without = dimensions(clouds, ["two_nn", "coding_rate"])
    assert without.reading("a", "coding_rate.reduction").outcome == "NEEDS_LABELS"
    assert "coding_rate.rate:" not in without.explain()
    assert without.by_labels == ()
    some = dimensions(clouds, ["class_separability"])
    assert some.by_labels == ("class_separability.entropy", "class_separability.clusters")
    assert "class_separability.clusters: " in some.explain()
    np.testing.assert_array_equal(without.values("two_nn"), found.values("two_nn"))


def test_labels_of_each_cloud_and_as_strings(classed):
    clouds, labels = classed
    whole = dimensions(clouds, ["label_sharpness"], labels=labels).values()
    told = {"arrays:a": labels.tolist(), "b": np.char.add("class ", labels.astype(str)), "other": [1]}
    np.testing.assert_array_equal(dimensions(clouds, ["label_sharpness"], labels=told).values(), whole)
    turned = dimensions(clouds, ["label_sharpness"], labels={"a": labels, "b": labels[::-1]}).values()
    assert turned[0] == whole[0]
    assert turned[1] == pytest.approx(float(td.dimension.label_sharpness(clouds["b"], labels[::-1]).sharpness))


def test_other_labels_are_other_readings(classed, tmp_path):
    clouds, labels = classed
    asked = ["two_nn", "label_sharpness"]
    first = dimensions(clouds, asked, labels=labels, store=tmp_path / "run")
    second = dimensions(clouds, asked, labels=labels // 2, store=tmp_path / "run")
    assert not np.array_equal(first.values("label_sharpness"), second.values("label_sharpness"))
    again = dimensions(clouds, asked, labels=labels, store=tmp_path / "run")
    assert again.to_dict() == first.to_dict()
    every = dimensions_of(td.read_run(tmp_path / "run"))
    assert len(every.profile) == 3
    assert sum(name.startswith("label_sharpness[labels=") for name in every.profile) == 2


@pytest.mark.parametrize(
    ("measures", "labels", "why"),
    [
        (["label_sharpness"], None, "label_sharpness needs labels beside the cloud"),
        (["two_nn"], [0, 1] * 45, r"no measure asked for looks at them \(two_nn\).* ask for class_separability"),
        (
            ["label_sharpness"],
            np.linspace(0, 1, 90),
            "expected whole numbers or strings, got float64; sort real numbers",
        ),
        (["label_sharpness"], ["a", 1] * 45, "some are strings and some are not"),
        (None, [0, 1] * 45, "no measure asked for looks at them"),
        (["label_sharpness"], [0, 1] * 40, "labels: 80 labels, and arrays:a has 90 rows; give one for each row"),
        (["label_sharpness"], {"a": [0, 1] * 45}, "labels: none are given for arrays:b"),
        (["label_sharpness"], np.zeros((90, 2)), r"expected one label for each row, got an array of shape \(90, 2\)"),
        (["label_sharpness"], 3, "got int"),
    ],
)
def test_labels_that_do_not_fit(classed, measures, labels, why):
    with pytest.raises(ParameterError, match=why):
        dimensions(classed[0], measures, labels=labels)


@pytest.mark.torch
def test_labels_of_all_examples_do_for_the_rows_that_were_kept(torch, tmp_path):
    from theodolite.sources import open_features, record_features

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))
    inputs = torch.randn(200, 3)
    labels = (inputs[:, 0] > 0).numpy().astype(int)
    recorded = record_features(net, inputs, rows=50)
    kept = next(iter(recorded.layers)).rows.index
    assert len(kept) == 50
    recorded.write(tmp_path / "f.safetensors")
    for features in (recorded, open_features(tmp_path / "f.safetensors")):
        found = dimensions(features, ["label_sharpness"], labels=labels)
        direct = [float(td.dimension.label_sharpness(features[name], labels[kept]).sharpness) for name in features]
        np.testing.assert_allclose(found.values(), direct, rtol=1e-9)
        np.testing.assert_array_equal(dimensions(features, ["label_sharpness"], labels=labels[kept]).values(), direct)
    with pytest.raises(ParameterError, match=r"120 labels, and .* has 50 rows, kept of 200 examples"):
        dimensions(recorded, ["label_sharpness"], labels=labels[:120])
    maps = record_features(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), torch.randn(9, 1, 6, 6), features="positions")
    with pytest.raises(ParameterError, match="its rows are positions 4 x 4: record one row for each example"):
        dimensions(maps, ["label_sharpness"], labels=labels[:9])
