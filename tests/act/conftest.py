"""Small checkpoints to smooth."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.sources.stored import as_bytes
from theodolite.sources.writer import SafetensorsWriter, Slot


def spiked(rows: int, columns: int, spikes: int, seed: int) -> np.ndarray:
    """Noise of variance 1 with strong directions at 2, 2.5, 3, ... times the edge."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(rows, max(1, spikes))))
    right, _ = np.linalg.qr(rng.normal(size=(columns, max(1, spikes))))
    sizes = (np.sqrt(rows) + np.sqrt(columns)) * (2 + 0.5 * np.arange(spikes))
    return rng.normal(size=(rows, columns)) + (left[:, :spikes] * sizes) @ right[:, :spikes].T


@pytest.fixture
def model() -> dict[str, np.ndarray]:
    """Two blocks whose matrices have three strong directions, one matrix of noise, and tensors that are only listed."""
    named: dict[str, np.ndarray] = {}
    for block in range(2):
        name = f"layers.{block}"
        named[f"{name}.attention.query.weight"] = spiked(48, 48, 3, block)
        named[f"{name}.mlp.up.weight"] = spiked(96, 48, 3, 10 + block)
        named[f"{name}.mlp.up.bias"] = np.arange(96.0)
    named["noise.weight"] = spiked(40, 60, 0, 20)
    named["steps"] = np.arange(3)
    return {n: a.astype(np.float32) if a.dtype == np.float64 else a for n, a in named.items()}


@pytest.fixture
def source(model: dict[str, np.ndarray], tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_file(model, path)
    return path


@pytest.fixture
def save(tmp_path: Path):
    """Write arrays of any type, ml_dtypes' included."""
    codes = {np.dtype(ml_dtypes.bfloat16): "BF16", np.dtype(ml_dtypes.float8_e4m3fn): "F8_E4M3"}
    codes |= {np.dtype(ml_dtypes.float8_e5m2): "F8_E5M2", np.dtype("f8"): "F64", np.dtype("f4"): "F32"}
    codes |= {np.dtype("f2"): "F16"}

    def write(tensors: dict[str, np.ndarray], name: str = "saved.safetensors") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        slots = [Slot(name, codes[array.dtype], array.shape) for name, array in tensors.items()]
        with SafetensorsWriter(path, slots) as writer:
            for each, array in tensors.items():
                writer.write(each, [as_bytes(array)])
        return path

    return write
