"""Why tensors are listed and not measured."""

import math
from collections.abc import Callable
from pathlib import Path

from theodolite.sources import open_checkpoint

LISTED = {
    "encoder.layer.0.output.dense.bias": ((8,), "F32", "bias"),
    "h.0.attn.bias": ((1, 1, 8, 8), "F32", "buffer"),
    "h.0.attn.masked_bias": ((1,), "F32", "buffer"),
    "embeddings.position_ids": ((1, 8), "I64", "buffer"),
    "layers.0.rotary_emb.inv_freq": ((4,), "F32", "buffer"),
    "bn1.running_mean": ((8,), "F32", "buffer"),
    "bn1.num_batches_tracked": ((1,), "I64", "buffer"),
    "norm.weight": ((8,), "F32", "vector"),
    "norm2.weight": ((8, 4, 4), "F32", "normalisation"),
    "cls_token": ((1, 1, 8), "F32", "vector"),
    "mlp.experts.w1": ((70_000, 2, 2), "F8_E4M3", "70000 experts"),
    "pos_embed": ((1, 4, 4, 8), "F32", "4 axes"),
    "rel_attn.q": ((8, 2, 4), "F32", "3 axes"),
    "Conv_0.kernel": ((3, 3, 8, 4), "F32", "4 axes"),
    "out.weight": ((1, 8), "F32", "vector"),
    "logit_scale": ((1,), "F32", "single number"),
    "attn.b_Q": ((4, 8), "F32", "bias"),
    "conv.weight_g": ((8, 1, 1), "F32", "weight-norm"),
    "conv.weight_v": ((8, 4, 3), "F32", "weight-norm"),
    "conv.parametrizations.weight.original1": ((8, 4, 3), "F32", "weight-norm"),
    "fc.weight_orig": ((8, 4), "F32", "pruned"),
    "fc.weight_mask": ((8, 4), "F32", "buffer"),
    "layers.0.mixer.A_log": ((8, 4), "F32", "state-space"),
    "optimizer.state.0.exp_avg": ((8, 4), "F32", "optimizer"),
    "fc.weight.exp_avg_sq": ((8, 4), "F32", "optimizer"),
    "momentum_buffer.fc.weight": ((8, 4), "F32", "optimizer"),
    "q.qweight": ((8, 4), "I32", "GPTQ"),
    "q.qzeros": ((8, 4), "I32", "GPTQ"),
    "q.scales": ((8, 4), "F16", "scale"),
    "b.weight": ((32, 1), "U8", "scale 'b.weight.absmax'"),
    "b.weight.absmax": ((4,), "F32", "bitsandbytes"),
    "b.weight.quant_map": ((16,), "F32", "bitsandbytes"),
    "c.weight": ((8, 4), "I8", "scale 'c.SCB'"),
    "c.SCB": ((8,), "F32", "bitsandbytes"),
    "p.weight_packed": ((8, 4), "I32", "compressed-tensors"),
    "p.weight_scale": ((8, 4), "BF16", "scale"),
    "block.weight": ((8, 4), "F8_E4M3", "block-scaled"),
    "block.weight_scale_inv": ((2, 2), "F32", "scale"),
    "one.weight": ((8, 4), "F8_E4M3", "one scale"),
    "one.weight_scale": ((1,), "F32", "scale"),
    "e.gate_up_proj_blocks": ((4, 8, 2, 4), "U8", "MXFP4"),
    "e.gate_up_proj_scales": ((4, 8, 2), "U8", "scale"),
    "mask": ((8, 8), "BOOL", "buffer"),
    "ids": ((8, 8), "I64", "integers"),
}
BITS = {"F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "I64": 64, "I32": 32, "I8": 8, "U8": 8, "BOOL": 8}
MEASURED = {
    "bare.weight": ((8, 4), "F8_E4M3"),
    "scale_net.weight": ((8, 4), "F32"),
    "relative_bias.weight": ((8, 4), "F32"),
    "position_embeddings": ((1, 4, 8), "F32"),
}


def test_everything_else_is_listed_with_its_reason(tmp_path: Path, raw: Callable[..., bytes]):
    header, end = {}, 0
    for name, (shape, dtype, *_) in {**LISTED, **MEASURED}.items():
        size = math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    path = tmp_path / "net.safetensors"
    path.write_bytes(raw(header, bytes(end)))
    ckpt = open_checkpoint(path)
    assert list(ckpt) == list(header)
    for name, (_, _, words) in LISTED.items():
        assert words in (ckpt[name].listed_because or ""), name
        assert ckpt[name].matrices() == {}
    for name in MEASURED:
        assert ckpt[name].listed_because is None, name
        assert len(ckpt[name].matrices()) == 1
