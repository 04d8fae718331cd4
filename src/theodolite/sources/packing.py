"""Several matrices in one tensor: how packed projections, gates and experts are cut apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theodolite.sources.anatomy import Anatomy, is_expert
from theodolite.sources.attention import Ranges, packed_attention

_EXPERT_LEAF = re.compile(r"(\w+?)(\.weight|_weight)?$")
_TURNED_EXPERTS = frozenset({"gpt_oss", "llama4", "llama4_text"})
_GATES = {4: ("input", "forget", "cell", "output"), 3: ("reset", "update", "new")}
_KERAS_GATES = {4: ("input", "forget", "cell", "output"), 3: ("update", "reset", "new")}
_RECURRENT = re.compile(r"(^|\.)weight_(ih|hh)(_l\d+(_reverse)?)?$")
_TURNED_LENS = re.compile(r"(^|\.)W_(in|out|gate|U)$")


@dataclass(frozen=True)
class Piece:
    """One matrix of a stored table.

    Parameters
    ----------
    part : str
        Its name among the tensor's parts; empty where it is the only one.
    role : str
        What it does.
    rows, columns : tuple of range
        Where it lies in the table.
    turned : bool
        Whether the table is stored in x out.
    """

    part: str
    role: str
    rows: Ranges
    columns: Ranges
    turned: bool = False


@dataclass(frozen=True)
class Cutting:
    """How a tensor is cut.

    Parameters
    ----------
    pieces : sequence of Piece
        Its matrices.
    remark : str or None
        What could not be told apart, and what would help.
    """

    pieces: Sequence[Piece]
    remark: str | None = None


def cutting(name: str, shape: tuple[int, ...], role: str, anatomy: Anatomy) -> Cutting:
    """Cut a 2-D tensor, or a 3-D stack of experts, into its matrices.

    Parameters
    ----------
    name : str
        The tensor's name.
    shape : tuple of int
        Its shape: 2-D, or experts x a x b.
    role : str
        As `role_of` names it.
    anatomy : Anatomy
        The checkpoint it belongs to.

    Returns
    -------
    Cutting
        Pieces of the table with ``shape[-1]`` columns.
    """
    if len(shape) == 3:
        return _experts(name, shape, anatomy)
    rows, columns = shape
    turned = is_turned(name, anatomy)
    out, seen = (columns, rows) if turned else (rows, columns)
    remark, parts = None, None
    if role == "qkv":
        split = packed_attention(name, out, seen, anatomy)
        parts, remark = split.parts, split.remark
    elif name.endswith("kv_b_proj.weight"):
        parts = _latent_key_value(out, anatomy)
    elif role in {"gate_up", "up"}:
        parts = _gate_and_up(name, out, role, anatomy)
    elif _RECURRENT.search(name):
        parts = _recurrent(name, out, anatomy)
    elif turned:
        parts = _keras_recurrent(name, out, anatomy)
    if parts is None:
        whole = Piece("", role if role != "gate_up" else "up", (range(rows),), (range(columns),), turned)
        return Cutting([whole], remark)
    full = (range(seen),)
    pieces = [
        Piece(part, of, full, where, True) if turned else Piece(part, of, where, full) for part, of, where in parts
    ]
    return Cutting(pieces, remark)


def is_turned(name: str, anatomy: Anatomy) -> bool:
    """Tell whether a 2-D tensor is stored in x out.

    Parameters
    ----------
    name : str
        The tensor's name.
    anatomy : Anatomy
        The checkpoint it belongs to.

    Returns
    -------
    bool
        True for GPT-2's Conv1D, for TransformerLens' ``W_in``, ``W_out``, ``W_gate`` and ``W_U``, and for what
        TensorFlow and JAX call a kernel.
    """
    return name.endswith((".kernel", "_kernel")) or _TURNED_LENS.search(name) is not None or anatomy.is_turned(name)


def _gate_and_up(name: str, out: int, role: str, anatomy: Anatomy) -> list[tuple[str, str, Ranges]] | None:
    module = name.removesuffix(".weight")
    down = anatomy.sibling(module, "down_proj.weight", "w3.weight", "Wo.weight", "dense_4h_to_h.weight")
    doubled = down is not None and len(down) == 2 and out == 2 * down[1]
    if out % 2 or not (role == "gate_up" or doubled):
        return None
    half = out // 2
    return [("gate", "gate", (range(half),)), ("up", "up", (range(half, out),))]


def _latent_key_value(out: int, anatomy: Anatomy) -> list[tuple[str, str, Ranges]] | None:
    heads, key, value = anatomy.heads, anatomy.number("qk_nope_head_dim"), anatomy.number("v_head_dim")
    if heads is None or key is None or value is None or out != heads * (key + value):
        return None
    starts = range(0, out, key + value)
    return [
        ("key", "key", tuple(range(s, s + key) for s in starts)),
        ("value", "value", tuple(range(s + key, s + key + value) for s in starts)),
    ]


def _recurrent(name: str, out: int, anatomy: Anatomy) -> list[tuple[str, str, Ranges]] | None:
    hidden_to_hidden = anatomy.shapes.get(name.replace("weight_ih", "weight_hh"))
    projection = anatomy.shapes.get(re.sub(r"weight_[ih]h", "weight_hr", name))
    if hidden_to_hidden is None or len(hidden_to_hidden) != 2:
        return None
    width = projection[1] if projection is not None and len(projection) == 2 else hidden_to_hidden[1]
    return _side_by_side(_GATES, out, width)


def _keras_recurrent(name: str, out: int, anatomy: Anatomy) -> list[tuple[str, str, Ranges]] | None:
    """Gates of a Keras LSTM or GRU, side by side in the columns of its kernels."""
    hidden = anatomy.shapes.get(f"{name.rpartition('.')[0]}.recurrent_kernel")
    if hidden is None or len(hidden) != 2 or hidden[1] != out or not name.endswith((".kernel", ".recurrent_kernel")):
        return None
    return _side_by_side(_KERAS_GATES, out, hidden[0])


def _side_by_side(known: Mapping[int, tuple[str, ...]], out: int, width: int) -> list[tuple[str, str, Ranges]] | None:
    gates = known.get(out // width) if width and out % width == 0 else None
    if gates is None:
        return None
    return [(gate, "other", (range(i * width, (i + 1) * width),)) for i, gate in enumerate(gates)]


def _experts(name: str, shape: tuple[int, ...], anatomy: Anatomy) -> Cutting:
    count, rows, columns = shape
    match = _EXPERT_LEAF.search(name.rpartition("experts.")[2] if is_expert(name) else name)
    leaf = match.group(1) if match else ""
    turned, remark = _experts_turned(name, leaf, shape, anatomy)
    out = columns if turned else rows
    packed = ("gate_up" in leaf or leaf in {"w13", "input_linear"}) and out % 2 == 0
    if not packed:
        cuts: list[tuple[str, Ranges]] = [("", (range(out),))]
    elif anatomy.family == "gpt_oss":
        cuts = [(".gate", (range(0, out, 2),)), (".up", (range(1, out, 2),))]
    else:
        cuts = [(".gate", (range(out // 2),)), (".up", (range(out // 2, out),))]
    pieces = []
    for expert in range(count):
        first = expert * rows
        for part, where in cuts:
            if turned:
                piece = Piece(f"expert.{expert}{part}", "expert", (range(first, first + rows),), where, True)
            else:
                moved = tuple(range(w.start + first, w.stop + first, w.step) for w in where)
                piece = Piece(f"expert.{expert}{part}", "expert", moved, (range(columns),))
            pieces.append(piece)
    return Cutting(pieces, remark)


def _experts_turned(name: str, leaf: str, shape: tuple[int, ...], anatomy: Anatomy) -> tuple[bool, str | None]:
    """Whether each expert is stored in x out, told by which side is the width of the residual stream."""
    _, rows, columns = shape
    hidden = anatomy.hidden
    if hidden is None:
        parent = name.rpartition(".experts")[0]
        routers = (f"{parent}.router.weight", f"{parent}.gate.weight")
        hidden = next((anatomy.shapes[r][1] for r in routers if len(anatomy.shapes.get(r, ())) == 2), None)
    if rows == columns or hidden not in {rows, columns}:
        known = anatomy.family in _TURNED_EXPERTS
        remark = None
        if anatomy.family == "" and rows != columns:
            remark = "whether experts are stored out x in is not known without the model's config.json"
        return known, remark
    narrows = "down" in leaf or leaf in {"w2", "output_linear"}
    return (columns if narrows else rows) == hidden, None
