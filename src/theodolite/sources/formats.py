"""Which reader a file needs, told by its first bytes rather than by its name."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

from theodolite.sources.errors import CheckpointError
from theodolite.sources.opened import SourceFile

LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises on damaged archives."""
_HEAD = 512

_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"GGUF", "a GGUF file", "Open the safetensors model that it was made from, or de-quantise it first."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first."),
    (b"BZh", "compressed with bzip2", "Unpack it first."),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "Fetch the file with 'git lfs pull', or download it again.",
    ),
    (b"<!DOCTYPE", "a web page, not a checkpoint", "The download failed: fetch the file again."),
    (b"<html", "a web page, not a checkpoint", "The download failed: fetch the file again."),
)
_EXPORT = "Export the model's weights as .safetensors."


def format_of(file: SourceFile) -> str:
    """Tell the format of a file.

    Parameters
    ----------
    file : SourceFile
        The file.

    Returns
    -------
    str
        ``"safetensors"``, ``"npy"``, ``"npz"``, ``"hdf5"``, ``"torch_zip"``, ``"torch_legacy"`` or ``"index"``.

    Raises
    ------
    CheckpointError
        If it is none of them, with what it is and what to do.
    """
    if file.size == 0:
        raise CheckpointError("the file is empty", file=file.path, remedy="Fetch or save it again.")
    head = bytes(file.read(0, min(_HEAD, file.size)))
    suffix = file.path.suffix.lower()
    if suffix == ".safetensors" and not head.startswith(_pointers()):
        return "safetensors"
    if head.startswith(b"PK"):
        return _zip_format(file)
    if head.startswith(LEGACY_TORCH):
        return "torch_legacy"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(HDF5):
        return "hdf5"
    _refuse_foreign(head, file)
    if file.name.endswith(".index.json"):
        return "index"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= file.size - 8:
        return "safetensors"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        raise CheckpointError(
            "the file is a plain pickle, which can run any code when it is read",
            file=file.path,
            remedy="Save the tensors with torch.save(model.state_dict(), ...) or as .safetensors.",
        )
    raise CheckpointError(
        f"the format is not known (it begins with {head[:8]!r})",
        file=file.path,
        remedy="Expected .safetensors, .npz, .npy, Keras .h5, a PyTorch file, a *.index.json or a Hugging Face folder.",
    )


def _refuse_foreign(head: bytes, file: SourceFile) -> None:
    for magic, what, remedy in _FOREIGN:
        if head.startswith(magic):
            raise CheckpointError(f"the file is {what}", file=file.path, remedy=remedy)
    if head[257:262] == b"ustar":
        raise CheckpointError("the file is a tar archive", file=file.path, remedy="Unpack it and open what it holds.")
    if head[4:8] == b"TFL3":
        raise CheckpointError("the file is a TensorFlow Lite model", file=file.path, remedy=_EXPORT)
    if b"Spec\0" in head[:64]:
        raise CheckpointError(
            "the file is a CTranslate2 model", file=file.path, remedy="Open the model that it was converted from."
        )
    if file.path.suffix.lower() == ".onnx" or (head[:1] == b"\x08" and any(w in head for w in (b"pytorch", b"onnx"))):
        raise CheckpointError("the file is an ONNX model", file=file.path, remedy=_EXPORT)


def _pointers() -> tuple[bytes, ...]:
    return tuple(magic for magic, _, _ in _FOREIGN if magic[:1] in b"v<")


def _zip_format(file: SourceFile) -> str:
    try:
        with zipfile.ZipFile(file.path) as archive:
            names = [info.filename for info in archive.infolist()]
    except ZIP_ERRORS as error:
        raise CheckpointError(
            f"the zip archive cannot be read ({error})",
            file=file.path,
            remedy="It is truncated or damaged: fetch or save it again.",
        ) from error
    inner = {name.split("/", 1)[-1] for name in names}
    if "data.pkl" in inner:
        if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
            raise CheckpointError(
                "the file is a TorchScript archive, which holds a program and not only weights",
                file=file.path,
                remedy="Load it with torch.jit.load and open the module, or save its state_dict().",
            )
        return "torch_zip"
    if "archive_format" in inner or any(name.endswith("model.json") and "models/" in name for name in names):
        raise CheckpointError(
            "the file is an exported program (torch.export)",
            file=file.path,
            remedy="Save the module's state_dict() and open that.",
        )
    if any(name.endswith(".npy") for name in names) or file.path.suffix.lower() == ".npz":
        return "npz"
    raise CheckpointError(
        "the zip archive holds neither a torch checkpoint nor .npy arrays",
        file=file.path,
        remedy="Unpack it and open the checkpoint inside.",
    )
