"""Chance levels beside the readings that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from theodolite.core import Outcome
from theodolite.numerics.chance import ChanceLevel, chance_levels
from theodolite.numerics.nulls import QUANTITIES, SMALLEST_SIDE
from theodolite.numerics.shape_chance import FIXED, SHAPE_QUANTITIES, SOFT_RANK, fixed_chance, shape_chance_level
from theodolite.numerics.tail_chance import TAIL_QUANTITIES, tail_chance_level

_KNOWN = frozenset({*QUANTITIES, *SHAPE_QUANTITIES, *TAIL_QUANTITIES, *FIXED, SOFT_RANK})
_MEASURES = frozenset(quantity.partition(".")[0] for quantity in _KNOWN)


def has_chance(measure: str) -> bool:
    """Tell whether a measure has a field with a chance level.

    Parameters
    ----------
    measure : str
        The measure's name.

    Returns
    -------
    bool
        True for those that look at the shape of a spectrum.
    """
    return measure in _MEASURES


def chance(quantity: str, value: float, shape: tuple[int, ...]) -> Mapping[str, Any]:
    """Set a value against what a Gaussian matrix of the same shape would show.

    Parameters
    ----------
    quantity : str
        ``measure.field``, made with the measure's default parameters.
    value : float
        What was read.
    shape : tuple of int
        Shape of the matrix; a pooled stack has no chance level.

    Returns
    -------
    mapping
        Columns of a reading: `chance` and `percentile`, or the outcome that the matrix is too small; `chance` alone
        where (almost) every Gaussian matrix shows the same; empty where there is no such level.
    """
    if quantity not in _KNOWN or len(shape) != 2:
        return {}
    place = (shape[0], shape[1])
    if quantity in FIXED:
        return {"chance": fixed_chance(quantity, place)}
    if min(shape) < SMALLEST_SIDE:
        return {"outcome": Outcome.TOO_SMALL_FOR_CHANCE.name, "note": f"shape {shape[0]} x {shape[1]}"}
    level = _level(quantity, place)
    return {} if level is None else {"chance": level.median, "percentile": level.percentile(value)}


def _level(quantity: str, shape: tuple[int, int]) -> ChanceLevel | None:
    if quantity in QUANTITIES:
        return chance_levels(shape)[quantity]
    return tail_chance_level(quantity, shape) if quantity in TAIL_QUANTITIES else shape_chance_level(quantity, shape)
