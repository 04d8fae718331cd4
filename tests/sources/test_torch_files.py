"""PyTorch files of every age, and all that is saved beside weights."""

import collections
import contextlib
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.sources import CheckpointError, open_checkpoint

pytestmark = pytest.mark.torch


@pytest.fixture
def store(tmp_path: Path, torch: ModuleType) -> Callable[..., Path]:
    def write(saved: Any, name: str = "net.pt", *, legacy: bool = False) -> Path:
        torch.save(saved, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        return tmp_path / name

    return write


def refusal(target: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(target)
    assert caught.value.file == str(target)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("legacy", [False, True])
def test_values_of_every_type(legacy: bool, store: Callable[..., Path], torch: ModuleType):
    source = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    names = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
    names = names[:4] if legacy else names  # torch cannot read back the legacy files that it writes of FP8
    saved = {f"{name}.weight": source.to(getattr(torch, name)) for name in names}
    ckpt = open_checkpoint(store(saved, legacy=legacy))
    assert [w.dtype for w in ckpt.values()] == ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"][: len(names)]
    for name, weight in ckpt.items():
        expected = saved[name].double().numpy()
        np.testing.assert_array_equal(weight.array().astype(np.float64), expected)
        np.testing.assert_array_equal(weight.matrices()[""][2:4].astype(np.float64), expected[2:4])


def test_published_resnets_equal_what_torch_loads(shared: Path, torch: ModuleType):
    for path in sorted((shared / "data" / "resnets").glob("*.th")):
        expected = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        ckpt = open_checkpoint(path)
        assert list(ckpt) == [name.removeprefix("module.") for name in expected]
        for name, weight in ckpt.items():
            np.testing.assert_array_equal(weight.array(), expected[f"module.{name}"].numpy())
        depth = int(path.name.split("-")[0].removeprefix("resnet"))
        measured = [w for w in ckpt.values() if w.listed_because is None]
        assert [w.role for w in measured] == ["conv"] * (depth - 1) + ["head"]
        assert max(w.block for w in measured if w.block is not None) == (depth - 2) // 2 - 1


def test_sharded_bin_index(tmp_path: Path, torch: ModuleType):
    import json

    torch.save({"a.weight": torch.ones(2, 2)}, tmp_path / "p-1.bin")
    torch.save({"b.weight": torch.zeros(2, 2)}, tmp_path / "p-2.bin")
    index = {"weight_map": {"a.weight": "p-1.bin", "b.weight": "p-2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert list(open_checkpoint(tmp_path)) == ["a.weight", "b.weight"]
    index["weight_map"]["b.weight"] = "p-1.bin"
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="does not hold it"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda sd: sd,
        lambda sd: {"state_dict": sd},
        lambda sd: {"epoch": 3, "model_state_dict": sd, "loss": 0.1, "args": {"lr": 1e-3}},
        lambda sd: {"model": {"state_dict": sd, "model_args": {"dim": 3}}},
        lambda sd: {"anything": sd, "best": 1.0},
        lambda sd: {"model": {f"module.{k}": v for k, v in sd.items()}},
        lambda sd: {"state_dict": {f"module._orig_mod.{k}": v for k, v in sd.items()}},
        lambda sd: {f"_orig_mod.{k}": v for k, v in sd.items()},
        lambda sd: {"ema": sd},
    ],
)
def test_containers_leave_no_trace_in_names(wrap: Callable[..., Any], store: Callable[..., Path], torch: ModuleType):
    state = collections.OrderedDict(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)).state_dict())
    ckpt = open_checkpoint(store(wrap(state)))
    assert list(ckpt) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [w.listed_because for w in ckpt.values()] == [None, "bias", None, "bias"]


def test_optimizer_moments_and_averages_are_told_apart(store: Callable[..., Path], torch: ModuleType):
    model = torch.nn.Linear(5, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 5)).sum().backward()
    optimizer.step()
    saved = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "model_ema": model.state_dict(),
        "rng_state": torch.get_rng_state(),
        "epoch": 4,
    }
    ckpt = open_checkpoint(store(saved))
    assert [name for name, w in ckpt.items() if w.listed_because is None] == ["weight"]
    moments = {name: w.listed_because for name, w in ckpt.items() if name.startswith("optimizer.")}
    assert set(moments) == {f"optimizer.state.{i}.{n}" for i in (0, 1) for n in ("step", "exp_avg", "exp_avg_sq")}
    assert set(moments.values()) == {"optimizer state, not a weight"}
    assert "average" in (ckpt["model_ema.weight"].listed_because or "")
    assert "training run" in (ckpt["rng_state"].listed_because or "")


def test_several_networks_keep_their_names(store: Callable[..., Path], torch: ModuleType):
    saved = {"generator": {"a.weight": torch.ones(2, 3)}, "critic": {"a.weight": torch.zeros(3, 2)}}
    assert list(open_checkpoint(store(saved))) == ["generator.a.weight", "critic.a.weight"]


def test_containers_in_circles_and_shared_ones(store: Callable[..., Path], torch: ModuleType):
    inner: dict[str, Any] = {"w.weight": torch.ones(2, 2)}
    inner["again"] = inner
    assert list(open_checkpoint(store({"a": inner, "b": inner}))) == ["w.weight"]
    deep: Any = torch.ones(2, 2)
    for _ in range(60):
        deep = {"k": deep}
    assert "no tensors" in str(refusal(store(deep)))


def test_shared_memory_is_seen_once(store: Callable[..., Path], torch: ModuleType):
    table = torch.randn(7, 3)
    for legacy in (False, True):
        saved = {"wte.weight": table, "lm_head.weight": table, "other.weight": table.clone()}
        ckpt = open_checkpoint(store(saved, legacy=legacy))
        assert ckpt["lm_head.weight"].tied_to == "wte.weight"
        assert ckpt["wte.weight"].tied_to is None
        assert ckpt["other.weight"].tied_to is None
        assert ckpt["lm_head.weight"].matrices() == {}
        assert "wte.weight" in (ckpt["lm_head.weight"].listed_because or "")


class Foreign:
    def __init__(self) -> None:
        self.x = 1


Foreign.__module__, Foreign.__qualname__ = "collections", "Foreign"


@pytest.mark.parametrize("legacy", [False, True])
def test_foreign_classes_are_refused_by_name(
    legacy: bool, store: Callable[..., Path], torch: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(collections, "Foreign", Foreign, raising=False)
    error = refusal(store({"model": {"w": torch.ones(2, 2)}, "config": Foreign()}, legacy=legacy))
    assert "collections.Foreign" in str(error)
    error = refusal(store(torch.nn.Linear(2, 2), legacy=legacy))
    assert "torch.nn.modules.linear.Linear" in str(error)


def test_nothing_runs_while_a_hostile_file_is_refused(tmp_path: Path, torch: ModuleType):
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return open, (str(tmp_path / "ran"), "w")

    for legacy in (False, True):
        torch.save({"w": Bomb()}, tmp_path / "bomb.pt", _use_new_zipfile_serialization=not legacy)
        assert "io.open" in str(refusal(tmp_path / "bomb.pt"))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Bomb()))
    assert "pickle" in str(refusal(tmp_path / "plain.pkl"))
    assert not (tmp_path / "ran").exists()


def test_torchscript_is_refused(tmp_path: Path, torch: ModuleType):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as out:
        for name in ("net/data.pkl", "net/constants.pkl", "net/code/__torch__.py"):
            out.writestr(name, b"")
    assert "TorchScript" in str(refusal(path))


def test_tensors_that_are_no_arrays(store: Callable[..., Path], torch: ModuleType):
    ckpt = open_checkpoint(store({"a.weight": torch.eye(3).to_sparse(), "b.weight": torch.ones(2, 2)}))
    assert "sparse" in (ckpt["a.weight"].listed_because or "")
    assert ckpt["b.weight"].listed_because is None
    with pytest.raises(CheckpointError, match=r"a\.weight"):
        ckpt["a.weight"].array()


def test_empty_and_expanded_tensors(store: Callable[..., Path], torch: ModuleType):
    error = refusal(store({"a.weight": torch.ones(2, 2), "b.weight": torch.ones(0, 2)}))
    assert error.tensor == "b.weight"
    error = refusal(store({"a.weight": torch.ones(1).expand(1 << 20, 1 << 20)}))
    assert error.tensor == "a.weight"
    assert "no tensors" in str(refusal(store({"epoch": 3})))


def test_recompressed_archives_are_read(store: Callable[..., Path], tmp_path: Path, torch: ModuleType):
    path = store({"a.weight": torch.arange(12.0).reshape(3, 4)})
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as out:
        for name in archive.namelist():
            out.writestr(name, archive.read(name))
    assert open_checkpoint(tmp_path / "z.pt")["a.weight"].array().sum() == 66


@pytest.mark.parametrize("swollen", ["data.pkl", "data/0"])
def test_a_bomb_is_refused_before_it_is_unpacked(
    swollen: str, store: Callable[..., Path], tmp_path: Path, torch: ModuleType
):
    path = store({"a.weight": torch.zeros(4, 4)})
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as out:
        for name in archive.namelist():
            out.writestr(name, archive.read(name) + (bytes(100_000_000) if name.endswith(swollen) else b""))
    assert "unpacks to 1000" in str(refusal(tmp_path / "z.pt"))


def test_a_legacy_storage_larger_than_the_file(store: Callable[..., Path], torch: ModuleType):
    path = store({"a.weight": torch.ones(300, 3)}, legacy=True)
    content = path.read_bytes()
    # 900 elements, as a two-byte integer, become two thousand million.
    assert content.count(b"M\x84\x03") == 1
    path.write_bytes(content.replace(b"M\x84\x03", b"J\xff\xff\xff\x7f"))
    assert "more than the file has bytes" in str(refusal(path))


def test_without_torch_the_extra_is_named(
    store: Callable[..., Path], torch: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    import sys

    path = store({"a.weight": torch.ones(2, 2)})
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "theodolite[torch]" in str(refusal(path))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 100_000), value=st.integers(0, 255), legacy=st.booleans())
def test_any_changed_byte_is_opened_or_refused(place: int, value: int, legacy: bool, tmp_path: Path, torch: ModuleType):
    path = tmp_path / "net.pt"
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(4, 3).state_dict(), path, _use_new_zipfile_serialization=not legacy)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    tracemalloc.start()
    with contextlib.suppress(CheckpointError):
        for weight in open_checkpoint(path).values():
            if weight.listed_because is None:
                weight.array()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
