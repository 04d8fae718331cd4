"""When in the training a checkpoint was written, and which checkpoints a folder holds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from theodolite.core import ParameterError
from theodolite.sources.errors import CheckpointError
from theodolite.sources.folders import weights_in
from theodolite.sources.formats import format_of
from theodolite.sources.opened import SourceFile
from theodolite.sources.untrusted_json import read_object

StepsAre = Literal["given", "trainer_state.json", "names", "positions"]
"""Where steps come from."""

STATE = "trainer_state.json"
_STATE_LIMIT = 256_000_000
_WORDS = ("(?:global[_-]?)?step", "checkpoint|ckpt", "iter(?:ation)?", "epoch")
_NAMED = tuple(
    re.compile(
        rf"(?<![a-z])(?:{word})s?[-_=. ]?(\d+(?:\.\d+(?=[kmb](?![a-z])))?)(?!\d)([kmb](?![a-z]))?", re.IGNORECASE
    )
    for word in _WORDS
)
_SHARD = re.compile(r"-\d+-of-\d+\.")
_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_TRAILING = re.compile(r"(\d+)(?!.*\d)")


def step_in(name: str) -> int | None:
    """Read the step off a name.

    Parameters
    ----------
    name : str
        Of a checkpoint: a number behind step, checkpoint, iteration or epoch, in this order of trust, in thousands or
        millions where a k or an m follows; else the last number in it.

    Returns
    -------
    int or None
        None where the name holds no number.

    Examples
    --------
    >>> step_in("checkpoint-500"), step_in("epoch=3-step=1200"), step_in("pythia-70m-step512"), step_in("final")
    (500, 1200, 512, None)
    >>> step_in("step10k"), step_in("ckpt-1.5M"), step_in("step-2M")
    (10000, 1500000, 2000000)
    """
    for pattern in _NAMED:
        found = pattern.search(name)
        if found is not None:
            return round(float(found[1]) * _THOUSANDS[(found[2] or "").lower()])
    last = _TRAILING.search(name)
    return None if last is None else int(last[1])


def state_step(folder: Path) -> int | None:
    """Read the step that the Trainer wrote beside a checkpoint.

    Parameters
    ----------
    folder : Path
        The checkpoint's folder.

    Returns
    -------
    int or None
        None where there is no ``trainer_state.json``, or it says nothing of a step.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    state = read_object(path, what="state of the trainer", limit=_STATE_LIMIT, depth=32, constants=True)
    step = state.get("global_step")
    return step if isinstance(step, int) and not isinstance(step, bool) and step >= 0 else None


def steps_of(
    names: Sequence[str], given: Sequence[float] | None = None, written: Sequence[int | None] = ()
) -> tuple[tuple[float, ...], StepsAre]:
    """Decide the steps of several checkpoints.

    Parameters
    ----------
    names : sequence of str
        Their names.
    given : sequence of float, optional
        What the user says.
    written : sequence of int or None, optional
        What the Trainer wrote beside each.

    Returns
    -------
    steps : tuple of float
        In the order of `names`.
    source : {"given", "trainer_state.json", "names", "positions"}
        Where they come from; ``"positions"``, counted from 0, where one has no step or two have the same.

    Raises
    ------
    ParameterError
        If as many steps as checkpoints are not given, or one is given twice or is not finite.
    """
    if given is not None:
        if len(given) != len(names):
            raise ParameterError(f"steps: got {len(given)} for {len(names)} checkpoints ({', '.join(names)})")
        odd = [step for step in given if not math.isfinite(step)]
        if odd:
            raise ParameterError(f"steps: {odd[0]} is no step; give finite numbers")
        if len(set(given)) < len(given):
            twice = next(step for step in given if list(given).count(step) > 1)
            raise ParameterError(f"steps: {twice:g} is given twice; each checkpoint has its own")
        return tuple(float(step) for step in given), "given"
    sources: tuple[tuple[Sequence[int | None], StepsAre], ...] = (
        (written, "trainer_state.json"),
        ([step_in(name) for name in names], "names"),
    )
    for found, source in sources:
        known = [step for step in found if step is not None]
        if len(known) == len(names) and len(set(known)) == len(names):
            return tuple(float(step) for step in known), source
    return tuple(float(position) for position in range(len(names))), "positions"


def checkpoints_in(folder: Path) -> list[Path]:
    """Find the checkpoints that a training left in a folder.

    Parameters
    ----------
    folder : Path
        The folder: ``checkpoint-500``, ``step_1000.safetensors`` and the like.

    Returns
    -------
    list of Path
        Folders with weights and weight files whose names hold a number, in natural order. Where names say step,
        checkpoint, iteration or epoch, these alone.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    found = [path for path in folder.iterdir() if step_in(path.name) is not None and _holds_weights(path)]
    worded = [path for path in found if any(pattern.search(path.name) for pattern in _NAMED)]
    chosen = sorted(worded or found, key=lambda path: _natural(path.name))
    if not chosen:
        raise CheckpointError(
            "the folder holds no checkpoints with a number in their names",
            file=folder,
            remedy="Expected checkpoint-100, checkpoint-200, ... or step_100.safetensors, ...: give their paths.",
        )
    return chosen


def _holds_weights(path: Path) -> bool:
    if path.name.startswith(".") or _SHARD.search(path.name):
        return False
    try:
        format_of(SourceFile(weights_in(path) if path.is_dir() else path))
    except (CheckpointError, OSError):
        return False
    return True


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
