"""The questions a report answers, each a rule on readings with its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from theodolite.core.readings import Readings
from theodolite.core.rows import ReadingRow
from theodolite.reports.answers import ROUNDING, Answer, Check, Question, percentile_text
from theodolite.reports.families import family_text
from theodolite.reports.layers import Layer, layers_of, number_text

CENTRAL = (1.0, 99.0)
"""Between these percentiles of chance, ends excluded, a number is unremarkable."""

OUTLIER_PERCENTILE = 1.0
"""A stable rank at or below this percentile of chance means that one direction stands out of the bulk.

Two quantities in their central 98 % and a third above its lowest 1 % are jointly the central 95 %. Measured on dense
matrices with Gaussian and with uniform entries, 64 × 64 to 512 × 2048, all three hold for 95.1 to 96.3 % of them.
"""

HEAVY_ALPHA = 2.0
"""A power law with a smaller exponent has no finite mean (as a density of eigenvalues)."""

LOW_RANK_PERCENTILE = 1.0
"""An effective rank at or below this percentile of chance is lower than chance explains (the percentile stops at 1 for
the largest shapes, so that 1 says "1 or lower")..."""

LOW_RANK_SHARE = 0.5
"""...and it has to be below this share of the number of eigenvalues to matter."""

TRAP_SHUFFLES = 20
"""Shuffles of a layer's entries that it takes at least to call something a trap..."""

TRAP_PERSISTENCE = 0.95
"""...and the share of them in which it has to stand out, as `correlation_traps` counts."""

SHOWN_STRENGTHS = 8
"""Traps whose strengths are named, the strongest first."""

SAME_TRAP = 0.15
"""Relative distance within which the place of a common mean is that of a trap: the largest eigenvalue of noise and one
direction of 64 × 64 spreads by 5 to 10 % around its place."""

SMALLEST_SIDE = 64
"""Matrices with a smaller side below this are named apart: too few eigenvalues to judge a tail."""

APART_ROLES = {"embedding": "embedding", "head": "output head"}
"""Roles whose spectra follow the vocabulary more than the training, named apart."""

NO_FINDING = "no finding"
UNANSWERED = "not judged"


def _within_chance(layer: Layer, name: str, label: str) -> Check:
    row = layer.rows.get(name)
    if row is None or row.value is None or row.percentile is None:
        return Check(name, layer.why_missing(name, "percentile"), None)
    low, high = CENTRAL
    inside = low + ROUNDING < row.percentile < high - ROUNDING
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
        none = row.percentile > OUTLIER_PERCENTILE + ROUNDING
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
    return (Check(name, says + (_poor_fit(layer) if below else "") + family_text(layer), below),)


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
    rare = row.percentile <= LOW_RANK_PERCENTILE + ROUNDING
    says = f"it {_chance_text(row)}, {'not above' if rare else 'above'} {LOW_RANK_PERCENTILE:g}"
    return (share, Check(name, says, rare))


def _trap(layer: Layer) -> tuple[Check, ...]:
    name = "correlation_traps.count"
    row = layer.rows.get(name)
    if row is None or row.value is None:
        return (Check(name, layer.why_missing(name), None),)
    asked = json.loads(row.params)
    if asked.get("convention") == "weightwatcher":
        only = "under the convention of WeightWatcher a single shuffle decides"
        return (Check(name, f"{only}, fewer than {TRAP_SHUFFLES}", None),)
    shuffles = int(asked.get("shuffles", 0))
    if shuffles < TRAP_SHUFFLES:
        made = f"{shuffles or 'an unknown number of'} {'shuffle' if shuffles == 1 else 'shuffles'}"
        return (Check(name, f"traps were looked for in {made}; the rule asks for {TRAP_SHUFFLES}", None),)
    count = int(row.value)
    found = f"{count or 'no'} {'eigenvalues stand' if count > 1 else 'eigenvalue stands'} out of the bulk"
    persistent = f"in at least {100 * TRAP_PERSISTENCE:g} % of {shuffles} shuffles"
    return (Check(name, f"{found} {persistent}{_strong(layer)}{_made_by(layer, count) if count else ''}", count > 0),)


def _strong(layer: Layer) -> str:
    """Say how strong the traps are, all of them where that is known."""
    known = [number_text(strength) for strength in layer.strengths[:SHOWN_STRENGTHS]]
    if len(known) > 1:
        more = len(layer.strengths) - len(known)
        listed = f"{', '.join(known)}, …" if more else f"{', '.join(known[:-1])} and {known[-1]}"
        return f"; they lie at {listed} × its edge (medians)"
    strength = layer.value("correlation_traps.strength")
    return "" if strength is None else f"; the largest lies at {number_text(strength)} × its edge (median)"


def _made_by(layer: Layer, count: int) -> str:
    """Tell a common mean from single entries, where the readings do."""
    mean, strength = layer.value("correlation_traps.mean"), layer.value("correlation_traps.strength")
    if mean is None:
        return ""
    if mean <= 1.0:
        made = "a single entry makes it" if count == 1 else "single entries make them"
        return f"; the mean of the weights is too small to show, so that {made}"
    says = f"; the mean of all weights alone would lie at {number_text(mean)} × it"
    seen = layer.strengths or (() if strength is None else (strength,))
    same = any(abs(mean / one - 1.0) < SAME_TRAP for one in seen)
    return says + (f", which is {'this one' if count == 1 else 'one of them'}" if same else "")


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

TRAP = Question(
    "trap",
    "Which layers hold traps?",
    "trap",
    ("holds a trap", "hold traps"),
    f"After all entries were put into random order, at least one eigenvalue still stands out of the random bulk: in at "
    f"least {100 * TRAP_PERSISTENCE:g} % of at least {TRAP_SHUFFLES} seeded shuffles.",
    "No order takes apart what makes it: single entries that grew so large that each is a direction of its own, or a "
    "mean that all weights have in common. An entry may be a feature, such as an outlier channel; as an accident it "
    "comes from a learning rate that was too high, or from overfitting. A mean comes from weights mostly of one sign.",
    _trap,
    needs="correlation_traps",
)

QUESTIONS = (LOOKS_UNTRAINED, HEAVIER_THAN_2, LOW_RANK, TRAP)
"""Every question; those that need a certain measure are asked only of models in which it was read."""

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
        One for each question that was asked of its model, in their order.
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


def asked(layers: Iterable[Layer]) -> tuple[Question, ...]:
    """Choose the questions that are asked of a model.

    Parameters
    ----------
    layers : iterable of Layer
        Its layers.

    Returns
    -------
    tuple of Question
        Those that need no certain measure, and those whose measure was read in one layer at least.
    """
    read = {row.measure for layer in layers for row in layer.rows.values()}
    return tuple(question for question in QUESTIONS if not question.needs or question.needs in read)


def verdicts_of(questions: Iterable[Question]) -> tuple[str, ...]:
    """List the verdicts that some questions can lead to.

    Parameters
    ----------
    questions : iterable of Question
        The questions that were asked.

    Returns
    -------
    tuple of str
        In the order of `VERDICTS`.
    """
    possible = {question.verdict for question in questions}
    return tuple(verdict for verdict in VERDICTS if verdict in possible or verdict in (NO_FINDING, UNANSWERED))


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
    by_model: dict[tuple[str, str], list[Layer]] = {}
    for layer in layers:
        by_model.setdefault(_model(layer), []).append(layer)
    questions = {model: asked(of) for model, of in by_model.items()}
    return tuple(
        Judgement(layer, tuple(ask(layer) for ask in questions[_model(layer)]), apart_because(layer))
        for layer in layers
    )


def _model(layer: Layer) -> tuple[str, str]:
    return layer.target.model, layer.target.convention
