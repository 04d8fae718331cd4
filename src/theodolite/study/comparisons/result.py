"""What a comparison of two checkpoints found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from theodolite.core import Readings, TargetRow
from theodolite.core.conditions import Condition, Verdict
from theodolite.delta import IntruderDimensions, SubspaceOverlap, WeightChange
from theodolite.surveys.matching import Matching
from theodolite.surveys.pairs import PairSettings, State

if TYPE_CHECKING:
    import pandas as pd

PAIR_QUANTITIES = (
    "relative_change",
    "relative_spectral_change",
    "delta_rank",
    "delta_stable_rank",
    "delta_effective_rank",
    "overlap.left",
    "overlap.right",
    "intruders",
    "intruders.left",
    "intruders.right",
    "intruder_energy",
)
"""Numbers about a matrix before and after; `intruders` and `intruder_energy` are those of the left side."""

_PARAMETERS = re.compile(r"\[.*\]")


@dataclass(frozen=True)
class Shift:
    """One metric of one matrix before and after.

    Attributes
    ----------
    before, after : float or None
        The two values; None where there is none.
    chance : float or None
        Median under the null of a matrix of this shape.
    percentile_before, percentile_after : float or None
        Percentiles under that null.
    """

    before: float | None
    after: float | None
    chance: float | None = None
    percentile_before: float | None = None
    percentile_after: float | None = None

    @property
    def shift(self) -> float | None:
        """After minus before."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Tensor:
    """A tensor that is not measured, or could not be compared: a bias, a gain, a matrix of another shape.

    Attributes
    ----------
    before, after : str
        Its names.
    state : {"changed", "identical", "not compared"}
        What can be said of its content.
    note : str
        Why it was not measured.
    """

    before: str
    after: str
    state: State
    note: str


@dataclass(frozen=True, eq=False)
class LayerComparison:
    """One matrix before and after.

    Attributes
    ----------
    before, after : TargetRow
        The two.
    state : {"changed", "identical", "not compared"}
        Whether they hold the same numbers, and whether they could be compared.
    note : str
        Why there is no number.
    change : WeightChange or None
        The difference; None where they are identical.
    overlap : SubspaceOverlap or None
        Of the leading singular subspaces.
    intruders : mapping of str to IntruderDimensions
        By side: ``"left"`` and ``"right"``.
    shifts : mapping of str to Shift
        By metric: ``"power_law.alpha"``; ``"hill[k=20]"`` where the measure was asked for with other parameters first.
    """

    before: TargetRow
    after: TargetRow
    state: State
    note: str = ""
    change: WeightChange | None = None
    overlap: SubspaceOverlap | None = None
    intruders: Mapping[str, IntruderDimensions] = field(default_factory=dict)
    shifts: Mapping[str, Shift] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the module after, with the part of a packed tensor."""
        return self.after.module + (f"#{self.after.part}" if self.after.part else "")

    def quantities(self) -> dict[str, float | None]:
        """Give every number about the pair.

        Returns
        -------
        dict of str to float or None
            By the names of `PAIR_QUANTITIES`. An identical matrix has changed by 0 and has no intruders.
        """
        none: dict[str, float | None] = dict.fromkeys(PAIR_QUANTITIES)
        if self.state == "identical":
            zero = ("relative_change", "relative_spectral_change", "delta_rank")
            one = ("overlap.left", "overlap.right")
            rest = ("intruders", "intruders.left", "intruders.right", "intruder_energy")
            return none | dict.fromkeys((*zero, *rest), 0.0) | dict.fromkeys(one, 1.0)
        found = none
        if self.change is not None:
            found["relative_change"] = self.change.relative
            found["relative_spectral_change"] = self.change.relative_spectral
            found["delta_rank"] = float(self.change.rank)
            found["delta_stable_rank"] = self.change.stable_rank
            found["delta_effective_rank"] = self.change.effective_rank
        if self.overlap is not None:
            found["overlap.left"], found["overlap.right"] = self.overlap.left, self.overlap.right
        for side, intruders in self.intruders.items():
            found[f"intruders.{side}"] = float(intruders.count)
        if "left" in self.intruders:
            found["intruders"] = found["intruders.left"]
            found["intruder_energy"] = self.intruders["left"].energy
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            What it is, its quantities, its intruders, and the shifts of its metrics.
        """
        shifts = {
            name: {
                "before": one.before,
                "after": one.after,
                "shift": one.shift,
                "chance": one.chance,
                "percentile_before": one.percentile_before,
                "percentile_after": one.percentile_after,
            }
            for name, one in self.shifts.items()
        }
        chance = {} if self.overlap is None else {"left": self.overlap.left_chance, "right": self.overlap.right_chance}
        return {
            "name": self.name,
            "before": self.before.target,
            "after": self.after.target,
            "role": self.after.role,
            "block": self.after.block,
            "shape": [*self.after.shape],
            "dtypes": [self.before.dtype, self.after.dtype],
            "state": self.state,
            "note": self.note,
            **self.quantities(),
            "overlap_chance": chance,
            "intruder_dimensions": {side: found.to_dict() for side, found in self.intruders.items()},
            "shifts": shifts,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two checkpoints side by side.

    Attributes
    ----------
    before, after : str
        Names of the two models.
    settings : PairSettings
        How pairs were measured.
    matching : Matching
        Which tensors belong together.
    layers : tuple of LayerComparison
        Matrices, in the order of the model after.
    others : tuple of Tensor
        Tensors that are not measured, or could not be compared.
    readings : Readings
        Everything that was read of both, and of the pairs (`against` names the matrix before).
    adapter : bool
        Whether the model after is the one before with an adapter.
    """

    before: str
    after: str
    settings: PairSettings
    matching: Matching
    layers: tuple[LayerComparison, ...]
    others: tuple[Tensor, ...]
    readings: Readings
    adapter: bool = False

    def state(self, state: State) -> tuple[LayerComparison, ...]:
        """Choose the matrices of one state.

        Parameters
        ----------
        state : {"changed", "identical", "not compared"}
            Which.

        Returns
        -------
        tuple of LayerComparison
            In their order.
        """
        return tuple(layer for layer in self.layers if layer.state == state)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a matrix: what it is, the quantities of the pair, and for each metric before, after and shift."""
        import pandas as pd

        rows = []
        for layer in self.layers:
            row: dict[str, Any] = {"name": layer.name, "role": layer.after.role, "block": layer.after.block}
            row |= {"state": layer.state, **layer.quantities()}
            for name, one in layer.shifts.items():
                row |= {f"{name}.before": one.before, f"{name}.after": one.after, f"{name}.shift": one.shift}
                if one.chance is not None:
                    row[f"{name}.chance"] = one.chance
            rows.append(row)
        frame = pd.DataFrame(rows)
        if rows:
            frame["block"] = frame["block"].astype("Int64")
        return frame

    def values(self) -> dict[str, float | Sequence[float | None]]:
        """Give the numbers that a condition may speak of.

        Returns
        -------
        dict
            ``matrices``, ``changed``, ``identical``, ``not_compared`` and ``unmatched`` (one number each; the
            last two count tensors that are not measured, too); the quantities of pairs, and ``METRIC.before``,
            ``METRIC.after`` and ``METRIC.shift``, with one number a layer. A metric may be
            called by its field alone (``alpha``) where only one has that field.
        """
        lost = sum(one.state == "not compared" for one in self.others)
        unmatched = len(self.matching.only_before) + len(self.matching.only_after)
        found: dict[str, float | Sequence[float | None]] = {
            "matrices": float(len(self.layers)),
            "changed": float(len(self.state("changed"))),
            "identical": float(len(self.state("identical"))),
            "not_compared": float(len(self.state("not compared")) + lost),
            "unmatched": float(unmatched),
        }
        quantities = [layer.quantities() for layer in self.layers]
        found |= {name: [one[name] for one in quantities] for name in PAIR_QUANTITIES}
        names = dict.fromkeys(name for layer in self.layers for name in layer.shifts)
        fields = {name: _PARAMETERS.sub("", name).rpartition(".")[2] for name in names}
        counts = Counter(fields.values())
        for name, short in fields.items():
            called = {name, short} if counts[short] == 1 else {name}
            shifts = [layer.shifts.get(name, Shift(None, None)) for layer in self.layers]
            for each in called:
                for part in ("before", "after", "shift"):
                    found[f"{each}.{part}"] = [getattr(one, part) for one in shifts]
        return found

    def judge(self, condition: str | Condition) -> Verdict:
        """Say whether a condition holds.

        Parameters
        ----------
        condition : str or Condition
            For example ``"intruders > 0 or relative_change.max > 5 %"``; `values` has the names. One that can't be
            read or answered is a `ParameterError`.

        Returns
        -------
        Verdict
            The answer with its evidence.
        """
        asked = condition if isinstance(condition, Condition) else Condition(condition)
        return asked.judge(self.values())

    def headline(self) -> str:
        """Say in a sentence how much changed.

        Returns
        -------
        str
            The sentence.
        """
        from theodolite.study.comparisons.words import headline

        return headline(self)

    def explain(self) -> str:
        """Say what changed most, what is identical, and whether there are intruders.

        Returns
        -------
        str
            Sentences, one a line.
        """
        from theodolite.study.comparisons.words import sentences

        return "\n".join(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            What was compared and how, what is said of it, and every matrix.
        """
        return {
            "before": self.before,
            "after": self.after,
            "adapter": self.adapter,
            "settings": self.settings.to_dict(),
            "explanation": self.explain().splitlines(),
            "counts": {name: value for name, value in self.values().items() if isinstance(value, float)},
            "matching": self.matching.to_dict(),
            "layers": [layer.to_dict() for layer in self.layers],
            "others": [
                {"before": one.before, "after": one.after, "state": one.state, "note": one.note} for one in self.others
            ],
        }
