"""The command line run in process, and small checkpoints for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.cli.app import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    """Run `theodolite` in an empty working directory, as wide as a wide terminal, and give what it printed."""
    home = tmp_path / "cwd"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(int(code), said.out, said.err)

    return run


def tensors(scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    made = {"model.embed_tokens.weight": rng.standard_normal((120, 64))}
    for block in range(2):
        name = f"model.layers.{block}"
        made[f"{name}.self_attn.q_proj.weight"] = rng.standard_normal((64, 64))
        made[f"{name}.mlp.up_proj.weight"] = rng.standard_normal((96, 64))
        made[f"{name}.mlp.up_proj.bias"] = rng.standard_normal(96)
    made["steps"] = np.arange(3)
    return {
        name: (array * scale).astype(np.float32 if array.dtype.kind == "f" else np.int64)
        for name, array in made.items()
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A transformer of two blocks: five matrices, two biases and a counter."""
    path = tmp_path / "tiny.safetensors"
    save_file(tensors(), path)
    return path


@pytest.fixture
def other_checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "other.safetensors"
    save_file(tensors(3.0), path)
    return path
