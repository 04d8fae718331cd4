"""Nested dictionaries of training runs: weights told apart from all that is saved beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WRAPPERS = frozenset(
    {
        "state_dict",
        "model_state_dict",
        "model_state",
        "model",
        "module",
        "net",
        "network",
        "weights",
        "params",
        "params_ema",
        "parameters",
        "state",
        "checkpoint",
        "ema",
        "ema_state_dict",
        "model_ema",
        "state_dict_ema",
        "teacher",
        "student",
    }
)
_OPTIMIZER = re.compile(r"(^|_)optim(izers?)?(_|$)|^opt(_state)?$|(^|_)exp_avg(_sq)?$|^momentum_buffer$", re.IGNORECASE)
_RUNNING = re.compile(
    r"(^|_)(rng|random|scheduler|scaler|loss|losses|history|metrics|callbacks|loops)(_|$)", re.IGNORECASE
)
_AVERAGED = re.compile(r"(^|_)(ema|averaged|swa|shadow)(_|$)", re.IGNORECASE)
_DEEPEST = 32

OPTIMIZER_STATE = "optimizer state, not a weight"
TRAINING_STATE = "state of the training run, not a weight"
AVERAGED = "running average of the weights beside it, which are measured; save it alone to measure it"


@dataclass(frozen=True)
class Leaf:
    """A tensor found in nested containers.

    Parameters
    ----------
    path : tuple of str
        The keys that lead to it.
    tensor : object
        The tensor.
    reason : str or None
        Why it is no weight.
    """

    path: tuple[str, ...]
    tensor: Any
    reason: str | None = None

    @property
    def name(self) -> str:
        """The keys joined by dots.

        Returns
        -------
        str
            The name.
        """
        return ".".join(self.path)


def find_tensors(saved: Any, is_tensor: type) -> list[Leaf]:
    """Find the tensors of a saved object and name them as the model does.

    Dictionaries around the weights (``state_dict``, ``model``, ...) leave no trace in the names. Optimizer moments
    and other state of the run keep theirs and carry a reason not to be measured; so does a running average where the
    weights themselves are beside it. What is no tensor is ignored.

    Parameters
    ----------
    saved : object
        What ``torch.load`` gave.
    is_tensor : type
        The class of tensors.

    Returns
    -------
    list of Leaf
        All tensors, in order.
    """
    found = [Leaf(path, tensor, _reason(path)) for path, tensor in _walk(saved, is_tensor)]
    averaged = [leaf.reason is None and any(_AVERAGED.search(key) for key in leaf.path[:-1]) for leaf in found]
    plain = any(leaf.reason is None and not ema for leaf, ema in zip(found, averaged, strict=True))
    if plain:
        found = [
            Leaf(leaf.path, leaf.tensor, AVERAGED) if ema else leaf for leaf, ema in zip(found, averaged, strict=True)
        ]
    return _unwrapped(found)


def _walk(saved: Any, is_tensor: type) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    # Containers may refer to each other in circles, so that each is entered once.
    entered: set[int] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), saved)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, is_tensor):
            found.append((path or ("tensor",), value))
        elif isinstance(value, Mapping | list | tuple) and len(path) < _DEEPEST and id(value) not in entered:
            entered.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            worth = (is_tensor, Mapping, list, tuple)
            waiting += reversed([((*path, str(key)), item) for key, item in items if isinstance(item, worth)])
    return found


def _reason(path: tuple[str, ...]) -> str | None:
    if any(_OPTIMIZER.search(key) for key in path[:-1]) or (len(path) > 1 and _OPTIMIZER.search(path[-1])):
        return OPTIMIZER_STATE
    if any(_RUNNING.search(key) for key in path[:1]) and (len(path) > 1 or "." not in path[0]):
        return TRAINING_STATE
    return None


def _unwrapped(leaves: list[Leaf]) -> list[Leaf]:
    """Take the containers off that hold all weights, or that are known to hold them."""
    while True:
        weights = [leaf for leaf in leaves if leaf.reason is None]
        outer = {leaf.path[0] for leaf in weights if len(leaf.path) > 1}
        known = outer & _WRAPPERS
        around = known if len(known) == 1 else outer
        if len(around) != 1 or (around == outer and not known and any(len(leaf.path) == 1 for leaf in weights)):
            return leaves
        (key,) = around
        shorter = [
            Leaf(leaf.path[1:], leaf.tensor)
            if leaf.reason is None and leaf.path[0] == key and len(leaf.path) > 1
            else leaf
            for leaf in leaves
        ]
        if len({leaf.name for leaf in shorter}) < len(shorter):
            return leaves
        leaves = shorter
