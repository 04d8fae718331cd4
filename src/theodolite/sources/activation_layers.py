"""Which layers of a model are recorded."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from theodolite.core import ParameterError, closest

OUTPUT = "output"
"""What the model itself is called among its layers."""

_WILD = frozenset("*?[")
_MOST_LISTED = 12


def chosen_layers(model: Any, layers: Iterable[str] | None = None) -> tuple[dict[str, Any], frozenset[str]]:
    """Choose layers by name.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    layers : str or iterable of str, optional
        Names as `named_modules` gives them, or patterns with ``*``, ``?`` and ``[]``, several in one string separated
        by commas; ``"output"`` is what the model itself gives. Where none are named: the blocks that the model repeats,
        and where it repeats none, every layer with a weight of two axes or more.

    Returns
    -------
    layers : dict of str to torch.nn.Module
        The layers by name, in the order of the model.
    named : frozenset of str
        Those that were named and not only matched.

    Raises
    ------
    ParameterError
        If a name or pattern fits no layer.
    """
    found = {name or OUTPUT: layer for name, layer in model.named_modules() if name or not _has(model, OUTPUT)}
    if layers is None:
        return _by_default(model, found), frozenset()
    given = layers.split(",") if isinstance(layers, str) else list(layers)
    patterns = [str(pattern).strip() for pattern in given if str(pattern).strip()]
    if not patterns:
        raise ParameterError("layers: none is named; leave it out to record the blocks of the model")
    kept: set[str] = set()
    for pattern in patterns:
        matched = [name for name in found if fnmatchcase(name, pattern) and (name != OUTPUT or pattern == OUTPUT)]
        matched = [pattern] if pattern in found else matched
        if not matched:
            raise ParameterError(f"layers: {pattern!r} fits no layer of the model; {_near(pattern, model, found)}")
        kept.update(matched)
    named = frozenset(pattern for pattern in patterns if pattern in found and not _WILD & set(pattern))
    return {name: layer for name, layer in found.items() if name in kept}, named


def _near(word: str, model: Any, found: dict[str, Any]) -> str:
    """Name the layers meant, or a few where there are more than anybody reads."""
    near = closest(word, found)
    if near.startswith("did you mean") or len(found) <= _MOST_LISTED:
        return near
    few = list(_by_default(model, found))[:_MOST_LISTED]
    return f"it has {len(found)}, such as {', '.join(few)}"


def _has(model: Any, name: str) -> bool:
    return any(path == name for path, _ in model.named_modules())


def _by_default(model: Any, found: dict[str, Any]) -> dict[str, Any]:
    blocks = _blocks(model)
    if blocks:
        return blocks
    layers = {name: layer for name, layer in found.items() if _is_weighted(layer)}
    return layers or {OUTPUT: model}


def _blocks(model: Any) -> dict[str, Any]:
    """Find layers with layers of their own that stand numbered in a list, outermost, of a kind that occurs again."""
    named = dict(model.named_modules())
    numbered: dict[str, Any] = {}
    for name, layer in named.items():
        above, _, last = name.rpartition(".")
        if last.isdigit() and any(True for _ in layer.children()) and not any(_inside(above, one) for one in numbered):
            # A list of stages is no block: the blocks are what stands in its lists.
            if type(layer).__name__ in {"Sequential", "ModuleList"} and _holds_numbered_blocks(layer):
                continue
            numbered[name] = layer
    kinds = [type(layer) for layer in numbered.values()]
    return {name: layer for name, layer in numbered.items() if kinds.count(type(layer)) > 1}


def _inside(name: str, above: str) -> bool:
    return name == above or name.startswith(f"{above}.")


def _holds_numbered_blocks(layer: Any) -> bool:
    return any(name.isdigit() and any(True for _ in each.children()) for name, each in layer.named_children())


def _is_weighted(layer: Any) -> bool:
    return not any(True for _ in layer.children()) and any(each.ndim > 1 for each in layer.parameters(recurse=False))
