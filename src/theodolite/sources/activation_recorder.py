"""What chosen layers of a model give, as rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Literal

from theodolite.core import Outcome, ParameterError, Refusal
from theodolite.sources.activation_layers import chosen_layers
from theodolite.sources.activation_shapes import Channels, Features, Shaping, Tokens, first_tensor
from theodolite.sources.recorder import Recorder


class ActivationRecorder(Recorder):
    """Records what chosen layers of a model give, as rows for `Sample`, `Moments` and `CrossMoments`.

    Only what runs within `batch` is recorded. A layer that is called several times in one pass counts as several
    layers: ``"relu"``, ``"relu@2"``, ``"relu@3"``. Of a tuple, a list or a mapping, as transformers give them, the
    first tensor counts. What is recorded is a copy where anything later could change it, on the device where it was
    made.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    layers : str or iterable of str, optional
        Names as `named_modules` gives them, or patterns with ``*``; ``"output"`` is what the model itself gives. Where
        none are named: the blocks that the model repeats (the numbered members of its lists that have layers of their
        own), and where it repeats none, every layer with a weight of two axes or more.
    what : {"activations"}
        What to record.
    features : {"flatten", "positions", "shift-invariant"}
        What becomes of maps, as convolutions give them: one long row an example, a row for each position, or
        examples x height x width x channels.
    tokens : {"mean", "each", "first", "last"}
        What becomes of examples x tokens x features: the mean over the tokens that are not masked, a row for each of
        them, the first, or the last.
    channels : {"first", "last"}
        Where the channels of maps lie.

    Raises
    ------
    ParameterError
        If a pattern fits no layer, or an option has another value.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> from theodolite.core import Sample
    >>> net, sample = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()), Sample(8)
    >>> with Recorder(net, "*", what="activations") as recorder:
    ...     for inputs in torch.ones(4, 5, 3):
    ...         with recorder.batch(len(inputs)) as rows:
    ...             answer = net(inputs)
    ...         sample.update(rows)
    >>> sample
    Sample(8 of 20 rows, layers 0, 1)
    """

    def __init__(
        self,
        model: Any,
        layers: Iterable[str] | None = None,
        *,
        what: Literal["activations"] = "activations",  # noqa: ARG002 - read when the kind of recorder was chosen
        features: Features = "flatten",
        tokens: Tokens = "mean",
        channels: Channels = "first",
    ) -> None:
        self._chosen, self._named = chosen_layers(model, layers)
        self.shaping = Shaping(features, tokens, channels)
        self.kinds: dict[str, str] = {}
        self._pass: _Pass | None = None
        self._passes = 0

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are recorded: those that were chosen, and after the first pass those that ran."""
        return tuple(self.kinds or self._chosen)

    def _hooked(self) -> list[tuple[Any, Callable[..., Any]]]:
        return [(layer, self._hook(name, layer)) for name, layer in self._chosen.items()]

    def _hook(self, name: str, layer: Any) -> Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]:
        # One-dimensional convolutions and what belongs to them give examples x channels x places.
        turned = type(layer).__name__.endswith("1d")

        def forward(_: Any, __: tuple[Any, ...], ___: dict[str, Any], output: Any) -> None:
            if self._pass is not None:
                self._pass.take(name, output, turned)

        return forward

    @contextmanager
    def batch(self, count: int, mask: Any | None = None) -> Generator[dict[str, Any], None, None]:
        """Record one pass of the model.

        Parameters
        ----------
        count : int
            How many examples run together.
        mask : torch.Tensor or array of shape (examples, tokens), optional
            Not zero for the tokens that count, as the ``attention_mask`` of a tokenizer.

        Yields
        ------
        dict of str to torch.Tensor
            Empty until the block ends; then by layer what it gave, rows first.

        Raises
        ------
        RuntimeError
            If the recorder is not open, or a batch is being recorded already.
        ParameterError
            If a layer that was named did not run, others ran than in the pass before, or what a layer gives makes no
            rows.
        Refusal
            If activations are not finite; with the layer, and the batch counted from 0.
        """  # noqa: DOC502 - raised by what is called
        if not self._open or self._pass is not None:
            state = "closed; record inside its with block" if not self._open else "at a batch already"
            raise RuntimeError(f"the recorder is {state}")
        rows: dict[str, Any] = {}
        self._pass = current = _Pass(self.shaping, count, _as_mask(mask), self._passes)
        try:
            yield rows
            found = self._ordered(current)
            rows.update({name: current.rows[name] for name in found})
            self._passes += 1
        finally:
            self._pass = None

    def _ordered(self, current: _Pass) -> dict[str, str]:
        missing = [name for name in self._named if name not in current.rows]
        if missing:
            raise ParameterError(f"layers: {missing[0]!r} did not run when the model ran; leave it out")
        if not current.rows:
            raise ParameterError("layers: none of those that were chosen ran when the model ran; name others")
        order = {name: place for place, name in enumerate(self._chosen)}
        kinds = {
            name: current.kinds[name]
            for name in sorted(current.rows, key=lambda each: (order[each.partition("@")[0]], current.calls[each]))
        }
        if self.kinds and self.kinds != kinds:
            odd = min(set(self.kinds.items()) ^ set(kinds.items()))[0]
            raise ParameterError(
                f"layers: {odd!r} ran in some batches only, or gave maps of several sizes; leave it out, or bring the "
                "inputs to one size"
            )
        self.kinds = kinds
        return kinds

    def clear(self) -> None:
        """Forget what was recorded of a pass that is not over."""
        self._pass = None


class _Pass:
    """What the layers gave in one pass."""

    def __init__(self, shaping: Shaping, count: int, mask: Any | None, number: int) -> None:
        self._shaping, self._count, self._mask, self._number = shaping, count, mask, number
        self.rows: dict[str, Any] = {}
        self.kinds: dict[str, str] = {}
        self.calls: dict[str, int] = {}
        self._times: dict[str, int] = {}

    def take(self, name: str, output: Any, turned: bool) -> None:
        """Make rows of what one call of a layer gave."""
        import torch

        self._times[name] = times = self._times.get(name, 0) + 1
        name = name if times == 1 else f"{name}@{times}"
        try:
            given = first_tensor(output).detach()
            given = given.movedim(1, 2) if turned and given.ndim == 3 else given
            rows, kind = self._shaping.rows(given, self._count, self._mask)
        except ParameterError as error:
            raise ParameterError(f"layer {name!r}, batch {self._number}: {error}") from None
        bad = ~torch.isfinite(rows)
        wrong = int(bad.sum())
        if wrong:
            first = int(bad.reshape(bad.shape[0], -1).any(dim=1).nonzero()[0])
            one = f"{kind.split()[0].removesuffix('s')} {first}"
            seen = f"layer {name!r}, batch {self._number}: {wrong} of {rows.numel()} activations, the first in {one}"
            raise Refusal(Outcome.NOT_FINITE_ROWS, seen)
        # An operation in place behind the layer would change what shares its memory.
        shared = rows.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()
        self.rows[name] = rows.clone() if shared else rows
        self.kinds[name], self.calls[name] = kind, times


def _as_mask(mask: Any | None) -> Any | None:
    import torch

    if mask is None:
        return None
    found = torch.as_tensor(mask)
    if found.ndim != 2:
        raise ParameterError(f"mask: it has shape {tuple(found.shape)}; expected (examples, tokens)")
    return found
