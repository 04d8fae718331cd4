"""Why a tensor is listed and not measured."""

from __future__ import annotations

import re

from theodolite.sources.anatomy import Anatomy
from theodolite.sources.convolutions import squeezed
from theodolite.sources.dtypes import unmeasured_type
from theodolite.sources.quantised import packed_reason
from theodolite.sources.record import Record
from theodolite.sources.stored import StoredTensor

_MOMENT = re.compile(
    r"(^|\.)(exp_avg(_sq)?|max_exp_avg_sq|momentum_buffer|square_avg|acc_delta|grad_avg|exp_inf)(\.|$)"
    r"|^(optimizers?|optim|opt_state|optimizer_states?)\."
)
_BUFFER = re.compile(
    r"(^|\.)(running_mean|running_var|num_batches_tracked|position_ids|token_type_ids|inv_freq|masked_bias|attn_mask|"
    r"mask|relative_position_index|relative_coords_table|rotary_emb\..*|(cos|sin)_cached|freqs_cis|freqs|"
    r"weight_mask|bias_mask|e_score_correction_bias|pe|IGNORE|attention_bias_idxs|total_ops|total_params|anchors)$"
)
_CAUSAL_MASK = re.compile(r"(attn|attention)\.(bias|mask)$")
_BIAS = re.compile(r"((^|\.)bias(_\w+)?|_bias|(^|\.)b_\w+|(^|\.)beta)$")
_WEIGHT_NORM = re.compile(r"parametrizations\.\w+\.original[01]$")
_HEADED = re.compile(r"(^|\.)W_[QKVO]$")
_MOST_EXPERTS = 1 << 16
_STATE_SPACE = re.compile(r"(^|\.)A_log$")


def listed_because(record: Record, name: str, role: str, anatomy: Anatomy) -> str | None:
    """Say why a tensor is not measured.

    Parameters
    ----------
    record : Record
        The tensor.
    name : str
        Its name in the checkpoint.
    role : str
        What it does.
    anatomy : Anatomy
        The checkpoint it belongs to.

    Returns
    -------
    str or None
        The reason, or None where the tensor is measured.
    """
    if record.reason is not None:
        return record.reason
    if _MOMENT.search(name):
        return "optimizer state, not a weight"
    reason = (
        packed_reason(name, record, anatomy)
        or _buffer(name, record)
        or unmeasured_type(record.dtype)
        or _reparametrised(name, record.shape, anatomy)
        or _shape(name, record.shape)
        or ("gain of a normalisation: it scales entries and mixes none" if role == "norm" else None)
        or _axes(name, record, role)
    )
    if reason is not None:
        return reason
    return None if isinstance(record.content, StoredTensor) else "its content cannot be read"


def _buffer(name: str, record: Record) -> str | None:
    if _BUFFER.search(name):
        return "buffer, not a weight"
    if _CAUSAL_MASK.search(name) and len(record.shape) == 4:
        return "buffer, not a weight: the mask of causal attention"
    return None


def _shape(name: str, shape: tuple[int, ...]) -> str | None:
    if 0 in shape:
        return "it has no elements"
    axes = sum(n > 1 for n in shape)
    if _BIAS.search(name) and "relative" not in name:
        return "bias"
    if axes == 0:
        return "a single number"
    if axes == 1:
        return "a vector, not a matrix"
    if len(shape) > 5:
        return f"{len(shape)} axes: no way to read it as a matrix is known"
    return None


def _axes(name: str, record: Record, role: str) -> str | None:
    shape = record.shape
    if role == "expert" and len(shape) == 3 and shape[0] > _MOST_EXPERTS:
        return f"{shape[0]} experts, more than the {_MOST_EXPERTS} that are told apart"
    known = role in {"conv", "expert"} or _HEADED.search(name) or len(squeezed(shape)) == 2
    # Of a kernel named as TensorFlow and JAX name it only a reader that knows the layer can tell the axes.
    if len(shape) < 3 or (known and (record.layer is not None or not name.endswith(".kernel"))):
        return None
    return f"{len(shape)} axes whose meaning is not known"


def _reparametrised(name: str, shape: tuple[int, ...], anatomy: Anatomy) -> str | None:
    halves = (f"{name[:-1]}g", f"{name[:-1]}v")
    paired = name.endswith(("weight_g", "weight_v")) and all(half in anatomy.shapes for half in halves)
    if paired or _WEIGHT_NORM.search(name):
        return "half of a weight-norm pair: the weight is g·v/‖v‖, which the file does not hold"
    if name.endswith("weight_orig") and f"{name.removesuffix('_orig')}_mask" in anatomy.shapes:
        return "pruned: the weight is this times its mask, which the file does not hold"
    if _STATE_SPACE.search(name):
        return "logarithm of a diagonal state-space system, not a linear map"
    if len(shape) == 2 and name.endswith("attention_biases"):
        return "bias"
    return None
