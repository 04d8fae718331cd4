"""What Keras' paths of datasets say: the layer, the variable, and how a kernel's axes lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from theodolite.sources.relaid import Layout

_ROOTS = frozenset({"model_weights", "layers", "_layer_checkpoint_dependencies", "vars"})
_OPTIMIZER = frozenset({"optimizer_weights", "optimizer"})
_ATTENTION = re.compile(r"(^|[._])(query|key|value|attention_output|einsum_dense(_\d+)?)$|attention", re.IGNORECASE)
_TRANSPOSED = re.compile(r"(^|[._])(conv[123]d_?transpose|deconv\w*|\w*transposed?_?conv\w*)", re.IGNORECASE)
_NORM = re.compile(r"norm(alization)?(_\d+)?$", re.IGNORECASE)
_MOVING = frozenset({"moving_mean", "moving_variance"})
_SEPARABLE_VARIABLES = ("depthwise_kernel", "pointwise_kernel", "bias")
_NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class Variable:
    """One dataset of the file.

    Parameters
    ----------
    path : tuple of str
        The groups that lead to it, and its own name.
    shape : tuple of int
        Its shape.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Named:
    """What a dataset is called and what its path and shape say.

    Parameters
    ----------
    name : str
        Layer and variable, joined by dots.
    path : tuple of str
        As in `Variable`.
    optimizer : bool
        Whether it belongs to the optimizer.
    reason : str or None
        Why it is no weight.
    layer : str or None
        The kind of convolution it is the kernel of.
    layout : {"channels_first", "channels_last", "depthwise"}
        Where the kernel's channels lie.
    """

    name: str
    path: tuple[str, ...]
    optimizer: bool = False
    reason: str | None = None
    layer: str | None = None
    layout: Layout = "channels_first"

    def unshortened(self) -> Named:
        """Name it by its whole path, for files in which shorter names collide.

        Returns
        -------
        Named
            The same under its long name.
        """
        return replace(self, name=".".join(self.path))


def named(variables: Sequence[Variable]) -> list[Named]:
    """Name the variables of a file as their layers do.

    ``conv1/conv1_3/kernel:0`` (Keras 2) and ``layers/conv1/vars/0`` (Keras 3, which numbers a layer's variables) both
    become ``conv1.kernel``.

    Parameters
    ----------
    variables : sequence of Variable
        All datasets of the file.

    Returns
    -------
    list of Named
        One for each, in the same order.
    """
    shapes = {variable.path: variable.shape for variable in variables}
    found = [_named(variable, shapes) for variable in variables]
    by_name = {each.name: variable.shape for each, variable in zip(found, variables, strict=True)}
    return [_laid_out(each, variable.shape, by_name) for each, variable in zip(found, variables, strict=True)]


def _named(variable: Variable, shapes: dict[tuple[str, ...], tuple[int, ...]]) -> Named:
    path = variable.path
    if path[0] in _OPTIMIZER:
        return Named(".".join(path), path, optimizer=True)
    *outer, leaf = path
    leaf = leaf.partition(":")[0]
    if outer and outer[-1] == "vars" and leaf.isdecimal():
        leaf = _numbered(path, leaf, shapes)
    modules = [part for part in outer if part not in _ROOTS]
    # The scope of a layer's variables repeats its name with a running number, at times behind that of the model.
    same = [i for i, part in enumerate(modules) if i and re.fullmatch(rf"{re.escape(modules[0])}(_\d+)?", part)]
    if same:
        del modules[1 : same[-1] + 1]
    reason = "buffer, not a weight" if leaf in _MOVING else None
    return Named(".".join((*modules, leaf)), path, reason=reason)


def _numbered(path: tuple[str, ...], leaf: str, shapes: dict[tuple[str, ...], tuple[int, ...]]) -> str:
    """Say which variable of its layer a number stands for, as far as the shapes tell."""
    layer = next((part for part in reversed(path[:-1]) if part not in _ROOTS), "")
    number, shape = int(leaf), shapes[path]
    first = shapes.get((*path[:-1], "0"), ())
    if len(first) == 1 and _NORM.search(layer) and number < len(_NORM_VARIABLES):
        return _NORM_VARIABLES[number]
    if "separable" in layer and number < len(_SEPARABLE_VARIABLES):
        return _SEPARABLE_VARIABLES[number]
    if number == 0 and len(shape) >= 2:
        return "embeddings" if "embedding" in layer else "kernel"
    if len(first) == 2 and number == 1 and len(shape) == 2 and shape[1] == first[1]:
        return "recurrent_kernel"
    follows = number == 1 or (number == 2 and len(shapes.get((*path[:-1], "1"), ())) == 2)
    return "bias" if follows and len(first) >= 2 and len(shape) <= 2 else leaf


def _laid_out(each: Named, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]]) -> Named:
    """Tell the kernel of a convolution, whose axes are sizes, in, out, from other kernels with as many axes."""
    module, _, leaf = each.name.rpartition(".")
    if each.optimizer or not 3 <= len(shape) <= 5 or _ATTENTION.search(module):
        return each
    transposed = _TRANSPOSED.search(module) is not None
    kind = f"Conv{'Transpose' if transposed else ''}{len(shape) - 2}d"
    if leaf == "depthwise_kernel" or (leaf == "kernel" and "depthwise" in module):
        return replace(each, layer=kind, layout="depthwise")
    if leaf not in {"kernel", "pointwise_kernel"}:
        return each
    bias = shapes.get(f"{module}.bias")
    if bias is not None and bias != (shape[-2 if transposed else -1],):
        return each
    return replace(each, layer=kind, layout="channels_last")
