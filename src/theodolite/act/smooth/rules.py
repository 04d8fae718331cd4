"""The rules: how many components of a matrix stay, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from theodolite.act.smooth.evidence import Evidence
from theodolite.act.smooth.smoothing import Smoothing
from theodolite.core import Outcome, ParameterError, Refusal


@dataclass(frozen=True)
class Choice:
    """What a rule decides.

    Attributes
    ----------
    rank : int
        How many components stay, at least 1.
    energy : float or None
        Their share of the sum of squared singular values; None where that is not known.
    reason : str
        Why, as a clause.
    """

    rank: int
    energy: float | None
    reason: str


def choose(evidence: Evidence, smoothing: Smoothing) -> Choice:
    """Decide how many components of a matrix stay.

    Where a rule has no answer the matrix stays as it is: a failed measurement is no reason to erase anything.

    Parameters
    ----------
    evidence : Evidence
        What is known of the matrix.
    smoothing : Smoothing
        The rule.

    Returns
    -------
    Choice
        The decision.
    """
    side = evidence.side
    try:
        rank, reason = _RULES[smoothing.by](evidence, smoothing)
        energy = _energy_within(evidence, rank, smoothing) if rank < side else 1.0
    except Refusal as refusal:
        detail = f" ({refusal.detail})" if refusal.detail else ""
        return Choice(side, 1.0, refusal.outcome.cause.rstrip(".") + detail)
    return Choice(min(rank, side), energy, reason)


def _energy_within(evidence: Evidence, rank: int, smoothing: Smoothing) -> float | None:
    values = evidence.eigenvalues(balanced=smoothing.balances)
    if values is None:
        return None
    total = float(values.sum())
    if not total > 0:
        raise Refusal(Outcome.ALL_ZERO)
    return min(1.0, float(values[:rank].sum()) / total)


def _trace_log(evidence: Evidence, smoothing: Smoothing) -> tuple[int, str]:  # noqa: ARG001 - one shape for all rules
    rank = max(1, int(evidence.number("trace_log_rank", "rank")))
    return rank, "the product of that many largest eigenvalues, in units of their mean, is the first below 1"


def _spikes(evidence: Evidence, smoothing: Smoothing) -> tuple[int, str]:  # noqa: ARG001 - one shape for all rules
    rank = int(evidence.number("marchenko_pastur", "spikes"))
    if rank == 0:
        return evidence.side, "nothing stands out from the random bulk, and keeping nothing would erase the layer"
    return rank, f"{rank} stand{'s' if rank == 1 else ''} out from the random bulk"


def _energy(evidence: Evidence, smoothing: Smoothing) -> tuple[int, str]:
    values, share = evidence.eigenvalues(), smoothing.energy or 1.0
    if values is None:
        raise ParameterError(
            "the readings carry no eigenvalues; survey with 'power_law' into a folder, or plan from the checkpoint"
        )
    sums = np.cumsum(values)
    if not sums[-1] > 0:
        raise Refusal(Outcome.ALL_ZERO)
    rank = min(int(np.searchsorted(sums, share * sums[-1])) + 1, values.size)
    return rank, f"fewer hold less than {share:.6g} of the energy"


def _rank(evidence: Evidence, smoothing: Smoothing) -> tuple[int, str]:
    asked = smoothing.rank or 1
    rank = int(asked) if asked >= 1 else max(1, round(asked * evidence.side))
    return rank, f"a rank of {asked:g} was asked for" if asked >= 1 else f"{asked:g} of the shorter side was asked for"


def _none(evidence: Evidence, smoothing: Smoothing) -> tuple[int, str]:  # noqa: ARG001 - one shape for all rules
    return evidence.side, "only traps are removed"


_RULES: Mapping[str, Callable[[Evidence, Smoothing], tuple[int, str]]] = MappingProxyType(
    {"trace_log": _trace_log, "spikes": _spikes, "energy": _energy, "rank": _rank, "none": _none}
)
