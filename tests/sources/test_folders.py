"""Sharded checkpoints, model folders and files that are something else."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.sources import CheckpointError, open_checkpoint

ONES = {"a.weight": np.ones((2, 3), np.float32)}
TWOS = {"b.weight": np.full((3, 2), 2, np.float32)}
PLACES = {"a.weight": "m-1.safetensors", "b.weight": "m-2.safetensors"}


@pytest.fixture
def sharded(save: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    def build(places: Any = PLACES, **extra: Any) -> Path:
        save(ONES, "net/m-1.safetensors")
        save(TWOS, "net/m-2.safetensors")
        index = tmp_path / "net" / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": places} | extra))
        return index

    return build


def refusal(target: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(target)
    assert caught.value.file
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("by_folder", [True, False])
def test_shards_make_one_checkpoint(by_folder: bool, sharded: Callable[..., Path]):
    index = sharded()
    with open_checkpoint(index.parent if by_folder else index) as ckpt:
        assert list(ckpt) == ["a.weight", "b.weight"]
        assert ckpt.model == "net"
        assert [w.file for w in ckpt.values()] == ["m-1.safetensors", "m-2.safetensors"]
        assert [w.array().sum() for w in ckpt.values()] == [6, 12]
        assert [path.name for path in ckpt.files] == ["m-1.safetensors", "m-2.safetensors"]


@pytest.mark.parametrize(
    ("places", "tensor", "words"),
    [
        (PLACES | {"c.weight": "m-2.safetensors"}, "c.weight", "does not hold it"),
        ({"a.weight": "m-2.safetensors", "b.weight": "m-2.safetensors"}, "a.weight", "does not hold it"),
        ({"a.weight": "m-1.safetensors", "c": "m-2.safetensors"}, "c", "does not hold it"),
        (PLACES | {"c.weight": "m-3.safetensors"}, "c.weight", "missing"),
        (PLACES | {"c.weight": "../net/m-1.safetensors"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "x/../../net/m-1.safetensors"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "..\\m-1.safetensors"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "/etc/passwd"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "C:\\m-1.safetensors"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "m-1.safetensors\0"}, "c.weight", "outside"),
        (PLACES | {"c.weight": "m" * 5000}, "c.weight", "missing"),
        (PLACES | {"c.weight": 7}, "c.weight", "as its shard"),
        (PLACES | {"c.weight": ""}, "c.weight", "as its shard"),
        ({}, None, "weight_map"),
        ([], None, "weight_map"),
        ({"a.weight": "m-1.safetensors", "b.weight": "model.safetensors.index.json"}, None, "neither"),
    ],
)
def test_wrong_indices(places: Any, tensor: str | None, words: str, sharded: Callable[..., Path]):
    error = refusal(sharded(places))
    assert error.tensor == tensor
    assert words in str(error)


def test_a_shard_with_tensors_beyond_the_index(sharded: Callable[..., Path], save: Callable[..., Path]):
    index = sharded()
    save(TWOS | {"stray.weight": np.ones((2, 2), np.float32)}, "net/m-2.safetensors")
    error = refusal(index)
    assert error.tensor == "stray.weight"
    assert "does not say so" in str(error)


def test_a_link_out_of_the_folder(sharded: Callable[..., Path], tmp_path: Path):
    index = sharded()
    (index.parent / "m-2.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (index.parent / "m-2.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    assert "link" in str(refusal(index))


def test_links_within_the_hub_cache_are_followed(sharded: Callable[..., Path], tmp_path: Path):
    index = sharded()
    home = tmp_path / "models--org--tiny"
    snapshot, blobs = home / "snapshots" / ("0" * 40), home / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(index.parent.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    ckpt = open_checkpoint(snapshot)
    assert ckpt.model == "tiny"
    assert [w.array().sum() for w in ckpt.values()] == [6, 12]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"weight_map": {"a": "x", "a": "y"}}', "twice"),
        (b'{"weight_map":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b"", "empty"),
        (b"{", "JSON"),
    ],
)
def test_damaged_indices(text: bytes, words: str, tmp_path: Path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(text)
    assert words in str(refusal(index))


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":1,"a":2}', b"[1]", b"\xff"])
def test_damaged_configurations(text: bytes, save: Callable[..., Path]):
    path = save(ONES, "net/model.safetensors")
    (path.parent / "config.json").write_bytes(text)
    assert refusal(path.parent).file == str(path.parent / "config.json")


def test_infinity_stands_in_published_configurations(save: Callable[..., Path]):
    path = save(ONES, "net/model.safetensors")
    (path.parent / "config.json").write_text('{"model_type": "mamba2", "time_step_limit": [0.0, Infinity]}')
    assert open_checkpoint(path.parent).config["time_step_limit"] == [0.0, float("inf")]


def test_a_byte_order_mark_stands_in_configurations_that_editors_wrote(save: Callable[..., Path]):
    path = save(ONES, "net/model.safetensors")
    (path.parent / "config.json").write_bytes(b'\xef\xbb\xbf{"model_type": "bert"}')
    assert open_checkpoint(path.parent).config == {"model_type": "bert"}


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (("model.safetensors", "other.safetensors", "adapter_model.safetensors"), "model.safetensors"),
        (("adapter_model.safetensors", "other.safetensors"), "adapter_model.safetensors"),
        (("other.safetensors", "training_args.bin"), "other.safetensors"),
        (("diffusion_pytorch_model.safetensors", "z.safetensors"), "diffusion_pytorch_model.safetensors"),
    ],
)
def test_which_file_of_a_folder_wins(present: tuple[str, ...], chosen: str, save: Callable[..., Path]):
    folder = {save(ONES, f"net/{name}").parent for name in present}.pop()
    assert [path.name for path in open_checkpoint(folder).files] == [chosen]


def test_the_configuration_of_another_model_is_left_alone(save: Callable[..., Path]):
    path = save(ONES, "net/mine.safetensors")
    (path.parent / "config.json").write_text("not JSON")
    assert open_checkpoint(path).config == {}
    (path.parent / "config.json").write_text('{"model_type": "bert"}')
    assert open_checkpoint(path.parent).config == {"model_type": "bert"}
    assert open_checkpoint(path.rename(path.with_name("model-1-of-1.safetensors"))).config == {"model_type": "bert"}


def test_folders_with_nothing_to_choose(tmp_path: Path, save: Callable[..., Path]):
    empty = tmp_path / "empty"
    empty.mkdir()
    error = refusal(empty)
    assert (error.problem, error.file) == ("the folder holds no weights", str(empty))
    assert error.remedy.startswith("Expected one of .safetensors")
    save(ONES, "outer/inner/model.safetensors")
    assert "'inner'" in str(refusal(tmp_path / "outer"))
    save(ONES, "two/x.safetensors")
    save(ONES, "two/y.safetensors")
    assert "2 checkpoints (x.safetensors, y.safetensors)" in str(refusal(tmp_path / "two"))
    assert "no such file" in str(refusal(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.bin", b"", "empty"),
        ("w.h5", b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        ("w.gguf", b"GGUF\x03\0\0\0", "GGUF"),
        ("w.onnx", b"\x08\x07\x12\x07pytorch", "ONNX"),
        ("model.bin", b"\x06\0\0\0\x10\0TransformerSpec\0\x07\0\0\0", "CTranslate2"),
        ("w.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        ("w.bin", b"<!DOCTYPE html><html>", "web page"),
        ("w.pt.gz", gzip.compress(b"x", mtime=0), "gzip"),
        ("w.pkl", b"\x80\x04\x95\0\0\0\0\0\0\0\0N.", "pickle"),
        ("w.tar", bytes(257) + b"ustar\x0000" + bytes(300), "tar"),
        ("w.dat", b"hello, world", "not known"),
        ("w.zip", b"PK\x03\x04nonsense", "zip"),
    ],
)
def test_other_formats_are_named(name: str, content: bytes, words: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(content)
    error = refusal(path)
    assert words in str(error)
    assert error.file == str(path)


def test_the_content_decides_and_not_the_suffix(save: Callable[..., Path]):
    assert open_checkpoint(save(ONES, "weights.bin")).format == "safetensors"


def test_what_is_no_target():
    with pytest.raises(TypeError, match="target: expected a path"):
        open_checkpoint(7)
    with pytest.raises(CheckpointError):
        open_checkpoint("a\0b")
