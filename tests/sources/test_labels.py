"""Labels out of files: every form, which array or column is taken, and what is refused."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.core import ParameterError
from theodolite.sources import CheckpointError
from theodolite.sources.labels import load_labels

CLASSES = np.arange(12) % 3


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "y.npy", CLASSES)
    np.save(tmp_path / "column.npy", CLASSES[:, None])
    np.savez(tmp_path / "y.npz", inputs=np.zeros((12, 2)), targets=CLASSES, speaker=CLASSES.astype(str), flat=CLASSES)
    np.savez(tmp_path / "odd.npz", a=CLASSES, b=CLASSES)
    save_file({"labels": CLASSES, "targets": CLASSES[::-1].copy()}, tmp_path / "y.safetensors")
    (tmp_path / "y.csv").write_text("id,label\n" + "".join(f"{n},c{one}\n" for n, one in enumerate(CLASSES)))
    (tmp_path / "one.tsv").write_text("kind\n" + "".join(f"c{one}\n" for one in CLASSES))
    (tmp_path / "y.txt").write_text("".join(f"c{one}\r\n" for one in CLASSES) + "\n")
    (tmp_path / "gap.csv").write_text("id,label\n0,a\n1,\n2,b\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfea")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("y.npy", None, CLASSES),
        ("column.npy", None, CLASSES),
        ("y.npz", None, CLASSES),
        ("y.npz", "speaker", CLASSES.astype(str)),
        ("y.safetensors", None, CLASSES),
        ("y.safetensors", "targets", CLASSES[::-1]),
        ("y.csv", None, np.char.add("c", CLASSES.astype(str))),
        ("y.csv", "id", np.arange(12).astype(str)),
        ("one.tsv", None, np.char.add("c", CLASSES.astype(str))),
        ("y.txt", None, np.char.add("c", CLASSES.astype(str))),
    ],
)
def test_every_form(folder, name, key, expected):
    found = load_labels(folder / name, key)
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "key", "error", "why"),
    [
        ("odd.npz", None, ParameterError, r"holds 'a', 'b'; name one, as in odd\.npz:a"),
        ("y.npz", "target", ParameterError, "holds no 'target'; did you mean 'targets'"),
        ("y.npz", "inputs", ParameterError, "'inputs' of y.npz is 12 x 2; expected one label for each row"),
        ("y.csv", "lable", CheckpointError, "did you mean 'label'"),
        ("gap.csv", None, CheckpointError, "row 2 has no label"),
        ("y.txt", "label", ParameterError, "is text and has no 'label'"),
        ("empty.txt", None, CheckpointError, "holds no labels"),
        ("bytes.txt", None, CheckpointError, "no text in UTF-8"),
        ("absent.npy", None, CheckpointError, "absent.npy"),
        ("absent.txt", None, CheckpointError, "there is no such file"),
    ],
)
def test_what_is_none(folder, name, key, error, why):
    with pytest.raises(error, match=why):
        load_labels(folder / name, key)


@pytest.mark.parametrize("name", ["y.txt", "y.csv", "y.npy"])
def test_a_file_that_is_not_there_is_called_so_whatever_its_kind(tmp_path, name):
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_labels(tmp_path / name)
