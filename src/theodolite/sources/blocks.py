"""Index of the block (the layer of a transformer, the unit of a residual net) that a tensor belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\d{1,6}")
_NUMBERED = re.compile(r"(layer|stage|block|denseblock|denselayer|conv_?block|unit|res)_?(\d{1,6})")
_CONTAINER = re.compile(r"h|\w*(layer|block|stage|cell|unit)s?|features|encoder|decoder|transformer|trunk|backbone|net")
_INNER = frozenset({"blocks", "layers", "block", "layer", "units"})


def block_indices(names: Iterable[str]) -> dict[str, int | None]:
    """Index the blocks of a checkpoint.

    A single number in a name is the index (``encoder.layer.3`` is 3). Where blocks are numbered within stages
    (``layer2.0``, ``stages.1.blocks.4``) they are counted through all stages of their network.

    Parameters
    ----------
    names : iterable of str
        All tensor names of the checkpoint.

    Returns
    -------
    dict of str to int or None
        The index of each tensor; None outside of blocks.
    """
    places = {name: _place(name) for name in names}
    staged = _staged(place for place in places.values() if place is not None)
    rank = {(stem, numbers): index for stem, found in staged.items() for index, numbers in enumerate(sorted(found))}
    found: dict[str, int | None] = {}
    for name, place in places.items():
        if place is None:
            found[name] = None
        elif place[0] in staged:
            found[name] = rank.get(place)
        else:
            found[name] = place[1][0]
    return found


def _staged(places: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, set[tuple[int, ...]]]:
    """Collect the blocks of the networks in which most numbers are stages that hold numbered blocks."""
    stages: dict[str, set[tuple[int, ...]]] = {}
    singles: dict[str, set[int]] = {}
    for stem, numbers in places:
        if len(numbers) == 2:
            stages.setdefault(stem, set()).add(numbers)
        else:
            singles.setdefault(stem, set()).add(numbers[0])
    return {
        stem: blocks
        for stem, blocks in stages.items()
        if len(singles.get(stem, set()) - {stage for stage, _ in blocks}) <= len({stage for stage, _ in blocks})
    }


def _place(name: str) -> tuple[str, tuple[int, ...]] | None:
    """Split off the network's path before the first number, and one or two numbers."""
    parts = name.split(".")
    for position, part in enumerate(parts[:-1]):
        named = _NUMBERED.fullmatch(part)
        within = position == 0 or _CONTAINER.fullmatch(parts[position - 1].lower()) is not None
        if not (named or (within and _NUMBER.fullmatch(part))):
            continue
        first = int(named.group(2)) if named else int(part)
        stem = ".".join(parts[:position] if named else parts[: max(0, position - 1)])
        second = _second(parts[position + 1 : -1])
        return stem, (first,) if second is None else (first, second)
    return None


def _second(rest: list[str]) -> int | None:
    if not rest:
        return None
    if _NUMBER.fullmatch(rest[0]):
        return int(rest[0])
    named = _NUMBERED.fullmatch(rest[0])
    if named:
        return int(named.group(2))
    # T5 numbers the sublayers of a block as block.3.layer.0: those are no blocks of their own.
    if rest[0] in _INNER - {"layer"} and len(rest) > 1 and _NUMBER.fullmatch(rest[1]):
        return int(rest[1])
    return None
