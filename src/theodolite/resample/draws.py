"""Chance by drawing: where a number stands among those of data without structure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Chance, Measure, Note, Outcome, View
from theodolite.resample.bootstrap import ANSWERED
from theodolite.resample.wrapped import Case, Evidence, Found

_SAME = 1e-9  # what a null leaves alone comes back rounded


@dataclass(frozen=True)
class NullDraws(Evidence):
    """Draw from a null.

    Parameters
    ----------
    null : str
        Which.
    draws : int
        How many.
    """

    null: str
    draws: int

    def check(self, measure: Measure[..., Any]) -> None:
        """Every measure has a null.

        Parameters
        ----------
        measure : Measure
            The measure.
        """

    def gathered(self, case: Case, rng: np.random.Generator) -> Found:
        """Measure draws from the null.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream to draw from.

        Returns
        -------
        Found
            Median, percentile and p-value of each field, or a note why there are none.
        """
        values = case.values
        obstacle = self.obstacle(case)
        if obstacle:
            return Found({}, {}, tuple(Note(Outcome.NO_NULL, obstacle, field=name) for name in values))
        drawn = case.of_draws(self.drawn(case, rng), rng)
        chances, notes = {}, []
        for name, value in values.items():
            sample = drawn[name][np.isfinite(drawn[name])]
            if sample.size < ANSWERED * self.draws:
                detail = f"no value on {self.draws - sample.size} of {self.draws} draws"
                notes.append(Note(Outcome.NO_NULL, detail, field=name))
                continue
            percentile, p_value = standing(value, sample)
            chances[name] = Chance(case.beside(name, float(np.median(sample))), percentile, p_value)
        return Found({}, chances, tuple(notes))

    @abstractmethod
    def obstacle(self, case: Case) -> str:
        """Say why nothing can be drawn; empty where it can."""

    @abstractmethod
    def drawn(self, case: Case, rng: np.random.Generator) -> Iterable[View]:
        """Draw as often as asked."""


def standing(value: float, sample: NDArray[np.float64]) -> tuple[float, float]:
    """Place a number among draws.

    Parameters
    ----------
    value : float
        The number.
    sample : ndarray, shape (n,)
        The draws.

    Returns
    -------
    percentile, p_value : float
        As `with_null` says.
    """
    equal = np.abs(sample - value) <= _SAME * np.maximum(np.abs(sample), abs(value))
    below = int(np.sum((sample < value) & ~equal))
    ties = int(np.sum(equal))
    above = sample.size - below - ties
    percentile = 100.0 * (below + 0.5 * ties + 0.5) / (sample.size + 1)
    return percentile, min(1.0, 2.0 * (min(below, above) + ties + 1) / (sample.size + 1))
