"""NumPy archives: values, lies and bombs."""

import contextlib
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.sources import CheckpointError, open_checkpoint


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def header(descr: str, shape: str, data: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def build(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
        path = tmp_path / "net.npz"
        with zipfile.ZipFile(path, "w", compression) as out:
            for name, content in members.items():
                out.writestr(name, content)
        return path

    return build


ARRAYS = {
    "plain": np.arange(12, dtype=np.float32).reshape(3, 4),
    "double": np.linspace(0, 1, 10).reshape(5, 2),
    "half": np.ones((2, 2), np.float16),
    "fortran": np.asfortranarray(np.arange(20, dtype=np.float64).reshape(4, 5)),
    "big": np.arange(6).reshape(2, 3).astype(">f4"),
    "big fortran": np.asfortranarray(np.arange(6).reshape(2, 3).astype(">f8")),
    "cube": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "whole": np.arange(4),
    "single": np.float64(3.5),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_equal_those_of_numpy(compressed: bool, tmp_path: Path):
    path = tmp_path / "net.npz"
    (np.savez_compressed if compressed else np.savez)(path, **ARRAYS)
    with open_checkpoint(path) as ckpt, np.load(path) as expected:
        assert list(ckpt) == list(ARRAYS)
        assert ckpt.model == "net"
        for name, weight in ckpt.items():
            assert weight.shape == expected[name].shape
            np.testing.assert_array_equal(weight.array(), expected[name])
            if weight.matrices() and weight.array().ndim == 2:
                np.testing.assert_array_equal(weight.matrices()[""][1:2], expected[name][1:2])
        assert ckpt["plain"].dtype == "F32"
        assert ckpt["big"].dtype == "F32"
        assert "integers" in (ckpt["whole"].listed_because or "") or ckpt["whole"].listed_because
        assert ckpt["big"].fingerprint() != ckpt["plain"].fingerprint()


def test_a_single_array(tmp_path: Path):
    np.save(tmp_path / "spectrum.npy", ARRAYS["fortran"])
    ckpt = open_checkpoint(tmp_path / "spectrum.npy")
    np.testing.assert_array_equal(ckpt["spectrum"].array(), ARRAYS["fortran"])


def test_equal_arrays_have_equal_fingerprints_in_every_format(tmp_path: Path, save: Callable[..., Path]):
    values = ARRAYS["plain"]
    np.savez(tmp_path / "a.npz", w=values)
    np.savez_compressed(tmp_path / "b.npz", w=np.asfortranarray(values).astype(">f4"))
    found = [
        open_checkpoint(p)["w"].fingerprint() for p in (tmp_path / "a.npz", tmp_path / "b.npz", save({"w": values}))
    ]
    assert len(set(found)) == 1


def test_a_compressed_array_is_hashed_in_one_pass(
    tmp_path: Path, save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    values = np.arange(3_000_000, dtype=np.float32).reshape(-1, 3)
    np.savez_compressed(tmp_path / "a.npz", w=values)
    weight, opened = open_checkpoint(tmp_path / "a.npz")["w"], []
    unpatched = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *given, **named: opened.append(1) or unpatched(*given, **named))
    assert weight.fingerprint() == open_checkpoint(save({"w": values}))["w"].fingerprint()
    assert len(opened) == 1


BAD = {
    "object array": ({"a.npy": npy(np.array([{}], dtype=object), allow_pickle=True)}, "pickled objects"),
    "shape beyond the data": ({"a.npy": header("'<f4'", "(4, 4)", bytes(60))}, "takes 64 bytes"),
    "shape of exabytes": ({"a.npy": header("'<f8'", "(1099511627776, 1048576)", bytes(60))}, "takes"),
    "bytes left over": ({"a.npy": header("'<f4'", "(2,)", bytes(12))}, "takes 8 bytes"),
    "negative shape": ({"a.npy": header("'<f4'", "(-2, -2)", bytes(16))}, "shape"),
    "zero-size array": ({"a.npy": header("'<f4'", "(0, 3)")}, "no elements"),
    "no type": ({"a.npy": header("'nonsense'", "(1,)", bytes(4))}, "header"),
    "code for a header": ({"a.npy": header("__import__('os')", "(1,)", bytes(4))}, "header"),
    "brackets": ({"a.npy": header("[" * 4000 + "]" * 4000, "(1,)")}, "header"),
    "no magic": ({"a.npy": b"nothing"}, "header"),
    "empty member": ({"a.npy": b""}, "header"),
    "future version": ({"a.npy": b"\x93NUMPY\x09\x00" + bytes(80)}, "version"),
    "no arrays": ({"readme.txt": b"x"}, "no arrays"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays(case: str, archive: Callable[..., Path]):
    members, words = BAD[case]
    path = archive(members)
    with pytest.raises(CheckpointError, match=words) as caught:
        open_checkpoint(path)
    assert caught.value.file == str(path)
    assert caught.value.remedy
    assert caught.value.tensor == ("a" if "a.npy" in members else None)


def test_two_arrays_of_one_name(tmp_path: Path):
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.npy", npy(ARRAYS["plain"]))
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("a.npy", npy(ARRAYS["plain"]))
    with pytest.raises(CheckpointError, match="two arrays"):
        open_checkpoint(path)


def test_a_bomb_costs_no_memory(archive: Callable[..., Path]):
    # 256 MB of zeros in 256 kB are honest: opened, and read only as far as asked.
    rows = 1 << 16
    path = archive({"a.npy": header("'<f4'", f"({rows}, 1024)", bytes(rows * 4096))}, zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    matrix = open_checkpoint(path)["a"].matrices()[""]
    assert matrix[10:12].sum() == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_a_member_that_lies_about_its_size(archive: Callable[..., Path]):
    path = archive({"a.npy": header("'<f4'", "(1099511627776,)", bytes(100))}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 100_000), value=st.integers(0, 255), compressed=st.booleans())
def test_any_changed_byte_is_opened_or_refused(place: int, value: int, compressed: bool, tmp_path: Path):
    path = tmp_path / "net.npz"
    (np.savez_compressed if compressed else np.savez)(path, a=ARRAYS["plain"], b=ARRAYS["fortran"])
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    tracemalloc.start()
    with contextlib.suppress(CheckpointError):
        for weight in open_checkpoint(path).values():
            weight.array()
            weight.fingerprint()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
