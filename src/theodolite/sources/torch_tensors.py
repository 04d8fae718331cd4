"""Torch tensors as stored tensors: rows given as NumPy arrays without copying all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.sources.dtypes import ELEMENT_TYPES
from theodolite.sources.stored import StoredTensor

_CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "complex64": "C64",
    "complex128": "C128",
}
_BY_BYTES = frozenset({"BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"})


def code_of_torch(dtype: object) -> str:
    """Name a torch dtype as safetensors would.

    Parameters
    ----------
    dtype : torch.dtype
        Any torch dtype.

    Returns
    -------
    str
        The code, or torch's own name where there is none.
    """
    name = str(dtype).rpartition(".")[2]
    return _CODES.get(name, name.upper())


@dataclass(frozen=True, eq=False, repr=False)
class TorchTensor(StoredTensor):
    """A strided torch tensor of a type that NumPy knows.

    Parameters
    ----------
    tensor : torch.Tensor
        The tensor, on any device; it is never written to.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its type.
    code : str
        Its type's safetensors name.
    """

    tensor: Any
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    code: str

    def rows(self, start: int, stop: int) -> NDArray[np.generic]:
        """Give rows as an array that cannot be written to.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows; memory is shared with a tensor on the CPU.
        """
        return self._host(self.tensor.detach()[start:stop], (stop - start, *self.shape[1:]))

    def read(self) -> NDArray[np.generic]:
        """Give the whole tensor as an array that cannot be written to.

        Returns
        -------
        numpy.ndarray
            The tensor; memory is shared with a tensor on the CPU.
        """
        return self._host(self.tensor.detach(), self.shape)

    def _host(self, tensor: Any, shape: tuple[int, ...]) -> NDArray[np.generic]:
        import torch

        array: NDArray[np.generic]
        tensor = tensor.cpu().resolve_conj().resolve_neg().contiguous()
        if self.code in _BY_BYTES:
            # Types that NumPy lacks cross over as bytes; a flat view avoids the rules for the last axis.
            array = tensor.reshape(-1).view(torch.uint8).numpy().view(self.dtype).reshape(shape)
        else:
            array = tensor.numpy()
        array.flags.writeable = False
        return array


def stored_tensor(tensor: Any) -> tuple[TorchTensor | None, str | None]:
    """Wrap a torch tensor, or say why it has no readable content.

    Parameters
    ----------
    tensor : torch.Tensor
        Any tensor.

    Returns
    -------
    content : TorchTensor or None
        The tensor, readable by rows.
    reason : str or None
        Why there is none.
    """
    if str(tensor.layout) != "torch.strided":
        return None, f"stored as {str(tensor.layout).rpartition('.')[2]}, not as a dense array"
    if tensor.is_quantized:
        return None, "quantised by torch: de-quantise the model to measure it"
    if tensor.device.type == "meta":
        return None, "on the meta device, which holds no data"
    code = code_of_torch(tensor.dtype)
    element = ELEMENT_TYPES.get(code)
    if element is None or element.numpy is None:
        return None, f"element type {code} is not known"
    return TorchTensor(tensor, tuple(tensor.shape), element.numpy, code), None


def write_into(tensor: Any, array: NDArray[Any]) -> None:
    """Overwrite a torch tensor, leaf or not, with an array of the same shape and type.

    Parameters
    ----------
    tensor : torch.Tensor
        The tensor, on any device.
    array : numpy.ndarray
        Its new content, of the type in which `TorchTensor` gives it.

    Raises
    ------
    ValueError
        If shape or type are others.
    """
    import torch

    element = ELEMENT_TYPES.get(code_of_torch(tensor.dtype))
    if tuple(tensor.shape) != array.shape or element is None or element.numpy != array.dtype:
        raise ValueError(
            f"array: {array.shape} of {array.dtype} can't stand in {tuple(tensor.shape)} of {tensor.dtype}"
        )
    # Types that NumPy lacks cross over as bytes.
    flat = torch.from_numpy(np.require(array, requirements=("C", "W")).reshape(-1).view(np.uint8))
    with torch.no_grad():
        tensor.copy_(flat.view(tensor.dtype).reshape(tensor.shape))


def storage_of(tensor: Any) -> tuple[object, ...] | None:
    """Identify the memory that a tensor looks at.

    Parameters
    ----------
    tensor : torch.Tensor
        Any tensor.

    Returns
    -------
    tuple or None
        Equal for tensors that are one and the same; None where memory cannot be told.
    """
    if str(tensor.layout) != "torch.strided" or tensor.device.type == "meta" or not tensor.numel():
        return None
    place = tensor.data_ptr()
    return (
        (str(tensor.device), place, tuple(tensor.shape), tuple(tensor.stride()), str(tensor.dtype)) if place else None
    )


def outgrows_storage(tensor: Any) -> bool:
    """Tell whether a tensor claims more elements than its memory holds (an expanded view).

    Parameters
    ----------
    tensor : torch.Tensor
        A tensor read from a file.

    Returns
    -------
    bool
        True where reading it would take more memory than the file has bytes.
    """
    if str(tensor.layout) != "torch.strided" or tensor.device.type == "meta":
        return False
    return bool(math.prod(tensor.shape) * tensor.element_size() > tensor.untyped_storage().nbytes())
