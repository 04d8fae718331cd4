"""What a command line can name: a function that builds the model, its weights, and a file of data."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, closest
from theodolite.sources import Checkpoint, open_checkpoint
from theodolite.sources.containers import AVERAGED, OPTIMIZER_STATE, TRAINING_STATE

_RUN_STATE = frozenset({AVERAGED, OPTIMIZER_STATE, TRAINING_STATE})


def load_factory(spec: str, *, folder: str | os.PathLike[str] | None = None) -> Callable[[], Any]:
    """Import the function that builds a model.

    Parameters
    ----------
    spec : str
        ``"package.module:function"``. Importing runs the module.
    folder : path, optional
        Where modules are looked for after all other places, as the working directory for a command.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    ParameterError
        If the name has another form, the module can't be found, or it has no such function without arguments.

    Examples
    --------
    >>> load_factory("collections:OrderedDict")()
    OrderedDict()
    """
    module_name, colon, name = spec.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), *name.split("."))):
        raise ParameterError(f"factory is {spec!r}; give it as package.module:function")
    if folder is not None and str(Path(folder).resolve()) not in sys.path:
        # It stays there, for what the function itself imports when it is called.
        sys.path.append(str(Path(folder).resolve()))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ParameterError(f"factory {spec!r}: there is no module named {error.name!r}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            known = [known for known in dir(found) if not known.startswith("_")]
            raise ParameterError(f"factory {spec!r}: {module_name} has no {part!r}; {closest(part, known)}")
        found = getattr(found, part)
    if not callable(found):
        raise ParameterError(f"factory {spec!r}: it is {type(found).__name__}, and nothing that can be called")
    _check_arguments(spec, found)
    return found  # type: ignore[no-any-return]


def _check_arguments(spec: str, function: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:
        # Some functions of compiled modules don't tell.
        return
    try:
        signature.bind()
    except TypeError as error:
        raise ParameterError(f"factory {spec!r}: {error}; name a function that takes nothing") from error


def load_model(factory: Callable[[], Any], checkpoint: Any) -> Any:
    """Build a model and give it the weights of a checkpoint.

    Parameters
    ----------
    factory : callable
        Takes nothing and gives a `torch.nn.Module`.
    checkpoint : path or Checkpoint
        Its weights by the names of its state dict, in any format that can be opened.

    Returns
    -------
    torch.nn.Module
        The model, in evaluation mode.

    Raises
    ------
    ParameterError
        If the function gives something else, or the names or shapes are others.
    CheckpointError
        If the checkpoint can't be read.
    """  # noqa: DOC502 - raised by what is called
    model = factory()
    if not callable(getattr(model, "load_state_dict", None)):
        raise ParameterError(f"factory: it gave {type(model).__name__}; expected a torch.nn.Module")
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(checkpoint)
    held = {name for name, weight in opened.items() if weight.listed_because not in _RUN_STATE}
    own = {name: each for name, each in model.state_dict(keep_vars=True).items() if hasattr(each, "data_ptr")}
    _check_names(own, held, opened)
    model.load_state_dict({name: _tensor(opened, name, own[name]) for name in own if name in held}, strict=False)
    return model.eval()


def _check_names(own: Mapping[str, Any], held: set[str], opened: Checkpoint) -> None:
    shared = {each.data_ptr() for name, each in own.items() if name in held}
    missing = [name for name, each in own.items() if name not in held and not _may_lack(name, each, shared)]
    unknown = sorted(name for name in held - own.keys() if not _is_a_table(name, opened))
    if missing or unknown:
        said = [f"{opened.model} lacks {_first(missing)}"] if missing else []
        said += [f"the model has no {_first(unknown)}"] if unknown else []
        raise ParameterError(f"factory: {', and '.join(said)}; build the model that was saved")
    for name, each in own.items():
        if name in held and tuple(each.shape) != opened[name].shape:
            ours, theirs = (" x ".join(map(str, shape)) or "scalar" for shape in (each.shape, opened[name].shape))
            raise ParameterError(
                f"factory: {name} is {ours} in the model and {theirs} in {opened.model}; build the same"
            )


def _is_a_table(name: str, opened: Checkpoint) -> bool:
    # Whole numbers that follow from the architecture (position_ids), which newer versions of a model save no more.
    weight = opened[name]
    counted = name.endswith("num_batches_tracked")
    return (weight.listed_because or "").startswith("buffer") and weight.dtype.startswith(("I", "U")) and not counted


def _may_lack(name: str, tensor: Any, shared: set[int]) -> bool:
    # Of tensors that share memory a file may hold one; and a count of batches decides nothing.
    return name.endswith("num_batches_tracked") or bool(tensor.numel() and tensor.data_ptr() in shared)


def _first(names: list[str]) -> str:
    return f"{names[0]!r}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _tensor(opened: Checkpoint, name: str, like: Any) -> Any:
    import torch

    array = opened[name].array()
    # By way of float32 only where NumPy has no such type, which holds every number of the narrow ones.
    plain = array.astype(np.float32) if array.dtype.kind == "V" else np.array(array)
    return torch.from_numpy(plain).to(like.dtype)


def load_data(path: str | os.PathLike[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read a file of examples.

    Parameters
    ----------
    path : path
        ``.npz`` or ``.safetensors`` with the arrays ``inputs`` and ``targets``.

    Returns
    -------
    inputs, targets : numpy.ndarray
        The arrays.

    Raises
    ------
    ParameterError
        If one of them isn't there, or holds no numbers.
    CheckpointError
        If the file can't be read.
    """  # noqa: DOC502 - raised by what is called
    with open_checkpoint(path) as opened:
        for name in ("inputs", "targets"):
            if name not in opened:
                held = ", ".join(map(repr, list(opened)[:6]))
                raise ParameterError(f"data: {Path(path).name} holds {held}; expected 'inputs' and 'targets'")
        inputs, targets = opened["inputs"].array(), opened["targets"].array()
    for name, array in (("inputs", inputs), ("targets", targets)):
        if array.dtype.kind in "USO":
            raise ParameterError(f"data: {name} of {Path(path).name} are no numbers; number the classes from 0")
    return inputs, targets
