"""The questions, each with the layers that it found and the numbers that it found them by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from theodolite.reports.answers import Answer, Question
from theodolite.reports.questions import Judgement
from theodolite.reports.summary import Summary


@dataclass(frozen=True)
class Finding:
    """What one question found in one model.

    Attributes
    ----------
    question : Question
        The question.
    flagged : tuple of (Judgement, Answer)
        Layers for which the answer is yes, with the evidence.
    decided : int
        Layers for which there is an answer.
    unanswered : tuple of (str, int)
        Why there is none for others, and for how many, the most frequent reason first.
    apart : tuple of (Judgement, Answer)
        Layers named apart for which the answer would be yes.
    """

    question: Question
    flagged: tuple[tuple[Judgement, Answer], ...]
    decided: int
    unanswered: tuple[tuple[str, int], ...]
    apart: tuple[tuple[Judgement, Answer], ...]


def findings(told: Summary) -> tuple[Finding, ...]:
    """Sort a model's judgements by question.

    Parameters
    ----------
    told : Summary
        The model's judgements.

    Returns
    -------
    tuple of Finding
        One for each question that was asked.
    """
    found = []
    for index, question in enumerate(told.questions):
        pairs = [(judgement, judgement.answers[index]) for judgement in told.counted]
        reasons = Counter(answer.reason for _, answer in pairs if answer.holds is None)
        found.append(
            Finding(
                question,
                tuple(pair for pair in pairs if pair[1].holds),
                sum(answer.holds is not None for _, answer in pairs),
                tuple(reasons.most_common()),
                tuple((one, one.answers[index]) for one in told.apart if one.answers[index].holds),
            )
        )
    return tuple(found)
