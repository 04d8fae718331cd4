"""Arrays in memory as a checkpoint, so that a survey reads them like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import array_api_compat
import numpy as np

from theodolite.core import Array, is_array, to_numpy
from theodolite.sources import Checkpoint
from theodolite.sources.dtypes import code_of
from theodolite.sources.record import Contents, Record
from theodolite.sources.stored import StoredTensor

MODEL_NAME = "arrays"
"""What a mapping of arrays is called where no name is given."""


@dataclass(frozen=True, eq=False)
class HeldTensor(StoredTensor):
    """A NumPy array as a stored tensor.

    Parameters
    ----------
    array : numpy.ndarray
        The array; it is never written to.
    """

    array: np.ndarray[Any, Any]
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(side) for side in self.array.shape))
        object.__setattr__(self, "dtype", self.array.dtype)

    def rows(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Give rows.

        Parameters
        ----------
        start, stop : int
            Bounds within the first axis.

        Returns
        -------
        numpy.ndarray
            The rows, in C order.
        """
        return np.ascontiguousarray(self.array[start:stop])


def held_arrays(arrays: Mapping[str, Array], model: str = MODEL_NAME) -> Checkpoint:
    """Look at arrays by name as at the tensors of a checkpoint.

    Parameters
    ----------
    arrays : mapping of str to array
        Arrays of any library.
    model : str
        What to call them.

    Returns
    -------
    Checkpoint
        The arrays, nothing copied that lies in host memory.

    Raises
    ------
    TypeError
        If a name is no string or a value is no array.
    """
    for name, array in arrays.items():
        if not isinstance(name, str) or not is_array(array):
            raise TypeError(
                f"target: a mapping must go from names to arrays, but {name!r} leads to {type(array).__name__}"
            )
    return Checkpoint(Contents([_record(name, array) for name, array in arrays.items()], "arrays"), model=model)


def _record(name: str, array: Array) -> Record:
    if array_api_compat.is_torch_array(array):
        from theodolite.sources.torch_tensors import code_of_torch, storage_of, stored_tensor

        content, reason = stored_tensor(array)
        shape = tuple(int(side) for side in array.shape)
        return Record(name, shape, code_of_torch(array.dtype), content, None, reason, storage=storage_of(array))
    host = to_numpy(array)
    return Record(name, tuple(host.shape), code_of(host.dtype), HeldTensor(host))
