"""Matrices put back into the stored layout: what was read and put back is what was stored."""

import numpy as np
import pytest

from theodolite.sources import open_checkpoint

RNG = np.random.default_rng(3)


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


GPT2 = {"model_type": "gpt2", "n_head": 4, "n_embd": 16}
NEOX = {"model_type": "gpt_neox", "num_attention_heads": 4, "hidden_size": 16}
FALCON = {"model_type": "falcon", "num_attention_heads": 4, "num_kv_heads": 2, "new_decoder_architecture": True}
OSS = {"model_type": "gpt_oss", "hidden_size": 12}
LATENT = {"num_attention_heads": 2, "qk_nope_head_dim": 3, "v_head_dim": 5}

CASES = {
    "linear": ({"fc.weight": draw(7, 5)}, None, "fc.weight", 1),
    "turned": (
        {"h.0.mlp.c_fc.weight": draw(16, 64), "h.0.attn.c_attn.weight": draw(16, 48)},
        GPT2,
        "h.0.mlp.c_fc.weight",
        1,
    ),
    "turned and packed": (
        {"h.0.mlp.c_fc.weight": draw(16, 64), "h.0.attn.c_attn.weight": draw(16, 48)},
        GPT2,
        "h.0.attn.c_attn.weight",
        3,
    ),
    "packed": (
        {"attn.in_proj_weight": draw(24, 8), "attn.out_proj.weight": draw(8, 8)},
        None,
        "attn.in_proj_weight",
        3,
    ),
    "packed by head": (
        {"layers.0.attention.query_key_value.weight": draw(48, 16)},
        NEOX,
        "layers.0.attention.query_key_value.weight",
        3,
    ),
    "packed by group": (
        {"h.0.self_attention.query_key_value.weight": draw(32, 16)},
        FALCON,
        "h.0.self_attention.query_key_value.weight",
        3,
    ),
    "key and value": ({"self_attn.kv_b_proj.weight": draw(16, 6)}, LATENT, "self_attn.kv_b_proj.weight", 2),
    "gates": ({"mlp.gate_up_proj.weight": draw(12, 4)}, None, "mlp.gate_up_proj.weight", 2),
    "recurrent": (
        {"rnn.weight_ih_l0": draw(24, 5), "rnn.weight_hh_l0": draw(24, 6)},
        None,
        "rnn.weight_ih_l0",
        4,
    ),
    "experts, gates in turns": (
        {"layers.0.mlp.experts.gate_up_proj": draw(3, 12, 8)},
        OSS,
        "layers.0.mlp.experts.gate_up_proj",
        6,
    ),
    "heads": ({"blocks.0.attn.W_Q": draw(3, 8, 4)}, None, "blocks.0.attn.W_Q", 1),
    "heads, out": ({"blocks.0.attn.W_O": draw(3, 4, 8)}, None, "blocks.0.attn.W_O", 1),
    "convolution": ({"conv1.weight": draw(6, 4, 3, 3)}, None, "conv1.weight", 1),
    "1-d convolution": ({"conv1.weight": draw(6, 4, 5)}, None, "conv1.weight", 1),
    "3-d convolution": ({"conv1.weight": draw(6, 4, 2, 3, 2)}, None, "conv1.weight", 1),
    "transposed convolution": ({"deconv1.weight": draw(4, 6, 3, 3)}, None, "deconv1.weight", 1),
    "pointwise convolution": ({"proj.weight": draw(6, 4, 1, 1)}, None, "proj.weight", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_all_parts_together_are_the_tensor(case, save, tmp_path):
    import json

    tensors, config, name, parts = CASES[case]
    path = save(tensors, "model/model.safetensors")
    if config is not None:
        (path.parent / "config.json").write_text(json.dumps(config))
    weight = open_checkpoint(path.parent)[name]
    matrices = weight.matrices()
    assert len(matrices) == parts
    stored = np.full(weight.shape, np.nan, np.float32)
    for matrix in matrices.values():
        matrix.put_back(np.asarray(matrix), stored)
    np.testing.assert_array_equal(stored, tensors[name])


@pytest.mark.parametrize("case", CASES)
def test_a_part_that_is_put_back_is_read_again(case, save):
    import json

    tensors, config, name, _ = CASES[case]
    path = save(tensors, "model/model.safetensors")
    if config is not None:
        (path.parent / "config.json").write_text(json.dumps(config))
    weight = open_checkpoint(path.parent)[name]
    for part, matrix in weight.matrices().items():
        stored = weight.array().copy()
        other = np.random.default_rng(1).normal(size=matrix.shape).astype(np.float32)
        matrix.put_back(other, stored)
        changed = save({**tensors, name: stored}, "changed/model.safetensors")
        if config is not None:
            (changed.parent / "config.json").write_text(json.dumps(config))
        again = open_checkpoint(changed.parent)[name].matrices()
        np.testing.assert_array_equal(np.asarray(again[part]), other)
        for sibling in set(again) - {part}:
            np.testing.assert_array_equal(np.asarray(again[sibling]), np.asarray(weight.matrices()[sibling]))


@pytest.mark.parametrize("name", ["conv1.weight", "deconv1.weight"])
def test_slices_can_be_put_back(name, save):
    array = draw(4, 6, 3, 2)
    weight = open_checkpoint(save({name: array}))[name]
    (matrix,) = weight.matrices("slices").values()
    stored = np.zeros_like(array)
    matrix.put_back(np.asarray(matrix), stored)
    np.testing.assert_array_equal(stored, array)


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2])
def test_groups_of_a_transposed_convolution(groups, torch):
    layer = torch.nn.ConvTranspose2d(4, 6, 3, groups=groups)
    weight = open_checkpoint(layer)["weight"]
    for view in ("unfold", "slices"):
        (matrix,) = weight.matrices(view).values()
        stored = np.zeros(weight.shape, np.float32)
        matrix.put_back(np.asarray(matrix), stored)
        np.testing.assert_array_equal(stored, layer.weight.detach().numpy())


def test_what_cannot_be_undone_says_so(save):
    weight = open_checkpoint(save({"conv1.weight": draw(16, 16, 3, 3)}))["conv1.weight"]
    stored = weight.array().copy()
    for options in ({"view": "fft", "input_size": 4}, {"convention": "weightwatcher"}):
        (matrix,) = weight.matrices(**options).values()
        with pytest.raises(ValueError, match="cannot be turned back into the tensor"):
            matrix.put_back(np.asarray(matrix), stored)


def test_wrong_arrays_are_refused(save):
    (matrix,) = open_checkpoint(save({"fc.weight": draw(7, 5)}))["fc.weight"].matrices().values()
    with pytest.raises(ValueError, match=r"values: got shape \(5, 7\); the matrix has \(7, 5\)"):
        matrix.put_back(draw(5, 7), draw(7, 5))
    with pytest.raises(ValueError, match="stored: expected a C-ordered array"):
        matrix.put_back(draw(7, 5), np.asfortranarray(draw(7, 5)))
