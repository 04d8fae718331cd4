"""The gradients of single examples at linear layers, as the two factors that backpropagation multiplies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from theodolite.core import Array, ParameterError, closest
from theodolite.sources.recorder import Recorder


@dataclass(frozen=True, eq=False)
class GradientFactors:
    """The gradient of one example at the weight of a linear layer, as the two factors that backpropagation multiplies.

    Attributes
    ----------
    outputs : array of shape (tokens, out)
        The gradients D at the layer's outputs.
    inputs : array of shape (tokens, in)
        The layer's inputs A. The gradient of the weight is ``Dᵀ A``, out x in.
    """

    outputs: Array
    inputs: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Out and in."""
        return int(self.outputs.shape[1]), int(self.inputs.shape[1])

    @property
    def tokens(self) -> int:
        """How many rows the factors have: a bound on the rank."""
        return int(self.outputs.shape[0])


def recordable(model: Any) -> dict[str, Any]:
    """Find the layers that compute an input times a weight.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Returns
    -------
    dict of str to torch.nn.Module
        ``torch.nn.Linear`` and what derives from it, and the Conv1D of transformers, by path.
    """
    import torch

    return {
        path: layer
        for path, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) or any(kind.__name__ == "Conv1D" for kind in type(layer).__mro__)
    }


class GradientRecorder(Recorder):
    """Records what makes the gradients of chosen layers of a model while it is open.

    Of every layer it keeps the two factors of the gradient, inputs and gradients at the outputs, until `examples` hands
    them over; the gradient itself is never made. Parameters, their ``.grad``, the model's mode and its outputs stay as
    they are, and whatever happens inside the ``with`` block, no hook is left when it ends.

    A layer that is called several times in one pass has all its calls recorded, and so have two layers that share one
    weight: together they are the gradient. Layers whose weight needs no gradient are not recorded, since none is made
    for them. Recomputation (gradient checkpointing) records nothing twice.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    layers : iterable of str, optional
        Paths of linear layers, as `named_modules` gives them; all where none are named.
    what : {"gradients"}
        What to record.

    Raises
    ------
    ParameterError
        If a layer isn't there or is no linear one.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> layer = torch.nn.Linear(3, 2)
    >>> with GradientRecorder(layer) as recorder:
    ...     layer(torch.ones(5, 3)).sum().backward()
    ...     (example,) = recorder.examples(1)
    >>> bool(torch.equal(example[""].outputs.T @ example[""].inputs, layer.weight.grad))
    True
    """

    def __init__(
        self,
        model: Any,
        layers: Iterable[str] | None = None,
        *,
        what: Literal["gradients"] = "gradients",  # noqa: ARG002 - read when the kind of recorder was chosen
    ) -> None:
        found = recordable(model)
        names = list(found) if layers is None else [layers] if isinstance(layers, str) else list(layers)
        for name in names:
            if name not in found:
                raise ParameterError(f"layers: {name!r} is no linear layer of the model; {closest(name, found)}")
        self._layers, self.frozen = _chosen(found, names)
        self._calls: dict[str, list[tuple[Any, Any]]] = {}
        self._on_tensors: list[Any] = []
        self._edges: list[Any] = []

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that are recorded; of layers that share a weight, the first."""
        return tuple(dict.fromkeys(name for name, _ in self._layers))

    @property
    def edges(self) -> tuple[Any, ...]:
        """Where in the graph of the last passes the outputs are made, for ``torch.autograd.grad(loss, edges)``.

        A backward pass to these alone makes no gradient of any parameter.
        """
        return tuple(self._edges)

    def _hooked(self) -> list[tuple[Any, Callable[..., Any]]]:
        return [(layer, self._hook(name)) for name, layer in self._layers]

    def clear(self) -> None:
        """Forget everything that was recorded and not handed over."""
        for handle in self._on_tensors:
            handle.remove()
        self._on_tensors.clear()
        self._edges.clear()
        self._calls.clear()

    def _hook(self, name: str) -> Callable[[Any, tuple[Any, ...], dict[str, Any], Any], Any]:
        def forward(_: Any, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
            if not getattr(output, "requires_grad", False):
                return output
            from torch.autograd.graph import get_gradient_edge

            # An operation in place on a view rewrites the graph behind it, past any hook on the view.
            output = output.clone() if output._is_view() else output  # noqa: SLF001 - torch has no other name for it
            inputs = next(iter((*given, *named.values()))).detach()

            def backward(gradient: Any) -> None:
                self._calls.setdefault(name, []).append((inputs, gradient.detach()))

            # The graph holds the inputs until the backward pass; what is recomputed never comes this far twice.
            self._on_tensors.append(output.register_hook(backward))
            self._edges.append(get_gradient_edge(output))
            return output

        return forward

    def examples(self, count: int) -> Iterator[Mapping[str, GradientFactors]]:
        """Hand over what was recorded since the last time, example by example, and forget it.

        Parameters
        ----------
        count : int
            How many examples went through the model together. The loss must have been a sum over them; the first axis
            of what a layer gets is then taken for the examples. With 1 every axis but the last is one of tokens.

        Yields
        ------
        mapping of str to GradientFactors
            By layer; without the layers that no gradient reached. Tokens whose gradient is zero (padding, positions
            without a target) are left out, which changes nothing about the gradient.

        Raises
        ------
        ParameterError
            If a layer saw another number of examples, as after a reshaping of the batch.
        RuntimeError
            If the recorder is not open.
        """
        if not self._open:
            raise RuntimeError("the recorder is closed; take the examples inside its with block")
        calls = {name: self._calls[name] for name in self.layers if name in self._calls}
        for name, seen in calls.items():
            for inputs, _ in seen:
                if count != 1 and (inputs.ndim < 2 or inputs.shape[0] != count):
                    raise ParameterError(
                        f"layer {name!r} got an input of shape {tuple(inputs.shape)} where {count} examples ran "
                        "together; run them one at a time (batch_size=1)"
                    )
        self.clear()
        for index in range(count):
            yield {name: _example(seen, None if count == 1 else index) for name, seen in calls.items()}


def _chosen(found: Mapping[str, Any], names: list[str]) -> tuple[list[tuple[str, Any]], tuple[str, ...]]:
    """Give the chosen layers under the first name of their weight, with all that share it, and the frozen ones."""
    first: dict[int, str] = {}
    frozen: list[str] = []
    for name in names:
        if not found[name].weight.requires_grad:
            frozen.append(name)
        else:
            first.setdefault(_identity(found[name]), name)
    layers = [(first[_identity(layer)], layer) for layer in found.values() if _identity(layer) in first]
    return sorted(layers, key=lambda pair: list(found).index(pair[0])), tuple(frozen)


def _identity(layer: Any) -> int:
    """Tell weights apart; one that is computed anew at every look, as by a weight norm, is its layer's own."""
    return id(dict(layer.named_parameters(recurse=False)).get("weight", layer))


def _example(calls: list[tuple[Any, Any]], index: int | None) -> GradientFactors:
    import torch

    parts = []
    for pair in calls:
        inputs, outputs = (one if index is None else one[index] for one in pair)
        inputs, outputs = (one.reshape(-1, one.shape[-1]) for one in (inputs, outputs))
        kept = (outputs != 0).any(dim=1)
        parts.append((outputs[kept], inputs[kept]))
    outputs, inputs = (torch.cat(factors) if len(factors) > 1 else factors[0] for factors in zip(*parts, strict=True))
    return GradientFactors(outputs, inputs)
