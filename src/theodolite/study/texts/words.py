"""The dimensions of texts in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from theodolite.study.texts.estimates import DIMENSIONS, RATIOS

if TYPE_CHECKING:
    from theodolite.study.texts.result import GenreComparison, TextDimensions

_NAMES = {
    "ph_dimension": "PHD",
    "two_nn": "TwoNN",
    "mle": "MLE",
    "type_token_ratio": "the share of different words",
    "unique_token_ratio": "the share of different tokens",
}


def sentences(found: TextDimensions) -> Iterator[str]:
    """Say what the dimensions of texts show.

    Parameters
    ----------
    found : TextDimensions
        The readings.

    Yields
    ------
    str
        A sentence.
    """
    short = sum(all(one.value is None for one in text.estimates.values()) for text in found.texts)
    counted = _counted(len(found.texts) - short, "text")
    yield f"{counted}, {found.settings.length} tokens of each, vectors of {found.layer}."
    if short:
        yield f"{_counted(short, 'text')} left out: shorter than {_counted(found.settings.length, 'token')}."
    known = {(one.first, one.second, one.quantity): one for one in found.comparisons}
    for first, second in combinations(found.genres, 2):
        told = {name: known[first, second, name] for name in (*DIMENSIONS, *RATIOS) if (first, second, name) in known}
        yield from _pair(first, second, told)


def _pair(first: str, second: str, told: dict[str, GenreComparison]) -> Iterator[str]:
    apart = {name: one for name, one in told.items() if _apart(one)}
    dimensions = [apart[name] for name in DIMENSIONS if name in apart]
    ratios = [apart[name] for name in RATIOS if name in apart]
    if not told:
        yield f"{first} and {second}: too few texts to compare; two of each are needed."
        return
    if not dimensions:
        yield f"{first} and {second}: no dimension tells them apart."
        return
    above = [_named(one) for one in dimensions if one.auc > 0.5]
    below = [_named(one) for one in dimensions if one.auc < 0.5]
    if above:
        yield f"{first} above {second} by {', '.join(above)}."
    if below:
        yield f"{first} below {second} by {', '.join(below)}."
    level = [_NAMES[name] for name in DIMENSIONS if name in told and name not in apart]
    if level:
        yield f"Not told apart by {', '.join(level)}."
    if above and below:
        yield "These estimates contradict each other: the order of the genres depends on the choice among them."
    yield from _repetition(dimensions, ratios, told)


def _repetition(
    dimensions: list[GenreComparison], ratios: list[GenreComparison], told: dict[str, GenreComparison]
) -> Iterator[str]:
    beside = " and ".join(f"{_NAMES[name]} {_number(told[name].auc)}" for name in RATIOS if name in told)
    explained: dict[tuple[GenreComparison, bool], list[str]] = {}
    unexplained = []
    for one in dimensions:
        same = [each for each in ratios if (each.auc > 0.5) == (one.auc > 0.5)]
        if not same:
            unexplained.append(_NAMES[one.quantity])
            continue
        best = max(same, key=lambda each: abs(each.auc - 0.5))
        as_far = round(abs(best.auc - 0.5), 2) >= round(abs(one.auc - 0.5), 2)
        explained.setdefault((best, as_far), []).append(_NAMES[one.quantity])
    for (best, as_far), names in explained.items():
        weight, part = ("as well as", "alone may make") if as_far else ("too, if less than", "may make part of")
        yield (
            f"{_upper(_NAMES[best.quantity])} tells them apart the same way (AUC {_number(best.auc)}), "
            f"{weight} {_listed(names)}: repetition {part} that difference."
        )
    if unexplained:
        yield f"Repetition doesn't show the difference by {_listed(unexplained)}: AUC of {beside}."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _apart(one: GenreComparison) -> bool:
    return not one.low <= 0.5 <= one.high


def _named(one: GenreComparison) -> str:
    return f"{_NAMES[one.quantity]} (AUC {_number(one.auc)}, {_number(one.low)} to {_number(one.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
