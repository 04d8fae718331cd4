"""The array libraries and devices that a measure must answer on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import array_api_compat
import numpy as np

from theodolite.core.arrays import Array, to_numpy

Host = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Backend:
    """An array library on a device.

    Parameters
    ----------
    name : str
        As it stands in the names of checks: ``"torch cpu"``.
    convert : callable
        Makes an array of this library of a NumPy array.
    extra : str
        The package that it needs; empty where there is none.
    differentiable : bool
        True where the library gives gradients.
    missing : callable
        Says why the backend can't be used here; empty where it can. Asked before the first use only, so that no
        library is imported in vain.
    """

    name: str
    convert: Callable[[Host], Array]
    extra: str = ""
    differentiable: bool = False
    missing: Callable[[], str] = lambda: ""

    def __str__(self) -> str:
        return self.name

    def difference(self, result: Array, given: Array) -> str:
        """Say how a result's library or device differs from the input's.

        Parameters
        ----------
        result : array
            What a measure gave for one field.
        given : array
            What it was given.

        Returns
        -------
        str
            Empty where they agree.
        """
        if isinstance(given, np.ndarray):
            return "" if isinstance(result, (np.ndarray, np.generic)) else f"got {_kind(result)}, expected NumPy"
        if not array_api_compat.is_array_api_obj(result) or isinstance(result, (np.ndarray, np.generic)):
            return f"got {_kind(result)}, expected {_kind(given)}"
        if array_api_compat.array_namespace(result) is not array_api_compat.array_namespace(given):
            return f"got {_kind(result)}, expected {_kind(given)}"
        here, there = array_api_compat.device(result), array_api_compat.device(given)
        return "" if here == there else f"got a result on {here}, expected {there}"

    def matches(self, given: Array, original: Host) -> bool:
        """Tell whether an array still holds the numbers that it was made of.

        Parameters
        ----------
        given : array
            What `convert` made.
        original : numpy.ndarray
            What it was made of.

        Returns
        -------
        bool
            True where not a bit has changed.
        """
        host = to_numpy(given)
        return host.dtype == original.dtype and host.tobytes() == original.tobytes()


def backends() -> tuple[Backend, ...]:
    """Return every backend that checks run on; `Backend.missing` says which can't be used here.

    Returns
    -------
    tuple of Backend
        NumPy, NumPy with read-only memory, the strict Array API on a second device, PyTorch on CPU and on CUDA.
    """
    return (
        Backend("numpy", np.array),
        Backend("numpy read-only", _read_only),
        Backend("array-api-strict device1", _strict, "array-api-strict", missing=_needs("array_api_strict", "test")),
        Backend("torch cpu", _torch, "torch", differentiable=True, missing=_needs("torch", "torch")),
        Backend("torch cuda", _torch_cuda, "torch", differentiable=True, missing=_no_cuda),
    )


def choose(names: Iterable[str] | None) -> tuple[Backend, ...]:
    """Return the backends with these names, all of them for None.

    Parameters
    ----------
    names : iterable of str or None
        Names of backends.

    Returns
    -------
    tuple of Backend
        In the order of `backends`.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    known = {backend.name: backend for backend in backends()}
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"backends: {name!r} is unknown; choose from {', '.join(known)}")
    return tuple(backend for backend in known.values() if backend.name in wanted)


def _kind(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")


def _read_only(host: Host) -> Array:
    copy = np.array(host)
    copy.flags.writeable = False
    return copy


def _strict(host: Host) -> Array:
    import array_api_strict

    return array_api_strict.asarray(host.copy(), device=array_api_strict.Device("device1"))


def _torch(host: Host) -> Array:
    import torch

    return torch.asarray(host.copy())


def _torch_cuda(host: Host) -> Array:
    import torch

    return torch.asarray(host.copy(), device="cuda")


def _needs(package: str, extra: str) -> Callable[[], str]:
    return lambda: "" if find_spec(package) else f"needs the extra [{extra}]"


def _no_cuda() -> str:
    if not find_spec("torch"):
        return "needs the extra [torch]"
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device"
