"""The matrices of WeightWatcher 0.7.7, against the numbers that it printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.sources import open_checkpoint
from theodolite.sources.weightwatcher import choose


@pytest.mark.torch
@pytest.mark.parametrize("depth", [20, 32])
def test_every_layer_of_the_published_resnets(depth: int, shared: Path, torch: Any):
    layers = json.loads((shared / "reference" / "ref_spectra.json").read_text())["models"][f"resnet{depth}"]["layers"]
    ckpt = open_checkpoint(next((shared / "data" / "resnets").glob(f"resnet{depth}-*.th")))
    parts = {w.module: w.matrices(convention="weightwatcher") for w in ckpt.values() if w.name.endswith(".weight")}
    chosen = {module: found[""] for module, found in parts.items() if found}
    assert list(chosen) == [layer["longname"] for layer in layers]
    for layer in layers:
        matrix = chosen[layer["longname"]]
        values = np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False).ravel()
        assert values.size == layer["num_evals"]
        assert max(matrix.shape[-2:]) == layer["N"]
        assert np.sum(values**2) == pytest.approx(layer["norm"], rel=1e-9)
        assert np.max(values) ** 2 == pytest.approx(layer["spectral_norm"], rel=1e-9)


def kept(shape: tuple[int, ...], name: str = "conv.weight", **options: Any) -> str | None:
    from theodolite.sources.stored import StoredTensor

    class Shape(StoredTensor):
        def __init__(self) -> None:
            self.shape, self.dtype = shape, np.dtype(np.float32)

        def rows(self, start: int, stop: int) -> Any:
            raise AssertionError("choosing must not read")

    return choose(name, Shape(), "other", options.get("turned", False)).reason


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((8, 7), "fewer than 8 eigenvalues (this one: 7)"),
        ((8, 8), None),
        ((50_000, 8), None),
        ((50_001, 8), "more than 50000 rows (this one: 50001)"),
        ((8, 50_001), "more than 50000 rows"),
        ((15_000, 15_000), None),
        ((15_001, 15_001), "more than 15000 eigenvalues (this one: 15001)"),
        ((16, 3, 3, 3), None),
        ((16, 7, 1, 1), "fewer than 8"),
        ((7, 16, 1, 1), "fewer than 8"),
        # Its N and M are the wrong way round where the number of slices is even, which the filter sees.
        ((4, 8, 1, 2), None),
        ((3, 8, 1, 2), None),
        ((3, 2, 1, 2), "fewer than 8"),
        ((2000, 1700, 3, 3), "more than 15000 eigenvalues (this one: 15300)"),
        ((48, 48, 7), "fewer than 8 eigenvalues (this one: 7)"),
        ((48, 48, 9), None),
        ((8, 8, 8, 8, 8), "no layer of this kind"),
    ],
)
def test_size_filters(shape: tuple[int, ...], reason: str | None):
    found = kept(shape)
    assert found is None if reason is None else reason in (found or "")


def test_what_it_never_reads():
    assert "not named 'weight'" in (kept((32, 32), "attn.in_proj_weight") or "")
    assert "not named 'weight'" in (kept((32, 32), "lstm.weight_ih_l0") or "")
    assert "no layer of this kind" in (kept((32, 32, 3, 3), turned=True) or "")


def test_packed_projections_stay_whole(named: Callable[..., Any]):
    values = np.random.default_rng(0).normal(size=(30, 10)).astype(np.float32)
    weight = named({}, None, **{"blocks.0.attn.qkv.weight": values})["blocks.0.attn.qkv.weight"]
    assert list(weight.matrices()) == ["query", "key", "value"]
    (part, matrix), *rest = weight.matrices(convention="weightwatcher").items()
    assert (part, rest) == ("", [])
    np.testing.assert_array_equal(matrix[3:7], values[3:7])


def test_one_dimensional_convolutions_keep_the_largest_of_all_channels(named: Callable[..., Any]):
    values = np.random.default_rng(0).normal(size=(12, 10, 9)).astype(np.float32)
    weight = named({}, None, **{"conv.weight": values})["conv.weight"]
    matrix = np.asarray(weight.matrices(convention="weightwatcher")[""])
    assert matrix.shape == (12, 9)
    pooled = np.sort(np.concatenate([np.linalg.svd(v.astype(np.float64), compute_uv=False) for v in values]))
    np.testing.assert_allclose(np.sort(np.linalg.svd(matrix, compute_uv=False)), pooled[-9:])


def test_listing_names_the_reason(named: Callable[..., Any]):
    ckpt = named({"a.weight": (7, 30), "b.bias": (7,)})
    assert ckpt["a.weight"].listing() is None
    assert "fewer than 8" in ckpt["a.weight"].listing("weightwatcher")
    assert ckpt["a.weight"].matrices(convention="weightwatcher") == {}
    assert ckpt["b.bias"].listing("weightwatcher") == "bias"
    with pytest.raises(ValueError, match=r"not measured.*fewer than 8"):
        ckpt["a.weight"].spectrum(convention="weightwatcher")
