"""Quantised and packed weights: recognised, never measured as if their codes were weights."""

from __future__ import annotations

import re

from theodolite.sources.anatomy import Anatomy
from theodolite.sources.record import Record

_FORMATS: tuple[tuple[str, str], ...] = (
    (r"(^|\.)(qweight|qzeros|g_idx)$", "packed by GPTQ or AWQ"),
    (r"(^|\.)weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\S+)$", "packed by bitsandbytes"),
    (r"(^|\.)(SCB|weight_format)$", "packed by bitsandbytes (int8)"),
    (r"(^|\.)weight_(packed|shape|zero_point)$", "packed by compressed-tensors"),
    (r"_blocks$", "packed in blocks with shared scales (MXFP4)"),
)
_COMPILED = tuple((re.compile(pattern), text) for pattern, text in _FORMATS)
_SCALES = ("weight_scale_inv", "weight_scale", "weight_scale_2", "scales", "SCB", "scale", "weight.absmax")
_SCALE = re.compile(r"(^|[._])(weight_scale(_inv|_2)?|input_scale|output_scale|[kqv]_scale|scales|activation_scale)$")
_UNPACK = "de-quantise the model and save it in a floating-point type to measure it"


def packed_reason(name: str, record: Record, anatomy: Anatomy) -> str | None:
    """Say that a tensor is part of a quantised weight.

    An FP8 weight with a scale beside it is listed as well: stored values times a scale per block are another matrix
    than the stored values alone. FP8 without any scale is measured as stored.

    Parameters
    ----------
    name : str
        The tensor's name.
    record : Record
        The tensor.
    anatomy : Anatomy
        The checkpoint it belongs to.

    Returns
    -------
    str or None
        The reason, or None where the tensor is not part of one.
    """
    for pattern, text in _COMPILED:
        if pattern.search(name) and not (name.endswith("_blocks") and record.dtype not in {"U8", "I8"}):
            return f"{text}: {_UNPACK}"
    scale = _scale_of(name, anatomy)
    if scale is not None and record.dtype.startswith("F8"):
        kind = "one scale" if _is_scalar(anatomy.shapes[scale]) else "block-scaled"
        return f"FP8 that needs its scale {scale!r} ({kind}): {_UNPACK}"
    if scale is not None and record.dtype in {"I8", "U8", "I32"}:
        return f"integers that need their scale {scale!r}: {_UNPACK}"
    if _SCALE.search(name) or (name.endswith("_scales") and record.dtype in {"U8", "F8_E8M0"}):
        return "scale of a quantised weight, not a weight"
    return None


def _scale_of(name: str, anatomy: Anatomy) -> str | None:
    if not name.endswith((".weight", "_proj", "_blocks")):
        return None
    parent = name.removesuffix("weight")
    candidates = [f"{parent}{scale}" for scale in _SCALES] if name.endswith(".weight") else []
    candidates += [f"{name}_scale_inv", f"{name}_scale", f"{name}.absmax", f"{name.removesuffix('_blocks')}_scales"]
    return next((one for one in candidates if one in anatomy.shapes and one != name), None)


def _is_scalar(shape: tuple[int, ...]) -> bool:
    return all(n == 1 for n in shape)
