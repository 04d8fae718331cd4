"""Feature files: written whole, read lazily, and only compared where they are of the same stimuli."""

import json
import os
import struct

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td
from theodolite.core import ParameterError, Refusal
from theodolite.sources import CheckpointError, open_features, record_features
from theodolite.sources.stimuli import Stimuli, load_stimuli


@pytest.fixture
def net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()


@pytest.fixture
def stimuli():
    return np.random.default_rng(0).standard_normal((300, 4))


@pytest.mark.torch
def test_a_file_gives_back_what_was_recorded(net, stimuli, tmp_path):
    found = record_features(net, stimuli, "*", rows=50, moments=True, folds=3, seed=5, name="net")
    path = found.write(tmp_path / "deep" / "f.safetensors")
    read = td.open_features(path)
    assert (read.names, read.has, read.origin, read.path) == (("0", "1", "2"), found.has, found.origin, path)
    assert repr(read) == "Features('net', 3 layers, folds and moments and rows)"
    for x in read.names:
        np.testing.assert_array_equal(read[x].rows, found[x].rows)
        np.testing.assert_array_equal(read.array(x)[10:20], found.array(x)[10:20])
        for y in read.names:
            one, other = (each.pair(x, y, of="moments") for each in (read, found))
            np.testing.assert_array_equal(np.asarray(one.cross), np.asarray(other.cross))
            assert [fold.count for fold in one.folds] == [fold.count for fold in other.folds]
            assert sum(fold.count for fold in one.folds) == 300
    again = read.write(tmp_path / "again.safetensors")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.torch
def test_the_rows_are_those_of_the_places_that_are_kept(net, stimuli, tmp_path, torch):
    path = record_features(net, stimuli, rows=50, batch_size=7).write(tmp_path / "f.safetensors")
    index = open_features(path).layers[0].rows.index
    with torch.no_grad():
        wanted = net[:1](torch.tensor(stimuli)).numpy()
    np.testing.assert_allclose(open_features(path)["0"].rows, wanted[index], rtol=1e-13)


@pytest.mark.torch
def test_moments_alone_say_that_rows_are_needed(net, stimuli, tmp_path):
    path = record_features(net, stimuli, rows=0, moments=True).write(tmp_path / "f.safetensors")
    read = open_features(path)
    assert read.has == {"moments"}
    assert (read["0"].count, read["0"].has) == (300, frozenset({"moments"}))
    assert read.pair("0", "2").has == {"moments"}
    with pytest.raises(Refusal, match="looks at the rows themselves"):
        read.array("0")
    with pytest.raises(Refusal, match=r"recorded apart .*'0' and '2'.* Record rows of both"):
        read.pair("0", "2", open_features(path))


@pytest.mark.torch
def test_two_files_over_the_same_stimuli_go_together_row_by_row(net, stimuli, tmp_path, torch):
    other = torch.nn.Sequential(torch.nn.Linear(4, 5)).double()
    one = record_features(net, stimuli, "0", rows=50, batch_size=7)
    two = record_features(other, [stimuli[:100], stimuli[100:]], "0", rows=80)
    pair = one.pair("0", "0", open_features(two.write(tmp_path / "two.safetensors")))
    with torch.no_grad():
        wanted = [each[:1](torch.tensor(stimuli)).numpy()[one.layers[0].rows.index] for each in (net, other)]
    np.testing.assert_allclose(pair.x.rows, wanted[0], rtol=1e-13)
    np.testing.assert_allclose(pair.y.rows, wanted[1], rtol=1e-13)
    with pytest.raises(ParameterError, match="no moments of '0' and '0' together"):
        one.pair("0", "0", two, of="moments")


@pytest.mark.torch
def test_maps_of_two_files_go_together_image_by_image(torch):
    images = np.random.default_rng(0).standard_normal((40, 3, 4, 4)).astype(np.float32)
    nets = [torch.nn.Sequential(torch.nn.Conv2d(3, width, 3)) for width in (2, 5)]
    one, two = (
        record_features(net, images, "0", features="shift-invariant", rows=rows)
        for net, rows in zip(nets, (40, 10), strict=True)
    )
    pair = one.pair_of_maps("0", "0", two)
    np.testing.assert_array_equal(pair.x.maps, one.maps("0")[two.layers[0].rows.index])
    np.testing.assert_array_equal(pair.y.maps, two.maps("0"))
    with pytest.raises(ParameterError, match="different stimuli"):
        one.pair_of_maps("0", "0", record_features(nets[1], images[::-1], "0", features="shift-invariant"))


@pytest.mark.torch
def test_files_that_do_not_go_together_are_refused(net, stimuli):
    one = record_features(net, stimuli, rows=50)
    for changed in (stimuli + 1e-9, stimuli[::-1], stimuli[:299]):
        with pytest.raises(ParameterError, match=r"are of different stimuli .*; record both on the same data"):
            one.pair("0", "0", record_features(net, changed, rows=50))
    with pytest.raises(ParameterError, match="different seeds"):
        one.pair("0", "0", record_features(net, stimuli, rows=50, seed=1))
    named = [record_features(net, data, rows=50, stimuli="mine") for data in (stimuli, 2 * stimuli, stimuli[:200])]
    assert named[0].pair("0", "2", named[1]).count == 50
    with pytest.raises(ParameterError, match="over 300 examples and '0' over 200; record both on the same data"):
        named[0].pair("0", "0", named[2])


def test_the_digest_of_stimuli_knows_no_batches_no_types_and_no_padding(stimuli):
    def digest(data, **options):
        shown = Stimuli(data, **options)
        assert sum(batch.count for batch in shown) > 0
        return shown.identity

    wanted = digest(stimuli)
    assert wanted == digest(stimuli, batch_size=7) == digest([stimuli[:10], stimuli[10:]])
    assert wanted == digest((stimuli, np.zeros(300))) == digest({"inputs": stimuli, "labels": np.zeros(300)})
    short = stimuli.astype(np.float32)
    assert digest(short) == digest(short.astype(np.float64)) != wanted
    assert wanted != digest({"pixel_values": stimuli})
    assert wanted != digest(stimuli.reshape(300, 2, 2)) != digest(stimuli.reshape(150, 8))
    ids = np.arange(1, 13).reshape(3, 4)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]])
    padded = digest({"input_ids": ids, "attention_mask": mask})
    wider = {"input_ids": np.pad(ids * mask, ((0, 0), (0, 3))), "attention_mask": np.pad(mask, ((0, 0), (0, 3)))}
    batches = [{"input_ids": ids[:1, :2].astype(np.int32), "attention_mask": mask[:1, :2]}]
    batches.append({"input_ids": ids[1:], "attention_mask": mask[1:]})
    assert padded == digest(wider) == digest(batches)
    # The same tokens in the same order, of other examples.
    moved = {"input_ids": np.array([[1, 0, 0, 0], [2, 5, 6, 7], [9, 0, 0, 0]])}
    assert padded != digest({**moved, "attention_mask": (moved["input_ids"] > 0).astype(int)})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("images.npz", "data is of type str; expected an array"),
        ({"targets": np.zeros(3)}, "data is a mapping with 'targets'; expected"),
        ({"a": np.zeros(3), "b": np.zeros(4)}, "examples of the arrays: a 3, b 4"),
        ((np.zeros(3),) * 3, "data is a tuple of 3"),
        ([["text"]], "data: a batch is a list of 1 "),
    ],
)
def test_data_of_another_form_are_refused(data, says):
    with pytest.raises(ParameterError, match=says):
        list(Stimuli(data))


def test_an_iterator_is_gone_through_once():
    shown = Stimuli(iter([np.zeros((2, 3))]))
    assert [batch.count for batch in shown] == [2]
    assert shown.total is None
    with pytest.raises(ParameterError, match="gone through already"):
        list(shown)


@pytest.mark.torch
def test_data_without_examples_are_refused(net):
    with pytest.raises(ParameterError, match="there is no example"):
        record_features(net, [])


def test_arrays_from_elsewhere_are_read_the_same(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "rows": rng.standard_normal((20, 5)).astype(np.float32),
        "maps": rng.standard_normal((20, 3, 4, 6)),
        "counts": rng.integers(0, 9, (20, 2)),
        "labels": np.arange(20),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez_compressed(tmp_path / "b.npz", **arrays)
    save_file(arrays, tmp_path / "c.safetensors")
    for name in ("a.npz", "b.npz", "c.safetensors"):
        read = open_features(tmp_path / name)
        assert set(read) == {"rows", "maps", "counts"}
        assert (read.has, read.origin.stimuli) == ({"rows"}, "")
        np.testing.assert_array_equal(read["rows"].rows, arrays["rows"])
        np.testing.assert_array_equal(read["maps"].rows, arrays["maps"].reshape(20, -1))
        np.testing.assert_array_equal(read["counts"].rows, arrays["counts"])
        np.testing.assert_array_equal(read.maps("maps"), np.moveaxis(arrays["maps"], 1, -1))
        np.testing.assert_array_equal(
            open_features(tmp_path / name, channels="last").maps("maps"), np.asarray(arrays["maps"])
        )
        assert read.pair("rows", "maps").widths == (5, 72)
    np.save(tmp_path / "one.npy", np.asfortranarray(arrays["rows"]))
    alone = open_features(tmp_path / "one.npy")
    assert alone.names == ("one",)
    np.testing.assert_array_equal(alone["one"].rows, arrays["rows"])
    np.save(tmp_path / "short.npy", arrays["rows"][:7])
    with pytest.raises(ValueError, match="7 rows and x has 20"):
        alone.pair("one", "short", open_features(tmp_path / "short.npy"))
    with pytest.raises(KeyError, match="no layer 'row'; did you mean 'rows'"):
        open_features(tmp_path / "a.npz")["row"]


def test_narrow_floats_are_read(tmp_path):
    rows = np.random.default_rng(0).standard_normal((6, 4))
    stored = rows.astype(ml_dtypes.bfloat16)
    header = json.dumps({"x": {"dtype": "BF16", "shape": [6, 4], "data_offsets": [0, 48]}}).encode()
    (tmp_path / "h.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + stored.tobytes())
    read = open_features(tmp_path / "h.safetensors")["x"].rows
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, stored.astype(np.float64))


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_what_holds_no_features_is_refused_and_nothing_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "trap.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "flat.npz", labels=np.arange(3))
    (tmp_path / "text.txt").write_text("rows")
    for name, says in (
        ("trap.npy", "pickled objects"),
        ("flat.npz", "holds no array of rows x features"),
        ("text.txt", "the format is not known"),
        ("nowhere.npz", "there is no such file"),
        (".", "it is a folder"),
    ):
        with pytest.raises(CheckpointError, match=says):
            open_features(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.torch
def test_a_torch_file_holds_no_features(torch, tmp_path):
    torch.save({"x": torch.zeros(3, 2)}, tmp_path / "f.pt")
    with pytest.raises(CheckpointError, match="of format torch_zip, which holds no features"):
        open_features(tmp_path / "f.pt")


@pytest.mark.torch
def test_a_damaged_file_is_refused(net, stimuli, tmp_path):
    path = record_features(net, stimuli, rows=20, moments=True).write(tmp_path / "f.safetensors")
    from safetensors import safe_open

    arrays = load_file(path)
    with safe_open(path, "np") as opened:
        metadata = opened.metadata()
    damaged = tmp_path / "d.safetensors"
    for changed, described, says in (
        ({"index/0": arrays["index/0"][::-1].copy()}, {}, "its index is not ascending"),
        ({"index/0": arrays["index/0"][:5].copy()}, {}, "its rows and their index differ"),
        ({}, {"theodolite.features": "99"}, "features of schema '99', and 1 is read"),
        ({}, {"features": "{"}, "description of features"),
        ({}, {"features": '{"origin": {}, "sets": [], "layers": [{"name": "x", "set": 4}]}'}, "is damaged"),
        ({}, {"features": '{"origin": {"author": "x"}, "sets": [], "layers": []}'}, "is damaged"),
    ):
        save_file({**arrays, **changed}, damaged, {**metadata, **described})
        with pytest.raises(CheckpointError, match=says):
            open_features(damaged)
    key = next(name for name in arrays if ".scatter." in name)
    save_file({name: each for name, each in arrays.items() if name != key}, damaged, metadata)
    with pytest.raises(CheckpointError, match="its moments are damaged"):
        open_features(damaged).pair("0", "2", of="moments")


@pytest.mark.torch
def test_a_file_is_there_whole_or_not_at_all(net, stimuli, tmp_path, monkeypatch):
    found = record_features(net, stimuli, rows=20)
    with pytest.raises(ParameterError, match=r"must end in \.safetensors"):
        found.write(tmp_path / "f.npz")
    path = tmp_path / "f.safetensors"
    path.write_bytes(b"before")
    with pytest.raises(FileExistsError, match="is there already"):
        found.write(path)
    from theodolite.sources.writer import SafetensorsWriter

    write = SafetensorsWriter.write

    def stop(self, name, pieces):
        if name.startswith("rows/2"):
            raise OSError(28, "No space left on device")
        write(self, name, pieces)

    monkeypatch.setattr(SafetensorsWriter, "write", stop)
    with pytest.raises(OSError, match="No space"):
        found.write(path, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["f.safetensors"]
    assert path.read_bytes() == b"before"
    monkeypatch.undo()
    assert open_features(found.write(path, overwrite=True)).names == found.names


@pytest.mark.torch
def test_slices_read_no_more_than_they_give(net, stimuli, tmp_path, monkeypatch):
    path = record_features(net, stimuli, rows=200).write(tmp_path / "f.safetensors")
    read = open_features(path)
    from theodolite.sources.opened import SourceFile

    taken = []
    into = SourceFile.read_into
    monkeypatch.setattr(SourceFile, "read_into", lambda s, b, o: (taken.append(len(b)), into(s, b, o))[1])
    assert read.array("0").shape == (200, 6)
    assert read["0"].width == 6
    assert taken == []
    read.array("0")[10:14]
    assert taken == [4 * 6 * 8]


def test_stimuli_are_read_from_files(tmp_path):
    np.savez(tmp_path / "d.npz", inputs=np.zeros((3, 2)), targets=np.zeros(3))
    assert list(load_stimuli(tmp_path / "d.npz")) == ["inputs"]
    ids = {"input_ids": np.ones((3, 2), np.int64), "attention_mask": np.ones((3, 2), np.int64)}
    save_file(ids, tmp_path / "d.safetensors")
    assert sorted(load_stimuli(tmp_path / "d.safetensors")) == ["attention_mask", "input_ids"]
    np.save(tmp_path / "d.npy", np.ones((4, 2)))
    assert load_stimuli(tmp_path / "d.npy")["inputs"].shape == (4, 2)
    np.savez(tmp_path / "n.npz", targets=np.zeros(3))
    with pytest.raises(ParameterError, match=r"n\.npz holds no inputs"):
        load_stimuli(tmp_path / "n.npz")
    np.savez(tmp_path / "t.npz", inputs=np.array(["a"]))
    with pytest.raises((ParameterError, CheckpointError)):
        load_stimuli(tmp_path / "t.npz")
