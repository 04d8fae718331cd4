"""How texts are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theodolite.core import ParameterError
from theodolite.core.parameters import check_count, check_options


@dataclass(frozen=True)
class TextSettings:
    """How texts are measured.

    Parameters
    ----------
    length : int
        To how many tokens every text is cut; shorter ones are refused.
    alpha : float
        As for `ph_dimension`.
    repeats : int
        As for `ph_dimension`: with 160 tokens, 4 parts of the smallest size for each.
    reruns : int
        How often `ph_dimension` draws its parts anew; its slope is the mean of these.
    k : int
        As for `mle`.
    rng : int
        Where drawing starts. Beside it, only the text itself decides what is drawn for it.
    batch_size : int
        How many texts run through the model together.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have.
    """

    length: int = 160
    alpha: float = 1.0
    repeats: int = 10
    reruns: int = 3
    k: int = 20
    rng: int = 0
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name, least in {"length": 40, "repeats": 1, "reruns": 1, "k": 4, "rng": 0, "batch_size": 1}.items():
            check_count(name, getattr(self, name), least)
        if not self.alpha > 0:
            raise ParameterError(f"alpha is {self.alpha!r}; it must be above 0")
        if self.k >= self.length:
            raise ParameterError(f"k is {self.k}, and a text of {self.length} tokens has fewer neighbours; lower k")

    @classmethod
    def of(cls, **options: Any) -> TextSettings:
        """Make the description, with an answer for a misspelt option.

        Parameters
        ----------
        **options
            Fields.

        Returns
        -------
        TextSettings
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        """  # noqa: DOC502 - raised by what is called
        check_options(cls, options, "measuring texts")
        return cls(**options)
