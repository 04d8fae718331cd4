"""How what a layer gives becomes rows: examples, tokens or positions by features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from theodolite.core import ParameterError, closest
from theodolite.sources.running import described

Features = Literal["flatten", "positions", "shift-invariant"]
Tokens = Literal["mean", "each", "first", "last"]
Channels = Literal["first", "last"]

EXAMPLES = "examples"
"""The kind of rows that stand for one example each."""

TOKENS = "tokens"
"""The kind of rows that stand for one token each, those that are masked left out."""

_BYTES_AT_ONCE = 1 << 26


@dataclass(frozen=True)
class Shaping:
    """How what a layer gives becomes rows.

    Parameters
    ----------
    features : {"flatten", "positions", "shift-invariant"}
        What becomes of maps (four axes or more): one long row an example; a row for every position; or maps as they
        are, with the channels last, for measures that shift them.
    tokens : {"mean", "each", "first", "last"}
        What becomes of tokens (three axes): their mean, a row for each, the first or the last, of those that are not
        masked.
    channels : {"first", "last"}
        Where the channels of maps lie.

    Raises
    ------
    ParameterError
        If an option has another value.
    """

    features: Features = "flatten"
    tokens: Tokens = "mean"
    channels: Channels = "first"

    def __post_init__(self) -> None:
        for name, known in (("features", Features), ("tokens", Tokens), ("channels", Channels)):
            value = getattr(self, name)
            if value not in get_args(known):
                raise ParameterError(f"{name} is {value!r}; {closest(str(value), get_args(known))}")

    def rows(self, given: Any, count: int, mask: Any | None = None) -> tuple[Any, str]:
        """Make rows.

        Parameters
        ----------
        given : torch.Tensor
            What a layer gave; the first axis is that of the examples.
        count : int
            How many examples ran.
        mask : torch.Tensor of shape (examples, tokens), optional
            True for tokens that count; all do where there is none.

        Returns
        -------
        rows : torch.Tensor
            Of shape (rows, features), or (examples, height, width, channels) for maps that are kept.
        kind : str
            What a row stands for: ``"examples"``, ``"tokens"`` or ``"positions 8 x 8"``. Rows of one kind are the same
            in all layers.

        Raises
        ------
        ParameterError
            If the tensor has no axis of examples, or mask and tokens differ.
        """
        if not given.ndim or given.shape[0] != count:
            raise ParameterError(
                f"it gave shape {tuple(given.shape)} where {count} examples ran together; its first axis is none of "
                "examples: leave it out"
            )
        if given.ndim <= 2:
            return given.reshape(count, -1), EXAMPLES
        if given.ndim == 3:
            return self._of_tokens(given, mask)
        last = given.movedim(1, -1) if self.channels == "first" else given
        if self.features == "positions":
            return last.reshape(-1, last.shape[-1]), f"positions {' x '.join(map(str, last.shape[1:-1]))}"
        if self.features == "shift-invariant" and given.ndim == 4:
            return last, EXAMPLES
        return given.reshape(count, -1), EXAMPLES

    def _of_tokens(self, given: Any, mask: Any | None) -> tuple[Any, str]:
        import torch

        if mask is None:
            mask = torch.ones(given.shape[:2], dtype=torch.bool, device=given.device)
        if tuple(mask.shape) != tuple(given.shape[:2]):
            raise ParameterError(
                f"it gave {given.shape[1]} tokens for each example, and the mask has shape {tuple(mask.shape)}; "
                "leave it out, or run without a mask"
            )
        mask = mask.to(given.device) != 0
        if self.tokens == "each":
            return given[mask], TOKENS
        empty = (~mask.any(1)).nonzero().ravel().tolist()
        if empty:
            raise ParameterError(f"example {empty[0]} of the batch has no token that counts; leave it out of the data")
        if self.tokens == "mean":
            return _means(given, mask), EXAMPLES
        # The first True, from the front or from behind.
        place = mask.int().argmax(1) if self.tokens == "first" else mask.shape[1] - 1 - mask.int().flip(1).argmax(1)
        return given[torch.arange(len(given), device=given.device), place], EXAMPLES


def _means(given: Any, mask: Any) -> Any:
    """Take the mean of the tokens that count, in float64 where the device has it, a few examples at a time."""
    import torch

    wide = torch.float32 if given.device.type == "mps" else torch.float64
    step = max(1, _BYTES_AT_ONCE // (8 * given.shape[1] * given.shape[2]))
    means = []
    for start in range(0, len(given), step):
        kept = mask[start : start + step, :, None]
        tokens = given[start : start + step].to(wide).masked_fill(~kept, 0.0)
        means.append(tokens.sum(1) / kept.sum(1))
    narrow = torch.float32 if given.dtype.itemsize < 4 else given.dtype
    return torch.cat(means).to(narrow)


def first_tensor(given: Any) -> Any:
    """Take the first tensor of floats out of what a layer gives.

    Parameters
    ----------
    given : torch.Tensor, tuple, list or mapping
        What it gave; of collections the first entry counts.

    Returns
    -------
    torch.Tensor
        Of real floats.

    Raises
    ------
    ParameterError
        If there is none.
    """
    import torch

    found = given
    while not isinstance(found, torch.Tensor):
        held = list(found.values()) if isinstance(found, Mapping) else found
        if not isinstance(held, tuple | list) or not held:
            raise ParameterError(f"it gives something {described(given)}; expected a tensor, or a tuple that begins so")
        found = held[0]
    if not found.is_floating_point():
        raise ParameterError(f"it gives {str(found.dtype).removeprefix('torch.')}; expected real floats")
    if found.is_nested:
        raise ParameterError("it gives a nested tensor; build the model with enable_nested_tensor=False")
    return found
