"""What measures of the feature maps of two layers are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

from theodolite.core.feature_maps import FeatureMapPair
from theodolite.testing import moves
from theodolite.testing.moves import Arguments, Host, Moved
from theodolite.testing.specimens import Specimens


def map_specimens() -> Specimens:
    """Return what measures of the feature maps of two layers are tested on.

    Returns
    -------
    Specimens
        Maps that share channels at displaced positions, of equal and of different numbers of channels.
    """
    return Specimens(
        samples=_samples(),
        moves={
            "scale": moves.scaled,
            "separate_scale": moves.separately_scaled,
            "translation": moves.translated,
            "rotation": moves.rotated,
            "permutation": moves.permuted,
            "linear": moves.mapped,
            "order": moves.reordered,
            "shift": _shifted,
            "exchange": moves.exchanged,
        },
        equivalents={
            "as a view": lambda arguments: (FeatureMapPair(*arguments),),
            "in Fortran order": lambda arguments: tuple(np.asfortranarray(array) for array in arguments),
            "as strided slices": lambda arguments: tuple(np.repeat(array, 2, axis=3)[..., ::2] for array in arguments),
        },
        malformed=_malformed(),
        degenerate=_degenerate(),
        alike=moves.alike,
    )


def _maps(*shape: int, rng: int) -> Host:
    """Draw smooth images, which have a place, as those of a convolution do."""
    white = np.random.default_rng(rng).standard_normal(shape)
    return white + np.roll(white, 1, axis=1) + np.roll(white, 1, axis=2)


def _samples() -> dict[str, Arguments]:
    def pair(height: int, width: int, channels: tuple[int, int], rng: int) -> Arguments:
        x = _maps(7, height, width, channels[0], rng=rng) + 0.5
        mixing = np.random.default_rng(rng + 1).standard_normal(channels)
        y = np.roll(x, (1, -1), axis=(1, 2)) @ mixing + 0.7 * _maps(7, height, width, channels[1], rng=rng + 2)
        return x, 0.4 * y - 1.0

    return {
        "equal channels": pair(5, 4, (3, 3), 70),
        "different channels": pair(4, 6, (4, 2), 75),
        "more channels than images": pair(3, 3, (9, 8), 80),
    }


def _shifted(arguments: Arguments) -> Moved:
    steps = ((1, 0), (2, -1), (0, 3))
    return [
        (tuple(np.roll(maps, steps[(place + turn) % 3], axis=(1, 2)) for place, maps in enumerate(arguments)), 1.0)
        for turn in range(2)
    ]


def _malformed() -> dict[str, tuple[Any, ...]]:
    sound = _maps(5, 4, 4, 3, rng=85)
    spoiled = sound.copy()
    spoiled[2, 1, 1, 0] = np.nan
    return {
        "NaN": (spoiled, sound),
        "infinity": (np.where(np.isnan(spoiled), np.inf, spoiled), sound),
        "NaN in the second layer": (sound, spoiled),
        "no images": (sound[:0], sound[:0]),
        "no channels": (sound[..., :0], sound),
        "two dimensions": (sound[:, 0, 0], sound[:, 0, 0]),
        "three dimensions": (sound[0], sound[0]),
        "images that differ in number": (sound, sound[:4]),
        "heights that differ": (sound, sound[:, :3]),
        "a list": ([[[[1.0]]]], sound),
        "integers": (np.ones(sound.shape, dtype=int), sound),
        "None": (None, sound),
        "nothing": (),
        "one layer alone": (sound,),
        "three layers": (sound, sound, sound),
    }


def _degenerate() -> dict[str, Arguments]:
    x, y = _maps(6, 4, 4, 3, rng=86), _maps(6, 4, 4, 3, rng=87)
    dead = x.copy()
    dead[..., 1] = 0.1
    return {
        "one position": (x[:, :1, :1], y[:, :1, :1]),
        "one image": (x[:1], y[:1]),
        "one channel": (x[..., :1], y[..., :1]),
        "one number": (x[:1, :1, :1, :1], y[:1, :1, :1, :1]),
        "constant first layer": (np.full(x.shape, 0.1), y),
        "constant layers": (np.full(x.shape, 0.1), np.full(x.shape, 0.3)),
        "dead channel": (dead, y),
        "the same image everywhere": (np.repeat(x[:1], 6, axis=0), y),
        "the same value at every position": (np.repeat(x[:, :1, :1], 16, axis=1).reshape(6, 4, 4, 3), y),
        "opposite layers": (x, -x),
        "huge entries": (1e150 * x, 1e150 * y),
        "tiny entries": (1e-150 * x, 1e-150 * y),
        "sizes far apart": (1e-60 * x, 1e60 * y),
    }
