"""Files of features: one of our own kind, and arrays from elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, CrossMoments, ParameterError, to_numpy
from theodolite.sources.destination import Destination
from theodolite.sources.dtypes import code_of
from theodolite.sources.errors import CheckpointError
from theodolite.sources.features import Features, Layer, Origin, RowSet
from theodolite.sources.formats import format_of
from theodolite.sources.npz import read_npy, read_npz
from theodolite.sources.opened import SourceFile
from theodolite.sources.record import Contents, Record
from theodolite.sources.safetensors import read_safetensors
from theodolite.sources.stored import StoredTensor, as_bytes
from theodolite.sources.untrusted_json import parse_object
from theodolite.sources.writer import SafetensorsWriter, Slot

SCHEMA = 1
_MARK = "theodolite.features"
_AGAIN = "Record the features again."
_READERS = {"safetensors": read_safetensors, "npz": read_npz, "npy": read_npy}
_WEIGHTS = frozenset({"torch_zip", "torch_legacy", "hdf5", "index"})


def write_features(features: Features, path: Path, *, overwrite: bool = False) -> Path:
    """Write features into one safetensors file, piece by piece.

    Parameters
    ----------
    features : Features
        What to write.
    path : Path
        Ends in ``.safetensors``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file, which is there whole or not at all.

    Raises
    ------
    ParameterError
        If it doesn't end so.
    """
    if path.suffix != ".safetensors":
        raise ParameterError(f"path: {path.name} must end in .safetensors")
    place = Destination(path, [] if features.path is None else [features.path], overwrite=overwrite)
    sets = list({id(layer.rows): layer.rows for layer in features.layers}.values())
    number = {id(each): position for position, each in enumerate(sets)}
    described: dict[str, Any] = {
        "origin": asdict(features.origin),
        "sets": [{"kind": each.kind, "seen": each.seen} for each in sets],
        "layers": [{"name": layer.name, "set": number[id(layer.rows)]} for layer in features.layers],
    }
    pieces = list(_pieces(features, sets))
    slots = [Slot(name, code_of(array.dtype), tuple(int(side) for side in array.shape)) for name, array in pieces]
    metadata = {_MARK: str(SCHEMA), "features": json.dumps(described)}
    with place.written() as folder, SafetensorsWriter(folder / path.name, slots, metadata) as writer:
        for name, array in pieces:
            writer.write(name, array.chunks() if isinstance(array, StoredTensor) else [as_bytes(array)])
    return path


def _pieces(features: Features, sets: list[RowSet]) -> Iterator[tuple[str, StoredTensor | NDArray[Any]]]:
    for position, rows in enumerate(sets):
        if rows.index is not None and rows.index.size:
            yield f"index/{position}", rows.index
        if rows.moments is not None:
            for key, array in rows.moments().state().items():
                yield f"moments/{position}/{key}", to_numpy(array)
    for layer in features.layers:
        if layer.array is not None:
            yield f"rows/{layer.name}", layer.array


def open_features(path: str | os.PathLike[str], *, channels: Literal["first", "last"] = "first") -> Features:
    """Open features without reading them.

    Parameters
    ----------
    path : path
        A file of `record_features`; or from elsewhere ``.npy`` (one layer, named after the file), ``.npz`` or
        ``.safetensors`` (a layer each), arrays of rows x anything. Whole numbers become floats; arrays of one axis are
        left out. Nothing is unpickled.
    channels : {"first", "last"}
        Where in arrays of four axes from elsewhere the channels lie.

    Returns
    -------
    Features
        The layers by name.

    Raises
    ------
    CheckpointError
        If the file can't be read, or holds no features.
    """
    place = Path(path)
    if place.is_dir():
        if (place / "survey.json").is_file():
            raise CheckpointError("it is a run, no features", file=place, remedy=f"Its page: theodolite report {place}")
        raise CheckpointError("it is a folder", file=place, remedy="Give the file of features in it.")
    file = SourceFile(place)
    try:
        kind = format_of(file)
    finally:
        file.close()
    if kind not in _READERS:
        remedy = "Save the features with numpy.save, numpy.savez or as .safetensors."
        if kind in _WEIGHTS:
            remedy = "A checkpoint needs --model package.module:function and data."
        raise CheckpointError(f"the file is of format {kind}, which holds no features", file=place, remedy=remedy)
    contents = _READERS[kind](place)
    if _MARK in contents.metadata:
        return _own(contents, place)
    return _foreign(contents, place, channels)


def _foreign(contents: Contents, path: Path, channels: str) -> Features:
    layers = []
    for record in contents.records:
        array = record.content
        if isinstance(array, StoredTensor) and array.ndim > 1 and _is_real(array.dtype):
            layers.append(Layer(record.name, RowSet("", array.shape[0]), array))
    if not layers:
        raise CheckpointError("it holds no array of rows x features", file=path, remedy="Save arrays of two axes.")
    return Features(layers, Origin(path.stem, channels=channels), path)


def _is_real(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iubf" or dtype.name.startswith(("bfloat", "float"))


def _own(contents: Contents, path: Path) -> Features:
    schema = contents.metadata[_MARK]
    if schema != str(SCHEMA):
        problem = f"it holds features of schema {schema[:20]!r}, and {SCHEMA} is read"
        raise CheckpointError(problem, file=path, remedy="Update theodolite, or record the features again.")
    text = contents.metadata.get("features", "").encode()
    described = parse_object(text, file=path, what="description of features", depth=4)
    arrays = {record.name: record for record in contents.records}
    try:
        origin = Origin(**described["origin"])
        sets = [_set(each, n, arrays, path) for n, each in enumerate(described["sets"])]
        layers = [_layer(each, sets, arrays) for each in described["layers"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"its description is damaged ({error})", file=path, remedy=_AGAIN) from error
    for layer in layers:
        kept = layer.rows.index
        if layer.array is not None and (kept is None or len(kept) != layer.array.shape[0]):
            raise CheckpointError("its rows and their index differ", file=path, tensor=layer.name, remedy=_AGAIN)
    return Features(layers, origin, path)


def _layer(described: Mapping[str, Any], sets: list[RowSet], arrays: Mapping[str, Record]) -> Layer:
    name = str(described["name"])
    record = arrays.get(f"rows/{name}")
    content = None if record is None else record.content
    return Layer(name, sets[int(described["set"])], content if isinstance(content, StoredTensor) else None)


def _set(described: Mapping[str, Any], number: int, arrays: Mapping[str, Record], path: Path) -> RowSet:
    held = arrays.get(f"index/{number}")
    index = None
    if held is not None and isinstance(held.content, StoredTensor):
        index = held.content.read().astype(np.int64)
        if index.ndim != 1 or (np.diff(index) <= 0).any():
            raise CheckpointError("its index is not ascending", file=path, tensor=held.name, remedy=_AGAIN)
    stem = f"moments/{number}/"
    state = {name.removeprefix(stem): record for name, record in arrays.items() if name.startswith(stem)}
    moments = cache(_Moments(state, path).read) if state else None
    return RowSet(str(described["kind"]), int(described["seen"]), index, moments)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Cross-moments that lie in a file."""

    state: Mapping[str, Record]
    path: Path

    def read(self) -> CrossMoments:
        state: dict[str, Array] = {}
        for key, record in self.state.items():
            if isinstance(record.content, StoredTensor):
                state[key] = record.content.read()
        try:
            return CrossMoments.from_state(state)
        except ValueError as error:
            raise CheckpointError(f"its moments are damaged ({error})", file=self.path, remedy=_AGAIN) from error
