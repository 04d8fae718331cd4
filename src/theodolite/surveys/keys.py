"""What makes a stored reading valid, and the random stream that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from theodolite.core import canonical_json, digest
from theodolite.core.parameters import complete, takes_rng
from theodolite.core.traits import Traits
from theodolite.surveys.chance import has_chance
from theodolite.surveys.requests import Request
from theodolite.surveys.spec import Survey


@dataclass(frozen=True)
class Question:
    """A request with everything that doesn't depend on the target, worked out once for a whole survey.

    Parameters
    ----------
    request : Request
        The measure as it was asked for.
    parameters : mapping
        Every parameter with its value.
    convention : str
        The survey's convention.
    seed : int
        The survey's seed.
    chance : bool
        Whether values are set against chance levels.
    labels : str
        Digest of the labels that the measure is given beside its view; empty where there are none.
    """

    request: Request
    parameters: Mapping[str, Any]
    convention: str
    seed: int
    chance: bool
    labels: str = ""

    @classmethod
    def of(cls, request: Request, survey: Survey) -> Question:
        """Work out what a survey asks of a measure.

        Parameters
        ----------
        request : Request
            One of the survey's measures.
        survey : Survey
            The survey.

        Returns
        -------
        Question
            The request, completed.
        """
        parameters = request.completed(survey.convention)
        usual = survey.convention == "theodolite" and parameters == complete(request.measure, {})
        known = request.measure.traits.chance is not None or (usual and has_chance(request.name))
        chance = survey.chance and known
        return cls(request, parameters, survey.convention, survey.seed, chance)

    @cached_property
    def traits(self) -> Traits:
        """What the measure declares about itself."""
        return self.request.measure.traits

    @cached_property
    def random(self) -> bool:
        """Whether the measure makes random choices."""
        return takes_rng(self.request.measure)

    @cached_property
    def params(self) -> str:
        """The parameters as canonical JSON, the settings of wrappers under the wrappers' names, and which labels."""
        labels = {"labels": self.labels} if self.labels else {}
        return canonical_json({**self.parameters, **labels, **self.request.evidence})

    def key(self, content: str, look: str, *, against: str = "", chance: bool | None = None) -> str:
        """Hash everything that a reading depends on.

        Parameters
        ----------
        content : str
            The target's fingerprint.
        look : str
            How it was made a matrix: the view, and the shape that came of it.
        against : str
            Fingerprint of what it is compared with.
        chance : bool, optional
            Whether chance levels stand beside the values; as this question says where it is not given.

        Returns
        -------
        str
            SHA-256 in hexadecimal.
        """
        beside = self.chance if chance is None else chance
        parts = (content, look, self.convention, self.request.name, str(self.traits.version), self.params)
        return digest(*parts, str(self.seed), against, *(["chance"] if beside else []))

    def answered(self, key: str, content: str, look: str, known: frozenset[str], *, against: str = "") -> bool:
        """Tell whether a stored reading answers the question.

        Parameters
        ----------
        key : str
            What `key` gave.
        content, look : str
            As for `key`.
        known : frozenset of str
            Keys of the readings that there are.
        against : str
            As for `key`.

        Returns
        -------
        bool
            True also where the stored reading has a chance level that isn't asked for.
        """
        return bool(known) and (key in known or self.key(content, look, against=against, chance=True) in known)

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}


def stream(seed: int, content: str) -> int:
    """Give the random stream of everything that is read of one target, whatever the order in which it is read.

    Measures that shuffle the same entries share their shuffles, so that each is decomposed once.

    Parameters
    ----------
    seed : int
        The survey's seed.
    content : str
        Hash of the target's content and of how it was made a matrix, in hexadecimal.

    Returns
    -------
    int
        What the measure gets as `rng`.
    """
    return int(np.random.SeedSequence([seed, int(content, 16)]).generate_state(1, np.uint64)[0])
