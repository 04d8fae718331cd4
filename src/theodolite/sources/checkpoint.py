"""A checkpoint: the weights of one model by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from theodolite.sources.anatomy import Anatomy, module_of
from theodolite.sources.blocks import block_indices
from theodolite.sources.errors import CheckpointError
from theodolite.sources.record import Contents, Record
from theodolite.sources.tying import Tying
from theodolite.sources.weight import Weight

_PREFIXES = ("module.", "_orig_mod.")
_LONGEST_NAME = 500


class Checkpoint(Mapping[str, Weight]):
    """The tensors of a model by name, opened without reading their data.

    It works with and without ``with``: closed files are opened again when something is read, and files that nobody
    refers to any more close themselves.

    Parameters
    ----------
    contents : Contents
        What the reader found.
    model : str
        Name of the model.
    path : Path or None
        Where it was opened; None for a live module.

    Attributes
    ----------
    model : str
        Name of the model: that of the folder, the file or the module's class.
    path : Path or None
        Where it was opened.
    format : str
        ``"safetensors"``, ``"torch"``, ``"npz"``, ``"npy"``, ``"hdf5"`` or ``"module"``.
    config : mapping
        ``config.json`` of a Hugging Face folder; empty elsewhere.
    metadata : mapping of str to str
        The file's own metadata.
    contents : Contents
        What the reader found.
    """

    def __init__(self, contents: Contents, *, model: str, path: Path | None = None) -> None:
        self.model = model
        self.path = path
        self.format = contents.format
        self.config: Mapping[str, Any] = contents.config
        self.metadata: Mapping[str, str] = contents.metadata
        self.contents = contents
        self._files = contents.files
        for record in contents.records:
            _check_name(record, path)
        records = _named(contents.records)
        layers = {name: record.layer for name, record in records.items() if record.layer is not None}
        anatomy = Anatomy({name: record.shape for name, record in records.items()}, contents.config, layers)
        blocks = block_indices(records)
        tying = Tying(records, anatomy)
        self._weights = {name: Weight(name, record, anatomy, blocks[name], tying) for name, record in records.items()}

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the tensors.

        Returns
        -------
        tuple of Path
            Their paths.
        """
        return tuple(file.path for file in self._files)

    @property
    def parameters(self) -> int:
        """Number of elements of all measured tensors together.

        Returns
        -------
        int
            The sum.
        """
        return sum(weight.parameters for weight in self.values() if weight.listed_because is None)

    def close(self) -> None:
        """Close the files; reading opens them again."""
        for file in self._files:
            file.close()

    def __getitem__(self, name: str) -> Weight:
        try:
            return self._weights[name]
        except KeyError:
            raise KeyError(self._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def __contains__(self, name: object) -> bool:
        return name in self._weights

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Checkpoint({self.model!r}, {len(self)} tensors, {self.format})"

    def _unknown(self, name: str) -> str:
        near = get_close_matches(str(name), self._weights, n=3)
        return f"{self.model} has no tensor {name!r}" + (
            f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        )


def _check_name(record: Record, path: Path | None) -> None:
    if len(record.name) > _LONGEST_NAME:
        problem = f"its name has {len(record.name)} characters, more than the {_LONGEST_NAME} that are accepted"
    elif module_of(record.name) == "*":
        problem = "the module name '*' stands for the whole model"
    else:
        return
    raise CheckpointError(problem, file=path, tensor=record.name, remedy="Save the tensor under another name.")


def _named(records: list[Record]) -> dict[str, Record]:
    """Name the tensors without what wrappers put before all of them (``DataParallel``, ``torch.compile``)."""
    weights = [record.name for record in records if record.reason is None]
    prefix = ""
    while longer := next((prefix + p for p in _PREFIXES if _all_begin(weights, prefix + p)), ""):
        prefix = longer
    named = {record.name.removeprefix(prefix) if record.reason is None else record.name: record for record in records}
    return named if len(named) == len(records) else {record.name: record for record in records}


def _all_begin(names: list[str], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) and len(name) > len(prefix) for name in names)
