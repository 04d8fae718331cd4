"""Packed query, key and value projections: which rows belong to which."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.sources.anatomy import Anatomy

Ranges = tuple[range, ...]
Parts = list[tuple[str, str, Ranges]]

_NAMES = ("query", "key", "value")
_OUTPUTS = tuple(
    f"{name}.weight"
    for name in ("o_proj", "out_proj", "c_proj", "dense", "proj", "proj.c", "Wo", "wo", "to_out.0", "to_out", "output")
)
_PER_HEAD = frozenset({"gpt_neox", "bloom", "gpt_neox_japanese", "persimmon"})


@dataclass(frozen=True)
class Split:
    """The outcome of cutting a packed projection.

    Parameters
    ----------
    parts : list or None
        Name, role and rows of each part; None where it stays whole.
    remark : str or None
        Why it stays whole.
    """

    parts: Parts | None
    remark: str | None = None


def packed_attention(name: str, out: int, seen: int, anatomy: Anatomy) -> Split:
    """Find the rows of query, key and value in a packed projection.

    Three arrangements are in use: query, key and value one after the other (most models, with fewer rows of key and
    value under grouped queries); per head one after the other (GPT-NeoX, BLOOM, LeViT); and per group of queries that
    share a key (Falcon, InternLM2). Only the first can be told without the model's configuration.

    Parameters
    ----------
    name : str
        The tensor's name.
    out, seen : int
        Its rows and columns as out x in.
    anatomy : Anatomy
        The checkpoint it belongs to.

    Returns
    -------
    Split
        The parts.
    """
    module = name.removesuffix(".weight")
    leaf = module.rpartition(".")[2]
    biases = anatomy.sibling(module, "attention_biases")
    if leaf == "qkv" and biases is not None and len(biases) == 2:
        return _checked(_per_head_with_values(out, biases[0], _attended(module, anatomy)), "the number of heads")
    if leaf == "query_key_value":
        return _query_key_value(out, seen, anatomy)
    if leaf == "wqkv":
        return _checked(_grouped(out, anatomy.heads, anatomy.kv_heads), "num_attention_heads and num_key_value_heads")
    if anatomy.family == "codegen":
        return Split(None, "CodeGen's interleaving of query, value and key is not cut apart: measured whole")
    if anatomy.family == "gpt_bigcode" and not anatomy.config.get("multi_query", True):
        return _checked(_grouped(out, anatomy.heads, anatomy.heads), "n_head")
    return _checked(_in_sequence(out, seen, _attended(module, anatomy)), "the attention's output projection")


def _query_key_value(out: int, seen: int, anatomy: Anatomy) -> Split:
    heads = anatomy.heads
    needed = "model_type and the number of heads"
    family = anatomy.family
    if family.startswith(("chatglm", "glm")):
        groups = anatomy.number("multi_query_group_num") if anatomy.flag("multi_query_attention") else heads
        return _checked(_by_heads(out, heads, groups), needed)
    if family in {"falcon", "refinedweb", "refinedwebmodel"}:
        if anatomy.flag("new_decoder_architecture"):
            return _checked(_grouped(out, heads, anatomy.kv_heads), "num_attention_heads and num_kv_heads")
        if anatomy.config.get("multi_query", True):
            return _checked(_by_heads(out, heads, 1), needed)
        return _checked(_grouped(out, heads, heads), needed)
    if family in _PER_HEAD:
        return _checked(_grouped(out, heads, heads), needed)
    if heads is not None and out == seen + 2 * (seen // heads) and heads > 1:
        return _checked(_by_heads(out, heads, 1), needed)
    return _checked(None, needed)


def _checked(parts: Parts | None, needed: str) -> Split:
    if parts is not None:
        return Split(parts)
    return Split(None, f"packed query, key and value, measured whole: cutting them apart needs {needed} (config.json)")


def _attended(module: str, anatomy: Anatomy) -> int | None:
    """Columns of the attention's output projection: heads times the width of a value."""
    shape = anatomy.sibling(module, *_OUTPUTS)
    if shape is None or len(shape) != 2:
        return None
    return shape[0] if anatomy.is_turned(f"{module}.weight") else shape[1]


def _in_sequence(out: int, seen: int, attended: int | None) -> Parts | None:
    if attended is not None and attended < out and (out - attended) % 2 == 0:
        query = attended
        if (out - query) // 2 > query:
            return None
    elif out % 3 == 0 and (attended is None or out == 3 * seen):
        query = out // 3
    else:
        return None
    shared = (out - query) // 2
    edges = (0, query, query + shared, out)
    return [(part, part, (range(edges[i], edges[i + 1]),)) for i, part in enumerate(_NAMES)]


def _by_heads(out: int, heads: int | None, groups: int | None) -> Parts | None:
    if heads is None or groups is None or out % (heads + 2 * groups):
        return None
    return _in_sequence(out, 0, heads * (out // (heads + 2 * groups)))


def _grouped(out: int, heads: int | None, groups: int | None) -> Parts | None:
    if heads is None or groups is None or heads % groups or out % (heads + 2 * groups):
        return None
    width, queries = out // (heads + 2 * groups), heads // groups
    stride = (queries + 2) * width
    starts = range(0, out, stride)
    edges = (0, queries * width, (queries + 1) * width, stride)
    return [
        (part, part, tuple(range(start + edges[i], start + edges[i + 1]) for start in starts))
        for i, part in enumerate(_NAMES)
    ]


def _per_head_with_values(out: int, heads: int, attended: int | None) -> Parts | None:
    if out % heads:
        return None
    each = out // heads
    value = attended // heads if attended is not None and attended % heads == 0 else each // 3
    key, left = divmod(each - value, 2)
    if left or key < 1:
        return None
    edges = (0, key, 2 * key, each)
    return [
        (part, part, tuple(range(h * each + edges[i], h * each + edges[i + 1]) for h in range(heads)))
        for i, part in enumerate(_NAMES)
    ]
