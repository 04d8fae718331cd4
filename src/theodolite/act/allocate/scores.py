"""What a layer's share is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.allocate.evidence import Candidate, Evidence, all_positive
from theodolite.core import Outcome, ParameterError, Refusal
from theodolite.numerics.peak_search import peak_search

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "hill": "Hill exponent",
        "released": "exponent by the released code",
        "power_law": "power-law exponent",
        "effective_rank": "effective rank",
        "energy": "number of components that hold the energy",
    }
)
"""What each score is called in a sentence."""


def score(layer: Candidate, allocation: Allocation) -> tuple[float | None, str]:
    """Score one layer.

    Parameters
    ----------
    layer : Candidate
        The layer.
    allocation : Allocation
        What to go by.

    Returns
    -------
    value : float or None
        The mean over its packed projections; None where there is no answer.
    why : str
        The cause, where there is none.
    """
    if allocation.by == "uniform":
        return 1.0, ""
    rule = _ALPHAS[allocation.alpha or "hill"] if allocation.by == "alpha" else _RULES[allocation.by or "energy"]
    try:
        return float(np.mean([rule(part, allocation) for part in layer.parts.values()])), ""
    except Refusal as refusal:
        detail = f" ({refusal.detail})" if refusal.detail else ""
        return None, refusal.outcome.cause.rstrip(".") + detail


def name_of(allocation: Allocation) -> str:
    """Name the score of an allocation.

    Parameters
    ----------
    allocation : Allocation
        The allocation.

    Returns
    -------
    str
        A noun.
    """
    return NAMES[(allocation.alpha or "hill") if allocation.by == "alpha" else (allocation.by or "energy")]


def _hill(evidence: Evidence, allocation: Allocation) -> float:  # noqa: ARG001 - one shape for all rules
    return evidence.number("hill", "value")


def _power_law(evidence: Evidence, allocation: Allocation) -> float:  # noqa: ARG001 - one shape for all rules
    return evidence.number("power_law", "alpha")


def _released(evidence: Evidence, allocation: Allocation) -> float:  # noqa: ARG001 - one shape for all rules
    found = peak_search(all_positive(evidence))
    if found is None:
        raise Refusal(Outcome.NO_POWER_LAW)
    return found.alpha


def _effective_rank(evidence: Evidence, allocation: Allocation) -> float:  # noqa: ARG001 - one shape for all rules
    return evidence.number("effective_rank", "value")


def _energy(evidence: Evidence, allocation: Allocation) -> float:
    values = evidence.eigenvalues()
    if values is None:
        raise ParameterError(
            "the readings carry no eigenvalues; survey with 'power_law' into a folder, or plan from the checkpoint"
        )
    sums = np.cumsum(values)
    if not sums[-1] > 0:
        raise Refusal(Outcome.ALL_ZERO)
    wanted = (allocation.energy or 1.0) * sums[-1]
    return float(min(int(np.searchsorted(sums, wanted * (1 - 1e-12))) + 1, values.size))


_ALPHAS: Mapping[str, Callable[[Evidence, Allocation], float]] = MappingProxyType(
    {"hill": _hill, "released": _released, "power_law": _power_law}
)
_RULES: Mapping[str, Callable[[Evidence, Allocation], float]] = MappingProxyType(
    {"effective_rank": _effective_rank, "energy": _energy}
)
