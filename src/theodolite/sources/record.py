"""What a reader knows of a checkpoint: one record per tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from theodolite.sources.opened import SourceFile
from theodolite.sources.relaid import Layout
from theodolite.sources.stored import RawBytes, StoredTensor


@dataclass(frozen=True)
class Record:
    """One tensor as its reader found it.

    Parameters
    ----------
    name : str
        Its name in the file or module.
    shape : tuple of int
        Its shape as stored.
    dtype : str
        Its element type, as ``"BF16"``.
    content : StoredTensor or RawBytes or None
        Its content; None where it cannot be had.
    file : str or None
        The name of the file that holds it.
    reason : str or None
        Why the reader knows that it is not to be measured.
    layer : str or None
        Class name of the layer that owns it, where the source says it.
    groups : int or None
        Groups of the convolution that owns it, where they are known.
    storage : tuple or None
        Equal for tensors that share one memory with the same layout.
    layout : {"channels_first", "channels_last", "depthwise"}
        Where the channels of a convolution's kernel lie.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    content: StoredTensor | RawBytes | None
    file: str | None = None
    reason: str | None = None
    layer: str | None = None
    groups: int | None = None
    storage: tuple[object, ...] | None = None
    layout: Layout = "channels_first"

    @property
    def size(self) -> int:
        """Number of elements.

        Returns
        -------
        int
            The product of the shape.
        """
        return math.prod(self.shape)


@dataclass(frozen=True)
class Contents:
    """All that a reader found.

    Parameters
    ----------
    records : list of Record
        The tensors in file order.
    format : str
        ``"safetensors"``, ``"torch"``, ``"npz"``, ``"npy"``, ``"hdf5"`` or ``"module"``.
    files : tuple of SourceFile
        The files that hold them.
    metadata : mapping
        Free text of the file's own metadata.
    config : mapping
        The model's configuration, where there is one.
    """

    records: list[Record]
    format: str
    files: tuple[SourceFile, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
