"""Adapter folders laid over their base, against PEFT itself and against plain arithmetic."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td
from theodolite.sources.adapted import change_of
from theodolite.sources.peft_adapter import adapted, is_adapter

RNG = np.random.default_rng(0)
SHAPES = {"net.q": (12, 8), "net.v": (12, 8), "head": (5, 12)}


def factors(name: str, rank: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(name))
    out, seen = SHAPES[name]
    return rng.standard_normal((out, rank)).astype("f4"), rng.standard_normal((rank, seen)).astype("f4")


def write(folder: Path, config: dict, tensors: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 6, **config}))
    save_file(
        {name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / "adapter_model.safetensors"
    )
    return folder


def lora(prefix: str = "base_model.model.", names: tuple[str, ...] = ("net.q", "net.v")) -> dict[str, np.ndarray]:
    made = {}
    for name in names:
        made[f"{prefix}{name}.lora_B.weight"], made[f"{prefix}{name}.lora_A.weight"] = factors(name)
    return made


@pytest.fixture
def base(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    arrays = {f"{name}.weight": rng.standard_normal(shape).astype("f4") for name, shape in SHAPES.items()}
    save_file({**arrays, "net.q.bias": np.zeros(12, "f4")}, tmp_path / "base.safetensors")
    return tmp_path / "base.safetensors"


@pytest.mark.parametrize(
    ("config", "scaling"),
    [
        ({}, 3.0),
        ({"use_rslora": True}, 6 / 2**0.5),
        ({"alpha_pattern": {"q": 1}}, {"net.q": 0.5, "net.v": 3.0}),
        ({"alpha_pattern": {r"^net\.v": 1}, "use_rslora": True}, {"net.q": 6 / 2**0.5, "net.v": 1 / 2**0.5}),
    ],
)
def test_the_change_is_scaled_b_a(base, tmp_path, config, scaling):
    folder = write(tmp_path / "adapter", config, lora())
    before = load_file(base)
    laid = adapted(td.open(base), folder)
    assert laid.model == "adapter"
    assert set(laid) == set(before)
    for name in ("net.q", "net.v"):
        b, a = factors(name)
        scale = scaling[name] if isinstance(scaling, dict) else scaling
        wanted = scale * b.astype(float) @ a
        weight = laid[f"{name}.weight"]
        np.testing.assert_allclose(weight.array(), before[f"{name}.weight"] + wanted, atol=1e-12)
        left, right = change_of(weight.matrices()[""])
        assert left.shape[1] == 2
        np.testing.assert_allclose(left @ right, wanted, atol=1e-12)
    np.testing.assert_array_equal(laid["head.weight"].array(), before["head.weight"])
    assert change_of(laid["head.weight"].matrices()[""]) is None


def test_layouts_in_by_out_and_packed_projections(tmp_path):
    """GPT-2 stores in x out and packs query, key and value: each part gets its share of the factors."""
    rng = np.random.default_rng(2)
    stored = {
        "h.0.attn.c_attn.weight": rng.standard_normal((16, 48)).astype("f4"),
        "h.0.attn.c_proj.weight": rng.standard_normal((16, 16)).astype("f4"),
        "h.0.mlp.c_fc.weight": rng.standard_normal((16, 64)).astype("f4"),
        "h.0.mlp.c_proj.weight": rng.standard_normal((64, 16)).astype("f4"),
    }
    base = tmp_path / "gpt"
    base.mkdir()
    save_file(stored, base / "model.safetensors")
    (base / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_head": 2, "n_embd": 16}))
    b, a = rng.standard_normal((48, 2)).astype("f4"), rng.standard_normal((2, 16)).astype("f4")
    stem = "base_model.model.transformer.h.0.attn.c_attn"
    made = {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
    for flag in (True, False):  # one flag stands for all modules, and here only one layout fits
        laid = adapted(td.open(base), write(tmp_path / "adapter", {"fan_in_fan_out": flag}, made))
        parts = laid["h.0.attn.c_attn.weight"].matrices()
        assert list(parts) == ["query", "key", "value"]
        for index, part in enumerate(parts.values()):
            left, right = change_of(part)
            np.testing.assert_allclose(
                left @ right, (3.0 * b.astype(float) @ a)[16 * index : 16 * (index + 1)], atol=1e-12
            )
            before = td.open(base)["h.0.attn.c_attn.weight"].matrices()[list(parts)[index]]
            np.testing.assert_allclose(np.asarray(part) - np.asarray(before), left @ right, atol=1e-12)


@pytest.mark.parametrize("flag", [True, False])
def test_a_square_tensor_stored_in_by_out_takes_the_product_turned_whatever_the_last_module_left(tmp_path, flag):
    rng = np.random.default_rng(4)
    stored = {
        "h.0.attn.c_attn.weight": rng.standard_normal((16, 48)).astype("f4"),
        "h.0.attn.c_proj.weight": rng.standard_normal((16, 16)).astype("f4"),
        "lm_head.weight": rng.standard_normal((30, 16)).astype("f4"),
    }
    base = tmp_path / "gpt"
    base.mkdir()
    save_file(stored, base / "model.safetensors")
    (base / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_head": 2, "n_embd": 16}))
    made, wanted = {}, {}
    for name, (out, seen) in {"h.0.attn.c_proj": (16, 16), "lm_head": (30, 16)}.items():
        b, a = rng.standard_normal((out, 2)).astype("f4"), rng.standard_normal((2, seen)).astype("f4")
        made[f"base_model.model.{name}.lora_A.weight"], made[f"base_model.model.{name}.lora_B.weight"] = a, b
        wanted[f"{name}.weight"] = 3.0 * b.astype(float) @ a
    laid = adapted(td.open(base), write(tmp_path / "adapter", {"fan_in_fan_out": flag}, made))
    for name, change in wanted.items():
        added = change.T if "c_proj" in name else change
        np.testing.assert_allclose(laid[name].array(), stored[name] + added, atol=1e-12)


def test_two_modules_that_change_one_tensor_are_refused(tmp_path):
    save_file({"q.weight": np.ones((12, 8), "f4")}, tmp_path / "base.safetensors")
    b, a = factors("net.q")
    made = {f"base_model.model.{side}.q.lora_{which}.weight": f for side in "xy" for which, f in (("A", a), ("B", b))}
    with pytest.raises(td.CheckpointError, match=r"'x\.q' and 'y\.q' both change the base's tensor 'q\.weight'"):
        adapted(td.open(tmp_path / "base.safetensors"), write(tmp_path / "adapter", {}, made))


def test_convolutions_and_embeddings(tmp_path):
    rng = np.random.default_rng(3)
    stored = {"conv.weight": rng.standard_normal((6, 4, 3, 3)), "embed_tokens.weight": rng.standard_normal((20, 8))}
    save_file(stored, tmp_path / "base.safetensors")
    a, b = rng.standard_normal((2, 4, 3, 3)), rng.standard_normal((6, 2, 1, 1))
    ea, eb = rng.standard_normal((2, 20)), rng.standard_normal((8, 2))
    made = {
        "base_model.model.conv.lora_A.weight": a,
        "base_model.model.conv.lora_B.weight": b,
        "base_model.model.embed_tokens.lora_embedding_A": ea,
        "base_model.model.embed_tokens.lora_embedding_B": eb,
    }
    laid = adapted(td.open(tmp_path / "base.safetensors"), write(tmp_path / "adapter", {}, made))
    wanted = 3 * np.einsum("or,rihw->oihw", b[:, :, 0, 0], a)
    np.testing.assert_allclose(laid["conv.weight"].array(), stored["conv.weight"] + wanted)
    left, right = change_of(laid["conv.weight"].matrices()[""])
    np.testing.assert_allclose(left @ right, wanted.reshape(6, -1))
    np.testing.assert_allclose(laid["embed_tokens.weight"].array(), stored["embed_tokens.weight"] + 3 * (eb @ ea).T)


def test_tensors_that_are_saved_whole_take_the_place_of_the_base(base, tmp_path):
    head = np.full(SHAPES["head"], 2.0, "f4")
    bias = np.ones(12, "f4")
    made = {**lora(), "base_model.model.head.weight": head, "base_model.model.net.q.bias": bias}
    laid = adapted(td.open(base), write(tmp_path / "adapter", {"modules_to_save": ["head"], "bias": "lora_only"}, made))
    np.testing.assert_array_equal(laid["head.weight"].array(), head)
    np.testing.assert_array_equal(laid["net.q.bias"].array(), bias)


def test_an_adapter_of_a_model_with_a_head_fits_its_headless_base(base, tmp_path):
    folder = write(tmp_path / "adapter", {}, lora("base_model.model.backbone."))
    assert change_of(adapted(td.open(base), folder)["net.q.weight"].matrices()[""]) is not None


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"peft_type": "LOHA"}, "of the kind LOHA, and LORA is"),
        ({"use_dora": True}, "is a DoRA"),
        ({"init_lora_weights": "pissa_niter_4"}, "initialised by 'pissa_niter_4', which changes the base"),
        ({"init_lora_weights": "olora"}, "initialised by 'olora'"),
        ({"layer_replication": [[0, 2]]}, "replicates layers"),
        ({"target_parameters": ["x"]}, "targets bare parameters"),
        ({"lora_alpha": "much"}, "the alpha of net.q is 'much'"),
    ],
)
def test_kinds_that_are_no_sum_are_named(base, tmp_path, config, says):
    with pytest.raises(td.CheckpointError, match=says) as refused:
        adapted(td.open(base), write(tmp_path / "adapter", config, lora()))
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("base_model.model.net.q.lora_B.weight"), "it has no lora_B beside it"),
        (
            lambda t: t.update({"base_model.model.net.q.lora_magnitude_vector": np.ones(3, "f4")}),
            "no part of a plain LoRA",
        ),
        (lambda t: t.update({"base_model.model.net.q.lora_A.weight": np.ones((2, 9), "f4")}), "the product has shape"),
        (lambda t: t.update({"base_model.model.net.q.lora_A.weight": np.ones((3, 8), "f4")}), "which share no rank"),
        (lambda t: t.update(lora("base_model.model.other.", ("head",))), None),
        (
            lambda t: t.update(
                {
                    f"base_model.model.far.{x}.weight": np.ones(s, "f4")
                    for x, s in (("lora_A", (2, 8)), ("lora_B", (12, 2)))
                }
            ),
            "the base has no tensor 'far.weight'",
        ),
    ],
)
def test_what_does_not_fit_the_base_is_refused(base, tmp_path, change, says):
    tensors = lora()
    change(tensors)
    folder = write(tmp_path / "adapter", {"base_model_name_or_path": "some/base"}, tensors)
    if says is None:
        assert adapted(td.open(base), folder)
        return
    with pytest.raises(td.CheckpointError, match=says):
        adapted(td.open(base), folder)


def test_a_folder_with_its_configuration_is_an_adapter(base, tmp_path):
    assert is_adapter(write(tmp_path / "adapter", {}, lora()))
    assert not is_adapter(base)
    assert not is_adapter(tmp_path)


@pytest.mark.torch
@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"alpha_pattern": {"0": 3}, "rank_pattern": {"2": 5}}])
def test_peft_itself_merges_to_the_same(torch, tmp_path, options):
    peft = pytest.importorskip("peft", reason="needs the package peft")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.Linear(16, 6, bias=False)).double()
    before = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    save_file(before, tmp_path / "base.safetensors")
    config = peft.LoraConfig(r=3, lora_alpha=7, target_modules=["0", "2"], **options)
    tuned = peft.get_peft_model(net, config)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.normal_()
    tuned.save_pretrained(tmp_path / "adapter")
    merged = {name: value.numpy() for name, value in tuned.merge_and_unload().state_dict().items()}
    laid = adapted(td.open(tmp_path / "base.safetensors"), tmp_path / "adapter")
    for name, wanted in merged.items():
        np.testing.assert_allclose(laid[name].array(), wanted, atol=1e-6)
        assert np.abs(wanted - before[name]).max() > 0.1 or "bias" in name
