"""Builders of checkpoint files, written by hand so that they can be wrong on purpose."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3"}
_CODES |= {"float8_e5m2": "F8_E5M2", "int8": "I8", "uint8": "U8", "int32": "I32", "int64": "I64", "bool": "BOOL"}


def raw_safetensors(header: bytes | Mapping[str, Any], data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def packed_safetensors(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    data = b""
    for name, array in tensors.items():
        piece = np.ascontiguousarray(array).tobytes()
        offsets = [len(data), len(data) + len(piece)]
        header[name] = {"dtype": _CODES[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        data += piece
    return raw_safetensors(header, data)


@pytest.fixture
def raw() -> Callable[..., bytes]:
    return raw_safetensors


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write arrays as safetensors and give the path."""

    def write(tensors: Mapping[str, np.ndarray], name: str = "net.safetensors", **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed_safetensors(tensors, **options))
        return path

    return write


@pytest.fixture
def named(tmp_path: Path) -> Callable[..., Any]:
    """Open a folder that holds zeros of the given shapes under the given names, with a configuration."""
    from theodolite.sources import open_checkpoint

    def build(
        shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None = None, **arrays: np.ndarray
    ) -> Any:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        tensors = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
        (folder / "model.safetensors").write_bytes(packed_safetensors(tensors | arrays))
        if config is not None:
            (folder / "config.json").write_text(json.dumps(config))
        return open_checkpoint(folder)

    return build
