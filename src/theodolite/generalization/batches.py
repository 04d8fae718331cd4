"""Batches of inputs and targets, in whatever form they are given."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from theodolite.core import ParameterError, is_array
from theodolite.sources.running import described

_FORMS = "expected a pair of arrays (inputs, targets), or an iterable of such batches as a DataLoader is one"


class Batches:
    """Batches of inputs and targets.

    Parameters
    ----------
    data : pair of arrays, mapping with "inputs" and "targets", or iterable of pairs
        Arrays of any library, which are cut into batches; or batches as they come. Inputs may be one array, a sequence
        of arrays (the model's positional arguments) or a mapping (its keywords).
    batch_size : int
        How many examples go into a batch where arrays are given.

    Raises
    ------
    ParameterError
        If it is none of this, or inputs and targets differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> data = Batches((np.zeros((5, 2)), np.zeros(5, dtype=int)), batch_size=2)
    >>> [len(targets) for _, targets in data]
    [2, 2, 1]
    """

    def __init__(self, data: Any, *, batch_size: int = 256) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ParameterError(f"batch_size is {batch_size!r}; it must be a whole number of at least 1")
        self._batch_size = batch_size
        self._passed = False
        self._pair = _pair(data)
        self._batches: Iterable[Any] = ()
        if self._pair is not None:
            _check_lengths(*self._pair)
        elif isinstance(data, Mapping | str | bytes) or not isinstance(data, Iterable):
            raise ParameterError(f"data is {described(data)}; {_FORMS}")
        else:
            self._batches = data

    @property
    def total(self) -> int | None:
        """How many batches there are; None where that isn't known before they are gone through."""
        if self._pair is not None:
            return -(-len(self._pair[1]) // self._batch_size)
        try:
            return len(self._batches) if isinstance(self._batches, Sized) else None
        except TypeError:
            # A DataLoader has a length, unless what it loads has none.
            return None

    def __iter__(self) -> Generator[tuple[Any, Any], None, None]:
        if self._pair is not None:
            inputs, targets = self._pair
            for start in range(0, len(targets), self._batch_size):
                taken = slice(start, start + self._batch_size)
                yield _cut(inputs, taken), targets[taken]
            return
        if self._passed and isinstance(self._batches, Iterator):
            raise ParameterError("data is an iterator that was gone through already; give a list or a DataLoader")
        self._passed = True
        for batch in self._batches:
            pair = _pair(batch)
            if pair is None:
                raise ParameterError(f"data: a batch is {described(batch)}; expected a pair (inputs, targets)")
            yield pair


def _pair(data: Any) -> tuple[Any, Any] | None:
    if isinstance(data, Mapping) and {"inputs", "targets"} <= data.keys():
        data = (data["inputs"], data["targets"])
    # Two batches in a list are no pair of arrays: their second element is itself a pair.
    if isinstance(data, tuple | list) and len(data) == 2 and is_array(data[1]) and _arrays(data[0]):
        return data[0], data[1]
    return None


def _arrays(inputs: Any) -> list[Any]:
    held = list(inputs.values()) if isinstance(inputs, Mapping) else inputs
    if isinstance(held, Sequence):
        return [each for each in held if is_array(each)]
    return [held] if is_array(held) else []


def _check_lengths(inputs: Any, targets: Any) -> None:
    lengths = {len(each) if each.ndim else 0 for each in (*_arrays(inputs), targets)}
    if len(lengths) > 1:
        raise ParameterError(
            f"data: inputs and targets have {' and '.join(map(str, sorted(lengths)))} examples; give as many of each"
        )


def _cut(inputs: Any, taken: slice) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _cut(each, taken) for name, each in inputs.items()}
    if isinstance(inputs, Sequence):
        return [_cut(each, taken) for each in inputs]
    return inputs[taken] if is_array(inputs) else inputs
