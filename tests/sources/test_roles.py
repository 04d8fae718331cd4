"""Roles and block indices of the common families, by the names under which they are published."""

from collections.abc import Mapping
from typing import Any

import pytest

from theodolite.sources.anatomy import Anatomy
from theodolite.sources.blocks import block_indices
from theodolite.sources.roles import ROLES, role_of

D, F, V = 8, 32, 50

# family: (configuration, {tensor: (shape, role, block)}); only 2-D and larger tensors and a few that must not fool it.
FAMILIES: dict[str, tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], str, int | None]]]] = {
    "bert": (
        {},
        {
            "bert.embeddings.word_embeddings.weight": ((V, D), "embedding", None),
            "bert.embeddings.position_embeddings.weight": ((16, D), "embedding", None),
            "bert.embeddings.token_type_embeddings.weight": ((2, D), "embedding", None),
            "bert.embeddings.LayerNorm.weight": ((D,), "norm", None),
            "bert.encoder.layer.11.attention.self.query.weight": ((D, D), "query", 11),
            "bert.encoder.layer.11.attention.self.query.bias": ((D,), "query", 11),
            "bert.encoder.layer.11.attention.self.key.weight": ((D, D), "key", 11),
            "bert.encoder.layer.11.attention.self.value.weight": ((D, D), "value", 11),
            "bert.encoder.layer.11.attention.output.dense.weight": ((D, D), "output", 11),
            "bert.encoder.layer.11.attention.output.LayerNorm.weight": ((D,), "norm", 11),
            "bert.encoder.layer.11.intermediate.dense.weight": ((F, D), "up", 11),
            "bert.encoder.layer.11.output.dense.weight": ((D, F), "down", 11),
            "bert.pooler.dense.weight": ((D, D), "other", None),
            "cls.predictions.decoder.weight": ((V, D), "head", None),
            "cls.predictions.transform.dense.weight": ((D, D), "other", None),
            "classifier.weight": ((2, D), "head", None),
        },
    ),
    "roberta": (
        {},
        {
            "roberta.encoder.layer.0.attention.self.key.weight": ((D, D), "key", 0),
            "lm_head.dense.weight": ((D, D), "head", None),
            "lm_head.decoder.weight": ((V, D), "head", None),
            "classifier.out_proj.weight": ((2, D), "head", None),
        },
    ),
    "mpnet": (
        {},
        {
            "encoder.layer.3.attention.attn.q.weight": ((D, D), "query", 3),
            "encoder.layer.3.attention.attn.k.weight": ((D, D), "key", 3),
            "encoder.layer.3.attention.attn.v.weight": ((D, D), "value", 3),
            "encoder.layer.3.attention.attn.o.weight": ((D, D), "output", 3),
            "encoder.layer.3.intermediate.dense.weight": ((F, D), "up", 3),
            "encoder.relative_attention_bias.weight": ((32, 4), "embedding", None),
        },
    ),
    "distilbert": (
        {},
        {
            "distilbert.transformer.layer.5.attention.q_lin.weight": ((D, D), "query", 5),
            "distilbert.transformer.layer.5.attention.k_lin.weight": ((D, D), "key", 5),
            "distilbert.transformer.layer.5.attention.v_lin.weight": ((D, D), "value", 5),
            "distilbert.transformer.layer.5.attention.out_lin.weight": ((D, D), "output", 5),
            "distilbert.transformer.layer.5.sa_layer_norm.weight": ((D,), "norm", 5),
            "distilbert.transformer.layer.5.ffn.lin1.weight": ((F, D), "up", 5),
            "distilbert.transformer.layer.5.ffn.lin2.weight": ((D, F), "down", 5),
        },
    ),
    "gpt2": (
        {},
        {
            "transformer.wte.weight": ((V, D), "embedding", None),
            "transformer.wpe.weight": ((16, D), "embedding", None),
            "transformer.h.7.ln_1.weight": ((D,), "norm", 7),
            "transformer.h.7.attn.c_attn.weight": ((D, 3 * D), "qkv", 7),
            "transformer.h.7.attn.c_proj.weight": ((D, D), "output", 7),
            "transformer.h.7.mlp.c_fc.weight": ((D, F), "up", 7),
            "transformer.h.7.mlp.c_proj.weight": ((F, D), "down", 7),
            "transformer.ln_f.weight": ((D,), "norm", None),
            "lm_head.weight": ((V, D), "head", None),
        },
    ),
    "gpt_neox": (
        {"model_type": "gpt_neox"},
        {
            "gpt_neox.embed_in.weight": ((V, D), "embedding", None),
            "gpt_neox.layers.2.attention.query_key_value.weight": ((3 * D, D), "qkv", 2),
            "gpt_neox.layers.2.attention.dense.weight": ((D, D), "output", 2),
            "gpt_neox.layers.2.mlp.dense_h_to_4h.weight": ((F, D), "up", 2),
            "gpt_neox.layers.2.mlp.dense_4h_to_h.weight": ((D, F), "down", 2),
            "embed_out.weight": ((V, D), "head", None),
        },
    ),
    "bloom and falcon": (
        {},
        {
            "transformer.word_embeddings.weight": ((V, D), "embedding", None),
            "transformer.word_embeddings_layernorm.weight": ((D,), "norm", None),
            "transformer.h.1.self_attention.query_key_value.weight": ((3 * D, D), "qkv", 1),
            "transformer.h.1.self_attention.dense.weight": ((D, D), "output", 1),
            "transformer.h.1.ln_mlp.weight": ((D,), "norm", 1),
        },
    ),
    "llama, mistral, qwen, gemma": (
        {},
        {
            "model.embed_tokens.weight": ((V, D), "embedding", None),
            "model.layers.30.self_attn.q_proj.weight": ((D, D), "query", 30),
            "model.layers.30.self_attn.k_proj.weight": ((4, D), "key", 30),
            "model.layers.30.self_attn.v_proj.weight": ((4, D), "value", 30),
            "model.layers.30.self_attn.o_proj.weight": ((D, D), "output", 30),
            "model.layers.30.self_attn.q_norm.weight": ((4,), "norm", 30),
            "model.layers.30.mlp.gate_proj.weight": ((F, D), "gate", 30),
            "model.layers.30.mlp.up_proj.weight": ((F, D), "up", 30),
            "model.layers.30.mlp.down_proj.weight": ((D, F), "down", 30),
            "model.layers.30.post_attention_layernorm.weight": ((D,), "norm", 30),
            "model.norm.weight": ((D,), "norm", None),
            "lm_head.weight": ((V, D), "head", None),
        },
    ),
    "llama as first published": (
        {},
        {
            "tok_embeddings.weight": ((V, D), "embedding", None),
            "layers.4.attention.wq.weight": ((D, D), "query", 4),
            "layers.4.attention.wk.weight": ((D, D), "key", 4),
            "layers.4.attention.wv.weight": ((D, D), "value", 4),
            "layers.4.attention.wo.weight": ((D, D), "output", 4),
            "layers.4.feed_forward.w1.weight": ((F, D), "gate", 4),
            "layers.4.feed_forward.w2.weight": ((D, F), "down", 4),
            "layers.4.feed_forward.w3.weight": ((F, D), "up", 4),
            "layers.4.ffn_norm.weight": ((D,), "norm", 4),
            "output.weight": ((V, D), "head", None),
        },
    ),
    "qwen 1": (
        {"model_type": "qwen"},
        {
            "transformer.h.0.attn.c_attn.weight": ((3 * D, D), "qkv", 0),
            "transformer.h.0.mlp.w1.weight": ((F, D), "up", 0),
            "transformer.h.0.mlp.w2.weight": ((F, D), "gate", 0),
            "transformer.h.0.mlp.c_proj.weight": ((D, F), "down", 0),
        },
    ),
    "phi-3": (
        {},
        {
            "model.layers.0.self_attn.qkv_proj.weight": ((3 * D, D), "qkv", 0),
            "model.layers.0.mlp.gate_up_proj.weight": ((2 * F, D), "gate_up", 0),
        },
    ),
    "t5": (
        {},
        {
            "shared.weight": ((V, D), "embedding", None),
            "encoder.block.3.layer.0.SelfAttention.q.weight": ((D, D), "query", 3),
            "encoder.block.3.layer.0.SelfAttention.o.weight": ((D, D), "output", 3),
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": ((32, 4), "embedding", 0),
            "encoder.block.3.layer.0.layer_norm.weight": ((D,), "norm", 3),
            "decoder.block.2.layer.1.EncDecAttention.k.weight": ((D, D), "key", 2),
            "decoder.block.2.layer.2.DenseReluDense.wi.weight": ((F, D), "up", 2),
            "decoder.block.2.layer.2.DenseReluDense.wi_0.weight": ((F, D), "gate", 2),
            "decoder.block.2.layer.2.DenseReluDense.wi_1.weight": ((F, D), "up", 2),
            "decoder.block.2.layer.2.DenseReluDense.wo.weight": ((D, F), "down", 2),
        },
    ),
    "opt": (
        {},
        {
            "model.decoder.embed_positions.weight": ((18, D), "embedding", None),
            "model.decoder.layers.9.self_attn.out_proj.weight": ((D, D), "output", 9),
            "model.decoder.layers.9.fc1.weight": ((F, D), "up", 9),
            "model.decoder.layers.9.fc2.weight": ((D, F), "down", 9),
            "model.decoder.layers.9.final_layer_norm.weight": ((D,), "norm", 9),
        },
    ),
    "vit of transformers": (
        {},
        {
            "vit.embeddings.patch_embeddings.projection.weight": ((D, 3, 4, 4), "conv", None),
            "vit.embeddings.position_embeddings": ((1, 17, D), "embedding", None),
            "vit.encoder.layer.1.attention.attention.query.weight": ((D, D), "query", 1),
            "vit.encoder.layer.1.attention.output.dense.weight": ((D, D), "output", 1),
            "vit.encoder.layer.1.layernorm_before.weight": ((D,), "norm", 1),
            "classifier.weight": ((10, D), "head", None),
        },
    ),
    "timm": (
        {},
        {
            "pos_embed": ((1, 17, D), "embedding", None),
            "patch_embed.proj.weight": ((D, 3, 4, 4), "conv", None),
            "blocks.6.norm1.weight": ((D,), "norm", 6),
            "blocks.6.attn.qkv.weight": ((3 * D, D), "qkv", 6),
            "blocks.6.attn.proj.weight": ((D, D), "output", 6),
            "blocks.6.mlp.fc1.weight": ((F, D), "up", 6),
            "blocks.6.mlp.fc2.weight": ((D, F), "down", 6),
            "head.weight": ((10, D), "head", None),
        },
    ),
    "swin": (
        {},
        {
            "layers.0.blocks.0.attn.qkv.weight": ((3 * D, D), "qkv", 0),
            "layers.0.blocks.1.attn.qkv.weight": ((3 * D, D), "qkv", 1),
            "layers.0.blocks.1.attn.relative_position_bias_table": ((49, 4), "embedding", 1),
            "layers.0.downsample.reduction.weight": ((D, F), "other", None),
            "layers.1.blocks.0.mlp.fc2.weight": ((D, F), "down", 2),
        },
    ),
    "clip": (
        {},
        {
            "text_model.embeddings.token_embedding.weight": ((V, D), "embedding", None),
            "text_model.encoder.layers.2.self_attn.out_proj.weight": ((D, D), "output", 2),
            "vision_model.encoder.layers.2.mlp.fc1.weight": ((F, D), "up", 2),
            "visual_projection.weight": ((D, D), "head", None),
            "transformer.resblocks.5.attn.in_proj_weight": ((3 * D, D), "qkv", 5),
            "transformer.resblocks.5.attn.out_proj.weight": ((D, D), "output", 5),
            "transformer.resblocks.5.mlp.c_fc.weight": ((F, D), "up", 5),
            "transformer.resblocks.5.mlp.c_proj.weight": ((D, F), "down", 5),
            "positional_embedding": ((77, D), "embedding", None),
        },
    ),
    "whisper": (
        {},
        {
            "model.encoder.conv1.weight": ((D, 80, 3), "conv", None),
            "model.decoder.layers.1.encoder_attn.q_proj.weight": ((D, D), "query", 1),
            "model.decoder.layers.1.encoder_attn_layer_norm.weight": ((D,), "norm", 1),
            "model.decoder.embed_tokens.weight": ((V, D), "embedding", None),
            "proj_out.weight": ((V, D), "head", None),
        },
    ),
    "torch transformer": (
        {},
        {
            "encoder.layers.1.self_attn.in_proj_weight": ((3 * D, D), "qkv", 1),
            "encoder.layers.1.self_attn.out_proj.weight": ((D, D), "output", 1),
            "encoder.layers.1.linear1.weight": ((F, D), "up", 1),
            "encoder.layers.1.linear2.weight": ((D, F), "down", 1),
        },
    ),
    "mixtral": (
        {},
        {
            "model.layers.1.block_sparse_moe.gate.weight": ((4, D), "router", 1),
            "model.layers.1.block_sparse_moe.experts.3.w1.weight": ((F, D), "expert", 1),
            "model.layers.1.self_attn.q_proj.weight": ((D, D), "query", 1),
        },
    ),
    "qwen-moe, deepseek": (
        {},
        {
            "model.layers.1.mlp.gate.weight": ((4, D), "router", 1),
            "model.layers.1.mlp.experts.63.gate_proj.weight": ((F, D), "expert", 1),
            "model.layers.1.mlp.shared_expert.gate_proj.weight": ((F, D), "gate", 1),
            "model.layers.1.mlp.shared_experts.down_proj.weight": ((D, F), "down", 1),
            "model.layers.1.mlp.shared_expert_gate.weight": ((1, D), "router", 1),
            "model.layers.0.mlp.gate_proj.weight": ((F, D), "gate", 0),
            "model.layers.0.self_attn.q_a_proj.weight": ((4, D), "query", 0),
            "model.layers.0.self_attn.q_a_layernorm.weight": ((4,), "norm", 0),
        },
    ),
    "gpt-oss": (
        {},
        {
            "model.layers.1.mlp.router.weight": ((4, D), "router", 1),
            "model.layers.1.mlp.experts.gate_up_proj": ((4, D, 2 * F), "expert", 1),
            "model.layers.1.mlp.experts.down_proj": ((4, F, D), "expert", 1),
        },
    ),
    "a gated MLP without experts": ({}, {"layers.0.mlp.gate.weight": ((F, D), "gate", 0)}),
    "mamba": (
        {},
        {
            "backbone.layers.8.mixer.in_proj.weight": ((4 * D, D), "other", 8),
            "backbone.layers.8.mixer.conv1d.weight": ((2 * D, 1, 4), "conv", 8),
            "backbone.layers.8.mixer.out_proj.weight": ((D, 2 * D), "output", 8),
            "backbone.norm_f.weight": ((D,), "norm", None),
        },
    ),
    "resnet": (
        {},
        {
            "conv1.weight": ((D, 3, 7, 7), "conv", None),
            "layer1.0.conv1.weight": ((D, D, 3, 3), "conv", 0),
            "layer1.1.conv2.weight": ((D, D, 3, 3), "conv", 1),
            "layer2.0.downsample.0.weight": ((D, D, 1, 1), "conv", 2),
            "layer2.0.downsample.1.weight": ((D,), "norm", 2),
            "layer2.0.downsample.1.running_mean": ((D,), "norm", 2),
            "layer2.0.bn1.weight": ((D,), "norm", 2),
            "fc.weight": ((10, D), "head", None),
        },
    ),
    "vgg": (
        {},
        {
            "features.0.weight": ((D, 3, 3, 3), "conv", 0),
            "features.10.weight": ((D, D, 3, 3), "conv", 10),
            "classifier.6.weight": ((10, D), "head", None),
        },
    ),
    "densenet": (
        {},
        {
            "features.denseblock1.denselayer2.conv1.weight": ((D, D, 1, 1), "conv", 0),
            "features.denseblock2.denselayer1.norm1.weight": ((D,), "norm", 1),
        },
    ),
    "lora": (
        {},
        {
            "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight": ((4, D), "adapter", 3),
            "base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight": ((D, 4), "adapter", 3),
        },
    ),
    "transformer lens": (
        {},
        {
            "embed.W_E": ((V, D), "embedding", None),
            "pos_embed.W_pos": ((16, D), "embedding", None),
            "blocks.1.attn.W_Q": ((2, D, 4), "query", 1),
            "blocks.1.attn.W_K": ((2, D, 4), "key", 1),
            "blocks.1.attn.W_V": ((2, D, 4), "value", 1),
            "blocks.1.attn.W_O": ((2, 4, D), "output", 1),
            "blocks.1.mlp.W_in": ((D, F), "up", 1),
            "blocks.1.mlp.W_out": ((F, D), "down", 1),
            "unembed.W_U": ((D, V), "head", None),
        },
    ),
    "plain nets": (
        {},
        {
            "fc1.weight": ((D, D), "other", None),
            "0.weight": ((D, D), "other", 0),
            "encoder_layers.0.W1.weight": ((D, D), "other", 0),
            "W_v.weight": ((D, D), "other", None),
            "layers.20250101123456.weight": ((D, D), "other", None),
            "lstm.weight_ih_l0": ((4 * D, D), "other", None),
        },
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_roles_and_blocks(family: str):
    config, expected = FAMILIES[family]
    shapes: Mapping[str, tuple[int, ...]] = {name: shape for name, (shape, _, _) in expected.items()}
    anatomy = Anatomy(shapes, config)
    roles = {name: role_of(name, shape, anatomy) for name, shape in shapes.items()}
    assert roles == {name: role for name, (_, role, _) in expected.items()}
    assert block_indices(shapes) == {name: block for name, (_, _, block) in expected.items()}


def test_every_role_occurs_in_the_table():
    seen = {role for _, tensors in FAMILIES.values() for _, role, _ in tensors.values()}
    assert seen == {*ROLES, "qkv", "gate_up"}
