"""Why there is no number, or a doubtful one, of how many pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from theodolite.core import Outcome, ReadingRow

Remark = tuple[str, str, int]
"""Name of a number, what is said of it, and of how many pairs."""


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
        In the order of the readings; for what takes a number's place with an example of what was seen.
    """
    counts: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str], str] = {}
    for name, row in rows:
        if row.outcome and (row.value is not None) == beside:
            counts[name, row.outcome] += 1
            seen.setdefault((name, row.outcome), "" if beside else row.note)
    return [(name, _why(outcome, seen[name, outcome]), count) for (name, outcome), count in counts.items()]


def _why(outcome: str, note: str) -> str:
    cause = Outcome[outcome].cause
    return f"{cause} ({note})" if note else cause
