"""A survey in a few sentences: verdicts counted, and what heads the page and ends the run in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from theodolite.core.readings import Readings
from theodolite.core.rows import MODEL
from theodolite.reports.answers import Question
from theodolite.reports.layers import model_names
from theodolite.reports.questions import NO_FINDING, UNANSWERED, Judgement, asked, judge, verdicts_of

MOST_NAMED = 3
"""Layers that a sentence names before it counts the rest."""


@dataclass(frozen=True)
class Summary:
    """What the questions found in one model.

    Attributes
    ----------
    model : str
        Its name.
    judgements : tuple of Judgement
        Every measured layer, those named apart included.
    listed : int
        Tensors that were listed and not measured.
    """

    model: str
    judgements: tuple[Judgement, ...]
    listed: int = 0

    @property
    def counted(self) -> tuple[Judgement, ...]:
        """The layers that count."""
        return tuple(judgement for judgement in self.judgements if not judgement.apart)

    @property
    def apart(self) -> tuple[Judgement, ...]:
        """The layers that are named apart."""
        return tuple(judgement for judgement in self.judgements if judgement.apart)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions that were asked."""
        return asked(judgement.layer for judgement in self.judgements)

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many layers earn each verdict that they could; one with two findings counts under both."""
        counts = Counter(verdict for judgement in self.counted for verdict in judgement.verdicts)
        return {verdict: counts[verdict] for verdict in verdicts_of(self.questions)}

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return _headline(len(self.counted), self.questions, self.verdicts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence for each question that found something, then who is named apart and what wasn't measured."""
        said = []
        for question in self.questions:
            flagged = [judgement for judgement in self.counted if question.verdict in judgement.verdicts]
            if flagged:
                said.append(f"{question.verdict.capitalize()}: {named(flagged)}.")
        open_ones = [answer for judgement in self.counted for answer in judgement.answers if answer.holds is None]
        for question in self.questions:
            reasons = Counter(answer.reason for answer in open_ones if answer.question is question)
            if reasons:
                reason = reasons.most_common(1)[0][0]
                others = len(reasons) - 1
                more = f" (and {others} more {'reason' if others == 1 else 'reasons'})" if others else ""
                said.append(
                    f"“{question.asks}” can’t be answered for {_of(sum(reasons.values()), len(self.counted))}: "
                    f"{reason}{more}."
                )
        if self.apart:
            kinds = Counter(judgement.apart for judgement in self.apart)
            said.append(f"Named apart: {', '.join(f'{count} × {kind}' for kind, count in kinds.items())}.")
        if self.listed:
            said.append(f"Listed, not measured: {self.listed} {'tensor' if self.listed == 1 else 'tensors'}.")
        return tuple(said)


def summary(readings: Readings) -> tuple[Summary, ...]:
    """Sum up a survey, model by model.

    Parameters
    ----------
    readings : Readings
        What the survey gave.

    Returns
    -------
    tuple of Summary
        One for each model, in the order they were read.

    Examples
    --------
    >>> from theodolite.core import Readings, TargetRow
    >>> told = summary(Readings([TargetRow(target="m:bias", model="m", module="bias", listed_because="1-D")], []))
    >>> told[0].headline, told[0].sentences
    ('No layer could be judged.', ('Listed, not measured: 1 tensor.',))
    """
    names = model_names(readings)
    found = []
    for model in dict.fromkeys(names.values()):
        judgements = judge(readings, model)
        measured = {judgement.layer.target.target for judgement in judgements}
        listed = sum(
            names[target.target] == model and target.module != MODEL and target.target not in measured
            for target in readings.targets
        )
        found.append(Summary(model, judgements, listed))
    return tuple(found)


def offered_verdicts(told: Sequence[Summary]) -> tuple[str, ...]:
    """List the verdicts that the questions asked of some models can lead to.

    Parameters
    ----------
    told : sequence of Summary
        The models.

    Returns
    -------
    tuple of str
        In the order in which a layer with several is shown.
    """
    return verdicts_of((*asked(()), *(question for one in told for question in one.questions)))


def named(judgements: Sequence[Judgement], most: int = MOST_NAMED) -> str:
    """Name layers until it gets long.

    Parameters
    ----------
    judgements : sequence of Judgement
        The layers.
    most : int
        How many to name.

    Returns
    -------
    str
        Names with commas, and how many more there are.
    """
    names = [judgement.layer.name for judgement in judgements]
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _of(count: int, total: int) -> str:
    if count == total:
        return "the one layer" if total == 1 else f"any of the {total} layers"
    return f"{count} of {total} layers"


def _headline(total: int, questions: Sequence[Question], counts: Mapping[str, int]) -> str:
    if not total:
        return "No layer could be judged."
    clauses = [
        f"{counts[question.verdict]} {question.counted[counts[question.verdict] > 1]}"
        for question in questions
        if counts[question.verdict]
    ]
    open_ones = counts[UNANSWERED]
    layers = "1 layer" if total == 1 else f"{total} layers"
    if not clauses:
        if not open_ones:
            return f"No finding in {'the one layer' if total == 1 else f'any of the {total} layers'}."
        if open_ones == total:
            return f"No finding in {layers}, but not every question could be answered."
        return f"No finding in {total - open_ones} of {layers}; for the rest not every question could be answered."
    rest = []
    if counts[NO_FINDING]:
        rest.append(f"{counts[NO_FINDING]} {'gives' if counts[NO_FINDING] == 1 else 'give'} no finding")
    if open_ones:
        rest.append(f"{open_ones} could not be fully judged")
    return f"Of {layers}, {_listing(clauses)}{'; ' + _listing(rest) if rest else ''}."


def _listing(clauses: Sequence[str]) -> str:
    *others, last = clauses
    return f"{', '.join(others)} and {last}" if others else last
