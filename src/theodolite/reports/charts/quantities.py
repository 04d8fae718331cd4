"""What a chart of layers can show: which reading, on what scale, in which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from theodolite.reports.layers import Layer


@dataclass(frozen=True)
class Quantity:
    """A reading as a chart's axis.

    Attributes
    ----------
    name : str
        Name of the reading.
    title : str
        What the axis is called.
    scale : {"log", "linear"}
        Kind of axis.
    format, ticks : str
        Of its numbers and of the marks on its axis, as d3 writes them.
    share : bool
        Shown as a share of the number of eigenvalues, so that layers of different size compare.
    strong_low : bool
        Low values are shown as much.
    """

    name: str
    title: str
    scale: Literal["log", "linear"] = "linear"
    format: str = ".2f"
    ticks: str = "~g"
    share: bool = False
    strong_low: bool = False

    @property
    def key(self) -> str:
        """Its name as an identifier."""
        return self.name.replace(".", "_") + ("_share" if self.share else "")

    def of(self, layer: Layer, number: float | None) -> float | None:
        """Bring a number of the reading to this axis.

        Parameters
        ----------
        layer : Layer
            The layer that it belongs to.
        number : float or None
            The reading's value, an end of its interval or its chance level.

        Returns
        -------
        float or None
            The number, as a share where the axis shows shares.
        """
        if number is None or not self.share:
            return number
        return number / layer.eigenvalue_count if layer.eigenvalue_count else None


QUANTITIES = (
    Quantity("power_law.alpha", "exponent alpha of the tail", "log", ".1f", "~g", strong_low=True),
    Quantity("power_law.distance", "distance of the tail’s fit", "linear", ".2f"),
    Quantity("effective_rank", "effective rank / n", "linear", ".0%", "~%", share=True),
    Quantity("stable_rank", "stable rank / n", "log", ".1%", "~%", share=True),
    Quantity("marchenko_pastur.spikes", "spikes beyond the random bulk", "linear", ".0f"),
    Quantity("marchenko_pastur.soft_rank", "soft rank", "log", ".2f", strong_low=True),
    Quantity("correlation_traps.strength", "largest after shuffling / edge of the bulk", "log", ".2f"),
    Quantity("hill", "Hill’s exponent", "log", ".1f", "~g", strong_low=True),
    Quantity("spectral_norm", "spectral norm", "log", ".2~s", "~s"),
    Quantity("frobenius_norm", "Frobenius norm", "log", ".2~s", "~s"),
    Quantity("log_spectral_norm", "log₁₀ largest eigenvalue", "linear", ".2f"),
    Quantity("log_norm", "log₁₀ sum of eigenvalues", "linear", ".2f"),
    Quantity("alpha_hat", "alpha-hat", "linear", ".2f"),
    Quantity("spectral_entropy", "spectral entropy", "linear", ".2f"),
)


def quantities_of(layers: Iterable[Layer]) -> tuple[Quantity, ...]:
    """List the quantities that at least one layer has.

    Parameters
    ----------
    layers : iterable of Layer
        The layers.

    Returns
    -------
    tuple of Quantity
        In the order in which they are offered.
    """
    known = {name for layer in layers for name, row in layer.rows.items() if row.value is not None}
    return tuple(quantity for quantity in QUANTITIES if quantity.name in known)
