"""What measures of training rows, test rows and the targets of both are tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from theodolite.core.clouds import Cloud
from theodolite.testing import moves
from theodolite.testing.clouds import cloud_specimens
from theodolite.testing.moves import Arguments, Host, Moved
from theodolite.testing.planted import gaussian
from theodolite.testing.specimens import Specimens


def regression_specimens() -> Specimens:
    """Return what measures of training and test rows with their targets are tested on.

    Returns
    -------
    Specimens
        The clouds that measures of one cloud are tested on, cut in two, with one output and with two.
    """
    alone = cloud_specimens()
    sound, held, targets = _task(gaussian(30, 4, rng=80), 1)
    return Specimens(
        samples={name: _task(x, 1 + place % 2) for place, (name, (x,)) in enumerate(alone.samples.items())},
        moves={**{name: _of_both(move) for name, move in alone.moves.items()}, "order": _reordered},
        equivalents={
            "as views": lambda arguments: (Cloud(arguments[0]), Cloud(arguments[1]), arguments[2]),
            "in Fortran order": lambda arguments: tuple(np.asfortranarray(array) for array in arguments),
            "with targets in a list": lambda arguments: (*arguments[:2], arguments[2].tolist()),
        },
        malformed={
            **{name: (*given, held, targets) for name, given in alone.malformed.items() if given},
            **{f"{name} in the test rows": (sound, *given, targets) for name, given in _hurt(alone).items()},
            "nothing": (),
            "no targets": (sound, held),
            "too few targets": (sound, held, targets[:-1]),
            "targets of the training rows alone": (sound, held, targets[: len(sound)]),
            "targets that are missing": (sound, held, np.full_like(targets, np.nan)),
            "targets that are words": (sound, held, ["a"] * len(targets)),
            "features that differ in number": (sound, held[:, :3], targets),
        },
        degenerate={
            **{name: _task(x, 1) for name, (x,) in alone.degenerate.items() if x.shape[0] > 1},
            "test rows that were trained on": (sound, sound, np.tile(targets[: len(sound)], 2)),
            "targets of zero": (sound, held, 0.0 * targets),
            "training targets of zero": (sound, held, np.where(np.arange(30) < len(sound), 0.0, targets)),
        },
    )


def _task(points: Host, outputs: int) -> Arguments:
    """Cut rows in two, and give them targets that follow their first feature."""
    train = points.shape[0] - max(1, points.shape[0] // 4)
    rng = np.random.default_rng(81)
    with np.errstate(over="ignore", invalid="ignore"):
        place = points[:, 0] - points[:, 0].mean()
        place = place / max(float(np.abs(place).max()), np.finfo(np.float64).tiny)
    columns = [np.sin(2.0 * (turn + 1) * place) + 0.1 * rng.standard_normal(points.shape[0]) for turn in range(outputs)]
    targets = np.stack(columns, axis=1) if outputs > 1 else columns[0]
    return points[:train].copy(), points[train:].copy(), targets


def _hurt(alone: Specimens) -> dict[str, tuple[Any, ...]]:
    return {name: alone.malformed[name] for name in ("NaN", "infinity", "one dimension", "a list", "None")}


def _of_both(move: Callable[[Arguments], Moved]) -> Callable[[Arguments], Moved]:
    """Move training and test rows alike, and leave the targets."""

    def moved(arguments: Arguments) -> Moved:
        train = arguments[0].shape[0]
        both = np.concatenate(arguments[:2])
        return [((rows[:train], rows[train:], arguments[2]), factor) for (rows,), factor in move((both,))]

    return moved


def _reordered(arguments: Arguments) -> Moved:
    """Put the training rows into another order with their targets, and the test rows with theirs."""
    train, test, targets = arguments
    cut = train.shape[0]
    first, known = moves.reordered((train, targets[:cut]))[0][0]
    second, judged = moves.reordered((test, targets[cut:]))[0][0]
    return [((first, second, np.concatenate([known, judged])), 1.0)]
