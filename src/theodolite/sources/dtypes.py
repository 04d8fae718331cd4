"""Stored element types: their names, widths and NumPy forms."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np


@dataclass(frozen=True)
class ElementType:
    """One element type of the safetensors naming.

    Parameters
    ----------
    code : str
        The name, for instance ``"BF16"``.
    bits : int
        Width of one element.
    numpy : numpy.dtype or None
        The little-endian NumPy form, None where there is none.
    measured : bool
        Whether a matrix of this type is measured; the others are listed.
    """

    code: str
    bits: int
    numpy: np.dtype[np.generic] | None
    measured: bool = False


def _table() -> dict[str, ElementType]:
    floats: dict[str, type] = {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E5M2": ml_dtypes.float8_e5m2,
    }
    others: dict[str, type] = {
        "BOOL": np.bool_,
        "U8": np.uint8,
        "I8": np.int8,
        "U16": np.uint16,
        "I16": np.int16,
        "U32": np.uint32,
        "I32": np.int32,
        "U64": np.uint64,
        "I64": np.int64,
        "C64": np.complex64,
        "C128": np.complex128,
        "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
        "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
        "F8_E8M0": ml_dtypes.float8_e8m0fnu if hasattr(ml_dtypes, "float8_e8m0fnu") else np.uint8,
    }
    packed = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
    table = {code: ElementType(code, 8 * np.dtype(kind).itemsize, _little(kind), True) for code, kind in floats.items()}
    table |= {code: ElementType(code, 8 * np.dtype(kind).itemsize, _little(kind)) for code, kind in others.items()}
    return table | {code: ElementType(code, bits, None) for code, bits in packed.items()}


def _little(kind: type) -> np.dtype[np.generic]:
    # ml_dtypes have no byte-order variants: `newbyteorder` of them would raise.
    dtype = np.dtype(kind)
    return dtype.newbyteorder("<") if dtype.isbuiltin == 1 else dtype


ELEMENT_TYPES: dict[str, ElementType] = _table()


def code_of(dtype: np.dtype[np.generic]) -> str:
    """Name a NumPy dtype as safetensors would.

    Parameters
    ----------
    dtype : numpy.dtype
        Any dtype, in either byte order.

    Returns
    -------
    str
        The safetensors code, or NumPy's own name where there is none.
    """
    for code, element in ELEMENT_TYPES.items():
        if element.numpy is not None and dtype.kind == element.numpy.kind and dtype.name == element.numpy.name:
            return code
    return dtype.name.upper()


def unmeasured_type(code: str) -> str | None:
    """Say why matrices of an element type are not measured.

    Parameters
    ----------
    code : str
        A safetensors code, or the name of a type unknown here.

    Returns
    -------
    str or None
        The reason, or None where they are measured.
    """
    element = ELEMENT_TYPES.get(code)
    if element is None:
        return f"element type {code} is not one of the floating-point types that are measured"
    if element.measured:
        return None
    if code in {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"}:
        return f"{code} holds block-scaled or scale values that mean nothing without their partner"
    if code.startswith("F8"):
        return f"{code} is a floating-point form that is not measured"
    if code.startswith("C"):
        return "complex numbers are not measured"
    return "booleans are not measured" if code == "BOOL" else "integers are not measured"
