"""What a new version gets wrong that the old got right, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from theodolite.core import Estimate, ParameterError, is_array, to_numpy
from theodolite.core.conditions import Condition, Verdict
from theodolite.generalization.proportions import paired_difference, share
from theodolite.updates.decisions import Decisions, decisions

SHARES = ("old_accuracy", "new_accuracy", "change", "negative_flips", "positive_flips", "inconsistency")
NUMBERS = ("relative_negative_flips", "score_loss", "score_gain", "p_value")


@dataclass(frozen=True, eq=False)
class FlipCounts:
    """How two versions answer the same examples.

    Attributes
    ----------
    examples, count : int
        How many examples, and how many labels with all positions.
    old_accuracy, new_accuracy : Estimate
        Shares that each gets right, with Wilson's interval.
    change : Estimate
        New less old accuracy; it equals the positive flips less the negative ones.
    negative_flips : Estimate
        Share that the old version gets right and the new one wrong (NFR).
    positive_flips : Estimate
        Share that the old version gets wrong and the new one right (PFR).
    relative_negative_flips : float or None
        The negative flips over what versions with these accuracies and independent errors would have,
        ``NFR / (old_accuracy (1 - new_accuracy))``: 1 is what chance gives. None where that is zero.
    inconsistency : Estimate or None
        Of the labels that both get wrong, the share where they give different wrong answers; None where there are none.
    score_loss, score_gain : float or None
        Mean fall and mean rise of the right class's probability; their difference is the mean change.
    p_value : float
        McNemar's exact test of equal accuracy, two-sided, from the flips alone. Positions of one example count as
        independent.
    """

    examples: int
    count: int
    old_accuracy: Estimate
    new_accuracy: Estimate
    change: Estimate
    negative_flips: Estimate
    positive_flips: Estimate
    relative_negative_flips: float | None
    inconsistency: Estimate | None
    score_loss: float | None
    score_gain: float | None
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON values.

        Returns
        -------
        dict
            Shares as value, standard error and interval.
        """
        plain: dict[str, Any] = {"examples": self.examples, "count": self.count}
        plain |= {name: _plain(getattr(self, name)) for name in SHARES}
        return plain | {name: getattr(self, name) for name in NUMBERS}


@dataclass(frozen=True, eq=False)
class UpdateCompatibility(FlipCounts):
    """How two versions answer the same examples, in all and slice by slice.

    Attributes
    ----------
    slices : mapping of str to FlipCounts
        The same of each slice. Their p-values are adjusted for their number (Holm).
    """

    slices: Mapping[str, FlipCounts] = field(default_factory=dict)

    def quantities(self) -> dict[str, Any]:
        """Give every number by the name that conditions use.

        Returns
        -------
        dict of str to float or list
            ``negative_flips`` and so on; ``slices.negative_flips`` holds one number for each slice.
        """
        found: dict[str, Any] = {name: number for name, number in _numbers(self).items() if number is not None}
        if self.slices:
            each = [_numbers(one) for one in self.slices.values()]
            found |= {f"slices.{name}": [numbers[name] for numbers in each] for name in each[0]}
        return found

    def judge(self, condition: str | Condition) -> Verdict:
        """Say whether a condition holds.

        Parameters
        ----------
        condition : str or Condition
            Such as ``"negative_flips > 1 %"`` or ``"slices.negative_flips.max > 0.05"``.

        Returns
        -------
        Verdict
            The answer with its evidence. A name that is unknown is a `ParameterError`.
        """
        read = condition if isinstance(condition, Condition) else Condition(condition)
        return read.judge(self.quantities())

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON values.

        Returns
        -------
        dict
            Those of all examples, and under ``slices`` those of each slice.
        """
        return {**super().to_dict(), "slices": {name: one.to_dict() for name, one in self.slices.items()}}


def update_compatibility(old: Any, new: Any, labels: Any = None, /, *, slices: Any = None) -> UpdateCompatibility:
    r"""Count what a new version of a classifier breaks and mends.

    Accuracy hides it: a version that is better on the whole may fail on what its users rely on. With the negative flips
    NFR, right before and wrong now, and the positive flips PFR, wrong before and right now,

    .. math:: \mathrm{acc}_{new} - \mathrm{acc}_{old} = \mathrm{PFR} - \mathrm{NFR}.

    Parameters
    ----------
    old, new : array of shape (examples,) or (examples, classes), or Answers
        Predicted classes (whole numbers), or logits or probabilities (floats), of which the largest decides; of tokens
        (examples, positions) and (examples, positions, classes); or what `answers` gave.
    labels : array of shape (examples,) or (examples, positions), optional
        The right classes, -100 where none counts; `Answers` know them.
    slices : array of shape (examples,), or mapping of str to array, optional
        A group for each example, or for each named slice which examples belong to it.

    Returns
    -------
    UpdateCompatibility
        Flips, inconsistency and intervals. Arrays that don't go together are a `ParameterError`.

    References
    ----------
    S. Yan et al., Positive-congruent training: towards regression-free model updates, CVPR 2021, arXiv:2011.09161 (the
    flips and their relative rate); J. Echterhoff et al., MUSCLE: a model update strategy for compatible LLM evolution,
    2024, arXiv:2407.09435 (inconsistency among wrong answers, graded flips).

    Examples
    --------
    >>> import numpy as np
    >>> found = update_compatibility(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    >>> found.negative_flips.value, found.positive_flips.value, found.inconsistency.value
    (0.25, 0.25, 1.0)
    """
    decided = decisions(old, new, labels)
    groups = {name: _counted(decided.of(rows)) for name, rows in _groups(slices, decided).items()}
    adjusted = _holm({name: group["p_value"] for name, group in groups.items()})
    parts = {name: FlipCounts(**{**group, "p_value": adjusted[name]}) for name, group in groups.items()}
    return UpdateCompatibility(**_counted(decided), slices=parts)


def _counted(decided: Decisions) -> dict[str, Any]:
    counted = decided.counted
    before, after = ((one == decided.labels) & counted for one in (decided.old, decided.new))
    counts = _sum(counted)
    negative, positive = _sum(before & ~after), _sum(~before & after & counted)
    wrong = ~before & ~after & counted
    accuracies = share(_sum(before), counts), share(_sum(after), counts)
    independent = float(accuracies[0]) * (1 - float(accuracies[1]))
    flips = share(negative, counts)
    fall = rise = None
    if decided.scores is not None:
        change = (decided.scores[1] - decided.scores[0])[counted]
        fall, rise = float(np.maximum(-change, 0).mean()), float(np.maximum(change, 0).mean())
    return {
        "examples": int(np.count_nonzero(counts)),
        "count": int(counts.sum()),
        "old_accuracy": accuracies[0],
        "new_accuracy": accuracies[1],
        "change": paired_difference(_sum(after), _sum(before), counts),
        "negative_flips": flips,
        "positive_flips": share(positive, counts),
        "relative_negative_flips": float(flips) / independent if independent > 0 else None,
        "inconsistency": share(_sum(wrong & (decided.old != decided.new)), _sum(wrong)) if wrong.any() else None,
        "score_loss": fall,
        "score_gain": rise,
        "p_value": _mcnemar(int(negative.sum()), int(positive.sum())),
    }


def _sum(table: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(table.sum(axis=1, dtype=np.int64))


def _mcnemar(one: int, other: int) -> float:
    if not one + other:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(one, other), one + other, 0.5)))


def _groups(slices: Any, decided: Decisions) -> dict[str, NDArray[np.bool_]]:
    examples = len(decided.labels)
    if slices is None:
        return {}
    if isinstance(slices, Mapping):
        found = {str(name): _members(given, str(name), examples) for name, given in slices.items()}
    else:
        kinds = _column(slices, "slices", examples)
        found = {str(kind): kinds == kind for kind in np.unique(kinds)}
    for name, rows in found.items():
        if not decided.counted[rows].any():
            raise ParameterError(f"slices: {name!r} has no example with a label that counts")
    return found


def _members(given: Any, name: str, examples: int) -> NDArray[np.bool_]:
    column = _column(given, f"slices: {name!r}", examples)
    if column.dtype.kind != "b":
        raise ParameterError(f"slices: {name!r} holds {column.dtype}; expected true or false for each example")
    return column


def _column(given: Any, name: str, examples: int) -> NDArray[Any]:
    column = to_numpy(given) if is_array(given) else np.asarray(given)
    if column.shape != (examples,):
        raise ParameterError(f"{name}: got shape {column.shape}; expected one entry for each of {examples} examples")
    return column


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values so that the chance of any false alarm among them stays at the level."""
    adjusted, largest = {}, 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_value))
        adjusted[name] = largest
    return adjusted


def _numbers(counts: FlipCounts) -> dict[str, float | None]:
    shares = {name: getattr(counts, name) for name in SHARES}
    found = {name: None if one is None else float(one) for name, one in shares.items()}
    return found | {name: getattr(counts, name) for name in NUMBERS} | {"count": float(counts.count)}


def _plain(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    interval = estimate.interval
    assert interval is not None  # noqa: S101 - a share always has one
    numbers = {"value": estimate.value, "se": interval.se, "low": interval.low, "high": interval.high}
    return {name: float(number) for name, number in numbers.items() if number is not None and math.isfinite(number)}
