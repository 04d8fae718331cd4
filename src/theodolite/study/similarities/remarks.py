"""Why there is no number, or a doubtful one, of how many pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from theodolite.core import Outcome, ReadingRow

Remark = tuple[str, str, int]
"""Name of a number, what is said of it, and of how many pairs."""

_FEW = 3


def remarks(rows: Iterable[tuple[str, ReadingRow]], *, beside: bool) -> list[Remark]:
    """Count what stands in the place of numbers, or beside them.

    Parameters
    ----------
    rows : iterable of (str, ReadingRow)
        Readings with the name of what was read.
    beside : bool
        True for notes beside numbers, False for what takes their place.

    Returns
    -------
    list of (str, str, int)
        In the order of the readings; for what takes a number's place with an example of what was seen,
        the clouds, and what would help.
    """
    alike: dict[tuple[str, str], list[ReadingRow]] = {}
    for name, row in rows:
        if row.outcome and (row.value is not None) == beside:
            alike.setdefault((name, row.outcome), []).append(row)
    return [(name, _why(outcome, () if beside else found), len(found)) for (name, outcome), found in alike.items()]


def _why(outcome: str, rows: Sequence[ReadingRow]) -> str:
    said = Outcome[outcome]
    if not rows:
        return said.cause
    # A measure calls the two clouds by its own names.
    own = {"x": "target", "y": "against"}
    note = rows[0].note
    seen = [whose] if (whose := _whose(rows, own)) else []
    return f"{said.cause} ({'; '.join(([note] if note and note not in own else []) + seen)}) {said.remedy}"


def _whose(rows: Sequence[ReadingRow], own: Mapping[str, str]) -> str:
    """Name the clouds that the refusals are about, or a pair as an example."""
    if all(row.note in own or not row.against for row in rows):
        return _listed([*dict.fromkeys(getattr(row, own.get(row.note, "target")) for row in rows)])
    pairs = [(row.target, row.against) for row in rows]
    clouds: list[str] = []
    everywhere = Counter(end for pair in pairs for end in pair)
    while len(rows) > 1 and pairs and len(clouds) <= _FEW:  # the fewest clouds that are in all of the pairs, or nearly
        left = Counter(end for pair in pairs for end in dict.fromkeys(pair))
        # Of two that would do as well, the one that more of all pairs have in common is the one at fault.
        clouds += [max(left, key=lambda end: (left[end], everywhere[end]))]
        pairs = [pair for pair in pairs if clouds[-1] not in pair]
    if clouds and len(clouds) <= _FEW and len(clouds) < len(rows):
        return _listed(clouds)
    return f"{rows[0].target} against {rows[0].against}"


def _listed(clouds: Sequence[str]) -> str:
    more = len(clouds) - _FEW
    return ", ".join(clouds[:_FEW]) + (f" and {more} more" if more > 0 else "")
