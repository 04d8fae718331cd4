"""The writer's files, read back by the format's reference implementation and by our own reader."""

import json
import struct
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from theodolite.sources import CheckpointError, open_checkpoint
from theodolite.sources.stored import as_bytes
from theodolite.sources.writer import SafetensorsWriter, Slot

CODES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "I64": np.int64,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def write(path, tensors, metadata=None):
    slots = [Slot(name, code, array.shape) for name, (code, array) in tensors.items()]
    with SafetensorsWriter(path, slots, metadata) as writer:
        for name, (_, array) in tensors.items():
            writer.write(name, [as_bytes(array)])
    return path


@pytest.fixture
def tensors():
    rng = np.random.default_rng(0)
    return {f"{code}.weight": (code, rng.normal(size=(3, 5)).astype(kind)) for code, kind in CODES.items()}


def test_every_element_type_comes_back_bit_for_bit(tmp_path, tensors):
    opened = open_checkpoint(write(tmp_path / "all.safetensors", tensors))
    assert list(opened) == list(tensors)
    for name, (code, array) in tensors.items():
        assert opened[name].dtype == code
        np.testing.assert_array_equal(opened[name].array().view(np.uint8), array.view(np.uint8))


def test_the_reference_implementation_reads_it(tmp_path, tensors):
    plain = {name: pair for name, pair in tensors.items() if pair[0] not in {"BF16", "F8_E4M3", "F8_E5M2"}}
    path = write(tmp_path / "plain.safetensors", plain, {"format": "pt", "note": "naïve ünïcode"})
    loaded = load_file(path)
    assert loaded.keys() == plain.keys()
    for name, (_, array) in plain.items():
        np.testing.assert_array_equal(loaded[name], array)
    with safe_open(path, "np") as opened:
        assert opened.metadata() == {"format": "pt", "note": "naïve ünïcode"}


@pytest.mark.torch
def test_torch_reads_narrow_floats(tmp_path, tensors, torch):
    from safetensors.torch import load_file as load_torch

    loaded = load_torch(write(tmp_path / "all.safetensors", tensors))
    for name, (_, array) in tensors.items():
        wide = loaded[name].to(torch.float64).numpy()
        np.testing.assert_array_equal(wide, array.astype(np.float64))


def test_data_begin_at_a_multiple_of_eight(tmp_path):
    for length in range(1, 10):
        tensors = {"n" * length: ("F32", np.zeros(2, np.float32))}
        data = write(tmp_path / f"{length}.safetensors", tensors).read_bytes()
        (header,) = struct.unpack("<Q", data[:8])
        assert (8 + header) % 8 == 0
        assert json.loads(data[8 : 8 + header])
        assert len(data) == 8 + header + 8


def test_scalars_and_big_endian_arrays(tmp_path):
    tensors = {
        "scale": ("F32", np.array(2.5, np.float32)),
        "turned": ("F64", np.arange(6.0).reshape(2, 3).astype(">f8")),
    }
    loaded = load_file(write(tmp_path / "odd.safetensors", tensors))
    assert loaded["scale"].shape == ()
    assert loaded["scale"] == 2.5
    np.testing.assert_array_equal(loaded["turned"], np.arange(6.0).reshape(2, 3))


def test_a_tensor_may_come_in_pieces(tmp_path):
    array = np.arange(12, dtype=np.float32)
    path = tmp_path / "pieces.safetensors"
    with SafetensorsWriter(path, [Slot("a", "F32", (12,))]) as writer:
        writer.write("a", (array[i : i + 5].tobytes() for i in range(0, 12, 5)))
    np.testing.assert_array_equal(load_file(path)["a"], array)


@pytest.mark.parametrize(
    ("names", "size", "match"),
    [
        (["b"], 4, "expects 'a'"),
        (["a"], 3, "1 fewer"),
        (["a"], 5, "there are more"),
        (["a", "a"], 4, "expects nothing more"),
        ([], 4, "1 tensors were announced"),
    ],
)
def test_a_wrong_sequence_leaves_no_file(tmp_path, names, size, match):
    path = tmp_path / "wrong.safetensors"

    def run():
        with SafetensorsWriter(path, [Slot("a", "F32", (1,))]) as writer:
            for name in names:
                writer.write(name, [b"\0" * size])

    with pytest.raises(ValueError, match=match):
        run()
    assert not path.exists()


def test_an_error_from_outside_leaves_no_file_and_is_not_hidden(tmp_path):
    path = tmp_path / "cut.safetensors"
    with pytest.raises(KeyboardInterrupt), SafetensorsWriter(path, [Slot("a", "F32", (1,))]):
        raise KeyboardInterrupt
    assert not path.exists()


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    path = tmp_path / "there.safetensors"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        SafetensorsWriter(path, [Slot("a", "F32", (1,))])
    assert path.read_bytes() == b"mine"


def test_what_the_format_cannot_hold_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"tensor 'z': safetensors files have no element type C128"):
        SafetensorsWriter(tmp_path / "z.safetensors", [Slot("z", "C128", (2,))])
    with pytest.raises(CheckpointError, match=r"tensor 'a': the name is taken"):
        SafetensorsWriter(tmp_path / "a.safetensors", [Slot("a", "F32", (2,)), Slot("a", "F32", (2,))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_a_writer_keeps_nothing_of_what_it_wrote(tmp_path):
    code = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from theodolite.sources.writer import SafetensorsWriter, Slot\n"
        "piece = bytes(1 << 22)\n"
        "slots = [Slot(str(i), 'U8', (1 << 22,)) for i in range(64)]\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with SafetensorsWriter(Path(sys.argv[1]), slots) as writer:\n"
        "    for slot in slots:\n"
        "        writer.write(slot.name, [piece])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "big.safetensors")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * 1024 < 32 << 20
