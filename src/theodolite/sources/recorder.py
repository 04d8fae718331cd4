"""What passes through the layers of a torch model, recorded by hooks that are gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from theodolite.core import ParameterError

if TYPE_CHECKING:
    from theodolite.sources.activation_recorder import ActivationRecorder
    from theodolite.sources.gradient_recorder import GradientRecorder


class Recorder:
    """Records what passes through chosen layers of a model while it is open.

    The model stays as it is: parameters, their ``.grad``, modes and outputs. Whatever happens inside the ``with``
    block, no hook is left when it ends.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    layers : iterable of str, optional
        Which layers; see the two kinds.
    what : {"gradients", "activations"}
        What to record: with ``"gradients"`` this makes a `GradientRecorder`, with ``"activations"`` an
        `ActivationRecorder`.
    **options
        Of `ActivationRecorder`.

    Raises
    ------
    ParameterError
        If `what` is unknown, or a layer isn't there.
    TypeError
        If the model is no module.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> layer = torch.nn.Linear(3, 2)
    >>> with Recorder(layer) as recorder:
    ...     layer(torch.ones(5, 3)).sum().backward()
    ...     (example,) = recorder.examples(1)
    >>> bool(torch.equal(example[""].outputs.T @ example[""].inputs, layer.weight.grad))
    True
    """

    _handles: list[Any]
    _open: bool

    @overload
    def __new__(
        cls, model: Any, layers: Iterable[str] | None = None, *, what: Literal["gradients"] = "gradients"
    ) -> GradientRecorder: ...

    @overload
    def __new__(
        cls, model: Any, layers: Iterable[str] | None = None, *, what: Literal["activations"], **options: Any
    ) -> ActivationRecorder: ...

    def __new__(
        cls,
        model: Any,
        layers: Iterable[str] | None = None,  # noqa: ARG004 - read by __init__
        *,
        what: str = "gradients",
        **options: Any,  # noqa: ARG004
    ) -> Recorder:
        """Make the kind of recorder that `what` names."""
        if not callable(getattr(model, "named_modules", None)) or isinstance(model, type):
            raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
        made = object.__new__(_kind(what) if cls is Recorder else cls)
        made._handles, made._open = [], False
        return made

    def _hooked(self) -> list[tuple[Any, Callable[..., Any]]]:
        """Say which layers get which hook."""
        return []

    def clear(self) -> None:
        """Forget everything that was recorded and not handed over."""

    def __enter__(self) -> Self:
        if self._open:
            raise RuntimeError("the recorder is open already; make one for each block")
        self._open = True
        try:
            for layer, hook in self._hooked():
                self._handles.append(layer.register_forward_hook(hook, with_kwargs=True))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.clear()
        self._open = False


def _kind(what: str) -> type[Recorder]:
    if what == "gradients":
        from theodolite.sources.gradient_recorder import GradientRecorder

        return GradientRecorder
    if what == "activations":
        from theodolite.sources.activation_recorder import ActivationRecorder

        return ActivationRecorder
    raise ParameterError(f"what is {what!r}; it must be 'gradients' or 'activations'")
