"""Small models that a survey can look at."""

from pathlib import Path

import numpy as np
import pytest

Model = dict[str, np.ndarray]


@pytest.fixture
def model() -> Model:
    """A few matrices of several shapes, and tensors that are only listed."""
    rng = np.random.default_rng(20)
    named: Model = {}
    for block in range(3):
        named[f"layers.{block}.attention.query.weight"] = rng.normal(size=(24, 24)).astype(np.float32)
        named[f"layers.{block}.attention.query.bias"] = np.zeros(24, np.float32)
        named[f"layers.{block}.mlp.up.weight"] = rng.standard_t(3, size=(48, 24)).astype(np.float32)
    named["steps"] = np.arange(6).reshape(2, 3)
    return named


@pytest.fixture
def checkpoint(model: Model, tmp_path: Path) -> Path:
    """The same on disk."""
    safetensors = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "small.safetensors"
    safetensors.save_file(model, path)
    return path
