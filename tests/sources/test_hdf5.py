"""HDF5 files of Keras: names, layouts, laziness, and files that lie or point elsewhere."""

import builtins
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.sources import CheckpointError, open_checkpoint

h5py = pytest.importorskip("h5py", reason="needs the extra [keras]")

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 5, 8, 6)).astype(np.float32)
DENSE = RNG.normal(size=(24, 10)).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def build(arrays: dict[str, Any], name: str = "net.h5", **options: Any) -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for where, array in arrays.items():
                file.create_dataset(where, data=array, **options)
        return path

    return build


def refusal(path: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path)
    return caught.value


KERAS_2 = {
    "conv1/conv1_3/kernel:0": CONV,
    "conv1/conv1_3/bias:0": np.zeros(6, np.float32),
    "conv1-BN/conv1-BN_3/gamma:0": np.ones(6, np.float32),
    "conv1-BN/conv1-BN_3/moving_mean:0": np.zeros(6, np.float32),
    "conv10/conv10/kernel:0": CONV[:1],
    "classifier/classifier_3/kernel:0": DENSE,
    "classifier/classifier_3/bias:0": np.zeros(10, np.float32),
}


def test_names_are_those_of_the_layers(write: Callable[..., Path]):
    ckpt = open_checkpoint(write(KERAS_2))
    assert ckpt.format == "hdf5"
    assert ckpt.model == "net"
    assert list(ckpt) == [
        "classifier.kernel",
        "classifier.bias",
        "conv1.kernel",
        "conv1.bias",
        "conv1-BN.gamma",
        "conv1-BN.moving_mean",
        "conv10.kernel",
    ]
    assert ckpt["conv1.kernel"].module == "conv1"
    assert ckpt["conv1-BN.moving_mean"].listed_because == "buffer, not a weight"
    assert ckpt["classifier.bias"].listed_because == "bias"


def test_a_whole_model_gives_the_same_names_and_lists_its_optimizer(write: Callable[..., Path]):
    whole = {f"model_weights/{name}": array for name, array in KERAS_2.items()}
    whole["model_weights/dense/sequential_1/dense_4/kernel:0"] = DENSE
    moments = {"optimizer_weights/Adam/conv1/kernel/m:0": CONV, "optimizer_weights/Adam/iter:0": np.int64(3)}
    path = write(whole | moments)
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = '{"class_name": "Lambda", "config": {"function": ["gASV", null, null]}}'
    ckpt = open_checkpoint(path)
    assert {"conv1.kernel", "dense.kernel"} <= set(ckpt)
    listed = {name: weight.listed_because for name, weight in ckpt.items() if name.startswith("optimizer")}
    assert len(listed) == 2
    assert set(listed.values()) == {"optimizer state, not a weight"}


def test_keras_3_numbers_its_variables(write: Callable[..., Path]):
    """The layout of keras 3.15's save_weights, written out."""
    arrays = {
        "layers/conv1d/vars/0": CONV[0],
        "layers/conv1d/vars/1": np.zeros(6, np.float32),
        "layers/batch_normalization/vars/0": np.ones(6, np.float32),
        "layers/batch_normalization/vars/3": np.ones(6, np.float32),
        "layers/embedding/vars/0": np.ones((50, 6), np.float32),
        "layers/lstm/cell/vars/0": np.ones((7, 20), np.float32),
        "layers/lstm/cell/vars/1": np.ones((5, 20), np.float32),
        "layers/lstm/cell/vars/2": np.ones(20, np.float32),
        "layers/separable_conv1d/vars/0": np.ones((3, 20, 1), np.float32),
        "layers/separable_conv1d/vars/1": np.ones((1, 20, 7), np.float32),
        "layers/multi_head_attention/query_dense/vars/0": np.ones((7, 2, 4), np.float32),
        "optimizer/vars/0": np.int64(1),
    }
    ckpt = open_checkpoint(write(arrays, "net.weights.h5"))
    assert ckpt.model == "net"
    found = {name: {part: m.shape for part, m in weight.matrices().items()} for name, weight in ckpt.items()}
    gates = ("input", "forget", "cell", "output")
    assert {name: shapes for name, shapes in found.items() if shapes} == {
        "conv1d.kernel": {"": (6, 40)},
        "embedding.embeddings": {"": (50, 6)},
        "lstm.cell.kernel": dict.fromkeys(gates, (5, 7)),
        "lstm.cell.recurrent_kernel": dict.fromkeys(gates, (5, 5)),
        "separable_conv1d.depthwise_kernel": {"": (20, 3)},
        "separable_conv1d.pointwise_kernel": {"": (7, 20)},
    }
    assert ckpt["batch_normalization.moving_variance"].listed_because == "buffer, not a weight"
    assert "axes" in (ckpt["multi_head_attention.query_dense.kernel"].listed_because or "")


def test_names_that_collide_stay_whole(write: Callable[..., Path]):
    ckpt = open_checkpoint(write({"a/a_1/kernel:0": DENSE, "a/a_2/kernel:0": DENSE + 1}))
    assert set(ckpt) == {"a.a_1.kernel:0", "a.a_2.kernel:0"}


def test_kernels_equal_those_of_torch_after_transposition(write: Callable[..., Path]):
    """Dense (in, out) and convolution (sizes, in, out): torch has (out, in) and (out, in, sizes)."""
    arrays = {
        "dense/kernel:0": DENSE,
        "conv/kernel:0": CONV,
        "conv2d_transpose/kernel:0": CONV,
        "depthwise/depthwise_kernel:0": CONV,
    }
    ckpt = open_checkpoint(write(arrays))
    np.testing.assert_array_equal(ckpt["dense.kernel"].matrices()[""], DENSE.T)
    np.testing.assert_array_equal(ckpt["conv.kernel"].matrices()[""], CONV.transpose(3, 2, 0, 1).reshape(6, -1))
    # Of a transposed convolution Keras stores (sizes, out, in).
    np.testing.assert_array_equal(
        ckpt["conv2d_transpose.kernel"].matrices()[""], CONV.transpose(2, 3, 0, 1).reshape(8, -1)
    )
    for channel, multiple in ((0, 0), (3, 5), (7, 2)):
        row = ckpt["depthwise.depthwise_kernel"].matrices()[""][channel * 6 + multiple : channel * 6 + multiple + 1]
        np.testing.assert_array_equal(row[0], CONV[:, :, channel, multiple].ravel())
    stack = np.asarray(ckpt["conv.kernel"].matrices("slices")[""])
    np.testing.assert_array_equal(stack, CONV.reshape(15, 8, 6).swapaxes(1, 2))
    assert ckpt["conv.kernel"].shape == CONV.shape
    np.testing.assert_array_equal(ckpt["conv.kernel"].array(), CONV)


@pytest.mark.torch
def test_the_operator_of_a_kernel_is_that_of_torch(write: Callable[..., Path], torch: Any):
    layer = torch.nn.Conv2d(8, 6, (3, 5), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(CONV.transpose(3, 2, 0, 1).copy()))
    ours = open_checkpoint(write({"conv/kernel:0": CONV}))["conv.kernel"]
    theirs = open_checkpoint(layer)["weight"]
    for view in ("unfold", "slices", "fft"):
        np.testing.assert_allclose(
            np.asarray(ours.spectrum(view=view, input_size=6).eigenvalues),
            np.asarray(theirs.spectrum(view=view, input_size=6).eigenvalues),
            atol=1e-4 if view == "fft" else 1e-9,
        )


@pytest.mark.parametrize("view", ["unfold", "slices"])
@pytest.mark.parametrize("name", ["conv", "conv2d_transpose", "depthwise_conv2d"])
def test_a_kernel_that_was_read_is_put_back(write: Callable[..., Path], name: str, view: Any):
    weight = open_checkpoint(write({f"{name}/kernel:0": CONV}))[f"{name}.kernel"]
    matrix = weight.matrices(view)[""]
    copy = np.zeros_like(CONV)
    matrix.put_back(np.asarray(matrix), copy)
    np.testing.assert_array_equal(copy, CONV)


TYPES = {
    "double": np.linspace(0, 1, 12).reshape(4, 3),
    "half": np.ones((2, 3), np.float16),
    "big": np.arange(6).reshape(2, 3).astype(">f4"),
    "whole": np.arange(6).reshape(2, 3),
    "flags": np.array([[True, False]]),
}


@pytest.mark.parametrize(
    "options", [{}, {"chunks": True}, {"compression": "gzip", "shuffle": True}, {"compression": "lzf"}]
)
def test_every_storage_gives_the_same_numbers(write: Callable[..., Path], options: dict[str, Any]):
    ckpt = open_checkpoint(write(TYPES, **options))
    plain = open_checkpoint(write(TYPES, "plain.h5"))
    for name, array in TYPES.items():
        weight = pickle.loads(pickle.dumps(ckpt[name]))
        np.testing.assert_array_equal(weight.array(), array)
        assert weight.array().dtype == array.dtype.newbyteorder("<")
        assert weight.fingerprint() == plain[name].fingerprint()
        if weight.listed_because is None:
            np.testing.assert_array_equal(weight.matrices()[""][1:2], array[1:2])
    assert ckpt["whole"].listed_because == "integers are not measured"


def test_equal_arrays_have_equal_fingerprints_in_every_format(write: Callable[..., Path], save: Callable[..., Path]):
    assert (
        open_checkpoint(write({"w": DENSE}))["w"].fingerprint()
        == open_checkpoint(save({"w": DENSE}))["w"].fingerprint()
    )


def test_opening_reads_no_data(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    path = write(KERAS_2, compression="gzip")

    def forbidden(*_: Any) -> None:
        raise AssertionError("data were read")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", forbidden)
    assert len(open_checkpoint(path)) == len(KERAS_2)


def test_what_is_no_array_of_numbers_is_listed(write: Callable[..., Path]):
    path = write({"w": DENSE})
    with h5py.File(path, "a") as file:
        file["text"] = "hello"
        file["table"] = np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])
        file["nothing"] = h5py.Empty("f4")
        file["reference"] = np.array([file["w"].ref], dtype=h5py.ref_dtype)
        file["empty"] = np.zeros((0, 3))
        file.create_dataset("ragged", (2,), h5py.vlen_dtype(np.int32))
    ckpt = open_checkpoint(path)
    for name in ("text", "table", "reference", "ragged"):
        assert "no numbers that can be measured" in (ckpt[name].listed_because or "")
        assert not ckpt[name].has_content
    assert ckpt["nothing"].listed_because == ckpt["empty"].listed_because == "it has no elements"


def test_one_dataset_under_two_names_is_tied(write: Callable[..., Path]):
    path = write({"a/kernel:0": DENSE})
    with h5py.File(path, "a") as file:
        file["b/kernel:0"] = file["a/kernel:0"]
        file["b/loop"] = file["/"]
    ckpt = open_checkpoint(path)
    assert ckpt["b.kernel"].tied_to == "a.kernel"


def elsewhere(file: Any, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["w"] = np.ones((4, 4))
    file["w"] = h5py.ExternalLink("other.h5", "/w")


def soft(file: Any, folder: Path) -> None:
    file["w"] = h5py.SoftLink("/nowhere")


def raw_file(file: Any, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(bytes(64))
    file.create_dataset("w", (2, 4), "f8", external=[(str(folder / "secret.bin"), 0, 64)])


def virtual(file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((4, 4), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "w", (4, 4))
    file.create_virtual_dataset("w", layout)


def claims(file: Any, folder: Path) -> None:
    file.create_dataset("w", (1 << 20, 1 << 20), "f8", chunks=(1024, 1024))


def never_written(file: Any, folder: Path) -> None:
    space, kind = h5py.h5s.create_simple((1 << 16, 1 << 16)), h5py.h5t.NATIVE_DOUBLE
    h5py.h5d.create(file.id, b"w", kind, space)


def huge_chunk(file: Any, folder: Path) -> None:
    file.create_dataset("w", data=np.ones((2, 2)), maxshape=(None, None), chunks=(1 << 12, 3 << 10), compression="gzip")


def plug_in(file: Any, folder: Path) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 2))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    h5py.h5d.create(file.id, b"w", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((2, 2)), dcpl=plist)


def deep(file: Any, folder: Path) -> None:
    file.create_dataset("/".join("g" * 80) + "/w", data=np.ones(2))


HOSTILE = {
    elsewhere: "link to another place",
    soft: "link to another place",
    raw_file: "other files",
    virtual: "other files",
    claims: "0 are stored",
    never_written: "0 are stored",
    huge_chunk: "are stored",
    plug_in: "plug-ins are not loaded",
    deep: "nested",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_hostile_files_are_refused(make: Callable[[Any, Path], None], tmp_path: Path):
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        make(file, tmp_path)
    error = refusal(path)
    assert HOSTILE[make] in str(error)
    assert error.file == str(path)
    assert error.tensor
    assert error.remedy


def test_a_file_without_datasets_is_refused(tmp_path: Path):
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.create_group("layers")
    assert "no datasets" in str(refusal(tmp_path / "net.h5"))


def test_datasets_that_share_bytes_are_refused(write: Callable[..., Path]):
    """The address of the second dataset is written over with one inside the first."""
    path = write({"a": np.full((64, 64), 1.5), "b": np.full((64, 64), 2.5)})
    with h5py.File(path, "r") as file:
        first, second = (file[name].id.get_offset() for name in "ab")
        header = h5py.h5o.get_info(file["b"].id).addr
    content = bytearray(path.read_bytes())
    place = content.index(second.to_bytes(8, "little"), header)
    content[place : place + 8] = (first + 8).to_bytes(8, "little")
    path.write_bytes(content)
    assert "overlaps" in str(refusal(path))


def test_a_truncated_file_is_refused(write: Callable[..., Path]):
    path = write(KERAS_2)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        assert "HDF5" in str(refusal(path))


def test_a_file_that_changes_after_it_was_opened_is_noticed(write: Callable[..., Path]):
    path = write({"w": DENSE}, compression="gzip")
    ckpt = open_checkpoint(path)
    write({"w": DENSE[:3]})
    with pytest.raises(CheckpointError, match="changed after"):
        ckpt["w"].array()


def test_without_h5py_the_extra_is_named(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    path = write({"w": DENSE})
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    error = refusal(path)
    assert "needs h5py" in str(error)
    assert "theodolite[keras]" in error.remedy


def test_a_folder_with_nothing_but_keras_weights(write: Callable[..., Path], tmp_path: Path):
    write(KERAS_2, "weights.h5")
    assert "conv1.kernel" in open_checkpoint(tmp_path)


FUZZ = """
import random, sys, warnings
from pathlib import Path
from theodolite.sources import CheckpointError, open_checkpoint
path, start, stop = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
whole = path.read_bytes()
for seed in range(start, stop):
    rng = random.Random(seed)
    content = bytearray(whole)
    for _ in range(rng.choice((1, 2, 8))):
        place = rng.randrange(len(content))
        content[place] = rng.choice((0, 255, content[place] ^ (1 << rng.randrange(8)), rng.randrange(256)))
    other = path.with_name("fuzzed.h5")
    other.write_bytes(content)
    print(seed, flush=True)
    try:
        with open_checkpoint(other) as ckpt:
            for weight in ckpt.values():
                if weight.has_content:
                    weight.array()
                    weight.listed_because
                    weight.fingerprint()
    except CheckpointError:
        pass
print("done")
"""


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])
def test_damaged_files_are_refused_or_read(write: Callable[..., Path], options: dict[str, Any], tmp_path: Path):
    """In a process of its own: the library that parses the format is written in C."""
    small = {"a/a/kernel:0": DENSE[:4, :3], "b/b/kernel:0": CONV[:1, :1], "b/b/bias:0": np.zeros(6, np.float32)}
    path = write(small, **options)
    command = [sys.executable, "-c", FUZZ, str(path), "0", "250"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"after {done.stdout.split()[-1:]}: {done.stderr[-2000:]}"
    assert done.stdout.endswith("done\n")
