"""How gradients are read: a frozen description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from theodolite.core import ParameterError, closest
from theodolite.core.parameters import check_count, check_options

Null = Literal["targets", "none"]


@dataclass(frozen=True)
class GradientSettings:
    """How gradients are read.

    Parameters
    ----------
    null : {"targets", "none"}
        What stands beside every number: ``"targets"``, the same number where the targets of all examples are dealt out
        anew, every example keeping its inputs, its length and the positions that count; ``"none"``, nothing.
    draws : int
        How many times they are dealt out.
    examples : int, optional
        How many examples are looked at, the first ones; all where none is given.
    batch_size : int
        How many examples run together, where data are given whole. The numbers are of one example each all the same.
    seed : int
        Where the dealing starts.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have.

    Examples
    --------
    >>> GradientSettings(draws=3).passes
    4
    """

    null: Null = "targets"
    draws: int = 1
    examples: int | None = None
    batch_size: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.null not in get_args(Null):
            raise ParameterError(f"null is {self.null!r}; {closest(str(self.null), get_args(Null))}")
        for name, least in {"draws": 1, "examples": 1, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if value is None and name == "examples":
                continue
            check_count(name, value, least)

    @classmethod
    def of(cls, **options: Any) -> GradientSettings:
        """Make the description, with an answer for a misspelt option.

        Parameters
        ----------
        **options
            Fields.

        Returns
        -------
        GradientSettings
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        """  # noqa: DOC502 - raised by what is called
        check_options(cls, options, "gradients")
        return cls(**options)

    @property
    def passes(self) -> int:
        """How many times the data go through the model."""
        return 1 + (self.draws if self.null == "targets" else 0)
