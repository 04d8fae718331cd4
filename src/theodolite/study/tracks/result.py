"""What became of the metrics through a training."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.core.rows import MODEL
from theodolite.study.tracks.steps import StepsAre

if TYPE_CHECKING:
    import pandas as pd

CENTRAL = (1.0, 99.0)
"""Between these percentiles of chance, ends excluded, a number is unremarkable; the report's questions ask the same."""

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Curve:
    """One field of one matrix, or of the whole model, through the training.

    Attributes
    ----------
    target : TargetRow
        The matrix at the first step that has it; of the whole model, its `module` is ``*``.
    measure, field, params : str
        What was read, and with which parameters.
    rows : tuple of ReadingRow or None
        What was read at each step; None where the checkpoint has no such reading.
    """

    target: TargetRow
    measure: str
    field: str
    params: str
    rows: tuple[ReadingRow | None, ...]

    @property
    def name(self) -> str:
        """Name of the module, with the part of a packed tensor."""
        return self.target.module + (f"#{self.target.part}" if self.target.part else "")

    @property
    def metric(self) -> str:
        """``"measure.field"``, or the measure's name alone for a scalar measure."""
        return self.measure if self.field == "value" else f"{self.measure}.{self.field}"

    @property
    def whole_model(self) -> bool:
        """Whether it speaks of the whole model."""
        return self.target.module == MODEL

    @property
    def values(self) -> tuple[float | None, ...]:
        """The value at each step; None where there is none."""
        return tuple(None if row is None else row.value for row in self.rows)

    @property
    def change(self) -> float | None:
        """Last minus first; None where one of the two is missing."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None else last - first

    @property
    def relative_change(self) -> float | None:
        """The change over the larger of the two sizes: at most 1 for numbers of one sign, however small one of them."""
        first, last = self.values[0], self.values[-1]
        if first is None or last is None:
            return None
        scale = max(abs(first), abs(last))
        return 0.0 if scale == 0 else (last / scale) - (first / scale)

    @property
    def beyond(self) -> str:
        """What the change from first to last is beyond.

        ``"interval"``: the two intervals are apart. ``"chance"``: without intervals, one of the two numbers is within
        the central 98 % of chance and the other outside. ``"neither"`` where that can be said and is not so, and an
        empty string where there are neither intervals nor chance levels.
        """
        first, last = self.rows[0], self.rows[-1]
        if first is None or last is None or first.value is None or last.value is None:
            return ""
        ends = (first.low, first.high, last.low, last.high)
        if None not in ends:
            low, high, low_last, high_last = (float(end) for end in ends if end is not None)
            return "interval" if high < low_last or high_last < low else "neither"
        if first.percentile is None or last.percentile is None:
            return ""
        return "chance" if _central(first.percentile) != _central(last.percentile) else "neither"

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            What it is, and a list for each column with one entry a step.
        """
        columns = ("value", "low", "high", "chance", "percentile")
        return {
            "name": self.name,
            "role": self.target.role,
            "block": self.target.block,
            "metric": self.metric,
            "params": json.loads(self.params),
            "change": self.change,
            "beyond": self.beyond,
            **{column: [None if row is None else getattr(row, column) for row in self.rows] for column in columns},
            "outcome": [None if row is None else row.outcome or None for row in self.rows],
        }


def _central(percentile: float) -> bool:
    return CENTRAL[0] + _ROUNDING < percentile < CENTRAL[1] - _ROUNDING


@dataclass(frozen=True, eq=False)
class Track:
    """One model through its training.

    Attributes
    ----------
    names : tuple of str
        The checkpoints, in the order of their steps.
    steps : tuple of float
        Their steps.
    steps_are : {"given", "trainer_state.json", "names", "positions"}
        Where the steps come from; positions are counted from 0.
    readings : tuple of Readings
        What was read of each.
    curves : tuple of Curve
        Every field of every matrix, then those of the whole model.
    computed, reused : tuple of int
        For checkpoints that were surveyed for this: matrices of each that something was computed of, and those that
        stored readings answered alone. Empty for readings that were there.
    """

    names: tuple[str, ...]
    steps: tuple[float, ...]
    steps_are: StepsAre
    readings: tuple[Readings, ...]
    curves: tuple[Curve, ...]
    computed: tuple[int, ...] = ()
    reused: tuple[int, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics of matrices."""
        return tuple(dict.fromkeys(curve.metric for curve in self.curves if not curve.whole_model))

    @cached_property
    def layers(self) -> dict[str, tuple[TargetRow | None, ...]]:
        """The matrix at each step by its name; None where a checkpoint lacks it."""
        found: dict[str, list[TargetRow | None]] = {}
        for position, readings in enumerate(self.readings):
            measured = {row.target for row in readings.rows}
            for target in readings.targets:
                if target.module != MODEL and target.target in measured:
                    name = target.module + (f"#{target.part}" if target.part else "")
                    found.setdefault(name, [None] * len(self.names))[position] = target
        return {name: tuple(rows) for name, rows in found.items()}

    @property
    def missing(self) -> dict[str, tuple[float, ...]]:
        """Matrices that not every checkpoint has, with the steps that lack them."""
        return {
            name: tuple(step for step, row in zip(self.steps, rows, strict=True) if row is None)
            for name, rows in self.layers.items()
            if None in rows
        }

    def curve(self, metric: str, name: str = MODEL) -> Curve:
        """Choose a curve.

        Parameters
        ----------
        metric : str
            ``"power_law.alpha"``; of the whole model ``"power_law.alpha.mean"``.
        name : str
            Name of the matrix; the whole model where it is not given.

        Returns
        -------
        Curve
            The first of this name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for curve in self.curves:
            if curve.metric == metric and curve.name == name:
                return curve
        raise KeyError(f"there is no curve of {metric!r} for {name!r}")

    def untrained(self, position: int) -> dict[str, bool]:
        """Say which matrices look untrained at one of the checkpoints.

        Parameters
        ----------
        position : int
            Which checkpoint, in the order of the steps; -1 is the last.

        Returns
        -------
        dict of str to bool
            By name, for the matrices of which all three numbers were read with their chance levels: the exponent and
            the distance of its fit between percentiles 1 and 99 of chance, and the stable rank above 1.
        """
        rules = {"power_law.alpha": _central, "power_law.distance": _central, "stable_rank": _no_outlier}
        held: dict[str, dict[str, bool]] = {}
        for curve in self.curves:
            row = curve.rows[position]
            if curve.metric in rules and row is not None and row.value is not None and row.percentile is not None:
                held.setdefault(curve.name, {})[curve.metric] = rules[curve.metric](row.percentile)
        return {name: all(found.values()) for name, found in held.items() if len(found) == len(rules)}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each step, matrix and field; those of the whole model have the module ``*``."""
        import pandas as pd

        columns = ("value", "se", "low", "high", "chance", "percentile", "outcome", "params")
        rows = [
            {
                "step": step,
                "checkpoint": name,
                "module": curve.target.module,
                "part": curve.target.part,
                "role": curve.target.role,
                "block": curve.target.block,
                "measure": curve.measure,
                "field": curve.field,
                **{column: getattr(row, column) for column in columns},
            }
            for curve in self.curves
            for step, name, row in zip(self.steps, self.names, curve.rows, strict=True)
            if row is not None
        ]
        frame = pd.DataFrame(rows)
        if rows:
            frame["block"] = frame["block"].astype("Int64")
            numbers = list(columns[:6])
            frame[numbers] = frame[numbers].astype(float)
        return frame

    def explain(self) -> str:
        """Say what was followed, what moved most, and which layers stopped looking untrained.

        Returns
        -------
        str
            Sentences, one a line.
        """
        from theodolite.study.tracks.words import sentences

        return "\n".join(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            Steps, what is said of them, and every curve.
        """
        return {
            "checkpoints": [*self.names],
            "steps": [*self.steps],
            "steps_are": self.steps_are,
            "computed": [*self.computed],
            "reused": [*self.reused],
            "explanation": self.explain().splitlines(),
            "missing": {name: [*steps] for name, steps in self.missing.items()},
            "curves": [curve.to_dict() for curve in self.curves],
        }


def _no_outlier(percentile: float) -> bool:
    return percentile > CENTRAL[0] + _ROUNDING


def moved_most(curves: Sequence[Curve]) -> list[Curve]:
    """Sort the curves that moved beyond their intervals or chance by how far they moved, relatively.

    Parameters
    ----------
    curves : sequence of Curve
        The curves.

    Returns
    -------
    list of Curve
        Those of matrices that moved, the furthest first.
    """
    moved = [curve for curve in curves if not curve.whole_model and curve.beyond in ("interval", "chance")]
    return sorted(moved, key=lambda curve: -math.fabs(curve.relative_change or 0.0))
