"""How a plan is tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from theodolite.core import ParameterError


@dataclass(frozen=True)
class TrialSettings:
    """How the two adapters of a trial are trained; both in the same way.

    Parameters
    ----------
    steps : int
        Steps of AdamW.
    seeds : int
        How many times, each with its own split, order and start; at least 3.
    batch_size : int
        Examples a step.
    learning_rate : float
        Its peak; it falls to 0 along a cosine.
    hold_out : float
        Share of the examples that is held out.
    scaling : float
        ``lora_alpha`` over the rank.
    prefix : str
        What stands before the plan's names in the model.

    Raises
    ------
    ParameterError
        If a value doesn't fit.
    """

    steps: int = 200
    seeds: int = 5
    batch_size: int = 32
    learning_rate: float = 1e-3
    hold_out: float = 0.25
    scaling: float = 1.0
    prefix: str = ""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("seeds", 3), ("batch_size", 1)):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int) or given < least:
                raise ParameterError(f"{name} is {given!r}; it must be a whole number of at least {least}")
        if not (_is_number(self.learning_rate) and self.learning_rate > 0):
            raise ParameterError(f"learning_rate is {self.learning_rate!r}; it must be a number above 0")
        if not (_is_number(self.hold_out) and 0 < self.hold_out < 1):
            raise ParameterError(f"hold_out is {self.hold_out!r}; it must be a share above 0 and below 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
