"""The data that the measures of one kind of view are tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from theodolite.testing.moves import Arguments, Moved


@dataclass(frozen=True)
class Specimens:
    """The data that the measures of one kind of view are tested on.

    Parameters
    ----------
    samples : mapping of str to tuple of numpy.ndarray
        Well-formed arguments. A claim must hold on every sample that the measure accepts, and there must be one.
    moves : mapping of str to callable
        For each move that the view knows, a function of the arguments that gives all moved arguments with the factor
        of the move (1.0 where it has none).
    equivalents : mapping of str to callable
        Other ways to pass the same data: what they give must be equal, or refused for want of something.
    malformed : mapping of str to tuple
        Arguments that every measure must reject with its own name in the message.
    degenerate : mapping of str to tuple of numpy.ndarray
        Well-formed arguments that a measure may refuse; what it gives must be finite and within its bounds.
    alike : callable, optional
        Of the arguments, all in which each cloud stands in the place of the others too: there a field that declares
        its value `of_itself` must have it.
    """

    samples: Mapping[str, Arguments]
    moves: Mapping[str, Callable[[Arguments], Moved]]
    equivalents: Mapping[str, Callable[[Arguments], tuple[Any, ...]]] = field(default_factory=dict)
    malformed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    degenerate: Mapping[str, Arguments] = field(default_factory=dict)
    alike: Callable[[Arguments], list[Arguments]] | None = None
