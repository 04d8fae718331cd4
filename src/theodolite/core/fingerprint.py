"""Content hashes: what makes a reading of yesterday valid today."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from theodolite.core.arrays import Array, is_array, to_numpy

_ENTRIES_AT_ONCE = 1 << 24


def digest(*parts: bytes | str) -> str:
    """Hash a sequence of parts so that no two different sequences collide by concatenation.

    Parameters
    ----------
    *parts : bytes or str
        The parts, in order.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in encoded)).hexdigest()


def canonical_json(value: Any) -> str:
    """Write a JSON value in the one form that equal values share.

    Parameters
    ----------
    value : JSON-able
        Numbers, strings, booleans, None, and lists and dicts of them. NaN and infinities are refused.

    Returns
    -------
    str
        Sorted keys, no white space, shortest float representation.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def fingerprint(array: Array) -> bytes:
    """Hash an array's dtype, shape and content.

    Parameters
    ----------
    array : array or row-sliceable object
        An array of any library, or anything with `shape`, `dtype` and ``[start:stop]``.

    Returns
    -------
    bytes
        32 bytes of SHA-256; equal for equal numbers in equal layout, whatever library holds them.
    """
    host = to_numpy(array) if is_array(array) else array
    shape = tuple(int(side) for side in host.shape)
    state = hashlib.sha256(f"{host.dtype}{shape}".encode())
    rows = host if shape else np.reshape(host, (1,))
    row = int(np.prod(shape[1:], dtype=np.int64)) or 1
    step = max(1, _ENTRIES_AT_ONCE // row)
    for start in range(0, rows.shape[0], step):
        block = np.ascontiguousarray(rows[start : start + step])
        state.update(block.view(np.uint8).data if block.size else b"")
    return state.digest()
