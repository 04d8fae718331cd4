"""Profiles of dimensions: what stands in them, over scales, in words, and as JSON."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.study import DimensionProfile, dimensions, dimensions_of
from theodolite.surveys import Survey

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
    frame = found.frame()
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


def test_words_name_the_least_and_the_most(found):
    first, *told = found.explain().splitlines()
    assert first == "4 clouds of 30 to 240 rows."
    value = found.values("two_nn")
    assert told[0].startswith(f"two_nn: from {value[0]:.3g} (standard error ")
    assert told[0].endswith(" (block.3).")
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


def test_pairs_in_the_same_folder_are_left_apart(layers, tmp_path):
    live = {name: points for name, points in layers.items() if name != "dead"}
    pairs = td.all_pairs({"net": live}, measures=["cka"], store=tmp_path / "run")
    td.dimensions({"net": live}, measures=["two_nn"], store=tmp_path / "run")
    assert list(dimensions_of(td.read_run(tmp_path / "run")).profile) == ["two_nn"]
    again = td.all_pairs({"net": live}, measures=["cka"], store=tmp_path / "run")
    np.testing.assert_array_equal(again.matrix(), pairs.matrix())


def test_several_models_and_a_seed(layers):
    shown = dimensions({"one": layers, "two": layers}, measures=Survey.of(["two_nn"], seed=4, layers="block.1"))
    assert shown.names == ("one:block.1", "two:block.1")
    assert shown.explain().startswith("2 clouds of 2 models of 240 rows.")
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
