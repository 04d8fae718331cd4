"""What measures of a cloud with a label for each row are tested on."""

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


def labelled_specimens() -> Specimens:
    """Return what measures of a cloud and its labels are tested on.

    Returns
    -------
    Specimens
        The clouds that measures of one cloud are tested on, of two classes and of three that overlap.
    """
    alone = cloud_specimens()
    sound = gaussian(30, 4, rng=70)
    labels = np.arange(30) % 3
    return Specimens(
        samples={name: (x, _classes(x, 2 + place % 2)) for place, (name, (x,)) in enumerate(alone.samples.items())},
        moves={**{name: _of_points(move) for name, move in alone.moves.items()}, "order": moves.reordered},
        equivalents={
            "as a view": lambda arguments: (Cloud(arguments[0]), arguments[1]),
            "in Fortran order": lambda arguments: (np.asfortranarray(arguments[0]), arguments[1]),
            "with labels in a list": lambda arguments: (arguments[0], arguments[1].tolist()),
            "with labels of the same order": lambda arguments: (arguments[0], 7 * arguments[1] - 3),
        },
        malformed={
            **{name: (*given, _labels_for(given)) for name, given in alone.malformed.items() if given},
            "nothing": (),
            "too few labels": (sound, labels[:29]),
            "labels in columns": (sound, labels[:, None]),
            "labels that are real": (sound, gaussian(30, 1, rng=71)[:, 0]),
            "labels that are missing": (sound, np.where(labels == 1, np.nan, 1.0)),
            "a number as labels": (sound, 3),
            "more than labels": (sound, labels, labels),
        },
        degenerate={
            **{name: (x, np.arange(x.shape[0]) % 2) for name, (x,) in alone.degenerate.items()},
            "one class": (sound, np.zeros(30, dtype=int)),
            "as many classes as rows": (sound, np.arange(30)),
            "one row of its own class": (sound, (np.arange(30) == 4).astype(int)),
        },
    )


def _classes(points: Host, count: int) -> Host:
    """Cut the rows into classes by their first feature, with some in the wrong one."""
    rng = np.random.default_rng(72)
    place = points[:, 0] + 0.5 * points[:, 0].std() * rng.standard_normal(points.shape[0])
    edges = np.quantile(place, np.linspace(0, 1, count + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, place), np.int64)


def _labels_for(given: tuple[Any, ...]) -> Host:
    shape = getattr(given[0], "shape", ()) or (30,)
    return np.arange(shape[0]) % 2


def _of_points(move: Callable[[Arguments], Moved]) -> Callable[[Arguments], Moved]:
    """Move the points and leave what stands beside them."""
    return lambda arguments: [((*moved, *arguments[1:]), factor) for moved, factor in move(arguments[:1])]
