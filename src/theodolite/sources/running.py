"""Running a torch model on data of any library, and leaving it as it was."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from theodolite.core import is_array


def check_module(model: Any) -> None:
    """Refuse what is no module.

    Parameters
    ----------
    model : torch.nn.Module
        What was given.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if not callable(getattr(model, "named_modules", None)) or isinstance(model, type):
        raise TypeError(f"model: expected a torch.nn.Module, got {described(model)}")


def described(data: Any) -> str:
    """Say what was given in place of what was expected.

    Parameters
    ----------
    data : object
        Anything.

    Returns
    -------
    str
        Its type, and of collections what they hold.
    """
    if isinstance(data, Mapping):
        return f"a mapping with {', '.join(map(repr, list(data)[:6])) or 'nothing'}"
    if isinstance(data, tuple | list):
        return f"a {type(data).__name__} of {len(data)} ({', '.join(type(each).__name__ for each in data[:3])})"
    return f"of type {type(data).__name__}"


def device_and_dtype(model: Any) -> tuple[Any, Any]:
    """Find where a model is, and of which type its numbers are.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Returns
    -------
    device : torch.device
        That of its first tensor; the CPU where it has none.
    dtype : torch.dtype
        That of its first tensor of floats; torch's default where it has none.
    """
    import torch

    tensors = list(chain(model.parameters(), model.buffers()))
    device = tensors[0].device if tensors else torch.device("cpu")
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.get_default_dtype())
    return device, dtype


def placed(value: Any, device: Any, dtype: Any) -> Any:
    """Copy data to a device as torch tensors.

    Parameters
    ----------
    value : array, or a sequence or mapping of arrays
        The data, nested at will; what is no array stays as it is.
    device : torch.device
        Where to.
    dtype : torch.dtype
        What NumPy's floats become; tensors keep their type.

    Returns
    -------
    torch.Tensor, list or dict
        The same, as tensors.
    """
    import torch

    if isinstance(value, torch.Tensor):
        # A copy, for models whose first layer works in place.
        return value.detach().to(device, copy=True)
    if isinstance(value, Mapping):
        return {name: placed(each, device, dtype) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in "iub":
            # A copy in the machine's own byte order, which torch may write to.
            return torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("="))).to(device)
        return torch.from_numpy(np.array(value, dtype=np.float64)).to(device, dtype)
    if isinstance(value, tuple | list):
        return [placed(each, device, dtype) for each in value]
    return torch.from_dlpack(value).to(device) if is_array(value) else value


@contextmanager
def evaluating(*models: Any) -> Generator[None, None, None]:
    """Put models into evaluation mode, and every layer back into its own mode afterwards.

    Parameters
    ----------
    *models : torch.nn.Module
        The models.

    Yields
    ------
    None
        While dropout is off and batch norms use what they have seen.

    Raises
    ------
    TypeError
        If something else is given.
    """  # noqa: DOC502 - raised by what is called
    for model in models:
        check_module(model)
    modes = [(layer, layer.training) for model in models for layer in model.modules()]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
