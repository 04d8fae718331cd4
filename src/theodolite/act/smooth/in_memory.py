"""Smoothing carried out on a live module: a deep copy, some of whose weights are others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain
from typing import Any

from theodolite.act.in_order import workers
from theodolite.act.smooth.applying import Work
from theodolite.act.smooth.plan import SmoothPlan
from theodolite.core.progress import Progress
from theodolite.sources import open_checkpoint
from theodolite.sources.torch_tensors import write_into


def smoothed_module(plan: SmoothPlan, module: Any, *, jobs: int, progress: Callable[[Progress], None] | None) -> Any:
    """Make a smoothed copy of a live module; see `SmoothPlan.smoothed`.

    Parameters
    ----------
    plan : SmoothPlan
        What to do.
    module : torch.nn.Module
        What to copy.
    jobs : int
        How many tensors at a time.
    progress : callable, optional
        Called after every tensor.

    Returns
    -------
    torch.nn.Module
        The copy.

    Raises
    ------
    TypeError
        If it is no module.
    ValueError
        If the module doesn't have the plan's matrices, or can't be copied.
    """
    if not callable(getattr(module, "named_parameters", None)) or isinstance(module, type):
        raise TypeError(f"module: expected a torch.nn.Module, got {type(module).__name__}")
    opened = open_checkpoint(module)
    work = Work(plan, opened, workers(jobs), progress)
    try:
        twin = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"module: {type(module).__name__} can't be copied ({error})") from error
    places = dict(chain(twin.named_parameters(remove_duplicate=False), twin.named_buffers(remove_duplicate=False)))
    # A tensor with several names is one object under each of them, in the copy as well.
    firsts = {id(places[weight.stored_name]): weight for weight in reversed(list(opened.values()))}
    weights = [weight for weight in opened.values() if firsts[id(places[weight.stored_name])] is weight]
    for weight, array in zip(weights, work.arrays(weights), strict=True):
        if array is not None:
            write_into(places[weight.stored_name], array)
    return twin
