"""Adapters in PEFT's format, laid over their base model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.adapted import AdaptedTensor
from theodolite.sources.checkpoint import Checkpoint
from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.folders import CONFIG_LIMIT
from theodolite.sources.opening import open_checkpoint
from theodolite.sources.parts import Cut
from theodolite.sources.record import Record
from theodolite.sources.stored import StoredTensor
from theodolite.sources.untrusted_json import read_object
from theodolite.sources.weight import Weight

CONFIG = "adapter_config.json"
_FACTOR = re.compile(r"^(?P<module>.+)\.lora_(?P<kind>embedding_)?(?P<which>[AB])(\.weight)?$")
_WRAPPERS = ("base_model.model.", "base_model.")
_BASE_UNTOUCHED = (True, False, None, "gaussian", "eva", "orthogonal")
_NO_SUM = {
    "use_dora": "is a DoRA",
    "use_qalora": "is a QALoRA",
    "use_bdlora": "is block-diagonal",
    "kasa_config": "is a KaSA",
    "velora_config": "is a VeLoRA",
    "monteclora_config": "is a MonteCLoRA",
    "arrow_config": "routes between adapters",
    "alora_invocation_tokens": "acts after certain tokens only",
    "layer_replication": "replicates layers of the base",
    "target_parameters": "targets bare parameters",
    "trainable_token_indices": "replaces single tokens",
}
_MERGE = "Merge the adapter with PEFT (merge_and_unload), save the model, and compare that."


def is_adapter(path: Path) -> bool:
    """Tell whether a path is an adapter folder of PEFT.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        True for a folder with an ``adapter_config.json``.
    """
    return (path / CONFIG).is_file()


@dataclass
class _Module:
    """The two factors of one module, as they come."""

    a: StoredTensor | None = None
    b: StoredTensor | None = None
    embedding: bool = False
    names: list[str] = field(default_factory=list)


def adapted(base: Checkpoint, folder: str | Path, *, model: str | None = None) -> Checkpoint:
    """Lay a LoRA adapter over its base model.

    Nothing is merged: the factors are read, the tensors that they change are computed row by row when they are read,
    and `change_of` gives the factors of each matrix.

    Parameters
    ----------
    base : Checkpoint
        The model that the adapter was trained on.
    folder : path
        A folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
    model : str, optional
        Name of the result; that of the folder by default.

    Returns
    -------
    Checkpoint
        The base with the adapter, tensors that it doesn't touch as they are. An adapter that can't be read, that is of
        another kind, or that doesn't fit the base is a `CheckpointError`.
    """
    folder = Path(folder)
    config = read_object(folder / CONFIG, what="configuration of the adapter", limit=CONFIG_LIMIT, depth=64)
    _check_kind(config, folder)
    with open_checkpoint(folder, model=model) as stored:
        modules, whole = _sorted(stored, folder)
        records = {weight.name: weight.record for weight in base.values()}
        changed = {
            name: _changed(records[name], module, _layout(config, base[name]), folder)
            for name, module in _placed(modules, records, config, folder)
        }
        changed |= dict(_replaced(whole, records))
    contents = base.contents
    named = [replace(record, name=name) for name, record in {**records, **changed}.items()]
    files = (*contents.files, *stored.contents.files)
    laid = replace(contents, records=named, files=files, format="adapter")
    return Checkpoint(laid, model=stored.model, path=folder)


def _check_kind(config: Mapping[str, Any], folder: Path) -> None:
    kind = str(config.get("peft_type", ""))
    initial = config.get("init_lora_weights", True)
    asked = [name for name in _NO_SUM if config.get(name)]
    problem = ""
    if kind != "LORA":
        problem = f"the adapter is of the kind {shown(kind, 40) or 'unknown'}, and LORA is what can be laid over a base"
    elif asked:
        problem = f"the adapter {_NO_SUM[asked[0]]} ({asked[0]}), which is no plain sum of base and product"
    elif not any(initial is known or initial == known for known in _BASE_UNTOUCHED):
        problem = f"the adapter was initialised by {shown(str(initial), 40)!r}, which changes the base model as well"
    if problem:
        raise CheckpointError(problem, file=folder / CONFIG, remedy=_MERGE)


def _sorted(stored: Checkpoint, folder: Path) -> tuple[dict[str, _Module], dict[str, Record]]:
    """Sort an adapter's tensors into pairs of factors and tensors that replace those of the base."""
    modules: dict[str, _Module] = {}
    whole: dict[str, Record] = {}
    for weight in stored.values():
        name = _unwrapped(weight.stored_name)
        found = _FACTOR.match(name)
        content = weight.record.content
        if not isinstance(content, StoredTensor):
            raise CheckpointError("its content cannot be read", file=folder, tensor=name, remedy=_MERGE)
        if found is None:
            if "lora_" in name:
                raise CheckpointError(
                    "it is no part of a plain LoRA adapter", file=folder, tensor=weight.stored_name, remedy=_MERGE
                )
            whole[name.replace(".modules_to_save.default", "").replace(".modules_to_save", "")] = weight.record
            continue
        module = modules.setdefault(found["module"], _Module(embedding=bool(found["kind"])))
        setattr(module, found["which"].lower(), content)
        module.names.append(weight.stored_name)
    for module in modules.values():
        if module.a is None or module.b is None:
            missing = "lora_A" if module.a is None else "lora_B"
            raise CheckpointError(
                f"it has no {missing} beside it", file=folder, tensor=module.names[0], remedy="Save the adapter again."
            )
    return modules, whole


def _unwrapped(name: str) -> str:
    for prefix in _WRAPPERS:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _placed(
    modules: Mapping[str, _Module], records: Mapping[str, Record], config: Mapping[str, Any], folder: Path
) -> Iterator[tuple[str, tuple[str, _Module]]]:
    """Find the tensor of the base that each module changes; models saved without their head have shorter names."""
    taken: dict[str, str] = {}
    for module, factors in modules.items():
        wanted = f"{module}.weight"
        name = wanted if wanted in records else _by_end(wanted, records)
        if name is None:
            base = shown(str(config.get("base_model_name_or_path") or "unknown"), 80)
            raise CheckpointError(
                f"the base has no tensor {shown(wanted)!r}",
                file=folder,
                tensor=factors.names[0],
                remedy=f"Compare with the model that the adapter was trained on ({base}).",
            )
        if taken.setdefault(name, module) != module:
            raise CheckpointError(
                f"{shown(taken[name])!r} and {shown(module)!r} both change the base's tensor {shown(name)!r}",
                file=folder,
                tensor=factors.names[0],
                remedy="Compare with a base whose tensors have the names of the model that the adapter was trained on.",
            )
        yield name, (module, factors)


def _by_end(wanted: str, records: Mapping[str, Record]) -> str | None:
    ends = [name for name in records if wanted.endswith(f".{name}") or name.endswith(f".{wanted}")]
    longest = max(map(len, ends), default=0)
    best = [name for name in ends if len(name) == longest]
    return best[0] if len(best) == 1 else None


def _layout(config: Mapping[str, Any], weight: Weight) -> dict[str, Any]:
    # The flag is that of the module which PEFT came to last; of a square tensor, its shape would not tell.
    matrices = weight.matrices().values()
    turned = bool(matrices) and all(isinstance(one, Cut) and one.turned for one in matrices)
    return {**config, "fan_in_fan_out": turned or bool(config.get("fan_in_fan_out"))}


def _changed(record: Record, found: tuple[str, _Module], config: Mapping[str, Any], folder: Path) -> Record:
    module, factors = found
    if not isinstance(record.content, StoredTensor):
        raise CheckpointError(
            "the base's tensor cannot be read as numbers, as of a quantised model",
            file=folder,
            tensor=record.name,
            remedy="Compare with the base in a floating-point type.",
        )
    try:
        left, right = _product(module, factors, record.shape, config)
    except ValueError as error:
        raise CheckpointError(
            str(error), file=folder, tensor=factors.names[0], remedy="Compare with the base of this adapter."
        ) from error
    return replace(record, content=AdaptedTensor(record.content, left, right), dtype="F64", storage=None)


def _product(
    module: str, factors: _Module, shape: tuple[int, ...], config: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the change as factors in the layout of the stored tensor."""
    a, b = (np.asarray(one.read(), dtype=np.float64) for one in (factors.a, factors.b) if one is not None)
    rank = int(a.shape[0])
    a, b = a.reshape(rank, -1), b.reshape(b.shape[0], -1)
    if b.shape[1] != rank:
        raise ValueError(f"the factors have shapes {a.shape} and {b.shape}, which share no rank")
    b = b * _scaling(config, module, rank)
    expected = (shape[0], math.prod(shape[1:]))
    turned = factors.embedding or bool(config.get("fan_in_fan_out"))
    upright, across = (b.shape[0], a.shape[1]), (a.shape[1], b.shape[0])
    if upright != across and expected == (upright if turned else across):
        turned = not turned  # one flag stands for all modules; where only the other layout fits, that is the module's
    left, right = (a.T, b.T) if turned else (b, a)
    if (left.shape[0], right.shape[1]) != expected:
        raise ValueError(f"the product has shape {(left.shape[0], right.shape[1])}, the base's tensor {expected}")
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def _scaling(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Say how strongly a module's product is added."""
    patterns = config.get("alpha_pattern") or {}
    fitting = (value for pattern, value in patterns.items() if re.match(rf"(.*\.)?({pattern})$", module))
    alpha = next(fitting, config.get("lora_alpha", 8))
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not math.isfinite(alpha):
        raise ValueError(f"the alpha of {module} is {alpha!r}, which is no number")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _replaced(whole: Mapping[str, Record], records: Mapping[str, Record]) -> Iterator[tuple[str, Record]]:
    for name, record in whole.items():
        place = name if name in records else _by_end(name, records) or name
        yield place, record
