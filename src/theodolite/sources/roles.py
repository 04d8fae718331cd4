"""What a tensor does in its network, read from its name and shape."""

from __future__ import annotations

import re

from theodolite.sources.anatomy import Anatomy, is_expert, module_of

ROLES = (
    "query",
    "key",
    "value",
    "output",
    "gate",
    "up",
    "down",
    "embedding",
    "head",
    "norm",
    "conv",
    "router",
    "expert",
    "adapter",
    "other",
)

_FEED_FORWARD = r"(mlp|ffn|feed_?forward|moe|experts?)\.(\d+\.)?"
_ATTENTION = r"(attn\w*|attention\w*|mixer)"

# The first rule that fits the layer's path (in lower case) decides.
_RULES: tuple[tuple[str, str], ...] = (
    ("adapter", r"(^|[._])(lora|dora|vera|lokr|loha|hada|ia3|oft)(_|\.|$)|(^|\.)adapters?(\.|$)"),
    ("norm", r"(^|\.)(ln|bn|gn)_?[a-z\d]*$|(^|[._])\w*norm(_?\w{1,8})?$"),
    ("qkv", r"(^|[._])(qkv(_?proj|_linear|_weight|_proj_weight)?|c_attn|query_key_value|wqkv|w_pack|to_qkv)$"),
    ("qkv", r"(^|\.)in_proj_weight$|" + _ATTENTION + r"(?<!mixer)\.in_proj$"),
    ("query", r"(^|[._])(q_proj|query|q_lin|to_q|linear_q|query_proj|q_proj_weight|q_[ab]_proj|fc_q)$"),
    ("key", r"(^|[._])(k_proj|key|k_lin|to_k|linear_k|key_proj|k_proj_weight|fc_k)$"),
    ("value", r"(^|[._])(v_proj|value|v_lin|to_v|linear_v|value_proj|v_proj_weight|fc_v)$"),
    ("query", _ATTENTION + r"\.(\w+\.)?(q|wq|w_q|wq_[ab])$"),
    ("key", _ATTENTION + r"\.(\w+\.)?(k|wk|w_k)$"),
    ("value", _ATTENTION + r"\.(\w+\.)?(v|wv|w_v)$"),
    ("head", r"(^|[._])(lm_head|embed_out|unembed|output_projection)(\.|$)|cls\.predictions\.decoder$"),
    ("embedding", r"(^|[._])(wte|wpe|shared|\w*emb(ed|eds|edding|eddings|d)?|embed_tokens|embed_positions)$"),
    ("embedding", r"(^|[._])embed_(in|tokens|positions)$|embeddings?\.\w*embeddings?$|(^|\.)w_(e|pos)$"),
    (
        "embedding",
        r"relative_attention_bias$|relative_position_bias_table$|positional_embedding$|\w+_tokens?$|^embeddings?\.\w+$",
    ),
    ("output", _ATTENTION + r"\.(\w+\.)?(out_proj|c_proj|dense|proj|o_proj|o|wo|w_o|to_out(\.0)?|out_lin|out)$"),
    ("output", r"(^|\.)(o_proj|out_lin|attn_out|to_out(\.0)?|linear_out)$|" + _ATTENTION + r"\.output\.dense$"),
    ("gate", r"(^|\.)(gate_proj|wi_0|w_gate|gate|linear_gate)$"),
    ("gate_up", r"(^|\.)(gate_up_proj|w12|gate_and_up_proj|w13)$"),
    ("up", r"(^|\.)(up_proj|wi_1|wi|c_fc|lin1|linear1|fc_in|dense_h_to_4h|intermediate\.dense|w_in)$"),
    ("up", _FEED_FORWARD + r"(w3|v1)$"),
    ("down", r"(^|\.)(down_proj|wo|c_proj|lin2|linear2|fc_out|dense_4h_to_h|output\.dense|w_out)$"),
    ("down", _FEED_FORWARD + r"w2$"),
    ("up", r"(mlp|ffn|feed_?forward|\d)\.fc1$"),
    ("down", r"(mlp|ffn|feed_?forward|\d)\.fc2$"),
    ("head", r"(^|\.)(classifier|score|logits|heads?|last_linear)(\.|$)|(^|\.)w_u$"),
    ("head", r"^(fc|linear|output|proj_out|text_projection|visual_projection)$|(text|visual)_projection$"),
)
_COMPILED = tuple((role, re.compile(pattern)) for role, pattern in _RULES)
_ROUTER = re.compile(r"(^|\.)router(\.|$)|shared_expert_gate$|(^|\.)gate\.wg$|block_sparse_moe\.gate$")
_PLAIN_GATE = re.compile(r"(mlp|moe|ffn|feed_forward)\.gate$")
_FIRST_PROJECTION = re.compile(_FEED_FORWARD + r"w1$")
_HAS_OWN_AXES = frozenset({"adapter", "embedding", "norm"})


def role_of(name: str, shape: tuple[int, ...], anatomy: Anatomy, layer: str | None = None) -> str:
    """Name what a tensor does.

    Parameters
    ----------
    name : str
        The tensor's name.
    shape : tuple of int
        Its shape as stored.
    anatomy : Anatomy
        The checkpoint it belongs to.
    layer : str, optional
        Class name of its layer, where the source is a live module.

    Returns
    -------
    str
        One of `ROLES`, or ``"qkv"`` and ``"gate_up"`` for packed tensors that hold several.
    """
    module = module_of(name)
    path = module.lower()
    exact = _role_of_layer(layer)
    if exact is not None:
        return exact
    named = next((role for role, pattern in _COMPILED if pattern.search(path)), "other")
    if named != "adapter" and _is_router(path, anatomy):
        return "router"
    if named != "adapter" and is_expert(name):
        return "expert"
    weight = anatomy.shapes.get(f"{module}.weight", shape if module != name else ())
    if len(weight) >= 3 and named not in _HAS_OWN_AXES and not _has_heads(path):
        return "conv"
    if len(weight) == 1 and f"{module}.running_mean" in anatomy.shapes:
        return "norm"
    if _FIRST_PROJECTION.search(path):
        named = "gate" if anatomy.sibling(module, "w3.weight") else "up"
    if anatomy.family == "qwen" or re.match(r"transformer\.h\.\d+\.mlp\.w[12]$", path):
        named = {"mlp.w1": "up", "mlp.w2": "gate"}.get(path[-6:], named)
    return named


def _is_router(path: str, anatomy: Anatomy) -> bool:
    return bool(_ROUTER.search(path)) or (anatomy.has_experts and bool(_PLAIN_GATE.search(path)))


def _has_heads(path: str) -> bool:
    return re.search(r"(^|\.)w_[qkvo]$", path) is not None


def _role_of_layer(layer: str | None) -> str | None:
    if layer is None:
        return None
    if re.search(r"^(Lazy)?Conv(Transpose)?[123]d$", layer):
        return "conv"
    if layer in {"Embedding", "EmbeddingBag"}:
        return "embedding"
    return "norm" if layer.rstrip("123d").endswith("Norm") else None
