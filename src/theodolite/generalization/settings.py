"""How the metrics are taken: a frozen description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from theodolite.core import ParameterError, closest
from theodolite.core.parameters import check_count, check_options

Convention = Literal["theodolite", "authors"]
Displaced = Literal["accuracy", "loss"]

_DISPLACEMENT: Mapping[str, float] = {"accuracy": 0.1, "loss": 0.5}
_COUNTS = {"samples": 1, "draws": 1, "batch_size": 1, "seed": 0}


@dataclass(frozen=True)
class MetricSettings:
    """How the 28 metrics are taken.

    Parameters
    ----------
    samples : int, optional
        The number m of training samples, which enters the bounds and the adjustment; where none is given, the number
        of samples in the data, and 1 (no adjustment) without data.
    convention : {"theodolite", "authors"}
        ``"theodolite"``: the definitions. ``"authors"``: as the released code computes them, where it differs.
    displaced : {"accuracy", "loss"}, optional
        What noise on the weights is to displace; by default the loss where targets are sequences, else the accuracy.
    displacement : float, optional
        How far: by default 0.1 of accuracy, or 0.5 nats of loss.
    draws : int
        How many draws of noise are averaged.
    batch_size : int
        How many samples go through the network at once, where data are given whole.
    seed : int
        Where the noise starts.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have.

    Examples
    --------
    >>> MetricSettings(displaced="loss").amount("loss")
    0.5
    """

    samples: int | None = None
    convention: Convention = "theodolite"
    displaced: Displaced | None = None
    displacement: float | None = None
    draws: int = 10
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.convention not in get_args(Convention):
            raise ParameterError(
                f"convention is {self.convention!r}; {closest(str(self.convention), get_args(Convention))}"
            )
        if self.displaced is not None and self.displaced not in get_args(Displaced):
            raise ParameterError(f"displaced is {self.displaced!r}; it must be 'accuracy' or 'loss'")
        if self.displacement is not None and not 0 < self.displacement < float("inf"):
            raise ParameterError(f"displacement is {self.displacement!r}; it must be above 0, as 0.1")
        for name, least in _COUNTS.items():
            value = getattr(self, name)
            if value is None and name == "samples":
                continue
            check_count(name, value, least)

    @classmethod
    def of(cls, **options: Any) -> MetricSettings:
        """Make the description, with an answer for a misspelt option.

        Parameters
        ----------
        **options
            Fields.

        Returns
        -------
        MetricSettings
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        """  # noqa: DOC502 - raised by what is called
        check_options(cls, options, "generalization_metrics")
        return cls(**options)

    def amount(self, displaced: Displaced) -> float:
        """Say how far noise is to displace the network.

        Parameters
        ----------
        displaced : {"accuracy", "loss"}
            What is displaced.

        Returns
        -------
        float
            The distance.
        """
        return _DISPLACEMENT[displaced] if self.displacement is None else self.displacement
