"""Arrays of any library: where they come from, how they become NumPy, how a result goes back."""

from __future__ import annotations

from typing import Any, TypeAlias

import array_api_compat
import ml_dtypes
import numpy as np

Array: TypeAlias = Any
"""An array of any library that follows the Array API standard (NumPy, PyTorch, CuPy, ...), or a NumPy scalar."""


def is_array(candidate: object) -> bool:
    """Tell whether an object is an array of a library that theodolite can compute with.

    Parameters
    ----------
    candidate : object
        Anything.

    Returns
    -------
    bool
        True for arrays that follow the Array API standard, NumPy's included.
    """
    return bool(array_api_compat.is_array_api_obj(candidate))


def namespace(*arrays: Array) -> Any:
    """Return the Array API namespace that the given arrays share.

    Parameters
    ----------
    *arrays : array
        Arrays of one library.

    Returns
    -------
    module
        The library's namespace, patched to the standard.
    """
    return array_api_compat.array_namespace(*arrays)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """Bring an array of any library and device to NumPy, without gradient.

    Parameters
    ----------
    array : array
        An array of any library.

    Returns
    -------
    numpy.ndarray
        The same numbers on the host; shares memory where the library allows it.
    """
    if isinstance(array, (np.ndarray, np.generic)):
        return np.asarray(array)
    if array_api_compat.is_torch_array(array):
        return _torch_to_numpy(array.detach().cpu())
    if array_api_compat.is_cupy_array(array):
        return np.asarray(array.get())
    library = array_api_compat.array_namespace(array)
    home = library.__array_namespace_info__().default_device()
    return np.asarray(array_api_compat.to_device(array, home))


def _torch_to_numpy(array: Array) -> np.ndarray[Any, Any]:
    name = str(array.dtype).removeprefix("torch.")
    if not name.startswith(("bfloat", "float8")):
        return np.asarray(array.numpy())
    # NumPy knows these types by ml_dtypes only, and PyTorch doesn't hand them over: the bytes go, the type is put back.
    library = array_api_compat.array_namespace(array)
    carrier = library.int16 if name == "bfloat16" else library.uint8
    return np.asarray(array.contiguous().view(carrier).numpy().view(getattr(ml_dtypes, name)))


def like(value: float | np.ndarray[Any, Any], model: Array) -> Array:
    """Give a number computed on the host back in the caller's library, on the caller's device.

    Parameters
    ----------
    value : float or numpy.ndarray
        What a fit or a search found.
    model : array
        An array of the caller's library; its device is used, its dtype is not.

    Returns
    -------
    array
        `value` in float64 (or in its own integer type), 0-dimensional for a number.
    """
    host = np.asarray(value)
    if isinstance(model, (np.ndarray, np.generic)):
        return host[()]
    library = array_api_compat.array_namespace(model)
    return library.asarray(
        host.tolist(), dtype=getattr(library, host.dtype.name), device=array_api_compat.device(model)
    )
