"""What measures of two clouds with the same rows, and of any number of them, are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

from theodolite.core.clouds import Cloud
from theodolite.core.cross_moments import CrossMoments
from theodolite.core.pairs import Pair
from theodolite.testing import moves
from theodolite.testing.moves import Arguments, Host
from theodolite.testing.planted import gaussian, low_rank, orthogonal, rank_one
from theodolite.testing.planted_clouds import correlated, rotated_copy, shared_latent
from theodolite.testing.specimens import Specimens

CLOUD_MOVES = {
    "scale": moves.scaled,
    "translation": moves.translated,
    "rotation": moves.rotated,
    "permutation": moves.permuted,
    "order": moves.reordered,
}


SEVERAL = ("equal widths", "shared latent", "more features than rows")
"""Samples that measures of any number of clouds are tested on, which as a rule search for something."""


def pair_specimens() -> Specimens:
    """Return what measures of a pair are tested on.

    Returns
    -------
    Specimens
        Clouds that share latent variables, of equal and of different widths, with fewer features than rows and more.
    """
    return Specimens(
        samples=_pairs(),
        moves={
            **CLOUD_MOVES,
            "separate_scale": moves.separately_scaled,
            "linear": moves.mapped,
            "exchange": moves.exchanged,
        },
        equivalents={
            "as a view": lambda arguments: (Pair(arguments[0], arguments[1]),),
            "as clouds": lambda arguments: tuple(Cloud(array) for array in arguments),
            "as moments of a stream": _streamed,
            "as moments of merged streams": _merged,
            "in Fortran order": lambda arguments: tuple(np.asfortranarray(array) for array in arguments),
            "as strided slices": lambda arguments: tuple(np.repeat(array, 2, axis=1)[:, ::2] for array in arguments),
        },
        malformed=_malformed_pairs(),
        degenerate=_degenerate_pairs(),
        alike=moves.alike,
    )


def several_specimens() -> Specimens:
    """Return what measures of any number of clouds with the same rows are tested on.

    Returns
    -------
    Specimens
        Three clouds and more, of equal and of different widths.
    """
    pairs = {name: pair for name, pair in _pairs().items() if name in SEVERAL}
    third = {name: rotated_copy(x, noise=0.4, rng=53) for name, (x, _) in pairs.items()}
    degenerate = {name: (x, y, x + y[:, :1]) for name, (x, y) in _degenerate_pairs().items()}
    return Specimens(
        samples={name: (*arguments, third[name]) for name, arguments in pairs.items()},
        moves=CLOUD_MOVES,
        equivalents={
            "as views": lambda arguments: tuple(Cloud(array) for array in arguments),
            "in Fortran order": lambda arguments: tuple(np.asfortranarray(array) for array in arguments),
            "as strided slices": lambda arguments: tuple(np.repeat(array, 2, axis=1)[:, ::2] for array in arguments),
        },
        malformed={
            **{name: (*given, gaussian(30, 4, rng=55)) for name, given in _malformed_rows().items()},
            "nothing": (),
            "rows that differ in number": (gaussian(30, 4, rng=56), gaussian(30, 4, rng=57), gaussian(29, 4, rng=58)),
        },
        degenerate={**degenerate, "two clouds": pairs["equal widths"], "one cloud": pairs["equal widths"][:1]},
        alike=moves.alike,
    )


def cloud_specimens() -> Specimens:
    """Return what measures of one cloud are tested on.

    Returns
    -------
    Specimens
        Clouds with fewer features than rows and more.
    """
    return Specimens(
        samples={name: (x,) for name, (x, _) in _pairs().items()},
        moves=CLOUD_MOVES,
        equivalents={
            "as a view": lambda arguments: (Cloud(arguments[0]),),
            "in Fortran order": lambda arguments: (np.asfortranarray(arguments[0]),),
            "as a strided slice": lambda arguments: (np.repeat(arguments[0], 2, axis=1)[:, ::2],),
        },
        malformed={**{name: given[:1] for name, given in _malformed_rows().items()}, "nothing": ()},
        degenerate={name: (x,) for name, (x, _) in _degenerate_pairs().items()},
    )


def _pairs() -> dict[str, Arguments]:
    def about(pair: tuple[Host, Host]) -> Arguments:
        # Activations are hardly ever centred, and no two layers have one size.
        x, y = pair
        rng = np.random.default_rng(30)
        return x + rng.standard_normal(x.shape[1]), 2.5 * y - 1.5 * rng.standard_normal(y.shape[1])

    x = gaussian(40, 9, rng=31) * np.linspace(0.5, 2.0, 9)
    return {
        "equal widths": about((x, rotated_copy(x, noise=0.5, rng=33))),
        "shared latent": about(shared_latent(52, 11, 7, shared=4, noise=0.6, rng=32)),
        "rectified": tuple(np.maximum(cloud + 0.4, 0) for cloud in shared_latent(45, 8, 8, noise=0.4, rng=34)),
        "more features than rows": about(shared_latent(18, 24, 30, shared=3, noise=0.3, rng=35)),
        "one wide": about(shared_latent(20, 6, 26, shared=3, noise=0.3, rng=36)),
        "hardly alike": about((gaussian(36, 6, rng=37), gaussian(36, 8, rng=38))),
    }


def _streamed(arguments: Arguments) -> tuple[Any, ...]:
    return (_accumulated(arguments, np.random.default_rng(40)).view(),)


def _merged(arguments: Arguments) -> tuple[Any, ...]:
    rng = np.random.default_rng(41)
    cut = arguments[0].shape[0] // 3
    ahead, behind = (tuple(a[part] for a in arguments) for part in (slice(None, cut), slice(cut, None)))
    return (_accumulated(ahead, rng).merge(_accumulated(behind, rng)).view(),)


def _accumulated(arguments: Arguments, rng: np.random.Generator) -> CrossMoments:
    """Stream the rows in batches of random sizes, one row alone among them."""
    moments, start, count = CrossMoments(), 0, arguments[0].shape[0]
    while start < count:
        stop = start + int(rng.integers(1, 12))
        moments.update({name: a[start:stop] for name, a in zip("ab", arguments, strict=True)})
        start = stop
    return moments


def _spoiled(entry: float) -> Host:
    cloud = gaussian(30, 6, rng=42)
    cloud[7, 4] = entry
    return cloud


def _malformed_rows() -> dict[str, tuple[Any, ...]]:
    """Pair well-formed rows with what is wrong by itself, which stands first."""
    sound = gaussian(30, 4, rng=43)
    return {
        "NaN": (_spoiled(np.nan), sound),
        "infinity": (_spoiled(np.inf), sound),
        "minus infinity": (_spoiled(-np.inf), sound),
        "NaN in float32": (_spoiled(np.nan).astype(np.float32), sound),
        "no rows": (np.empty((0, 5)), np.empty((0, 4))),
        "no features": (np.empty((30, 0)), sound),
        "one dimension": (np.arange(30.0), sound),
        "no dimension": (np.asarray(1.0), sound),
        "three dimensions": (np.ones((30, 2, 2)), sound),
        "a list": ([[1.0, 2.0], [3.0, 5.0]], np.eye(2)),
        "integers": (np.arange(60).reshape(30, 2), sound),
        "booleans": (sound > 0, sound),
        "complex entries": (sound * 1j, sound),
        "strings": (np.asarray([["a", "b"]] * 30), sound),
        "None": (None, sound),
        "a number": (3.0, sound),
    }


def _malformed_pairs() -> dict[str, tuple[Any, ...]]:
    first = _malformed_rows()
    second = {
        f"{case} in the second cloud": first[case][::-1]
        for case in ("NaN", "infinity", "no features", "one dimension", "a list", "integers", "None")
    }
    sound = gaussian(30, 4, rng=44)
    return {
        **first,
        **second,
        "rows that differ in number": (sound, gaussian(29, 4, rng=45)),
        "one row against many": (sound[:1], sound),
        "nothing": (),
        "one cloud alone": (sound,),
        "three clouds": (sound, sound, sound),
    }


def _degenerate_pairs() -> dict[str, Arguments]:
    x, y = gaussian(24, 5, rng=46), gaussian(24, 7, rng=47)
    dead, level = x.copy(), x.copy()
    dead[:, 2] = 0.1
    level[3] = 0.7
    most = np.tile(x[:1], (24, 1))
    most[5] = x[5]
    few = {
        f"{name} rows": (gaussian(count, 3, rng=48), gaussian(count, 4, rng=49))
        for name, count in {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}.items()
    }
    return {
        **few,
        "one feature each": (x[:, :1], y[:, :1]),
        # The mean of equal entries is not always the entry, and dust is left when it is taken away.
        "constant first cloud": (np.full((24, 5), 0.1), y),
        "constant second cloud": (x, np.full((24, 7), 0.3)),
        "constant clouds": (np.full((24, 5), 0.1), np.full((24, 5), 0.1)),
        "zero clouds": (np.zeros((24, 5)), np.zeros((24, 5))),
        "units without variance": (dead, np.concatenate([y, np.full((24, 1), 0.1)], axis=1)),
        "rows of equal entries": (level, np.concatenate([y[:3], np.ones((1, 7)), y[4:]])),
        "every row twice": (np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)),
        "rows twice in one cloud": (np.repeat(x[:12], 2, axis=0), y),
        "all rows but one equal": (most, y),
        "every unit twice": (np.repeat(x, 2, axis=1), np.repeat(y, 2, axis=1)),
        "rank one": (rank_one(24, 5, size=3.0, rng=50), rank_one(24, 7, rng=51)),
        "low rank": (low_rank(24, 9, 3, rng=52), low_rank(24, 8, 2, rng=53)),
        "as many features as rows": (gaussian(12, 12, rng=54), gaussian(12, 12, rng=55)),
        "one feature fewer than rows": (gaussian(12, 11, rng=56), gaussian(12, 3, rng=57)),
        "one row more than features": (gaussian(13, 6, rng=58), gaussian(13, 6, rng=59)),
        "the same cloud": (x, x.copy()),
        "opposite clouds": (x, -x),
        "clouds at right angles": correlated(24, 5, 7, [], rng=60),
        "orthonormal features": (orthogonal(24, 5, rng=61), orthogonal(24, 5, rng=62)),
        "huge entries": (1e150 * x, 1e150 * y),
        "tiny entries": (1e-150 * x, 1e-150 * y),
        "overflowing squares": (1e200 * x, 1e200 * y),
        "subnormal entries": (5e-324 * np.eye(9), 5e-324 * np.eye(9)),
        "sizes far apart": (1e-60 * x, 1e60 * y),
        "far from the origin": (x + 1e7, y - 1e7),
    }
