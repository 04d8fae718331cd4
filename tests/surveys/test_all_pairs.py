"""All pairs of clouds: every number against a direct call, what is kept, what is resumed, what is refused."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Array, Cloud, CrossMoments, Field, Pair, ParameterError, measure, namespace
from theodolite.sources.features import Features, Layer, Origin, RowSet
from theodolite.sources.stored import StoredTensor
from theodolite.study import AllPairs, all_pairs, all_pairs_of
from theodolite.surveys import RunFolderError, Survey, clouds, read_run
from theodolite.surveys import all_pairs as running
from theodolite.surveys import shelf as shelving

INVARIANT = ("scale", "separate_scale", "translation", "rotation", "permutation", "order")
CALLS: list[tuple[str, tuple[int, int]]] = []


def _level(pair, parameters):
    return {"value": parameters["power"] / (pair.count - 1)}


@measure(cite="kornblith2019similarity", needs="moments", chance=_level)
def alike(
    pair: Pair, /, *, power: int = 1
) -> Annotated[
    Array, Field(unit="1", bounds=(0, 1), invariant_to=(*INVARIANT, "exchange"), varies=("linear",), of_itself=1.0)
]:
    """Biased linear CKA, to a power."""
    CALLS.append(("alike", pair.widths))
    moments = pair.moments
    xp = namespace(moments.cross)
    norms = [xp.sum(scatter * scatter) for scatter in moments.scatters]
    return (xp.sum(moments.cross * moments.cross) / xp.sqrt(norms[0] * norms[1])) ** power


@measure(cite="williams2021generalized", needs="rows", runs="host")
def lopsided(
    pair: Pair, /, *, rng: int = 0
) -> Annotated[
    Array,
    Field(unit="1", bounds=(0, None), invariant_to=("order",), varies=(*INVARIANT[:5], "linear", "exchange")),
]:
    """Distance of the first cloud's rows from multiples of the second's first column, with noise of its own."""
    CALLS.append(("lopsided", pair.widths))
    noise = np.random.default_rng(rng).standard_normal()
    return np.float64(abs(np.sum(pair.x.rows[:, 0] - 2 * pair.y.rows[:, 0])) + 1e-3 * noise)


@pytest.fixture
def nets():
    rng = np.random.default_rng(11)
    base = rng.standard_normal((30, 6))
    return {
        f"net{k}": base @ rng.standard_normal((6, 3 + k)) + 0.3 * rng.standard_normal((30, 3 + k)) for k in range(5)
    }


@pytest.fixture(autouse=True)
def _fresh():
    CALLS.clear()


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return np.sum((x.T @ y) ** 2) / np.sqrt(np.sum((x.T @ x) ** 2) * np.sum((y.T @ y) ** 2))


def test_every_pair_is_what_a_direct_call_gives(nets):
    found = td.all_pairs(nets, measures=[alike])
    expected = [[cka(x, y) for y in nets.values()] for x in nets.values()]
    np.testing.assert_allclose(found.matrix(), expected, rtol=1e-12)
    assert np.all(np.diag(found.matrix()) == 1.0)
    assert found.names == found.against == tuple(nets)
    assert len(CALLS) == 10, "symmetric: once for each two, and none with itself"
    assert len({row.key for row in found.readings}) == 10
    np.testing.assert_allclose(found.matrix(column="chance")[0, 1], 1 / 29)
    assert np.isnan(found.matrix(column="low")).all()
    assert found.frame().loc["net1", "net3"] == found.matrix()[1, 3]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("asked", "reference"),
    [
        ("angular_procrustes", "netrep_linear_angular_a1"),
        ("angular_cka[estimator=biased]", "netrep_cka_angle"),
        ("rsa[dissimilarity=euclidean]", "rsa_euclid_spearman_scipy"),
    ],
)
def test_twenty_layers_of_five_networks_are_as_netrep_and_scipy_have_them(shared, asked, reference):
    """Layers of transformers that add modulo 113, some wider than there are stimuli; matrices of other programs."""
    names = json.loads((shared / "reference" / "ref_similarity.json").read_text())["meta"]["names"]
    stored = np.load(shared / "reference" / "ref_similarity.npz")
    nets = {
        net: {layer: stored[f"mod/acts/{net}_{layer}"].astype(float) for layer in ("mid", "hid", "post", "logits")}
        for net in ("s0", "s1", "s2", "s3", "s4")
    }
    found = all_pairs(nets, measures=[asked])
    assert [name.replace(":", "_") for name in found.names] == names
    expected = stored[f"mod/D/{reference}"]
    off = ~np.eye(20, dtype=bool)
    np.testing.assert_allclose(found.matrix()[off], expected[off], atol=1e-9)


def of_pairs():
    return sorted(name for name, one in td.measures().items() if one.traits.views == (Pair,))


@pytest.mark.parametrize("name", of_pairs())
def test_every_measure_of_two_clouds_can_be_asked(nets, name):
    """With its defaults, and what a direct call gives; nothing fails, and nothing is left open."""
    few = {key: np.abs(nets[key][:, :3]) for key in ("net0", "net2", "net3")}
    found = all_pairs(few, measures=[name])
    assert not [row.note for row in found.readings if row.status == "failed"]
    direct = td.measures()[name](few["net0"], few["net2"])
    for quantity in found.quantities:
        row = found.reading("arrays:net0", "arrays:net2", quantity.name)
        number = direct if quantity.field == "value" else getattr(direct, quantity.field)
        number = getattr(number, "value", number)
        if row.value is not None:
            assert row.value == pytest.approx(float(number), abs=1e-12)
        assert found.matrix(quantity.name).shape == (3, 3)


def test_two_sets_make_a_rectangle_and_no_more(nets):
    first = dict(list(nets.items())[:2])
    found = td.all_pairs(first, nets, [alike])
    np.testing.assert_allclose(found.matrix(), [[cka(x, y) for y in nets.values()] for x in first.values()])
    assert found.matrix().shape == (2, 5)
    assert len(CALLS) == 10
    assert not found.square
    with pytest.raises(ParameterError, match="rows and columns are different clouds"):
        found.distances()


def test_what_minds_the_order_is_measured_both_ways_and_with_itself(nets):
    found = td.all_pairs(nets, measures=[lopsided])
    assert len(CALLS) == 25
    matrix = found.matrix()
    assert abs(matrix[0, 1] - matrix[1, 0]) > 1
    for i, x in enumerate(nets.values()):
        for j, y in enumerate(nets.values()):
            assert matrix[i, j] == pytest.approx(abs(np.sum(x[:, 0] - 2 * y[:, 0])), abs=0.01)
    with pytest.raises(ParameterError, match="neither a distance nor a similarity"):
        found.best_match()
    noise = [
        matrix[i, j] - abs(np.sum(x[:, 0] - 2 * y[:, 0]))
        for i, x in enumerate(nets.values())
        for j, y in enumerate(nets.values())
    ]
    assert len({round(one, 9) for one in noise}) == 25, "every pair has a random stream of its own"


def test_streams_belong_to_the_pair_and_the_seed_alone(nets, tmp_path):
    asked = [alike, lopsided]
    one = all_pairs(nets, measures=asked).readings.canonical()
    assert all_pairs(nets, measures=asked, jobs=2).readings.canonical() == one
    assert all_pairs(nets, measures=asked, store=tmp_path / "run").readings.canonical() == one
    few = {name: nets[name] for name in ("net3", "net1")}
    among = all_pairs(nets, measures=[lopsided])
    assert all_pairs(few, measures=[lopsided]).matrix()[0, 1] == among.matrix()[3, 1]
    other = all_pairs(nets, measures=Survey.of([lopsided], seed=1))
    assert not np.any(other.matrix() == among.matrix())


def test_parameters_stand_in_the_names_where_they_differ(nets):
    from functools import partial

    found = all_pairs(nets, measures=[alike, partial(alike, power=2), lopsided])
    assert [one.name for one in found.quantities] == ["alike[power=1]", "alike[power=2]", "lopsided"]
    np.testing.assert_allclose(found.matrix("alike[power=2]"), found.matrix("alike[power=1]") ** 2)
    with pytest.raises(ParameterError, match=r"may be alike\[power=1\], alike\[power=2\]"):
        found.matrix("alike")
    with pytest.raises(ParameterError, match="'alik' was not read"):
        found.matrix("alik")
    with pytest.raises(ParameterError, match="column is 'mean'"):
        found.matrix("lopsided", "mean")


def test_a_second_run_computes_what_is_missing(nets, tmp_path):
    store = tmp_path / "run"
    few = dict(list(nets.items())[:3])
    first = all_pairs(few, measures=[alike], store=store)
    assert len(CALLS) == 3
    again = all_pairs(few, measures=[alike], store=store)
    assert len(CALLS) == 3
    assert again.readings.canonical() == first.readings.canonical()
    grown = all_pairs(nets, measures=[alike], store=store)
    assert len(CALLS) == 10, "only pairs with a new cloud"
    assert grown.readings.canonical() == all_pairs(nets, measures=[alike]).readings.canonical()
    CALLS.clear()
    backwards = all_pairs(dict(reversed(nets.items())), measures=[alike], store=store)
    assert not CALLS, "the other order is the same pairs"
    np.testing.assert_array_equal(backwards.matrix(), grown.matrix()[::-1, ::-1])
    all_pairs(nets, measures=[lopsided], store=store)
    assert len(CALLS) == 25, "another measure adds"


def test_a_cloud_with_other_content_is_measured_anew_and_its_old_numbers_go(nets, tmp_path):
    store = tmp_path / "run"
    all_pairs(nets, measures=[alike], store=store)
    CALLS.clear()
    changed = nets | {"net4": nets["net4"] ** 3}
    found = all_pairs(changed, measures=[alike], store=store)
    assert len(CALLS) == 4
    np.testing.assert_allclose(found.matrix(), all_pairs(changed, measures=[alike]).matrix())


def test_a_run_folder_is_taken_up_without_measuring(nets, tmp_path):
    made = all_pairs(nets, measures=[alike], store=tmp_path / "run")
    CALLS.clear()
    found = all_pairs_of(read_run(tmp_path / "run"))
    assert isinstance(found, AllPairs)
    assert not CALLS
    assert found.rows == made.rows
    # The measure is none of the catalogue, so that nobody says here that it is the same both ways.
    assert found.quantity("alike").promise is None
    upper = np.triu_indices(5, 1)
    np.testing.assert_array_equal(found.matrix()[upper], made.matrix()[upper])


def test_old_numbers_against_changed_content_are_dropped(nets, tmp_path):
    store = tmp_path / "run"
    three = dict(list(nets.items())[:3])
    all_pairs(three, measures=[alike], store=store)
    all_pairs(three | {"net2": nets["net2"] + 1.0}, measures=[lopsided], store=store)
    left = [(row.target, row.against) for row in read_run(store) if row.measure == "alike"]
    assert left == [("arrays:net0", "arrays:net1")]


PROGRAM = """
import sys, os, signal
sys.path.insert(0, {folder!r})
import numpy as np
import test_all_pairs as case
from theodolite.study import all_pairs

done = []
def stop(now):
    if now.done == 6:
        os.kill(os.getpid(), signal.SIGKILL)

rng = np.random.default_rng(0)
nets = {{f"n{{k}}": rng.standard_normal((20, 4)) for k in range(5)}}
found = all_pairs(nets, measures=[case.alike], store={store!r}, progress=stop if sys.argv[1] == "kill" else None)
print(len(case.CALLS), round(float(np.nansum(found.matrix())), 9))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on(tmp_path):
    store = str(tmp_path / "run")
    program = PROGRAM.format(folder=str(Path(__file__).parent), store=store)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def run(how):
        return subprocess.run(
            [sys.executable, "-c", program, how], capture_output=True, text=True, check=False, env=environment
        )

    assert run("kill").returncode == -signal.SIGKILL
    kept = [row for row in read_run(store) if row.against]
    assert len(kept) == 6
    ended = run("go on")
    assert ended.returncode == 0, ended.stderr
    rng = np.random.default_rng(0)
    nets = {f"n{k}": rng.standard_normal((20, 4)) for k in range(5)}
    assert ended.stdout.split() == ["4", str(round(float(np.nansum(all_pairs(nets, measures=[alike]).matrix())), 9))]


def test_what_is_computed_of_one_cloud_is_computed_once(nets, monkeypatch):
    """All clouds fit: each is loaded once after it was read for its content."""
    loads = []
    load = Cloud.coerce.__func__
    monkeypatch.setattr(
        Cloud, "coerce", classmethod(lambda cls, x, *, name="x": loads.append(name) or load(cls, x, name=name))
    )
    all_pairs(nets, measures=[alike])
    assert sorted(name for name in loads if name.startswith("net")) == sorted([*nets, *nets])


@pytest.mark.parametrize("jobs", [1, 3])
def test_rows_go_in_blocks_where_clouds_are_large(nets, monkeypatch, jobs):
    expected = all_pairs(nets, measures=[alike, lopsided]).readings.canonical()
    shelves = []
    made = shelving.Shelf.clear
    monkeypatch.setattr(
        shelving.Shelf, "clear", lambda self, staying: shelves.append([*staying]) or made(self, staying)
    )
    monkeypatch.setattr(running, "HELD", 2 * _item(nets["net4"]).size(rows=True))
    found = all_pairs(nets, measures=[alike, lopsided], jobs=jobs)
    assert [len(block) for block in shelves] == [0, 2, 2, 1]
    assert found.readings.canonical() == expected


def _item(points):
    row = td.core.TargetRow(target="m:x", model="m", module="x", shape=points.shape)
    return clouds.Item(row, "x", lambda: Cloud(points))


def test_a_refusal_stands_in_the_place_of_the_number(nets):
    hurt = nets | {"hurt": np.where(np.arange(30)[:, None] == 3, np.nan, nets["net0"])}
    found = all_pairs(hurt, measures=[alike])
    matrix = found.matrix()
    assert np.isnan(matrix[5]).all()
    assert np.isnan(matrix[:, 5]).all()
    assert np.isfinite(matrix[:5, :5]).all()
    row = found.reading("arrays:hurt", "arrays:net0")
    assert row.value is None
    assert row.status == "skipped"
    assert [(name, count) for name, _, count in found.refusals] == [("alike", 5)]
    with pytest.raises(ParameterError, match=r"'hurt'.* is no number"):
        found.distances()
    assert found.distances(without_gaps=True).names == tuple(nets)
    assert "no number for 5 pairs" in found.explain()
    assert found.to_dict()["quantities"][0]["outcome"][5][0] == row.outcome


def test_what_is_said_of_several_numbers_is_said_once_and_doubts_are_said(nets):
    hurt = {name: nets[name] for name in ("net0", "net1")} | {"dead": np.zeros((30, 3)), "twice": nets["net2"].copy()}
    hurt["twice"][1] = hurt["twice"][0]
    found = all_pairs(hurt, measures=["cca", "mutual_knn[metric=euclidean]"])
    said = found.explain().splitlines()
    assert sum("cca.mean, cca.mean_square, cca.count: no number for 4 pairs. All rows" in line for line in said) == 1
    assert sum(line.startswith("cca") and "no number" in line for line in said) == 1
    doubts = [line for line in said if "to be doubted" in line]
    assert len(doubts) == 1
    assert doubts[0].startswith("mutual_knn")
    assert "2 numbers to be doubted. Some rows of a cloud are the same" in doubts[0]


def test_an_error_that_nobody_foresaw_fails_its_row_alone(nets):
    found = all_pairs(nets, measures=[breaking, alike])
    assert np.isnan(found.matrix("breaking")).all()
    assert {row.outcome for row in found.readings if row.measure == "breaking"} == {"UNEXPECTED"}
    assert np.isfinite(found.matrix("alike")).all()


@measure(cite="kornblith2019similarity", needs="moments")
def breaking(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", invariant_to=(*INVARIANT, "exchange"), varies=("linear",), of_itself=1.0)]:
    """Breaks."""
    raise ZeroDivisionError("on purpose")


def test_moments_are_compared_as_rows_are(nets, tmp_path):
    moments = CrossMoments()
    for start in range(0, 30, 7):
        moments.update({name: rows[start : start + 7] for name, rows in nets.items()})
    found = all_pairs(moments, measures=[alike, lopsided], store=tmp_path / "run")
    np.testing.assert_allclose(found.matrix("alike"), all_pairs(nets, measures=[alike]).matrix(), rtol=1e-12)
    assert {row.outcome for row in found.readings if row.measure == "lopsided"} == {"NEEDS_ROWS"}
    CALLS.clear()
    all_pairs(moments, measures=[alike, lopsided], store=tmp_path / "run")
    assert not CALLS


def test_moments_that_were_recorded_apart_say_nothing_of_each_other(nets):
    apart = []
    for name in ("net0", "net1"):
        moments = CrossMoments()
        moments.update({name: nets[name], "net2": nets["net2"]})
        apart.append(moments)
    found = all_pairs(apart, measures=[alike])
    assert found.models == ("arrays", "arrays 2")
    assert found.reading("arrays:net0", "arrays 2:net1").outcome == "RECORDED_APART"
    assert found.reading("arrays:net0", "arrays:net2").value == pytest.approx(cka(nets["net0"], nets["net2"]))


def features(nets, kind="examples", stimuli="digest", **moments):
    layers = [Layer(name, RowSet(kind, 30, **moments), Held(rows)) for name, rows in nets.items()]
    return Features(layers, Origin("net", stimuli))


class Held(StoredTensor):
    """Rows in memory that are read as stored ones are."""

    def __init__(self, rows):
        self.array, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def rows(self, start, stop):
        return self.array[start:stop]


def test_features_of_moments_alone_are_compared_by_these(nets, tmp_path):
    moments = CrossMoments()
    moments.update(nets)
    rows = RowSet("examples", 30, None, lambda: moments)
    kept = Features([Layer(name, rows) for name in nets], Origin("net", "digest"))
    found = all_pairs(kept, measures=[alike, lopsided], store=tmp_path / "run")
    np.testing.assert_allclose(found.matrix("alike"), all_pairs(nets, measures=[alike]).matrix(), rtol=1e-12)
    assert {row.outcome for row in found.readings if row.measure == "lopsided"} == {"NEEDS_ROWS"}
    CALLS.clear()
    all_pairs(kept, measures=[alike, lopsided], store=tmp_path / "run")
    assert not CALLS
    other = Features([Layer("lone", RowSet("examples", 30, np.arange(30)), Held(nets["net1"]))], Origin("o", "digest"))
    assert all_pairs(kept, other, [alike]).readings.rows[0].outcome == "RECORDED_APART"


def test_features_say_which_rows_they_share(nets):
    """One of them kept every other row: the pair is of these, as a direct call on them."""
    few = Features(
        [Layer("half", RowSet("examples", 30, np.arange(0, 30, 2)), Held(nets["net1"][::2]))], Origin("other", "digest")
    )
    whole = Features(
        [Layer("whole", RowSet("examples", 30, np.arange(30)), Held(nets["net0"]))], Origin("net", "digest")
    )
    found = all_pairs(whole, few, [alike])
    assert found.matrix()[0, 0] == pytest.approx(cka(nets["net0"][::2], nets["net1"][::2]))
    assert found.models == ("net", "other")


@pytest.mark.torch
def test_tensors_are_compared_as_arrays_are(nets, torch):
    tensors = {number: torch.from_numpy(rows) for number, rows in enumerate(nets.values())}
    found = all_pairs(tensors, measures=[alike, "angular_procrustes"])
    assert found.names == ("0", "1", "2", "3", "4")
    expected = all_pairs(nets, measures=[alike, "angular_procrustes"])
    for name in ("alike", "angular_procrustes"):
        np.testing.assert_allclose(found.matrix(name), expected.matrix(name), rtol=1e-10)


def test_maps_are_shifted_where_a_measure_asks_for_them():
    rng = np.random.default_rng(2)
    maps = {name: rng.standard_normal((6, 4, 4, 3)) for name in "ab"} | {"flat": rng.standard_normal((6, 5))}
    maps["moved"] = np.roll(maps["a"], (1, 2), axis=(1, 2))
    found = all_pairs(maps, measures=["shift_invariant_shape", "cka"])
    name = next(one.name for one in found.quantities if one.field == "distance")
    expected = td.similarity.shift_invariant_shape(maps["a"], maps["b"]).distance
    assert found.reading("arrays:a", "arrays:b", name).value == pytest.approx(expected)
    assert found.reading("arrays:a", "arrays:moved", name).value == pytest.approx(0, abs=1e-6)
    assert found.reading("arrays:a", "arrays:flat", name).outcome == "NEEDS_MAPS"
    flat = {key: rows.reshape(6, -1) for key, rows in maps.items()}
    np.testing.assert_allclose(found.matrix("cka"), all_pairs(flat, measures=["cka"]).matrix())


def test_layers_whose_rows_are_others_are_refused_and_other_stimuli_end_it(nets):
    tokens = features({"t": nets["net1"]}, "tokens")
    found = all_pairs([features(nets), tokens], measures=[alike])
    assert found.reading("net:net0", "net 2:t").outcome == "OTHER_ROWS"
    assert "tokens" in found.reading("net:net0", "net 2:t").note
    assert found.reading("net:net0", "net:net1").value == pytest.approx(cka(nets["net0"], nets["net1"]))
    with pytest.raises(ParameterError, match="are of different stimuli"):
        all_pairs([features(nets), features(nets, stimuli="others")], measures=[alike])


def test_models_are_told_apart(nets):
    few = dict(list(nets.items())[:2])
    found = all_pairs([nets, few], measures=[alike])
    assert found.names[:2] == ("arrays:net0", "arrays:net1")
    assert found.names[-1] == "arrays 2:net1"
    part = found.between("arrays", "arrays 2")
    assert (part.names, part.against) == (tuple(nets), tuple(few))
    np.testing.assert_allclose(part.matrix(), [[cka(x, y) for y in few.values()] for x in nets.values()])
    with pytest.raises(ParameterError, match="no model 'array'; did you mean"):
        found.between("array", "arrays 2")


def test_models_may_have_names(nets):
    found = all_pairs({"small": {"a": nets["net0"]}, "large": {"a": nets["net1"], "b": nets["net2"]}}, measures=[alike])
    assert found.names == ("small:a", "large:a", "large:b")
    assert found.models == ("small", "large")


def test_among_several_models_the_best_match_is_of_another(nets):
    found = all_pairs({"one": {"a": nets["net0"], "b": nets["net0"]}, "two": {"c": nets["net1"]}}, measures=[alike])
    assert found.matrix()[0, 1] == pytest.approx(1)
    assert found.best_match().best == (2, 2, 0)
    assert all_pairs(nets, measures=[alike]).best_match().best[0] != 0


def test_progress_counts_what_is_to_be_done(nets):
    told = []
    all_pairs(nets, measures=[alike], progress=told.append)
    assert [now.done for now in told] == [*range(11)]
    assert told[-1].total == 10


def test_layers_are_chosen(nets):
    found = all_pairs(nets, measures=Survey.of([alike], layers="net[012]"))
    assert found.names == ("net0", "net1", "net2")
    with pytest.raises(ParameterError, match="matches nothing in arrays"):
        all_pairs(nets, measures=Survey.of([alike], layers="conv*"))


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ({"a": np.ones((3, 2))}, "there is one cloud, arrays:a"),
        ({"a": np.ones((3, 2)), "b": np.ones((4, 2))}, "arrays:a has 3 rows and arrays:b has 4"),
        ({}, "arrays holds no clouds"),
        ([], "the list is empty"),
        (np.ones((3, 2)), "give a mapping from name to array"),
    ],
)
def test_what_can_not_be_compared_is_said(items, says):
    with pytest.raises(ParameterError, match=says):
        all_pairs(items, measures=[alike])


def test_other_measures_and_places_are_refused(nets, tmp_path):
    with pytest.raises(ParameterError, match="stable_rank is no measure of two clouds"):
        all_pairs(nets, measures=["stable_rank"])
    with pytest.raises(ParameterError, match="alike is no measure of one weight matrix"):
        td.survey({"w": np.eye(3)}, [alike])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(RunFolderError, match="it is no run folder"):
        all_pairs(nets, measures=[alike], store=tmp_path / "mine")
    with pytest.raises(ValueError, match="jobs: got 0"):
        all_pairs(nets, measures=[alike], jobs=0)
