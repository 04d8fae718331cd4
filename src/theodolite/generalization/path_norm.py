"""The path norm: what a network with squared weights makes of an input of ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from theodolite.core import Outcome, Refusal
from theodolite.generalization.folding import DEFAULT_EPSILON, Folding, affine
from theodolite.generalization.network import Batch
from theodolite.generalization.settings import Convention

_CHANNEL_NORMS = frozenset({"GroupNorm", *(f"{kind}Norm{n}d" for kind in ("Batch", "Instance") for n in (1, 2, 3))})


def path_norm(
    network: Any, foldings: Mapping[str, Folding], example: Batch | None, convention: Convention = "theodolite"
) -> float:
    r"""Sum the outputs for an input of ones, every weight squared.

    Normalisations, which are no sums over paths, become their gain and bias, squared too: a batch normalisation with
    its running statistics, one over features with statistics of mean 0 and variance 1. Tokens become one position
    whose embedding is all ones, and embeddings of anything else (positions, types) become zero; attention over one
    position is the identity.

    Parameters
    ----------
    network : torch.nn.Module
        The network; it is copied.
    foldings : mapping of str to Folding
        Batch normalisations that follow weights.
    example : Batch, optional
        A batch, whose inputs show the shape of one; without it, a network that starts with an embedding or a linear
        layer tells the shape itself.
    convention : {"theodolite", "authors"}
        ``"authors"``: a layer normalisation becomes (x + mean²)/(variance + ε), as in the released code.

    Returns
    -------
    float
        The sum, at least 0; not yet its root.

    Raises
    ------
    Refusal
        If the network can't be evaluated so.
    """
    import torch

    if any(_has_made_weights(module) for module in network.modules()):
        raise Refusal(Outcome.NO_PATH_NORM, "a weight is computed from other parameters, as by weight_norm")
    squared = torch.nn.Sequential(copy.deepcopy(network).double())
    inputs = _ones(squared, example)
    with torch.no_grad():
        _square(squared, {f"0.{name}": folding for name, folding in foldings.items()}, convention)
        looked_up = _embed_ones(squared, inputs)
        given = _run(squared[0], inputs)
    if looked_up == [0]:
        raise Refusal(Outcome.NO_PATH_NORM, "no embedding looks up the inputs")
    if not bool(torch.isfinite(given).all()):
        raise Refusal(Outcome.NO_PATH_NORM, "an output is infinite")
    if bool((given < 0).any()):
        raise Refusal(Outcome.NO_PATH_NORM, "an output is negative, as of a logarithm or of a tanh of a negative sum")
    return float(given.sum())


def _run(network: Any, inputs: Any) -> Any:
    import torch

    # Fused kernels of attention read the weights of the normalisations past their modules.
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        answer = network(**inputs) if isinstance(inputs, Mapping) else network(*inputs)
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise Refusal(Outcome.NO_PATH_NORM, (str(error).splitlines() or [""])[0]) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    given = answer.get("logits") if isinstance(answer, Mapping) else getattr(answer, "logits", answer)
    if not isinstance(given, torch.Tensor):
        raise Refusal(Outcome.NO_PATH_NORM, f"it gives {type(given).__name__}, no tensor of logits")
    return given


def _ones(network: Any, example: Batch | None) -> Any:
    """Make the arguments of one sample: numbers of one, and tokens at one position."""
    import torch

    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    embeds = any(isinstance(module, torch.nn.Embedding) for module in network.modules())
    if example is not None:
        inputs = example[0]
        if isinstance(inputs, Mapping):
            return {name: _one_sample(value, embeds, device) for name, value in inputs.items()}
        several = inputs if isinstance(inputs, tuple | list) else [inputs]
        return [_one_sample(value, embeds, device) for value in several]
    if embeds:
        return [torch.ones((1, 1), dtype=torch.long, device=device)]
    first = next((m for m in network.modules() if next(m.parameters(recurse=False), None) is not None), None)
    if isinstance(first, torch.nn.Linear):
        return [torch.ones((1, first.in_features), dtype=torch.float64, device=device)]
    raise Refusal(Outcome.NEEDS_DATA, "the shape of an input isn't known")


def _one_sample(array: Any, embeds: bool, device: Any) -> Any:
    import torch

    tensor = torch.as_tensor(array)
    if tensor.dtype.is_floating_point:
        return torch.ones((1, *tensor.shape[1:]), dtype=torch.float64, device=device)
    # Tokens, and masks over them: one sample of one position.
    shape = (1, *(1 if embeds else side for side in tensor.shape[1:]))
    return torch.ones(shape, dtype=tensor.dtype, device=device)


def _square(network: Any, foldings: Mapping[str, Folding], convention: Convention) -> None:
    import torch

    replaced = {name: _statistics(module) for name, module in network.named_modules() if _is_batch_norm(module)}
    for tensor, folding in foldings.items():
        conv = network.get_submodule(tensor.rpartition(".")[0])
        norm = f"0.{folding.norm}"
        if norm in replaced and getattr(conv, "bias", None) is not None:
            # What the normalisation makes of the bias is a single weight, to be squared as one.
            bias = folding.scale * conv.bias.detach().cpu().numpy()
            replaced[norm] = Folding(norm, folding.scale, folding.shift + bias)
            conv.bias.zero_()
    for parameter in {id(p): p for p in network.parameters()}.values():
        parameter.square_()
    for name, folding in replaced.items():
        scale, shift = (torch.from_numpy(np.square(part)) for part in (folding.scale, folding.shift))
        _replace(network, name, _affine(scale, shift, axis=1))
    for name, module in [*network.named_modules()]:
        if _is_layer_norm(module):
            _replace(network, name, _without_statistics(module, convention))


def _has_made_weights(module: Any) -> bool:
    return hasattr(module, "parametrizations") or any(hasattr(module, f"weight_{part}") for part in ("g", "orig"))


def _is_batch_norm(module: Any) -> bool:
    return all(hasattr(module, name) for name in ("running_var", "running_mean", "eps")) and (
        module.running_var is not None and "Norm" in type(module).__name__
    )


def _is_layer_norm(module: Any) -> bool:
    return any(name == "LayerNorm" or name.endswith("RMSNorm") for name in _kinds(module)) or _is_channel_norm(module)


def _is_channel_norm(module: Any) -> bool:
    """Tell whether a normalisation without running statistics has a gain for each channel."""
    return any(name in _CHANNEL_NORMS for name in _kinds(module))


def _kinds(module: Any) -> list[str]:
    return [base.__name__ for base in type(module).__mro__]


def _statistics(module: Any) -> Folding:
    held = {
        name: getattr(module, name).detach().cpu().numpy().astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
        if getattr(module, name, None) is not None
    }
    return affine("", held, module.eps)


def _replace(network: Any, name: str, module: Any) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)


def _without_statistics(module: Any, convention: Convention) -> Any:
    gain, bias = (getattr(module, name, None) for name in ("weight", "bias"))
    if convention == "authors" and "LayerNorm" in _kinds(module):
        axes = 1 if gain is None else gain.ndim
        return _affine(gain, bias, axis=-1, epsilon=float(getattr(module, "eps", DEFAULT_EPSILON)), axes=axes)
    return _affine(gain, bias, axis=1 if _is_channel_norm(module) else -1)


def _affine(gain: Any, bias: Any, *, axis: int, epsilon: float | None = None, axes: int = 1) -> Any:
    """Make a module that multiplies and adds along an axis, after the released code's step where `epsilon` is given."""
    import torch

    class Affine(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            if epsilon is not None:
                over = tuple(range(-axes, 0))
                mean = x.mean(dim=over, keepdim=True)
                x = (x + mean**2) / (((x - mean) ** 2).mean(dim=over, keepdim=True) + epsilon)
            x = x if gain is None else x * _along(gain, x, axis)
            return x if bias is None else x + _along(bias, x, axis)

    return Affine()


def _along(vector: Any, x: Any, axis: int) -> Any:
    vector = vector.to(x)
    if axis == -1 or vector.ndim > 1:
        return vector
    return vector.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _embed_ones(network: Any, inputs: Any) -> list[int]:
    """Let the embedding that looks up the inputs give ones, and every other one zeros; count where that is asked."""
    import torch

    given = [*inputs.values()] if isinstance(inputs, Mapping) else inputs
    tokens = {x.untyped_storage().data_ptr() for x in given if not x.dtype.is_floating_point}
    tables = [module for module in network.modules() if isinstance(module, torch.nn.Embedding)]
    counted = [0] if tokens and tables else []

    def give(_: Any, arguments: tuple[Any, ...], looked_up: Any) -> Any:
        own = bool(tokens) and (len(tables) == 1 or arguments[0].untyped_storage().data_ptr() in tokens)
        if own:
            counted[0] += 1
        return torch.ones_like(looked_up) if own else torch.zeros_like(looked_up)

    for table in tables:
        table.register_forward_hook(give)
    return counted
