"""What the loss of networks says of the dimension of their data."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["holds", "fails", "undecided", "not measured"]


@dataclass(frozen=True)
class Ranged:
    """A number with its interval.

    Attributes
    ----------
    value : float
        The number.
    se : float
        Its standard error; 0 where it was given as known.
    low, high : float
        Ends of the interval; `high` is infinite where nothing bounds it.
    """

    value: float
    se: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerBound:
    """Whether a layer has no more dimensions than the data.

    Attributes
    ----------
    name : str
        Of the layer.
    dimension : float or None
        Of what the layer gives; None where it was not measured.
    excess : Ranged or None
        By how much that is more than the dimension of the data.
    verdict : {"holds", "fails", "undecided", "not measured"}
        ``"holds"`` where the excess is below zero with all its interval, ``"fails"`` where it is above.
    """

    name: str
    dimension: float | None
    excess: Ranged | None
    verdict: Verdict


@dataclass(frozen=True)
class ScalingLaw:
    r"""The power of the number of rows by which a loss falls, beside the one that the dimension promises.

    Attributes
    ----------
    exponent : Ranged
        The a of :math:`L \propto N^{-a}`.
    promised : Ranged
        :math:`1 / d`, of the data's dimension d.
    excess : Ranged
        By how much the loss falls faster than promised.
    verdict : {"holds", "fails", "undecided"}
        Whether it falls at least as fast: ``"holds"`` where all of the excess' interval is above zero, ``"fails"``
        where it is below. A law with the promised exponent itself is ``"undecided"``.
    constant : float
        The c of :math:`L = c K_F N^{-a}`; without the label sharpness, of :math:`L = c N^{-a}`.
    curvature_p : float or None
        How often points of a power law bend as much by chance; None where there are fewer than four sizes.
    level : float
        Level of all intervals.
    layers : tuple of LayerBound
        Of each layer that was given.
    """

    exponent: Ranged
    promised: Ranged
    excess: Ranged
    verdict: Verdict
    constant: float
    curvature_p: float | None
    level: float
    layers: tuple[LayerBound, ...] = ()

    def explain(self) -> str:
        """Say what was found.

        Returns
        -------
        str
            A sentence a line.
        """
        share = f"{self.level:.0%}"
        said = [
            f"The loss falls as N^-{_told(self.exponent)} ({share}); the dimension promises {_told(self.promised)}.",
            f"That it falls at least so fast {_WORDS[self.verdict]}: {_told(self.excess, sign='+')} more.",
        ]
        if self.curvature_p is not None and self.curvature_p < 1 - self.level:
            said.append(f"The points bend (p = {self.curvature_p:.2g}): one power does not describe them.")
        for one in self.layers:
            beside = "" if one.excess is None else f": {_told(one.excess, sign='+')} dimensions beyond the data's"
            said.append(f"{one.name}: that it has no more dimensions than the data {_WORDS[one.verdict]}{beside}.")
        return "\n".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            By attribute; an end that is infinite is None.
        """
        promised = dataclasses.asdict(self.promised)
        if math.isinf(self.promised.high):
            promised["high"] = None
        layers = [dataclasses.asdict(one) for one in self.layers]
        return dataclasses.asdict(self) | {"promised": promised, "layers": layers}


_WORDS = {
    "holds": "holds",
    "fails": "does not hold",
    "undecided": "is not decided",
    "not measured": "was not measured",
}


def _told(one: Ranged, sign: str = "") -> str:
    return f"{one.value:{sign}.3g} ({one.low:{sign}.3g} to {one.high:{sign}.3g})"
