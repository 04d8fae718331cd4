"""What one text gives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Missing, Outcome, Refusal
from theodolite.dimension import mle, ph_dimension, two_nn
from theodolite.study.texts.settings import TextSettings
from theodolite.study.texts.tokens import Tokens

DIMENSIONS = ("ph_dimension", "two_nn", "mle")
"""What is estimated of the vectors."""

RATIOS = ("type_token_ratio", "unique_token_ratio")
"""What is counted of the text itself: different words per word, and different tokens per token."""


@dataclass(frozen=True)
class TextEstimate:
    """One number of a text.

    Attributes
    ----------
    value : float or None
        The number.
    se : float or None
        Its standard error: what other tokens would change.
    spread : float or None
        Standard deviation over the reruns: what other draws would change.
    outcome : str or None
        Why there is no number.
    detail : str
        What was seen.
    notes : tuple of str
        Doubts, by name.
    """

    value: float | None
    se: float | None = None
    spread: float | None = None
    outcome: str | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextReading:
    """What was read of one text.

    Attributes
    ----------
    genre : str
        Where it comes from.
    place : int
        Which of its genre's texts it is, from 0.
    tokens, words : int
        How many were kept.
    estimates : mapping of str to TextEstimate
        By quantity: ``"ph_dimension"``, ``"two_nn"``, ``"mle"``, ``"type_token_ratio"``, ``"unique_token_ratio"``.
    """

    genre: str
    place: int
    tokens: int
    words: int
    estimates: Mapping[str, TextEstimate]


def refused_reading(genre: str, place: int, tokens: Tokens, settings: TextSettings) -> TextReading:
    """Say that a text is too short.

    Parameters
    ----------
    genre : str
        Where it comes from.
    place : int
        Which of its genre's texts it is.
    tokens : Tokens
        What it has.
    settings : TextSettings
        How long it would have to be.

    Returns
    -------
    TextReading
        Without a number.
    """
    seen = f"{tokens.ids.size} tokens, {settings.length} needed"
    none = TextEstimate(None, outcome=Outcome.SHORT_TEXT.name, detail=seen)
    return TextReading(genre, place, tokens.ids.size, len(tokens.words), dict.fromkeys((*DIMENSIONS, *RATIOS), none))


def text_reading(genre: str, place: int, tokens: Tokens, rows: NDArray[Any], settings: TextSettings) -> TextReading:
    """Measure one text.

    Parameters
    ----------
    genre : str
        Where it comes from.
    place : int
        Which of its genre's texts it is.
    tokens : Tokens
        The text.
    rows : ndarray of shape (tokens, features)
        Vectors of its tokens.
    settings : TextSettings
        How it is measured.

    Returns
    -------
    TextReading
        Its numbers, or why there are none.
    """
    cloud = Cloud(rows)
    estimates = {
        "ph_dimension": _attempted(lambda: _of_trees(cloud, tokens, settings)),
        "two_nn": _attempted(lambda: _of_neighbours(two_nn(cloud))),
        "mle": _attempted(lambda: _of_neighbours(mle(cloud, k=settings.k))),
        "type_token_ratio": TextEstimate(tokens.type_token_ratio),
        "unique_token_ratio": TextEstimate(tokens.unique_token_ratio),
    }
    return TextReading(genre, place, tokens.ids.size, len(tokens.words), estimates)


def _attempted(measured: Callable[[], TextEstimate]) -> TextEstimate:
    try:
        return measured()
    except Refusal as refusal:
        return TextEstimate(None, outcome=refusal.outcome.name, detail=refusal.detail)


def _of_neighbours(found: Any) -> TextEstimate:
    se = found.intervals["dimension"].se
    return TextEstimate(float(found.dimension), None if se is None else float(se), notes=_notes(found))


def _of_trees(cloud: Cloud, tokens: Tokens, settings: TextSettings) -> TextEstimate:
    known = int.from_bytes(hashlib.sha256(tokens.ids.tobytes()).digest()[:8], "big")
    runs = [
        ph_dimension(
            cloud,
            alpha=settings.alpha,
            repeats=settings.repeats,
            rng=np.random.default_rng([settings.rng, known, rerun]),
        )
        for rerun in range(settings.reruns)
    ]
    inverse = float(np.mean([run.inverse for run in runs]))
    if inverse <= 0:
        without = [run.dimension for run in runs if isinstance(run.dimension, Missing)]
        raise Refusal(without[0].outcome, without[0].detail)
    dimension = 1.0 / inverse
    # The errors of the reruns are those of one text, which their mean doesn't make smaller.
    errors = [float(run.intervals["inverse"].se or 0.0) for run in runs]
    se = dimension**2 * float(np.sqrt(np.mean(np.square(errors))))
    given = [float(run.dimension) for run in runs if not isinstance(run.dimension, Missing)]
    spread = float(np.std(given, ddof=1)) if len(given) == len(runs) > 1 else None
    notes = tuple(dict.fromkeys(name for run in runs for name in _notes(run)))
    return TextEstimate(dimension, se, spread, notes=notes)


def _notes(found: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note.outcome.name for note in found.notes if note.field == "dimension"))
