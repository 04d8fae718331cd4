"""All pairs in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from theodolite.study.similarities.matches import BestMatch
    from theodolite.study.similarities.quantities import Quantity
    from theodolite.study.similarities.remarks import Remark
    from theodolite.study.similarities.result import AllPairs


def sentences(found: AllPairs) -> Iterator[str]:
    """Say what all pairs show.

    Parameters
    ----------
    found : AllPairs
        The readings.

    Yields
    ------
    str
        A sentence.
    """
    yield _compared(found)
    for quantity in found.quantities:
        if quantity.kind:
            yield from _one(found, quantity)
    for names, why, count in _together(found.refusals):
        yield f"{names}: no number for {count} {_plural(count, 'pair')}. {why}"
    for names, why, count in _together(found.doubts):
        yield f"{names}: {count} {_plural(count, 'number')} to be doubted. {why}"


def _together(remarks: list[Remark]) -> Iterator[Remark]:
    """Say once what is said of several numbers alike."""
    names: dict[tuple[str, int], list[str]] = {}
    for name, why, count in remarks:
        names.setdefault((why, count), []).append(name)
    for (why, count), alike in names.items():
        yield ", ".join(alike), why, count


def _compared(found: AllPairs) -> str:
    rows = found.readings.target(found.rows[0]).shape
    rows_of = f"over {rows[0]:,} rows"
    if found.square:
        models = f" of {len(found.models)} models" if len(found.models) > 1 else ""
        return f"{len(found.rows)} clouds{models}, each against each other, {rows_of}."
    clouds = f"{len(found.rows)} {_plural(len(found.rows), 'cloud')}"
    return f"{clouds} of {found.models[0]} against {len(found.columns)} of {found.models[-1]}, {rows_of}."


def _one(found: AllPairs, quantity: Quantity) -> Iterator[str]:
    match = found.best_match(quantity.name)
    values = [value for row in range(len(match.rows)) if (value := match.value(row)) is not None]
    if not values:
        return
    reads = "lower = more alike" if quantity.kind == "distance" else "higher = more alike"
    levels = found.matrix(quantity.name, "chance")
    level = np.nanmedian(levels) if np.isfinite(levels).any() else None
    chance = "" if level is None else f"; by chance about {level:.3g}"
    order = ""
    if any(place is not None for place in match.path):
        order = f"; {match.in_order} of {len(values)} on one path in the order of depth{_partners(match)}"
        order += f", {match.mutual} mutual"
    yield f"{quantity.name} ({reads}): best matches from {min(values):.3g} to {max(values):.3g}{chance}{order}."


def _partners(match: BestMatch) -> str:
    """Say with how many clouds the best matches in order are: with one for all, the order tells nothing."""
    places = {place for place, onward in zip(match.best, match.path, strict=True) if place == onward}
    places.discard(None)
    if match.in_order < 2 or len(places) == match.in_order:
        return ""
    if len(places) > 1:
        return f", with {len(places)} different partners"
    return ", but all with " + "".join(match.columns[place] for place in places if place is not None)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
