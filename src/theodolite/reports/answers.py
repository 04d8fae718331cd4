"""What a question is, and what an answer with its evidence: the words that every rule is written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from theodolite.reports.layers import Layer

RESOLUTION = 0.5
"""Chance levels are known down to this percentile and stop there, so that 0.5 says "0.5 or lower"."""

ROUNDING = 1e-9
"""How far a percentile may be off: the outermost comes back from a normal quantile and its inverse."""


@dataclass(frozen=True)
class Check:
    """One comparison that a rule makes.

    Attributes
    ----------
    reading : str
        Name of the reading it looks at.
    says : str
        What was seen and what it was compared with.
    holds : bool or None
        None where the number it needs is missing; `says` is then the reason.
    """

    reading: str
    says: str
    holds: bool | None


@dataclass(frozen=True)
class Answer:
    """What one question found in one layer.

    Attributes
    ----------
    question : Question
        The question.
    checks : tuple of Check
        The rule's comparisons; all have to hold.
    """

    question: Question
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool | None:
        """True: the verdict stands. False: one comparison fails. None: undecided, since a number is missing."""
        if any(check.holds is False for check in self.checks):
            return False
        return None if any(check.holds is None for check in self.checks) else True

    @property
    def reason(self) -> str:
        """Why it is undecided; empty where it is decided."""
        return next((check.says for check in self.checks if check.holds is None), "") if self.holds is None else ""


@dataclass(frozen=True)
class Question:
    """A question that is put to every layer.

    Attributes
    ----------
    key : str
        Short name.
    asks : str
        The question in words.
    verdict : str
        What a layer is called where the answer is yes.
    counted : tuple of (str, str)
        What one layer does, and what several do, where the answer is yes.
    rule : str
        The rule in words, with its constants.
    reads : str
        What a yes may mean, and what it doesn't.
    checks : callable
        The rule: a layer to its comparisons.
    needs : str
        Measure without which the question is not put to a model; empty where it is put to all.
    """

    key: str
    asks: str
    verdict: str
    counted: tuple[str, str]
    rule: str
    reads: str
    checks: Callable[[Layer], tuple[Check, ...]]
    needs: str = ""

    def __call__(self, layer: Layer) -> Answer:
        """Put the question to a layer."""
        return Answer(self, self.checks(layer))


def percentile_text(percentile: float | None) -> str:
    """Write a percentile of chance, with a sign where it stands for all beyond.

    Parameters
    ----------
    percentile : float or None
        From 0 to 100; None gives a dash.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> percentile_text(42.3), percentile_text(0.5), percentile_text(99.5), percentile_text(1.21)
    ('42', '≤ 0.5', '≥ 99.5', '1.2')
    """
    if percentile is None:
        return "–"
    if percentile <= RESOLUTION + ROUNDING:
        return f"≤ {percentile:.1f}"
    if percentile >= 100 - RESOLUTION - ROUNDING:
        return f"≥ {percentile:.1f}"
    return f"{percentile:.1f}" if not 10 <= percentile <= 90 else f"{percentile:.0f}"
