"""A sample of the rows of a stream, the same rows in every layer, however the stream was cut."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from typing import Any, Self

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from theodolite.core.arrays import Array, is_array, namespace, to_numpy
from theodolite.core.clouds import Cloud
from theodolite.core.names import closest
from theodolite.core.pairs import Pair
from theodolite.core.parameters import ParameterError, check_count
from theodolite.numerics.row_hash import row_hashes

MEMORY = 1 << 30
"""Bytes of rows that are held in memory before they go to the disk."""

Layout = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of a row in each layer."""

_ALONE = "rows"


class Sample:
    """Rows of one or several layers, chosen at random from a stream of unknown length.

    Which rows are kept depends on their place in the stream and on the seed, and on nothing else: the rows with the
    smallest hashes stay. So all layers, all models that see the same stream, any cutting into batches and any order of
    merging keep the same rows, and what was kept of one model can be compared with what was kept of another.

    Beyond `memory` bytes the rows lie in a file without a name in the folder for temporary files, mapped into memory;
    it is gone when the sample is, also where the process dies.

    Parameters
    ----------
    size : int
        How many rows to keep; all, where the stream has fewer.
    seed : int
        Which ones.
    memory : int
        Bytes to hold in memory, of all layers together.

    Raises
    ------
    ParameterError
        If a number is none that the parameter can have.

    Attributes
    ----------
    size, seed : int
        As given.
    seen : int
        How many rows have come.
    places : numpy.ndarray of int
        Where in the stream each of the kept rows was, in the order of `slots`.
    slots : dict of str to numpy.ndarray
        Room for `size` rows of each layer.

    Examples
    --------
    >>> whole, first, last = Sample(3), Sample(3), Sample(3)
    >>> stream = np.arange(20.0).reshape(10, 2)
    >>> whole.update(stream)
    >>> first.update(stream[:6])
    >>> last.update(stream[6:], rows=np.arange(6, 10))
    >>> bool((first.merge(last).rows() == whole.rows()).all())
    True
    """

    def __init__(self, size: int = 4096, *, seed: int = 0, memory: int = MEMORY) -> None:
        for name, value, least in (("size", size, 1), ("seed", seed, 0), ("memory", memory, 0)):
            check_count(name, value, least)
        self.size, self.seed, self._memory = size, seed, memory
        self.seen = 0
        self.places: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.slots: dict[str, NDArray[Any]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The layers, in the order in which they first came."""
        return tuple(self.slots)

    @property
    def count(self) -> int:
        """How many rows are kept."""
        return len(self.places)

    @property
    def index(self) -> NDArray[np.int64]:
        """Places in the stream of the rows that are kept, ascending."""
        return np.sort(self.places)

    @property
    def on_disk(self) -> bool:
        """Whether the rows lie in a temporary file."""
        return any(isinstance(held, np.memmap) for held in self.slots.values())

    def shape(self, name: str | None = None) -> tuple[int, ...]:
        """Say what `rows` will give.

        Parameters
        ----------
        name : str, optional
            The layer; not needed where there is one.

        Returns
        -------
        tuple of int
            Rows, then the shape of one.
        """
        return (self.count, *self.slots[self._named(name)].shape[1:])

    def dtype(self, name: str | None = None) -> np.dtype[Any]:
        """Say in which type the rows are kept.

        Parameters
        ----------
        name : str, optional
            The layer; not needed where there is one.

        Returns
        -------
        numpy.dtype
            That of the rows as they came, and float32 for narrower ones.
        """
        return self.slots[self._named(name)].dtype

    def rows(self, name: str | None = None, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Give rows in the order of the stream.

        Parameters
        ----------
        name : str, optional
            The layer; not needed where there is one.
        start, stop : int, optional
            Which of the kept rows; all where none are named.

        Returns
        -------
        numpy.ndarray of shape (rows, ...)
            A copy.
        """
        order = np.argsort(self.places)[start:stop]
        return np.asarray(self.slots[self._named(name)][order])

    def update(self, batch: Mapping[str, Array] | Array, *, rows: NDArray[Any] | None = None) -> None:
        """Take the next rows of the stream.

        Parameters
        ----------
        batch : mapping of str to array of shape (rows, ...), or one array
            The same rows in every layer; in the same layers and of the same shape every time. Arrays of any library,
            on any device: only what is kept is brought to the host.
        rows : ndarray of int, shape (rows,), optional
            Their places in the whole stream; those that follow the rows seen before where they are not given.

        Raises
        ------
        ParameterError
            If it doesn't fit what came before.
        """
        given, count = self._checked(batch)
        if not count:
            return
        indices = np.arange(self.seen, self.seen + count) if rows is None else np.asarray(rows, dtype=np.int64)
        if indices.shape != (count,):
            raise ParameterError(f"rows: got shape {indices.shape} for a batch of {count} rows")
        if np.unique(np.concatenate([self.places, indices])).size < len(self.places) + count:
            raise ParameterError("rows: some of these places of the stream were seen already")
        self.seen += count
        places, chosen = self._admitted(indices)
        if not chosen.size:
            return
        for name, array in given.items():
            self.slots[name][places] = _taken(array, chosen)

    def _admitted(self, coming: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Choose among new rows; give where each of the chosen goes, and which ones they are."""
        held = len(self.places)
        everyone = np.concatenate([self.places, coming])
        if len(everyone) <= self.size:
            self.places = everyone
            return np.arange(held, len(everyone)), np.arange(len(coming))
        stays = np.zeros(len(everyone), dtype=bool)
        stays[np.argpartition(row_hashes(everyone, self.seed), self.size - 1)[: self.size]] = True
        chosen = np.flatnonzero(stays[held:])
        free = np.concatenate([np.flatnonzero(~stays[:held]), np.arange(held, self.size)])
        index = np.concatenate([self.places, np.zeros(self.size - held, dtype=np.int64)])
        index[free] = coming[chosen]
        self.places = index
        return free, chosen

    def _checked(self, batch: Mapping[str, Array] | Array) -> tuple[dict[str, Array], int]:
        given = dict(batch) if isinstance(batch, Mapping) else {_ALONE: batch}
        for name, rows in given.items():
            if not is_array(rows) or not rows.ndim:
                raise ParameterError(f"batch: layer {name!r} is {type(rows).__name__}; expected an array of rows")
        counts = {name: int(rows.shape[0]) for name, rows in given.items()}
        if not counts or len(set(counts.values())) > 1:
            said = ", ".join(f"{name!r} {count}" for name, count in counts.items()) or "none"
            raise ParameterError(f"batch: rows of the layers: {said}; the same rows must come in every layer")
        shapes = {name: tuple(int(side) for side in rows.shape[1:]) for name, rows in given.items()}
        if not self.slots:
            layout = {name: (shapes[name], _kept_dtype(rows, name)) for name, rows in given.items()}
            self.slots = _allocated(self.size, layout, self._memory)
        wanted = {name: held.shape[1:] for name, held in self.slots.items()}
        if shapes != wanted:
            raise ParameterError(f"batch: rows of shapes {shapes}; those before had {wanted}")
        return given, next(iter(counts.values()))

    def merge(self, other: Sample) -> Sample:
        """Make the sample that both streams together give.

        Parameters
        ----------
        other : Sample
            Of other places of the same stream, of as many rows, with the same seed and the same layers.

        Returns
        -------
        Sample
            A new one; both stay as they are.

        Raises
        ------
        ParameterError
            If the two don't belong together, or saw the same places.
        """
        if (self.size, self.seed) != (other.size, other.seed):
            raise ParameterError("other: it keeps another number of rows, or has another seed")
        if np.intersect1d(self.places, other.places).size:
            raise ParameterError("other: both saw the same places of the stream; say which they are: update(…, rows=…)")
        made = Sample(self.size, seed=self.seed, memory=self._memory)
        made.seen = self.seen + other.seen
        sources = [each for each in (self, other) if each.slots]
        if not sources:
            return made
        layouts = [_layout(each.slots) for each in sources]
        if layouts[0] != layouts[-1]:
            raise ParameterError(f"other: its layers are {other.names}, and these {self.names}, or of other shapes")
        made.slots = _allocated(self.size, layouts[0], self._memory)
        everyone = np.concatenate([each.places for each in sources])
        kept = np.argsort(row_hashes(everyone, self.seed))[: self.size]
        origin = np.repeat(np.arange(len(sources)), [each.count for each in sources])[kept]
        within = np.concatenate([np.arange(each.count) for each in sources])[kept]
        for number, each in enumerate(sources):
            to = np.flatnonzero(origin == number)
            for name, held in made.slots.items():
                held[to] = each.slots[name][within[to]]
        made.places = everyone[kept]
        return made

    def state(self) -> dict[str, NDArray[Any]]:
        """Give everything that is kept as arrays, for a file.

        Returns
        -------
        dict of str to numpy.ndarray
            ``settings`` (size, seed, rows seen), ``index``, and ``rows.`` with the name of each layer.
        """
        made = {"settings": np.asarray([self.size, self.seed, self.seen], dtype=np.int64), "index": self.index}
        return made | {f"rows.{name}": self.rows(name) for name in self.slots}

    @classmethod
    def from_state(cls, state: Mapping[str, Array], *, memory: int = MEMORY) -> Self:
        """Take up where `state` was taken.

        Parameters
        ----------
        state : mapping of str to array
            What `state` gave.
        memory : int
            Bytes to hold in memory.

        Returns
        -------
        Sample
            The same rows, ready for more.
        """
        size, seed, seen = (int(number) for number in to_numpy(state["settings"]))
        made = cls(size, seed=seed, memory=memory)
        made.seen = seen
        made.places = to_numpy(state["index"]).astype(np.int64)
        rows = {name.removeprefix("rows."): to_numpy(a) for name, a in state.items() if name.startswith("rows.")}
        made.slots = _allocated(size, _layout(rows), memory)
        for name, each in rows.items():
            made.slots[name][: len(each)] = each
        return made

    def cloud(self, name: str | None = None) -> Cloud:
        """Look at one layer.

        Parameters
        ----------
        name : str, optional
            The layer; not needed where there is one.

        Returns
        -------
        Cloud
            Its rows, everything behind the first axis flattened.
        """
        rows = self.rows(name)
        return Cloud(rows.reshape(len(rows), -1))

    def pair(self, first: str, second: str) -> Pair:
        """Look at two layers.

        Parameters
        ----------
        first, second : str
            The layers.

        Returns
        -------
        Pair
            Their rows.
        """
        return Pair(self.cloud(first), self.cloud(second))

    def view(self) -> Cloud | Pair:
        """Look at what there is: a cloud of one layer, a pair of two.

        Returns
        -------
        Cloud or Pair
            The rows.

        Raises
        ------
        ParameterError
            If there are more layers, or none.
        """
        if len(self.slots) == 2:
            return self.pair(*self.slots)
        if len(self.slots) != 1:
            raise ParameterError(f"view: the sample holds {len(self.slots)} layers; name two of them: pair(a, b)")
        return self.cloud()

    def _named(self, name: str | None) -> str:
        if name is None and len(self.slots) == 1:
            return next(iter(self.slots))
        if name not in self.slots:
            raise ParameterError(f"the sample has no layer {name!r}; {closest(str(name), self.slots)}")
        return str(name)

    def __repr__(self) -> str:
        return f"Sample({self.count} of {self.seen} rows, layers {', '.join(self.slots) or 'none'})"


def _layout(slots: Mapping[str, NDArray[Any]]) -> Layout:
    return {name: (held.shape[1:], held.dtype) for name, held in slots.items()}


def _allocated(size: int, layers: Layout, memory: int) -> dict[str, NDArray[Any]]:
    sizes = {name: size * math.prod(shape) * dtype.itemsize for name, (shape, dtype) in layers.items()}
    make = _scratch if sum(sizes.values()) > memory else np.empty
    return {name: (make if sizes[name] else np.empty)((size, *shape), dtype) for name, (shape, dtype) in layers.items()}


def _kept_dtype(rows: Array, name: str) -> np.dtype[Any]:
    kind = str(rows.dtype).rsplit(".", maxsplit=1)[-1]
    if not kind.startswith(("float", "bfloat")):
        raise ParameterError(f"batch: layer {name!r} holds {kind}; expected real floating-point rows")
    return np.dtype(np.float64 if kind == "float64" else np.float32)


def _taken(rows: Array, chosen: NDArray[np.int64]) -> NDArray[Any]:
    if len(chosen) == rows.shape[0]:
        return to_numpy(rows)
    if isinstance(rows, np.ndarray):
        return rows[chosen]
    library = namespace(rows)
    return to_numpy(library.take(rows, library.asarray(chosen, device=array_api_compat.device(rows)), axis=0))


def _scratch(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    # The mapping keeps the file, which has no name to be found by, alive as long as it is needed.
    with tempfile.TemporaryFile(prefix="theodolite-sample-") as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
