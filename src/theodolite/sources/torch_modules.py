"""Live torch modules: parameters and buffers where they are, with the exact kind of their layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from theodolite.sources.record import Contents, Record
from theodolite.sources.torch_tensors import code_of_torch, storage_of, stored_tensor

_KNOWN_LAYERS = frozenset(
    {
        *(f"{lazy}Conv{turned}{axes}d" for lazy in ("", "Lazy") for turned in ("", "Transpose") for axes in (1, 2, 3)),
        *("Linear", "Bilinear", "Embedding", "EmbeddingBag", "Conv1D", "MultiheadAttention"),
        *("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"),
    }
)
NOT_SAVED = "buffer, not a weight; not saved with the model"
_NORMS = ("Norm", "Norm1d", "Norm2d", "Norm3d")


def read_module(module: Any) -> Contents:
    """Look at a module's parameters and buffers without copying or changing them.

    Parameters
    ----------
    module : torch.nn.Module
        The module, on any device.

    Returns
    -------
    Contents
        Its tensors in the order of its state_dict, every shared one under each of its names.
    """
    records = []
    for path, layer in module.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        kind, groups = _kind(layer), getattr(layer, "groups", None)
        groups = groups if isinstance(groups, int) else None
        for name, tensor in layer.named_parameters(recurse=False, remove_duplicate=False):
            records.append(_record(f"{prefix}{name}", tensor, kind, groups))
        unsaved: Collection[str] = getattr(layer, "_non_persistent_buffers_set", frozenset())
        for name, tensor in layer.named_buffers(recurse=False, remove_duplicate=False):
            reason = NOT_SAVED if name in unsaved else "buffer, not a weight"
            records.append(_record(f"{prefix}{name}", tensor, kind, groups, reason))
    return Contents(records, "module", config=_config(module))


def _record(name: str, tensor: Any, kind: str | None, groups: int | None, reason: str | None = None) -> Record:
    if type(tensor).__name__.startswith("Uninitialized"):
        return Record(name, (), code_of_torch(tensor.dtype), None, None, "a lazy parameter without a shape yet", kind)
    shape = tuple(int(n) for n in tensor.shape)
    content, unreadable = stored_tensor(tensor)
    return Record(
        name, shape, code_of_torch(tensor.dtype), content, None, reason or unreadable, kind, groups, storage_of(tensor)
    )


def _kind(layer: Any) -> str | None:
    """Find the class name that says what the layer is: its own or that of the torch class it derives from."""
    names = [base.__name__ for base in type(layer).__mro__]
    return next((name for name in names if name in _KNOWN_LAYERS or name.endswith(_NORMS)), None)


def _config(module: Any) -> Mapping[str, Any]:
    to_dict = getattr(getattr(module, "config", None), "to_dict", None)
    config = to_dict() if callable(to_dict) else {}
    return config if isinstance(config, Mapping) else {}
