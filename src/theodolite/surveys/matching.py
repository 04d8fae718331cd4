"""Which tensor of one checkpoint is which of another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theodolite.core import ParameterError, closest
from theodolite.sources import Weight

_MOST_LISTED = 8


@dataclass(frozen=True)
class Match:
    """Two tensors that are the same one before and after.

    Attributes
    ----------
    before, after : str
        Their names.
    by : str
        How they were matched: empty for equal names, else the renaming, ``"OLD=NEW"``.
    """

    before: str
    after: str
    by: str = ""


@dataclass(frozen=True)
class Matching:
    """How the tensors of two checkpoints belong together.

    Attributes
    ----------
    matches : tuple of Match
        In the order of the second checkpoint.
    only_before, only_after : tuple of str
        Tensors without a partner.
    """

    matches: tuple[Match, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def renamed(self) -> tuple[Match, ...]:
        """Those whose names differ."""
        return tuple(match for match in self.matches if match.by)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        pairs = [{"before": m.before, "after": m.after, "by": m.by} for m in self.matches]
        return {"matches": pairs, "only_before": [*self.only_before], "only_after": [*self.only_after]}


def matched(
    before: Mapping[str, Weight], after: Mapping[str, Weight], renames: Mapping[str, str] | None = None
) -> Matching:
    """Match tensors by name.

    Parameters
    ----------
    before, after : mapping of str to Weight
        Two checkpoints.
    renames : mapping of str to str, optional
        From names before to names after; each ``*`` of a new name stands for what the ``*`` in the same place of the
        old one stands for. A renaming goes before equal names.

    Returns
    -------
    Matching
        What belongs together, and what has no partner.

    Raises
    ------
    ParameterError
        If a renaming fits no tensor, leads to none or to one twice, or nothing at all belongs together.
    """
    partner: dict[str, Match] = {}
    taken: set[str] = set()
    for old, new in (renames or {}).items():
        for name, target in _renamed(old, new, before, after):
            if name in taken or target in partner:
                raise ParameterError(f"map: {old}={new} matches {name!r} and {target!r}, of which one has its partner")
            partner[target] = Match(name, target, f"{old}={new}")
            taken.add(name)
    for name in after:
        if name not in partner and name in before and name not in taken:
            partner[name] = Match(name, name)
            taken.add(name)
    if not partner:
        raise ParameterError(f"no tensor has the same name in both checkpoints; {_hint([*before], [*after])}")
    return Matching(
        tuple(partner[name] for name in after if name in partner),
        tuple(name for name in before if name not in taken),
        tuple(name for name in after if name not in partner),
    )


def _renamed(old: str, new: str, before: Iterable[str], after: Mapping[str, Weight]) -> list[tuple[str, str]]:
    if old.count("*") != new.count("*"):
        raise ParameterError(f"map: {old}={new} has {old.count('*')} and {new.count('*')} signs *; give as many")
    pattern = re.compile("(.*)".join(map(re.escape, old.split("*"))))
    fitting = [found for name in before if (found := pattern.fullmatch(name)) is not None]
    if not fitting:
        raise ParameterError(f"map: no tensor before is named {old!r}; {_near(old, before)}")
    pieces = new.split("*")
    pairs = []
    for found in fitting:
        target = pieces[0] + "".join(part + piece for part, piece in zip(found.groups(), pieces[1:], strict=True))
        if target in after:
            pairs.append((found.string, target))
    if not pairs:
        raise ParameterError(f"map: {old}={new} leads to no tensor after; {_near(new, after)}")
    return pairs


def _near(word: str, names: Iterable[str]) -> str:
    known = list(names)
    near = closest(word, known)
    return near if near.startswith("did you mean") or len(known) <= _MOST_LISTED else "theodolite inspect lists them"


def _hint(before: Sequence[str], after: Sequence[str]) -> str:
    """Guess a prefix that one of the two has and the other lacks."""
    ends = set(before)
    for name in after:
        short = next((name[i + 1 :] for i, sign in enumerate(name) if sign == "." and name[i + 1 :] in ends), None)
        if short is not None:
            return f"try the renaming '*={name.removesuffix(short)}*'"
    ends = set(after)
    for name in before:
        short = next((name[i + 1 :] for i, sign in enumerate(name) if sign == "." and name[i + 1 :] in ends), None)
        if short is not None:
            return f"try the renaming '{name.removesuffix(short)}*=*'"
    return "give renamings OLD=NEW"
