"""Packed, transposed and stacked tensors, against what the layers compute."""

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from theodolite.sources import open_checkpoint
from theodolite.sources.anatomy import Anatomy
from theodolite.sources.packing import cutting
from theodolite.sources.roles import role_of

RNG = np.random.default_rng(7)


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def dense(weight: Any) -> dict[str, np.ndarray]:
    """The parts of a weight, each read whole and by uneven pieces, which must agree."""
    found = {}
    for part, matrix in weight.matrices().items():
        found[part] = np.asarray(matrix)
        assert found[part].shape == matrix.shape
        edges = [0, 1, matrix.shape[0] // 2, matrix.shape[0] - 1, matrix.shape[0]]
        pieces = [matrix[a:b] for a, b in pairwise(edges)]
        np.testing.assert_array_equal(np.concatenate(pieces), found[part])
    return found


HEADS, GROUPS, WIDTH, MODEL = 6, 2, 4, 24
Q, KV = HEADS * WIDTH, GROUPS * WIDTH


def in_sequence(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.concatenate([q, k, v])


def by_group(q: np.ndarray, k: np.ndarray, v: np.ndarray, groups: int) -> np.ndarray:
    pieces = [x.reshape(groups, -1, MODEL) for x in (q, k, v)]
    return np.concatenate(pieces, axis=1).reshape(-1, MODEL)


ARRANGEMENTS: dict[str, tuple[str, dict[str, Any] | None, int, Callable[..., np.ndarray]]] = {
    # tensor, configuration, key and value heads, how query, key and value are laid out
    "gpt-2 linear": ("h.0.attn.c_attn.weight", None, HEADS, in_sequence),
    "timm": ("blocks.0.attn.qkv.weight", None, HEADS, in_sequence),
    "torch": ("layers.0.self_attn.in_proj_weight", None, HEADS, in_sequence),
    "baichuan": ("model.layers.0.self_attn.W_pack.weight", None, HEADS, in_sequence),
    "modernbert": ("layers.0.attn.Wqkv.weight", None, HEADS, in_sequence),
    "phi-3, grouped": ("model.layers.0.self_attn.qkv_proj.weight", None, GROUPS, in_sequence),
    "starcoder, one key": ("h.0.attn.c_attn.weight", {"model_type": "gpt_bigcode", "n_head": HEADS}, 1, in_sequence),
    "starcoder, all keys": (
        "h.0.attn.c_attn.weight",
        {"model_type": "gpt_bigcode", "n_head": HEADS, "multi_query": False},
        HEADS,
        lambda q, k, v: by_group(q, k, v, HEADS),
    ),
    "gpt-neox": (
        "gpt_neox.layers.0.attention.query_key_value.weight",
        {"model_type": "gpt_neox", "num_attention_heads": HEADS},
        HEADS,
        lambda q, k, v: by_group(q, k, v, HEADS),
    ),
    "bloom": (
        "h.0.self_attention.query_key_value.weight",
        {"model_type": "bloom", "n_head": HEADS},
        HEADS,
        lambda q, k, v: by_group(q, k, v, HEADS),
    ),
    "falcon 7b": (
        "h.0.self_attention.query_key_value.weight",
        {"model_type": "falcon", "num_attention_heads": HEADS, "multi_query": True},
        1,
        in_sequence,
    ),
    "falcon 40b": (
        "h.0.self_attention.query_key_value.weight",
        {
            "model_type": "falcon",
            "num_attention_heads": HEADS,
            "num_kv_heads": GROUPS,
            "new_decoder_architecture": True,
        },
        GROUPS,
        lambda q, k, v: by_group(q, k, v, GROUPS),
    ),
    "chatglm": (
        "transformer.encoder.layers.0.self_attention.query_key_value.weight",
        {
            "model_type": "chatglm",
            "num_attention_heads": HEADS,
            "multi_query_attention": True,
            "multi_query_group_num": GROUPS,
        },
        GROUPS,
        in_sequence,
    ),
    "internlm2": (
        "model.layers.0.attention.wqkv.weight",
        {"model_type": "internlm2", "num_attention_heads": HEADS, "num_key_value_heads": GROUPS},
        GROUPS,
        lambda q, k, v: by_group(q, k, v, GROUPS),
    ),
    "nested configuration": (
        "language_model.layers.0.attention.query_key_value.weight",
        {"model_type": "gpt_neox", "text_config": {"num_attention_heads": HEADS}},
        HEADS,
        lambda q, k, v: by_group(q, k, v, HEADS),
    ),
}
OUTPUTS = {"c_attn": "c_proj", "qkv": "proj", "in_proj_weight": "out_proj", "Wqkv": "Wo", "wqkv": "wo"}


@pytest.mark.parametrize("case", ARRANGEMENTS)
def test_query_key_and_value_are_cut_apart(case: str, named: Callable[..., Any]):
    name, config, keys, arrange = ARRANGEMENTS[case]
    q, k, v = draw(Q, MODEL), draw(keys * WIDTH, MODEL), draw(keys * WIDTH, MODEL)
    module = name.removesuffix(".weight")
    leaf = module.rpartition(".")[2]
    output = f"{module.rpartition('.')[0]}.{OUTPUTS.get(leaf, 'o_proj')}.weight"
    ckpt = named({output: (MODEL, Q)}, config, **{name: arrange(q, k, v)})
    parts = dense(ckpt[name])
    assert list(parts) == ["query", "key", "value"]
    for part, expected in zip(parts.values(), (q, k, v), strict=True):
        np.testing.assert_array_equal(part, expected)
    assert [m.role for m in ckpt[name].matrices().values()] == ["query", "key", "value"]
    assert ckpt[name].remark is None
    with pytest.raises(ValueError, match="has the parts 'query', 'key', 'value'"):
        ckpt[name].spectrum()
    assert ckpt[name].spectrum("key").shape == k.shape


def test_what_cannot_be_cut_apart_stays_whole_and_says_so(named: Callable[..., Any]):
    name = "h.0.self_attention.query_key_value.weight"
    whole = draw(3 * MODEL, MODEL)
    ckpt = named({}, None, **{name: whole})
    (part,) = dense(ckpt[name]).values()
    np.testing.assert_array_equal(part, whole)
    assert ckpt[name].role == "qkv"
    assert "config.json" in (ckpt[name].remark or "")


@pytest.mark.torch
def test_attention_of_levit_and_tinyvit(named: Callable[..., Any], torch: ModuleType):
    """Per head query, key and value lie together; the offsets table beside them says how many heads there are."""
    heads, key, value, model = 3, 4, 8, 12
    packed = draw(heads * (2 * key + value), model)
    name = "layers.1.blocks.0.attn.qkv.weight"
    shapes = {
        "layers.1.blocks.0.attn.attention_biases": (heads, 9),
        "layers.1.blocks.0.attn.proj.weight": (model, heads * value),
    }
    parts = dense(named(shapes, None, **{name: packed})[name])
    x = torch.randn(5, model)
    q, k, v = (x @ torch.tensor(packed).T).view(5, heads, -1).split([key, key, value], dim=2)
    for part, expected in zip(("query", "key", "value"), (q, k, v), strict=True):
        np.testing.assert_allclose((x @ torch.tensor(parts[part]).T), expected.reshape(5, -1), rtol=1e-5, atol=1e-5)


def test_conv1d_of_gpt2_is_put_right(named: Callable[..., Any]):
    attention, projection = draw(MODEL, 3 * MODEL), draw(MODEL, MODEL)
    up, down = draw(MODEL, 4 * MODEL), draw(4 * MODEL, MODEL)
    block = "transformer.h.0"
    stored = {
        f"{block}.attn.c_attn.weight": attention,
        f"{block}.attn.c_proj.weight": projection,
        f"{block}.mlp.c_fc.weight": up,
        f"{block}.mlp.c_proj.weight": down,
    }
    ckpt = named({}, None, **stored)
    x = draw(5, MODEL)
    parts = dense(ckpt[f"{block}.attn.c_attn.weight"])
    for i, part in enumerate(("query", "key", "value")):
        expected = (x @ attention)[:, i * MODEL : (i + 1) * MODEL]
        np.testing.assert_allclose(x @ parts[part].T, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(dense(ckpt[f"{block}.attn.c_proj.weight"])[""], projection.T)
    np.testing.assert_array_equal(dense(ckpt[f"{block}.mlp.c_fc.weight"])[""], up.T)
    np.testing.assert_array_equal(dense(ckpt[f"{block}.mlp.c_proj.weight"])[""], down.T)


def test_kernels_of_tensorflow_and_jax_are_put_right(tmp_path: Any):
    kernel = draw(4, 7)
    np.savez(tmp_path / "net.npz", **{"dense.kernel": kernel, "dense.bias": draw(7)})
    np.testing.assert_array_equal(dense(open_checkpoint(tmp_path / "net.npz")["dense.kernel"])[""], kernel.T)


def test_the_same_names_over_ordinary_linear_layers(named: Callable[..., Any]):
    stored = {"h.0.mlp.c_fc.weight": draw(4 * MODEL, MODEL), "h.0.attn.c_proj.weight": draw(MODEL, MODEL)}
    ckpt = named({}, None, **stored)
    for name, array in stored.items():
        np.testing.assert_array_equal(dense(ckpt[name])[""], array)


@pytest.mark.parametrize(
    ("name", "down"),
    [
        ("layers.0.mlp.gate_up_proj.weight", "layers.0.mlp.down_proj.weight"),
        ("layers.0.mlp.w12.weight", "layers.0.mlp.w3.weight"),
        ("layers.0.mlp.Wi.weight", "layers.0.mlp.Wo.weight"),
        ("layers.0.mlp.dense_h_to_4h.weight", "layers.0.mlp.dense_4h_to_h.weight"),
    ],
)
def test_gate_and_up_are_cut_apart(name: str, down: str, named: Callable[..., Any]):
    packed = draw(2 * 10, MODEL)
    ckpt = named({down: (MODEL, 10)}, None, **{name: packed})
    parts = dense(ckpt[name])
    np.testing.assert_array_equal(parts["gate"], packed[:10])
    np.testing.assert_array_equal(parts["up"], packed[10:])
    assert [m.role for m in ckpt[name].matrices().values()] == ["gate", "up"]


def test_an_up_projection_that_is_not_doubled_stays_whole(named: Callable[..., Any]):
    name = "layers.0.mlp.dense_h_to_4h.weight"
    assert list(named({"layers.0.mlp.dense_4h_to_h.weight": (MODEL, 20), name: (20, MODEL)})[name].matrices()) == [""]


EXPERTS, FORWARD = 3, 10


@pytest.mark.parametrize(
    ("turned", "config", "router"),
    [
        (False, {"hidden_size": MODEL}, False),
        (True, {"hidden_size": MODEL}, False),
        (False, None, True),
        (True, None, True),
        (True, {"model_type": "gpt_oss", "hidden_size": MODEL}, False),
    ],
)
def test_stacks_of_experts(turned: bool, config: dict[str, Any] | None, router: bool, named: Callable[..., Any]):
    gate, up, down = draw(EXPERTS, FORWARD, MODEL), draw(EXPERTS, FORWARD, MODEL), draw(EXPERTS, MODEL, FORWARD)
    packed = np.concatenate([gate, up], axis=1)
    if config is not None and config.get("model_type") == "gpt_oss":
        packed = np.stack([gate, up], axis=2).reshape(EXPERTS, 2 * FORWARD, MODEL)
    stored = {"layers.0.mlp.experts.gate_up_proj": packed, "layers.0.mlp.experts.down_proj": down}
    if turned:
        stored = {name: np.ascontiguousarray(array.swapaxes(1, 2)) for name, array in stored.items()}
    ckpt = named({"layers.0.mlp.router.weight": (EXPERTS, MODEL)} if router else {}, config, **stored)
    parts = dense(ckpt["layers.0.mlp.experts.gate_up_proj"])
    assert list(parts) == [f"expert.{e}.{p}" for e in range(EXPERTS) for p in ("gate", "up")]
    for e in range(EXPERTS):
        np.testing.assert_array_equal(parts[f"expert.{e}.gate"], gate[e])
        np.testing.assert_array_equal(parts[f"expert.{e}.up"], up[e])
    parts = dense(ckpt["layers.0.mlp.experts.down_proj"])
    assert list(parts) == [f"expert.{e}" for e in range(EXPERTS)]
    for e in range(EXPERTS):
        np.testing.assert_array_equal(parts[f"expert.{e}"], down[e])
    assert {w.role for w in ckpt.values()} <= {"expert", "router"}


def test_experts_of_granite(named: Callable[..., Any]):
    packed = draw(EXPERTS, 2 * FORWARD, MODEL)
    name = "model.layers.0.block_sparse_moe.input_linear.weight"
    parts = dense(named({}, {"hidden_size": MODEL}, **{name: packed})[name])
    np.testing.assert_array_equal(parts["expert.1.up"], packed[1, FORWARD:])


def test_one_expert_reads_one_expert():
    """Cuts of a stack are ranges of rows, so that no other expert is read."""
    name = "layers.0.mlp.experts.down_proj"
    anatomy = Anatomy({name: (4, MODEL, FORWARD)}, {"hidden_size": MODEL})
    pieces = cutting(name, (4, MODEL, FORWARD), role_of(name, (4, MODEL, FORWARD), anatomy), anatomy).pieces
    assert [piece.rows for piece in pieces] == [(range(e * MODEL, (e + 1) * MODEL),) for e in range(4)]


def test_latent_attention_of_deepseek(named: Callable[..., Any]):
    heads, key, value = 3, 4, 2
    k, v = draw(heads, key, MODEL), draw(heads, value, MODEL)
    name = "model.layers.0.self_attn.kv_b_proj.weight"
    config = {"num_attention_heads": heads, "qk_nope_head_dim": key, "v_head_dim": value}
    parts = dense(named({}, config, **{name: np.concatenate([k, v], axis=1).reshape(-1, MODEL)})[name])
    np.testing.assert_array_equal(parts["key"], k.reshape(-1, MODEL))
    np.testing.assert_array_equal(parts["value"], v.reshape(-1, MODEL))


def test_heads_of_transformer_lens(shared: Any):
    """x @ W_Q[h] for every head is one linear layer with the heads' outputs side by side."""
    from safetensors.numpy import load_file

    path = shared / "data" / "modular_addition" / "seed0.safetensors"
    stored, ckpt = load_file(path), open_checkpoint(path)
    x = draw(5, 128)
    for name in ("W_Q", "W_K", "W_V"):
        heads = stored[f"blocks.0.attn.{name}"]
        expected = np.concatenate([x @ head for head in heads], axis=1)
        matrix = dense(ckpt[f"blocks.0.attn.{name}"])[""]
        np.testing.assert_allclose(x @ matrix.T, expected, rtol=1e-4, atol=1e-5)
    z = draw(5, 4, 32)
    expected = sum(z[:, h] @ stored["blocks.0.attn.W_O"][h] for h in range(4))
    matrix = dense(ckpt["blocks.0.attn.W_O"])[""]
    np.testing.assert_allclose(z.reshape(5, 128) @ matrix.T, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(dense(ckpt["blocks.0.mlp.W_in"])[""], stored["blocks.0.mlp.W_in"].T)
    np.testing.assert_array_equal(dense(ckpt["unembed.W_U"])[""], stored["unembed.W_U"].T)
    np.testing.assert_array_equal(dense(ckpt["embed.W_E"])[""], stored["embed.W_E"])


@pytest.mark.torch
@pytest.mark.parametrize(
    ("kind", "gates", "projected"), [("LSTM", 4, False), ("LSTM", 4, True), ("GRU", 3, False), ("RNN", 1, False)]
)
def test_gates_of_recurrent_layers(kind: str, gates: int, projected: bool, torch: ModuleType):
    layer = getattr(torch.nn, kind)(5, 7, bidirectional=True, **({"proj_size": 2} if projected else {}))
    names = {4: ["input", "forget", "cell", "output"], 3: ["reset", "update", "new"], 1: [""]}[gates]
    ckpt = open_checkpoint(layer)
    for name in ("weight_ih_l0", "weight_hh_l0_reverse"):
        parts = dense(ckpt[name])
        assert list(parts) == names
        for part, expected in zip(parts.values(), getattr(layer, name).detach().chunk(gates), strict=True):
            np.testing.assert_array_equal(part, expected.numpy())
