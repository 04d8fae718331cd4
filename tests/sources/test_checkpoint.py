"""The checkpoint as a mapping, and what a weight says of itself."""

import gc
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.sources import CheckpointError, open_checkpoint

ONES = {"h.0.up_proj.weight": np.ones((6, 3), np.float32), "h.0.up_proj.bias": np.zeros(6, np.float32)}


def test_a_mapping_with_and_without_with(save: Callable[..., Path]):
    path = save(ONES)
    with open_checkpoint(path) as ckpt:
        assert list(ckpt) == list(ckpt.keys()) == list(ONES)
        assert len(ckpt) == 2
        assert "h.0.up_proj.weight" in ckpt
        assert ckpt.parameters == 18
    assert ckpt["h.0.up_proj.weight"].array().sum() == 18
    assert open_checkpoint(str(path))["h.0.up_proj.weight"].array().sum() == 18
    assert open_checkpoint(ckpt) is ckpt
    with pytest.raises(KeyError, match=r"did you mean 'h\.0\.up_proj\.weight'"):
        ckpt["h.0.up_prj.weight"]


def test_what_a_weight_says_of_itself(save: Callable[..., Path]):
    ckpt = open_checkpoint(save(ONES, "tiny.safetensors"), model="mine")
    weight = ckpt["h.0.up_proj.weight"]
    assert (weight.name, weight.module, weight.file) == ("h.0.up_proj.weight", "h.0.up_proj", "tiny.safetensors")
    assert (weight.shape, weight.dtype, weight.parameters, weight.role, weight.block) == ((6, 3), "F32", 18, "up", 0)
    assert weight.tied_to is None
    assert ckpt.model == "mine"
    assert "6 x 3" in repr(weight)
    assert "2 tensors" in repr(ckpt)
    matrix = weight.matrices()[""]
    assert (matrix.role, matrix.view, matrix.ndim, matrix.size) == ("up", "matrix", 2, 18)
    np.testing.assert_allclose(weight.spectrum().eigenvalues, [0, 0, 18], atol=1e-12)
    with pytest.raises(ValueError, match="part: got 'query'"):
        weight.spectrum("query")


def test_nothing_stays_open(save: Callable[..., Path]):
    path = save(ONES)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0

    gc.collect()
    before = descriptors()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(50):
            open_checkpoint(path)["h.0.up_proj.weight"].array()
        gc.collect()
        with open_checkpoint(path) as ckpt:
            ckpt["h.0.up_proj.weight"].array()
    assert descriptors() == before


def test_wrappers_prefixes_go_only_where_all_names_have_them(save: Callable[..., Path]):
    assert list(open_checkpoint(save({f"module.{k}": v for k, v in ONES.items()}))) == list(ONES)
    mixed = {"module.a.weight": np.ones((2, 2), np.float32), "b.weight": np.ones((2, 2), np.float32)}
    assert list(open_checkpoint(save(mixed))) == list(mixed)


def test_heads_that_repeat_the_embedding_are_tied(save: Callable[..., Path]):
    table = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    other = table.copy()
    other[-1, -1] += 1
    ckpt = open_checkpoint(
        save({"wte.weight": table, "lm_head.weight": table, "embed_out.weight": other, "h.0.up_proj.weight": table})
    )
    assert {name: w.tied_to for name, w in ckpt.items()} == {
        "wte.weight": None,
        "lm_head.weight": "wte.weight",
        "embed_out.weight": None,
        # Equal numbers in another place are no tying.
        "h.0.up_proj.weight": None,
    }
    assert ckpt["lm_head.weight"].matrices() == {}
    with pytest.raises(ValueError, match=r"tied to wte\.weight"):
        ckpt["lm_head.weight"].spectrum()


def test_tying_is_looked_up_lazily(save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    from theodolite.sources.stored import FileTensor

    table = np.ones((20, 4), np.float32)
    path = save({"wte.weight": table, "lm_head.weight": table})

    def refuse(*_: Any) -> Any:
        raise AssertionError("opening must not read data")

    monkeypatch.setattr(FileTensor, "rows", refuse)
    monkeypatch.setattr(FileTensor, "read", refuse)
    assert len(list(open_checkpoint(path).items())) == 2


def test_fingerprints_tell_content_shape_and_type_apart(save: Callable[..., Path]):
    base = np.arange(12, dtype=np.float32)
    tensors = {
        "a": base.reshape(3, 4),
        "same": base.reshape(3, 4),
        "shape": base.reshape(4, 3),
        "type": base.reshape(3, 4).view(np.int32),
        "value": base.reshape(3, 4) + 1,
    }
    found = {name: w.fingerprint() for name, w in open_checkpoint(save(tensors)).items()}
    assert found["a"] == found["same"]
    assert len(set(found.values())) == 4


def test_fingerprints_of_large_tensors_go_by_pieces(save: Callable[..., Path]):
    import hashlib

    values = np.random.default_rng(0).normal(size=(3000, 1000)).astype(np.float32)
    weight = open_checkpoint(save({"w": values}))["w"]
    assert weight.fingerprint() == hashlib.sha256(b"F32(3000, 1000)" + values.tobytes()).digest()


def test_errors_survive_pickling_and_keep_their_parts():
    error = CheckpointError("it is bad", file="net.pt", tensor="w\n\x1b[31m", remedy="Mend it.")
    assert str(error) == "net.pt, tensor 'w��[31m': it is bad. Mend it."
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.file, copy.tensor, copy.remedy, str(copy)) == ("net.pt", error.tensor, "Mend it.", str(error))


@pytest.mark.parametrize(
    ("path", "model"),
    [("nets/tiny/model.safetensors", "tiny"), ("nets/tiny.safetensors", "tiny"), ("a/net.v2.safetensors", "net.v2")],
)
def test_models_are_named_after_what_says_most(path: str, model: str, save: Callable[..., Path]):
    assert open_checkpoint(save(ONES, path)).model == model
