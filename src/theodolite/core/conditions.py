"""Conditions on named numbers, as a gate reads them: parsed, never evaluated as code."""

from __future__ import annotations

import itertools
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from theodolite.core.names import closest
from theodolite.core.parameters import ParameterError

Values = Mapping[str, float | Sequence[float | None]]
"""Numbers by name: one, or one for each layer with None where there is none."""

AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "min": min,
    "mean": statistics.fmean,
    "median": statistics.median,
    "sum": sum,
    "count": len,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*%?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\[[^\[\]]*\])?(?:\.[A-Za-z_]\w*)*)|(?P<sign>>=|<=|==|!=|>|<|\(|\)))"
)
_DEEPEST = 40


@dataclass(frozen=True)
class Verdict:
    """What a condition says of some numbers.

    Attributes
    ----------
    holds : bool
        Whether it holds.
    evidence : tuple of str
        A clause for each comparison: the number that was seen, and whether the comparison holds.
    """

    holds: bool
    evidence: tuple[str, ...]


class _Node(Protocol):
    def judge(self, values: Values) -> Verdict: ...


@dataclass(frozen=True)
class _Comparison:
    name: str
    sign: str
    bound: float

    def judge(self, values: Values) -> Verdict:
        seen, picked = _seen(self.name, values)
        compare = _COMPARISONS[self.sign]
        fitting = [value for value in seen if compare(value, self.bound)]
        says = f"{self.name} {self.sign} {self.bound:g}"
        if picked:
            return Verdict(bool(fitting), (f"{says} {_holding(fitting)}: it is {seen[0]:.6g}",))
        extreme = max(fitting or seen) if ">" in self.sign else min(fitting or seen)
        word = {">": "largest", "<": "smallest"}.get(self.sign[0], "for example")
        found = values[self.name]
        left_out = 0 if isinstance(found, (int, float)) else len(found) - len(seen)
        without = f"; {left_out} without a number" if left_out else ""
        evidence = f"{says} {_holding(fitting)}: in {len(fitting)} of {len(seen)} layers, {word} {extreme:.6g}{without}"
        return Verdict(bool(fitting), (evidence,))


@dataclass(frozen=True)
class _Joined:
    word: str
    parts: tuple[_Node, ...]

    def judge(self, values: Values) -> Verdict:
        found = [part.judge(values) for part in self.parts]
        holds = (any if self.word == "or" else all)(one.holds for one in found)
        return Verdict(holds, tuple(says for one in found for says in one.evidence))


@dataclass(frozen=True)
class _Not:
    part: _Node

    def judge(self, values: Values) -> Verdict:
        found = self.part.judge(values)
        return Verdict(not found.holds, found.evidence)


@dataclass(frozen=True)
class Condition:
    """A condition on named numbers.

    Names are compared with numbers (``>``, ``>=``, ``<``, ``<=``, ``==``, ``!=``; ``5 %`` is 0.05), and joined by
    ``and``, ``or``, ``not`` and parentheses. A name of which every layer has a number holds if it holds for *any*
    layer; with ``.max``, ``.min``, ``.mean``, ``.median``, ``.sum`` or ``.count`` behind it, it is one number. Layers
    without one are left out, and the evidence says how many. A name may hold parameters: ``hill[k=20].shift.max``.

    Parameters
    ----------
    text : str
        The condition as it was written.

    Raises
    ------
    ParameterError
        If it can't be read; the message points to the place.

    Examples
    --------
    >>> Condition("intruders > 0 or relative_change.max > 5 %").judge({"intruders": [0, 0], "relative_change": [0.01]})
    Verdict(holds=False, evidence=("intruders > 0 doesn't hold: in 0 of 2 layers, largest 0", ...))
    """

    text: str

    def __post_init__(self) -> None:
        _Parser(self.text).parse()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are compared, each once, in order."""
        words = [word for _, word, _ in _Parser(self.text).words]
        return tuple(dict.fromkeys(name for name, sign in itertools.pairwise(words) if sign in _COMPARISONS))

    def judge(self, values: Values) -> Verdict:
        """Say whether it holds.

        Parameters
        ----------
        values : mapping of str to float or sequence of float or None
            The numbers by name.

        Returns
        -------
        Verdict
            The answer and its evidence. A name that is unknown, or of which there is no number at all, is a
            `ParameterError`, so that a gate never stands open by mistake.
        """
        return _Parser(self.text).parse().judge(values)


def _holding(fitting: Sequence[float]) -> str:
    return "holds" if fitting else "doesn't hold"


def _seen(name: str, values: Values) -> tuple[list[float], bool]:
    """Find the numbers that a name means, and whether it means one alone."""
    if name in values:
        found = values[name]
        if isinstance(found, (int, float)):
            return [float(found)], True
        return _some(name, found), False
    whole, _, aggregate = name.rpartition(".")
    many = values.get(whole)
    if aggregate in AGGREGATES and many is not None and not isinstance(many, (int, float)):
        numbers = [value for value in many if value is not None] if aggregate == "count" else _some(whole, many)
        return [float(AGGREGATES[aggregate](numbers))], True
    if whole in values:
        raise ParameterError(f"condition: {name!r} means nothing; behind {whole}, {closest(aggregate, AGGREGATES)}")
    raise ParameterError(f"condition: unknown name {name!r}; {closest(name, values)}")


def _some(name: str, found: Sequence[float | None]) -> list[float]:
    numbers = [value for value in found if value is not None]
    if not numbers:
        raise ParameterError(f"condition: no layer has {name}, so the condition has no answer")
    return numbers


class _Parser:
    """Reads a condition by recursive descent: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip():
            raise ParameterError(f"condition: got {text!r}; write one such as 'relative_change.max > 0.05'")
        self._text, self._place, self._depth = text, 0, 0
        self._tokens: list[tuple[str, str, int]] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                rest = text[place:].strip()
                raise ParameterError(f"condition: {rest[:20]!r} in {text!r} can't be read")
            self._tokens.append((found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            place = found.end()

    @property
    def words(self) -> Sequence[tuple[str, str, int]]:
        """Kind, text and place of what the condition is made of; not yet read as a whole."""
        return self._tokens

    def parse(self) -> _Node:
        node = self._either()
        if self._place < len(self._tokens):
            raise self._wrong("'and' or 'or'")
        return node

    def _next(self, *words: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place][1] in words:
            self._place += 1
            return True
        return False

    def _either(self) -> _Node:
        parts = [self._all()]
        while self._next("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _Joined("or", tuple(parts))

    def _all(self) -> _Node:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _Joined("and", tuple(parts))

    def _one(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ParameterError(f"condition: it nests more than {_DEEPEST} deep")
        try:
            if self._next("not"):
                return _Not(self._one())
            if self._next("("):
                inner = self._either()
                if not self._next(")"):
                    raise self._wrong("')'")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> _Node:
        name = self._take("name", "a name")
        sign = self._take("sign", "a comparison")
        if sign not in _COMPARISONS:
            self._place -= 1
            raise self._wrong("a comparison")
        number = self._take("number", "a number").replace(" ", "")
        bound = float(number[:-1]) / 100 if number.endswith("%") else float(number)
        return _Comparison(name, sign, bound)

    def _take(self, kind: str, wanted: str) -> str:
        if self._place >= len(self._tokens) or self._tokens[self._place][0] != kind:
            raise self._wrong(wanted)
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _wrong(self, wanted: str) -> ParameterError:
        if self._place >= len(self._tokens):
            return ParameterError(f"condition: {self._text!r} ends where {wanted} should follow")
        _, seen, place = self._tokens[self._place]
        where = f"sign {place + 1} of {self._text!r}"
        return ParameterError(f"condition: {wanted} should stand in place of {seen!r} ({where})")
