"""Fixtures that every folder of tests shares."""

import signal
from pathlib import Path
from types import ModuleType

import pytest

# A shell that runs the tests in the background has them ignore interrupts, and so would every process they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and checkpoints beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"needs the folder of reference numbers and checkpoints at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """The torch package, or a skip where it is not installed."""
    return pytest.importorskip("torch", reason="needs the extra [torch]")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2 in the user's cache, or a skip where it was never fetched."""
    from theodolite.cli.minilm import MINILM, cache_folder

    folder = cache_folder() / MINILM.model
    if not (folder / "model.safetensors").is_file():
        pytest.skip(f"needs {MINILM.model} in {folder}; `theodolite demo --model minilm` puts it there")
    return folder
