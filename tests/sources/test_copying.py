"""Copies of checkpoints: where they go, what comes along, and what they never touch."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from theodolite.sources import CheckpointError, open_checkpoint
from theodolite.sources.copying import write_copy

MARK = "done.json"


def unchanged(weights):
    return (None for _ in weights)


def copy(source, path, changes=unchanged, **options):
    with open_checkpoint(source) as checkpoint:
        return write_copy(checkpoint, path, changes, beside=lambda: {MARK: b"{}"}, mark=MARK, **options)


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def tensors():
    rng = np.random.default_rng(5)
    named = {f"layers.{i}.fc.weight": rng.normal(size=(6, 4)).astype(np.float32) for i in range(4)}
    return {**named, "steps": np.arange(3), "half": rng.normal(size=5).astype(np.float16)}


@pytest.fixture
def sharded(tmp_path, tensors):
    folder = tmp_path / "llm"
    folder.mkdir()
    names = list(tensors)
    weight_map = {}
    for index, held in enumerate((names[:2], names[2:5], names[5:]), start=1):
        shard = f"model-{index:05d}-of-00003.safetensors"
        save_file({name: tensors[name] for name in held}, folder / shard, {"format": "pt", "shard": str(index)})
        weight_map |= dict.fromkeys(held, shard)
    index = {"metadata": {"total_size": 1, "total_parameters": 104}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.model").write_bytes(b"\x00\x01")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note").write_text("hidden")
    (folder / "pytorch_model.bin").write_bytes(b"the same again")
    return folder


def test_a_file_stays_as_it_is(tmp_path, tensors):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source, {"format": "pt", "by": "someone"})
    before = source.read_bytes()
    written = copy(source, tmp_path / "copy.safetensors")
    assert written.files == (tmp_path / "copy.safetensors",)
    assert written.left_out == {}
    assert source.read_bytes() == before
    loaded = load_file(written.path)
    assert loaded.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    with safe_open(written.path, "np") as opened:
        assert opened.metadata() == {"format": "pt", "by": "someone"}
    assert list(open_checkpoint(written.path)) == list(open_checkpoint(source))


def test_changed_tensors_take_the_place_of_the_stored_ones(tmp_path, tensors):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source)

    def doubled(weights):
        return (2 * w.array() if w.name.endswith("fc.weight") else None for w in weights)

    loaded = load_file(copy(source, tmp_path / "copy.safetensors", doubled).path)
    for name, array in tensors.items():
        np.testing.assert_array_equal(loaded[name], 2 * array if name.endswith("fc.weight") else array)


@pytest.mark.parametrize("wrong", [lambda a: a.T.copy(), lambda a: a.astype(np.float64)])
def test_another_shape_or_type_is_refused(tmp_path, tensors, wrong):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source)
    before = sorted(tmp_path.iterdir())

    def changes(weights):
        return (wrong(w.array()) if len(w.shape) == 2 else None for w in weights)

    with pytest.raises(ValueError, match=r"changes: layers\.0\.fc\.weight has shape \(6, 4\) of F32"):
        copy(source, tmp_path / "copy.safetensors", changes)
    assert sorted(tmp_path.iterdir()) == before


def test_shards_stay_shards_with_a_right_index(tmp_path, tensors, sharded):
    before = hashes(sharded)
    written = copy(sharded, tmp_path / "copy")
    assert hashes(sharded) == before
    out = tmp_path / "copy"
    names = {path.relative_to(out).as_posix() for path in written.files}
    shards = {f"model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)}
    assert names == {
        *shards,
        "model.safetensors.index.json",
        "config.json",
        "tokenizer.model",
        "1_Pooling/config.json",
        MARK,
    }
    assert all(path.is_file() for path in written.files)
    index = json.loads((out / "model.safetensors.index.json").read_text())
    original = json.loads((sharded / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == original["weight_map"]
    total = sum(array.nbytes for array in tensors.values())
    assert index["metadata"] == {"total_size": total, "total_parameters": 104}
    for number in (1, 2, 3):
        shard = f"model-{number:05d}-of-00003.safetensors"
        with safe_open(out / shard, "np") as opened:
            assert opened.metadata() == {"format": "pt", "shard": str(number)}
        loaded, stored = load_file(out / shard), load_file(sharded / shard)
        assert loaded.keys() == stored.keys()
        assert all(np.array_equal(loaded[name], stored[name]) for name in stored)
    again, source = open_checkpoint(out), open_checkpoint(sharded)
    assert {n: w.fingerprint() for n, w in again.items()} == {n: w.fingerprint() for n, w in source.items()}


def test_shards_may_become_one_file(tmp_path, tensors, sharded):
    loaded = load_file(copy(sharded, tmp_path / "one.safetensors").path)
    assert loaded.keys() == tensors.keys()


def test_the_name_in_the_file_keeps_its_prefix(tmp_path):
    source = tmp_path / "wrapped.safetensors"
    save_file({"module.a.weight": np.eye(3), "module.b.weight": np.eye(4)}, source)
    assert list(open_checkpoint(source)) == ["a.weight", "b.weight"]
    assert load_file(copy(source, tmp_path / "c.safetensors").path).keys() == {"module.a.weight", "module.b.weight"}


def test_an_archive_becomes_safetensors_with_aligned_elements(tmp_path):
    source = tmp_path / "net.npz"
    arrays = {"flags": np.array([True]), "a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.eye(3, 4))}
    np.savez(source, **arrays, c=np.arange(4, dtype=">f4"))
    written = copy(source, tmp_path / "folder")
    assert {path.name for path in written.files} == {"net.safetensors", MARK}
    loaded = load_file(tmp_path / "folder" / "net.safetensors")
    for name, array in {**arrays, "c": np.arange(4, dtype="f4")}.items():
        np.testing.assert_array_equal(loaded[name], array)
    assert list(open_checkpoint(tmp_path / "folder"))[-1] == "flags"


@pytest.mark.torch
def test_pytorch_shards_become_safetensors_shards(tmp_path, torch):
    folder = tmp_path / "old"
    folder.mkdir()
    first, second = torch.randn(3, 4), torch.randn(5, 4).to(torch.bfloat16)
    torch.save({"a.weight": first}, folder / "pytorch_model-00001-of-00002.bin")
    torch.save({"b.weight": second}, folder / "pytorch_model-00002-of-00002.bin")
    weight_map = {"a.weight": "pytorch_model-00001-of-00002.bin", "b.weight": "pytorch_model-00002-of-00002.bin"}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    copy(folder, tmp_path / "new")
    index = json.loads((tmp_path / "new" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == {
        "a.weight": "model-00001-of-00002.safetensors",
        "b.weight": "model-00002-of-00002.safetensors",
    }
    assert index["metadata"]["total_size"] == 3 * 4 * 4 + 5 * 4 * 2
    from safetensors.torch import load_file as load_torch

    loaded = load_torch(tmp_path / "new" / "model-00002-of-00002.safetensors")["b.weight"]
    assert loaded.dtype == torch.bfloat16
    assert torch.equal(loaded, second)
    with safe_open(tmp_path / "new" / "model-00001-of-00002.safetensors", "np") as opened:
        assert opened.metadata() == {"format": "pt"}


@pytest.mark.torch
def test_what_belongs_to_the_run_is_left_out_with_its_reason(tmp_path, torch):
    module = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(4)).sum().backward()
    optimizer.step()
    torch.save({"model": module.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    written = copy(tmp_path / "run.pt", tmp_path / "net.safetensors")
    assert load_file(written.path).keys() == {"weight", "bias"}
    assert any("exp_avg" in name for name in written.left_out)
    assert set(written.left_out.values()) == {"optimizer state, not a weight"}


@pytest.mark.torch
def test_a_live_module_gives_what_its_state_dict_holds(tmp_path, torch):
    from safetensors.torch import load_file as load_torch

    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    module.register_buffer("seen", torch.zeros(3), persistent=False)
    written = copy(module, tmp_path / "net.safetensors")
    assert list(written.left_out) == ["seen"]
    module.load_state_dict(load_torch(written.path), strict=True)


@pytest.mark.torch
def test_what_has_no_bytes_is_refused_before_anything_is_written(tmp_path, torch):
    torch.save({"a.weight": torch.eye(3), "s.weight": torch.eye(3).to_sparse()}, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=r"tensor 's.weight': it cannot be copied: stored as sparse"):
        copy(tmp_path / "net.pt", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


def test_the_source_is_never_the_place(tmp_path, tensors, sharded):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source)
    before = hashes(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="is the checkpoint itself"):
            copy(source, source, overwrite=overwrite)
        with pytest.raises(ValueError, match="is the checkpoint itself"):
            copy(sharded, sharded, overwrite=overwrite)
        with pytest.raises(ValueError, match="lies in the checkpoint's folder"):
            copy(sharded, sharded / "smooth", overwrite=overwrite)
        with pytest.raises(ValueError, match="holds the checkpoint itself"):
            copy(sharded, tmp_path, overwrite=overwrite)
    assert hashes(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "symlink") or sys.platform == "win32", reason="links as on Unix")
def test_nor_is_another_name_of_it(tmp_path, tensors):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source)
    (tmp_path / "soft.safetensors").symlink_to(source)
    (tmp_path / "hard.safetensors").hardlink_to(source)
    before = source.read_bytes()
    for name in ("soft", "hard"):
        with pytest.raises(ValueError, match="is the checkpoint itself"):
            copy(source, tmp_path / f"{name}.safetensors", overwrite=True)
    assert source.read_bytes() == before


def test_what_is_there_is_replaced_only_when_asked(tmp_path, tensors):
    source, out = tmp_path / "net.safetensors", tmp_path / "copy.safetensors"
    save_file(tensors, source)
    out.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is there already"):
        copy(source, out)
    assert out.read_bytes() == b"mine"
    copy(source, out, overwrite=True)
    assert load_file(out).keys() == tensors.keys()


def test_a_folder_is_replaced_only_if_it_is_a_copy(tmp_path, tensors):
    source, out = tmp_path / "net.safetensors", tmp_path / "photos"
    save_file(tensors, source)
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"irreplaceable")
    with pytest.raises(FileExistsError, match=rf"holds no {MARK}"):
        copy(source, out, overwrite=True)
    assert (out / "holiday.jpg").read_bytes() == b"irreplaceable"
    (out / "holiday.jpg").unlink()
    copy(source, out, overwrite=True)
    (out / "left.txt").write_text("of the earlier copy")
    copy(source, out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == [MARK, "net.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.safetensors", "photos"]


@pytest.mark.skipif(sys.platform == "win32", reason="links as on Unix")
def test_links_to_other_places_do_not_come_along(tmp_path, sharded):
    secret = tmp_path / "secret"
    secret.write_text("key")
    (sharded / "vocab.txt").symlink_to(secret)
    (sharded / "alias.json").symlink_to(sharded / "config.json")
    copy(sharded, tmp_path / "copy")
    assert not (tmp_path / "copy" / "vocab.txt").exists()
    assert (tmp_path / "copy" / "alias.json").read_text() == '{"model_type": "llama"}'
    assert not (tmp_path / "copy" / "alias.json").is_symlink()


def test_an_error_leaves_nothing(tmp_path, sharded):
    before = hashes(tmp_path)

    def failing(weights):
        yield None
        raise RuntimeError("stop")

    for error in (RuntimeError, KeyboardInterrupt):

        def changes(weights, error=error):
            yield None
            raise error

        with pytest.raises(error):
            copy(sharded, tmp_path / "copy", changes)
    assert hashes(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["llm"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills as Unix does")
@pytest.mark.parametrize("earlier", [False, True])
def test_a_kill_at_any_tensor_leaves_no_half_of_a_copy(tmp_path, tensors, sharded, earlier):
    out = tmp_path / "copy"
    if earlier:
        copy(sharded, out)
    before = hashes(out) if earlier else None
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from theodolite.sources import open_checkpoint\n"
        "from theodolite.sources.copying import write_copy\n"
        "def dying(at):\n"
        "    def changes(weights):\n"
        "        for i in range(len(weights)):\n"
        "            if i == at: os.kill(os.getpid(), signal.SIGKILL)\n"
        "            yield None\n"
        "    return changes\n"
        "def beside():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "source, out, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])\n"
        "for at in range(count + 1):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        f"        options = dict(overwrite={earlier}, beside=beside, mark='{MARK}')\n"
        "        write_copy(open_checkpoint(source), out, dying(at), **options)\n"
        "        os._exit(0)\n"
        "    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), at\n"
        f"    assert out.exists() == {earlier}, at\n"
    )
    subprocess.run([sys.executable, "-c", code, str(sharded), str(out), str(len(tensors))], check=True)
    assert (hashes(out) if earlier else None) == before
    copy(sharded, out, overwrite=earlier)
    assert set(open_checkpoint(out)) == set(tensors)
    assert all(path.name.startswith(".copy.unfinished-") for path in set(tmp_path.iterdir()) - {out, sharded})


def test_the_permissions_are_those_of_any_new_file(tmp_path, tensors):
    source = tmp_path / "net.safetensors"
    save_file(tensors, source)
    copy(source, tmp_path / "folder")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "file").write_text("")
    assert (tmp_path / "folder").stat().st_mode == plain.stat().st_mode
    assert (tmp_path / "folder" / "net.safetensors").stat().st_mode == (plain / "file").stat().st_mode


def test_folders_above_the_place_are_made(tmp_path, tensors):
    save_file(tensors, tmp_path / "net.safetensors")
    written = copy(tmp_path / "net.safetensors", Path(tmp_path / "a" / "b" / "copy.safetensors"))
    assert written.path.is_file()
