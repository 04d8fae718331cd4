"""The questions a report answers, each a rule on readings with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from theodolite.core.readings import Readings
from theodolite.core.rows import ReadingRow
from theodolite.reports.layers import Layer, layers_of, number_text

CENTRAL = (1.0, 99.0)
"""Between these percentiles of chance, ends excluded, a number is unremarkable."""

OUTLIER_PERCENTILE = 1.0
"""A stable rank at or below this percentile of chance means that one direction stands out of the bulk.

Two quantities in their central 98 % and a third above its lowest 1 % are jointly the central 95 %. Measured on dense
matrices with Gaussian and with uniform entries, 64 × 64 to 512 × 2048, all three hold for 95.1 to 96.3 % of them.
"""

RESOLUTION = 0.5
"""Chance levels are known down to this percentile and stop there, so that 0.5 says "0.5 or lower"."""

HEAVY_ALPHA = 2.0
"""A power law with a smaller exponent has no finite mean (as a density of eigenvalues)."""

LOW_RANK_PERCENTILE = 1.0
"""An effective rank at or below this percentile of chance is lower than chance explains (the percentile stops at 1 for
the largest shapes, so that 1 says "1 or lower")..."""

LOW_RANK_SHARE = 0.5
"""...and it has to be below this share of the number of eigenvalues to matter."""

SMALLEST_SIDE = 64
"""Matrices with a smaller side below this are named apart: too few eigenvalues to judge a tail."""

APART_ROLES = {"embedding": "embedding", "head": "output head"}
"""Roles whose spectra follow the vocabulary more than the training, named apart."""

NO_FINDING = "no finding"
UNANSWERED = "not judged"


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
    """

    key: str
    asks: str
    verdict: str
    counted: tuple[str, str]
    rule: str
    reads: str
    checks: Callable[[Layer], tuple[Check, ...]]

    def __call__(self, layer: Layer) -> Answer:
        """Put the question to a layer."""
        return Answer(self, self.checks(layer))


_ROUNDING = 1e-9  # the outermost percentile comes back from a normal quantile and its inverse


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
    if percentile <= RESOLUTION + _ROUNDING:
        return f"≤ {percentile:.1f}"
    if percentile >= 100 - RESOLUTION - _ROUNDING:
        return f"≥ {percentile:.1f}"
    return f"{percentile:.1f}" if not 10 <= percentile <= 90 else f"{percentile:.0f}"


def _within_chance(layer: Layer, name: str, label: str) -> Check:
    row = layer.rows.get(name)
    if row is None or row.value is None or row.percentile is None:
        return Check(name, layer.why_missing(name, "percentile"), None)
    low, high = CENTRAL
    inside = low + _ROUNDING < row.percentile < high - _ROUNDING
    bounds = "" if inside else f", outside {low:g} to {high:g}"
    return Check(name, f"{label} {number_text(row.value)} {_chance_text(row)}{bounds}", inside)


def _chance_text(row: ReadingRow) -> str:
    median = "" if row.chance is None else f" (median {number_text(row.chance)})"
    return f"is at percentile {percentile_text(row.percentile)} of chance{median}"


def _untrained(layer: Layer) -> tuple[Check, ...]:
    row = layer.rows.get("stable_rank")
    if row is None or row.value is None or row.percentile is None:
        outlier = Check("stable_rank", layer.why_missing("stable_rank", "percentile"), None)
    else:
        none = row.percentile > OUTLIER_PERCENTILE + _ROUNDING
        says = f"{'no outlier' if none else 'an outlier'}: stable rank {number_text(row.value)} {_chance_text(row)}"
        outlier = Check("stable_rank", says, none)
    return (
        _within_chance(layer, "power_law.alpha", "alpha"),
        _within_chance(layer, "power_law.distance", "distance"),
        outlier,
    )


def _heavy(layer: Layer) -> tuple[Check, ...]:
    name = "power_law.alpha"
    row = layer.rows.get(name)
    if row is None or row.value is None or row.high is None:
        return (Check(name, layer.why_missing(name, "high"), None),)
    level = "" if row.level is None else f"{100 * row.level:.3g} % "
    low = "" if row.low is None else f"{number_text(row.low)} to "
    ends = f"{level}interval {low}{number_text(row.high)}"
    below = row.high < HEAVY_ALPHA
    where = "ends below" if below else "doesn’t end below"
    says = f"alpha {number_text(row.value)}, {ends}, {where} {HEAVY_ALPHA:g}"
    return (Check(name, says + (_poor_fit(layer) if below else ""), below),)


def _poor_fit(layer: Layer) -> str:
    """Warn where the exponent of a law that doesn't fit makes a verdict."""
    row = layer.rows.get("power_law.distance")
    if row is None or row.value is None or row.percentile is None or row.percentile < CENTRAL[1]:
        return ""
    return f"; the fit is poor, its distance {number_text(row.value)} {_chance_text(row)}"


def _low_rank(layer: Layer) -> tuple[Check, ...]:
    name = "effective_rank"
    row = layer.rows.get(name)
    if row is None or row.value is None:
        return (Check(name, layer.why_missing(name), None),)
    side = layer.eigenvalue_count
    small = row.value < LOW_RANK_SHARE * side
    share = Check(
        name,
        f"effective rank {number_text(row.value)} is {100 * row.value / side:.0f} % of {side}, "
        f"{'below' if small else 'not below'} {100 * LOW_RANK_SHARE:g} %",
        small,
    )
    if row.percentile is None:
        return (share, Check(name, layer.why_missing(name, "percentile"), None))
    rare = row.percentile <= LOW_RANK_PERCENTILE + _ROUNDING
    says = f"it {_chance_text(row)}, {'not above' if rare else 'above'} {LOW_RANK_PERCENTILE:g}"
    return (share, Check(name, says, rare))


LOOKS_UNTRAINED = Question(
    "untrained",
    "Which layers look untrained?",
    "looks untrained",
    ("looks untrained", "look untrained"),
    f"The exponent alpha and the distance of its fit both lie between percentiles {CENTRAL[0]:g} and {CENTRAL[1]:g} of "
    "what Gaussian matrices of the same shape show, and no direction stands out: the stable rank is above percentile "
    f"{OUTLIER_PERCENTILE:g}. Jointly that is the central 95 % of chance.",
    "Nothing in the spectrum tells this layer from random numbers: it may be freshly initialised, frozen, or have "
    "learned too little to show. The spectrum alone can’t say which.",
    _untrained,
)

HEAVIER_THAN_2 = Question(
    "heavy",
    f"Which tails are heavier than {HEAVY_ALPHA:g}?",
    f"heavier than {HEAVY_ALPHA:g}",
    (f"has a tail heavier than {HEAVY_ALPHA:g}", f"have tails heavier than {HEAVY_ALPHA:g}"),
    f"The upper end of alpha’s interval is below {HEAVY_ALPHA:g}.",
    "A few directions dominate the layer. Such tails have been read as a sign of over-training; check first for "
    "outlier rows or columns, and for a learning rate that spiked.",
    _heavy,
)

LOW_RANK = Question(
    "low_rank",
    "Which layers are low rank?",
    "low rank",
    ("is low rank", "are low rank"),
    f"The effective rank is not above percentile {LOW_RANK_PERCENTILE:g} of chance, and below "
    f"{100 * LOW_RANK_SHARE:g} % of the number of eigenvalues.",
    "Much of the layer’s size is redundant: it is a candidate for factorisation or pruning.",
    _low_rank,
)

QUESTIONS = (LOOKS_UNTRAINED, HEAVIER_THAN_2, LOW_RANK)

VERDICTS = (*(question.verdict for question in QUESTIONS), NO_FINDING, UNANSWERED)
"""Every verdict, in the order in which a layer with several is shown."""


@dataclass(frozen=True)
class Judgement:
    """What all questions found in one layer.

    Attributes
    ----------
    layer : Layer
        The layer.
    answers : tuple of Answer
        One for each question, in their order.
    apart : str
        Why the layer is named apart and not counted; empty for the others.
    """

    layer: Layer
    answers: tuple[Answer, ...]
    apart: str = ""

    @cached_property
    def findings(self) -> tuple[Answer, ...]:
        """The answers that are yes."""
        return tuple(answer for answer in self.answers if answer.holds)

    @property
    def verdict(self) -> str:
        """The first finding; `NO_FINDING` where all answers are no; `UNANSWERED` where one is undecided."""
        if self.findings:
            return self.findings[0].question.verdict
        return UNANSWERED if any(answer.holds is None for answer in self.answers) else NO_FINDING

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Every verdict that the layer earns, at least one."""
        return tuple(answer.question.verdict for answer in self.findings) or (self.verdict,)


def apart_because(layer: Layer) -> str:
    """Say why a layer is not counted among the layers.

    Parameters
    ----------
    layer : Layer
        A layer.

    Returns
    -------
    str
        A few words, or an empty string.
    """
    if layer.target.role in APART_ROLES:
        return APART_ROLES[layer.target.role]
    if layer.smaller_side < SMALLEST_SIDE:
        return f"smaller side below {SMALLEST_SIDE}"
    return ""


def judge(readings: Readings | Iterable[Layer], model: str | None = None) -> tuple[Judgement, ...]:
    """Put every question to every layer.

    Parameters
    ----------
    readings : Readings or iterable of Layer
        What a survey gave.
    model : str, optional
        Keep this model alone.

    Returns
    -------
    tuple of Judgement
        In the order of the layers.

    Examples
    --------
    >>> from theodolite.core import Readings
    >>> judge(Readings([], []))
    ()
    """
    layers = layers_of(readings, model) if isinstance(readings, Readings) else tuple(readings)
    return tuple(Judgement(layer, tuple(ask(layer) for ask in QUESTIONS), apart_because(layer)) for layer in layers)
