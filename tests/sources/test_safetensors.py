"""The safetensors reader against the reference implementation and against every kind of bad file."""

import contextlib
import json
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from theodolite.sources import CheckpointError, open_checkpoint

FLOATS = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]


def entry(shape: Any = (2, 2), offsets: Any = (0, 16), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


BAD: dict[str, tuple[Any, bytes, int | None, str | None, str]] = {
    # name: header, data, claimed header length, tensor named, words in the message
    "header beyond the file": ({"a": entry()}, bytes(16), 10_000, None, "only"),
    "header beyond the limit": ({"a": entry()}, bytes(16), 1 << 62, None, "more than the"),
    "no brace": (b" {}", b"", None, None, "'{'"),
    "not JSON": (b"{nope", b"", None, None, "JSON"),
    "not UTF-8": (b'{"\xff": 1}', b"", None, None, "JSON"),
    "not an object": (b"{}]", b"", None, None, "JSON"),
    "100,000 brackets": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"", None, None, "deep"),
    "a million quotes": (b'{"' + b'\\"' * 1_000_000, b"", None, None, "JSON"),
    "a name of 100,000 letters": ({"_" * 100_000 + "!": entry()}, bytes(16), None, "_" * 100_000 + "!", "characters"),
    "a name of 501 letters": ({"attn" * 125 + "!": entry()}, bytes(16), None, "attn" * 125 + "!", "501 characters"),
    "the name of the model": ({"*.weight": entry()}, bytes(16), None, "*.weight", "whole model"),
    "100,000 braces": (b'{"a":' * 100_000, b"", None, None, "deep"),
    "duplicate tensor": (b'{"a":{"dtype":"F32"},"a":{}}', b"", None, "a", "twice"),
    "duplicate field": (b'{"a":{"dtype":"F32","dtype":"F64"}}', b"", None, "dtype", "twice"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", None, None, "__metadata__"),
    "metadata list": ({"__metadata__": []}, b"", None, None, "__metadata__"),
    "entry is a list": ({"a": [1]}, b"", None, "a", "dtype, shape"),
    "missing field": ({"a": {"dtype": "F32", "shape": [1]}}, b"", None, "a", "dtype, shape"),
    "extra field": ({"a": entry() | {"x": 1}}, bytes(16), None, "a", "nothing else"),
    "overlap": ({"a": entry(), "b": entry(offsets=(8, 24))}, bytes(24), None, "b", "overlaps that of 'a'"),
    "same bytes twice": ({"a": entry(), "b": entry()}, bytes(16), None, "b", "overlaps"),
    "hole": ({"a": entry(), "b": entry(offsets=(20, 36))}, bytes(36), None, "b", "4 bytes before"),
    "bytes left over": ({"a": entry()}, bytes(20), None, None, "4 bytes after"),
    "beyond the end": ({"a": entry()}, bytes(12), None, "a", "truncated"),
    "backwards": ({"a": entry(offsets=(16, 0))}, bytes(16), None, "a", "before it begins"),
    "shape too large": ({"a": entry(shape=(2, 3))}, bytes(16), None, "a", "takes 24 bytes"),
    "shape too small": ({"a": entry(shape=(2, 1))}, bytes(16), None, "a", "takes 8 bytes"),
    "overflowing shape": ({"a": entry(shape=(1 << 32, 1 << 32, 4))}, bytes(16), None, "a", "takes"),
    "size beyond int64": ({"a": entry(shape=(1 << 64,))}, bytes(16), None, "a", "not a list"),
    "negative size": ({"a": entry(shape=(-2, -2))}, bytes(16), None, "a", "not a list"),
    "float size": ({"a": entry(shape=(2.0, 2))}, bytes(16), None, "a", "not a list"),
    "true size": ({"a": entry(shape=(True, 4))}, bytes(16), None, "a", "not a list"),
    "text size": ({"a": entry(shape=("2", 2))}, bytes(16), None, "a", "not a list"),
    "33 axes": ({"a": entry(shape=(1,) * 33, offsets=(0, 4))}, bytes(4), None, "a", "not a list"),
    "negative offset": ({"a": entry(offsets=(-16, 0))}, bytes(16), None, "a", "not two places"),
    "three offsets": ({"a": entry(offsets=(0, 8, 16))}, bytes(16), None, "a", "not two places"),
    "false offset": ({"a": entry(offsets=(False, 16))}, bytes(16), None, "a", "not two places"),
    "zero-size tensor": ({"a": entry(shape=(0, 4), offsets=(0, 0))}, b"", None, "a", "without elements"),
    "odd dtype": ({"a": entry(dtype="float32")}, bytes(16), None, "a", "names no element type"),
    "dtype of a number": ({"a": entry(dtype=4)}, bytes(16), None, "a", "names no element type"),
    "unknown dtype too large": ({"a": entry(shape=(1 << 40,), dtype="F3")}, bytes(16), None, "a", "does not fit"),
    "no name": ({"": entry()}, bytes(16), None, "", "empty"),
    "half a character": (
        b'{"\\ud800": {"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
        None,
        "\ud800",
        "text",
    ),
    "endless number": (
        b'{"a": {"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}',
        b"",
        None,
        None,
        "",
    ),
    "not a number": (b'{"a": {"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4), None, None, "JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_headers_name_file_tensor_and_remedy(case: str, tmp_path: Path, raw: Callable[..., bytes]):
    header, data, length, tensor, words = BAD[case]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(raw(header, data, length))
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path)
    error = caught.value
    assert error.file == str(path)
    assert error.tensor == tensor
    assert error.remedy
    assert words in str(error)
    assert str(path) in str(error)
    assert error.remedy in str(error)
    if tensor and tensor.isprintable() and len(tensor) < 200:
        assert repr(tensor) in str(error)
    str(error).encode()
    assert len(str(error)) < 1200


def test_a_header_of_gigabytes_is_not_read_even_where_the_file_is_as_long(tmp_path: Path):
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 1 << 31) + b'{"')
        file.truncate(1 << 32)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="more than the"):
        open_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_files_shorter_than_their_header(size: int, tmp_path: Path):
    path = tmp_path / "short.safetensors"
    path.write_bytes(struct.pack("<Q", 40)[:size])
    with pytest.raises(CheckpointError, match=r"empty|truncated") as caught:
        open_checkpoint(path)
    assert caught.value.file == str(path)


def test_every_truncation_is_refused(tmp_path: Path, save: Callable[..., Path]):
    whole = save({"a": np.ones((3, 4), np.float32), "b": np.ones(5, np.float16)}).read_bytes()
    path = tmp_path / "cut.safetensors"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            open_checkpoint(path)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: np.dtype(d).name)
def test_every_float_type_is_read_as_stored(dtype: Any, save: Callable[..., Path]):
    values = np.random.default_rng(0).normal(size=(7, 5)).astype(dtype)
    ckpt = open_checkpoint(save({"layer.weight": values}))
    weight = ckpt["layer.weight"]
    assert weight.array().dtype == np.dtype(dtype)
    np.testing.assert_array_equal(weight.array().astype(np.float64), values.astype(np.float64))
    matrix = weight.matrices()[""]
    assert matrix.shape == (7, 5)
    assert matrix.dtype == np.dtype(dtype)
    for start, stop in [(0, 7), (2, 5), (6, 7), (3, 3), (4, 100)]:
        np.testing.assert_array_equal(matrix[start:stop].astype(np.float64), values[start:stop].astype(np.float64))
    np.testing.assert_array_equal(np.asarray(matrix[::2], np.float64), values[::2].astype(np.float64))


def test_values_equal_those_of_the_reference_implementation(shared: Path):
    from safetensors.numpy import load_file

    for path in sorted((shared / "data" / "modular_addition").glob("*.safetensors")):
        expected = load_file(path)
        ckpt = open_checkpoint(path)
        assert set(ckpt) == set(expected)
        for name, weight in ckpt.items():
            assert weight.shape == expected[name].shape
            np.testing.assert_array_equal(weight.array(), expected[name])


def test_files_of_the_reference_implementation_are_read(tmp_path: Path):
    from safetensors.numpy import save_file

    rng = np.random.default_rng(1)
    tensors = {
        f"{kind}.{n}": rng.integers(0, 2, (n, 3)).astype(kind)
        for kind in ("f8", "f4", "f2", "i8", "u1", "?")
        for n in (1, 4)
    }
    path = tmp_path / "reference.safetensors"
    save_file(tensors, path, metadata={"format": "np", "note": "é"})
    ckpt = open_checkpoint(path)
    assert ckpt.metadata == {"format": "np", "note": "é"}
    assert set(ckpt) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(ckpt[name].array(), array)


def test_types_that_are_not_measured_are_listed_with_a_reason(tmp_path: Path, raw: Callable[..., bytes]):
    header = {
        "int.weight": entry((4, 4), (0, 16), "I8"),
        "fp4.weight": entry((4, 8), (16, 32), "F4"),
        "new.weight": entry((4, 4), (32, 48), "F8_NEW"),
        "exp.weight": entry((4, 4), (48, 64), "F8_E8M0"),
    }
    path = tmp_path / "types.safetensors"
    path.write_bytes(raw(header, bytes(range(64))))
    ckpt = open_checkpoint(path)
    for name in header:
        assert ckpt[name].listed_because
        assert ckpt[name].matrices() == {}
        assert len(ckpt[name].fingerprint()) == 32
    assert "F8_NEW" in (ckpt["new.weight"].listed_because or "")
    with pytest.raises(CheckpointError, match="fp4"):
        ckpt["fp4.weight"].array()
    with pytest.raises(ValueError, match="integers are not measured"):
        ckpt["int.weight"].spectrum()


def test_opening_reads_the_header_alone(tmp_path: Path, raw: Callable[..., bytes]):
    # A sparse file of 8 GiB: only seeking can open it in no memory.
    rows = 1 << 21
    path = tmp_path / "large.safetensors"
    head = raw({"w.weight": entry((rows, 1024), (0, rows * 4096))})
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + rows * 4096)
    tracemalloc.start()
    matrix = open_checkpoint(path)["w.weight"].matrices()[""]
    assert matrix.shape == (rows, 1024)
    assert matrix[rows - 2 : rows].shape == (2, 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_rewritten_file_is_noticed(save: Callable[..., Path]):
    path = save({"a.weight": np.ones((3, 4), np.float32)})
    with open_checkpoint(path) as ckpt:
        assert ckpt["a.weight"].array().sum() == 12
    path.unlink()
    save({"a.weight": np.full((3, 4), 2, np.float32)})
    with pytest.raises(CheckpointError, match="changed"):
        ckpt["a.weight"].array()


def test_closed_pickled_and_threaded_reads(save: Callable[..., Path]):
    from concurrent.futures import ThreadPoolExecutor

    values = np.arange(4000, dtype=np.float32).reshape(400, 10)
    with open_checkpoint(save({"a.weight": values})) as ckpt:
        weight = ckpt["a.weight"]
    np.testing.assert_array_equal(weight.array(), values)
    copy = pickle.loads(pickle.dumps(ckpt))
    np.testing.assert_array_equal(copy["a.weight"].matrices()[""][5:9], values[5:9])

    def read(start: int) -> bool:
        if start % 7 == 0:
            ckpt.close()
        return bool((weight.matrices()[""][start : start + 3] == values[start : start + 3]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(390)))


def _opens_or_refuses(path: Path, limit: int = 4_000_000) -> None:
    tracemalloc.start()
    with contextlib.suppress(CheckpointError):
        for weight in open_checkpoint(path).values():
            if weight.listed_because is None:
                for matrix in weight.matrices().values():
                    np.asarray(matrix)
            weight.fingerprint()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit


FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.binary(max_size=200))
@example(data=bytes(8))
@example(data=struct.pack("<Q", 2) + b"{}")
def test_any_bytes_are_opened_or_refused(data: bytes, tmp_path: Path):
    path = tmp_path / "any.safetensors"
    path.write_bytes(data)
    _opens_or_refuses(path)


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SIZE = st.integers(0, 6) | st.sampled_from([-1, 1 << 31, 1 << 63, True, 2.0, None])
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "F4", "I8", "F9", "", 3]),
        "shape": st.lists(SIZE, max_size=4),
        "data_offsets": st.lists(st.integers(-1, 64), min_size=1, max_size=3),
    }
)


@FUZZ
@given(header=st.dictionaries(st.text(max_size=6), ENTRY | JSON_VALUE, max_size=4), data=st.binary(max_size=64))
def test_any_header_is_opened_or_refused(header: dict[str, Any], data: bytes, tmp_path: Path):
    path = tmp_path / "any.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    _opens_or_refuses(path)


@FUZZ
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_opened_or_refused(place: int, bit: int, shared: Path, tmp_path: Path):
    whole = bytearray((shared / "data" / "modular_addition" / "seed0.safetensors").read_bytes())
    head = 8 + int.from_bytes(whole[:8], "little")
    whole[place % (head + 64)] ^= 1 << bit
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(whole)
    _opens_or_refuses(path)
