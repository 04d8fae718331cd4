"""A comparison of two checkpoints in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theodolite.study.comparisons.result import Comparison, LayerComparison

_MOST_NAMED = 3
_SHIFTS = (("power_law.alpha", "alpha"), ("stable_rank", "the stable rank"), ("effective_rank", "the effective rank"))


def percent(share: float) -> str:
    """Write a share for people.

    Parameters
    ----------
    share : float
        Between 0 and, mostly, 1.

    Returns
    -------
    str
        In percent, with the digits that matter.

    Examples
    --------
    >>> percent(0.0131), percent(0.41), percent(0.00002)
    ('1.3 %', '41 %', '0.002 %')
    """
    if share == 0:
        return "0 %"
    digits = 0 if share >= 0.2 else 1 if share >= 0.001 else 3
    return f"{100 * share:.{digits}f} %" if share >= 5e-6 else f"{100 * share:.1g} %"


def headline(found: Comparison) -> str:
    """Say in a sentence how much changed.

    Parameters
    ----------
    found : Comparison
        The comparison.

    Returns
    -------
    str
        The sentence.
    """
    changed, count = found.state("changed"), len(found.layers)
    if not count:
        return "No matrix of the two could be compared."
    matrices = "1 matrix" if count == 1 else f"{count} matrices"
    if not changed:
        rest = len(found.state("not compared"))
        return f"None of {matrices} differs" + (f"; {rest} could not be compared." if rest else ": all are identical.")
    said = f"{len(changed)} of {matrices} {'differs' if len(changed) == 1 else 'differ'}"
    sizes = _sizes(changed)
    return f"{said}; median relative change of those that differ {percent(median(sizes))}." if sizes else f"{said}."


def sentences(found: Comparison) -> Iterator[str]:
    """Say what changed most, what is identical, and whether there are intruders.

    Parameters
    ----------
    found : Comparison
        The comparison.

    Yields
    ------
    str
        A sentence.
    """
    yield headline(found)
    changed = found.state("changed")
    yield from _most(changed)
    same = found.state("identical")
    if same and changed:
        yield f"Identical: {_names(layer.name for layer in same)}."
    yield from _rest(found)
    if changed:
        yield from _subspaces(found, changed)
        yield from _intruders(found, changed)
        yield from _shifts(changed)


def _sizes(layers: Iterable[LayerComparison]) -> list[float]:
    return [layer.change.relative for layer in layers if layer.change and layer.change.relative is not None]


def _most(changed: Sequence[LayerComparison]) -> Iterator[str]:
    sized = [(layer.change.relative, layer) for layer in changed if layer.change and layer.change.relative is not None]
    if len(sized) > 1:
        sized.sort(key=lambda pair: -pair[0])
        told = ", ".join(f"{layer.name} by {percent(size)}" for size, layer in sized[:_MOST_NAMED])
        yield f"Changed most: {told}; least: {sized[-1][1].name} by {percent(sized[-1][0])}."
    ranks = [(layer.change.rank, min(layer.after.shape)) for layer in changed if layer.change]
    if not ranks:
        return
    if all(rank == 0 for rank, _ in ranks):
        yield "No change is larger than what rounding to the stored types makes."
    elif all(rank >= 0.9 * side for rank, side in ranks):
        yield "The changes are of full rank."
    else:
        low, high = min(rank for rank, _ in ranks), max(rank for rank, _ in ranks)
        middle = median(rank for rank, _ in ranks)
        yield (
            f"The changes are of rank {low} to {high} (median {middle:g})."
            if low < high
            else (f"The changes are of rank {low}.")
        )


def _rest(found: Comparison) -> Iterator[str]:
    tensors = [one for one in found.others if one.state == "changed"]
    if tensors:
        few = len(tensors) == 1
        yield f"Of the tensors that are not measured, {len(tensors)} {'differs' if few else 'differ'} as well."
    bare = [(layer.name, layer.note) for layer in found.state("changed") if layer.note]
    for name, note in bare[:_MOST_NAMED]:
        yield f"Without directions to compare: {name} ({note.rstrip('.')})."
    failed = [(layer.name, layer.note) for layer in found.state("not compared")]
    failed += [(one.after, one.note) for one in found.others if one.state == "not compared"]
    for name, note in failed[:_MOST_NAMED]:
        yield f"Not compared: {name} ({note.rstrip('.')})."
    if len(failed) > _MOST_NAMED:
        yield f"And {len(failed) - _MOST_NAMED} more could not be compared."
    if found.matching.renamed:
        yield f"Matched by renaming: {len(found.matching.renamed)} tensors."
    for names, model in ((found.matching.only_before, found.before), (found.matching.only_after, found.after)):
        if names:
            yield f"Only in {model}: {_names(names)}."


def _subspaces(found: Comparison, changed: Sequence[LayerComparison]) -> Iterator[str]:
    # A subspace that is the whole space of one side overlaps whatever happens.
    known = [(layer.overlap, layer) for layer in changed if layer.overlap is not None]
    overlaps = [(one, layer) for one, layer in known if one.k < min(layer.after.shape)]
    if not overlaps:
        return
    left, right = (median(getattr(one, side) for one, _ in overlaps) for side in ("left", "right"))
    chance = median(one.left_chance for one, _ in overlaps)
    least, layer = min(overlaps, key=lambda pair: min(pair[0].left, pair[0].right))
    yield (
        f"The {found.settings.k} leading singular directions overlap by {left:.3f} (left) and {right:.3f} (right), the "
        f"median of the layers, where random ones overlap by {chance:.3f}; least in {layer.name} "
        f"({least.left:.3f} and {least.right:.3f})."
    )


def _intruders(found: Comparison, changed: Sequence[LayerComparison]) -> Iterator[str]:
    looked = [layer for layer in changed if layer.intruders]
    if looked and not any(one.count for layer in looked for one in layer.intruders.values()):
        among = f"the {found.settings.k} leading singular vectors of any layer, left or right"
        yield f"No intruder dimension among {among} (epsilon {found.settings.epsilon:g})."
        return
    for side in ("left", "right"):
        some = sorted(
            (layer for layer in looked if layer.intruders[side].count), key=lambda layer: -layer.intruders[side].count
        )
        among = f"the {found.settings.k} leading {side} singular vectors (epsilon {found.settings.epsilon:g})"
        if not looked:
            continue
        if not some:
            yield f"No intruder dimension among {among}."
            continue
        total = sum(layer.intruders[side].count for layer in some)
        where = ", ".join(_intruded(layer, side) for layer in some[:_MOST_NAMED])
        more = f", and in {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
        few = "dimension" if total == 1 else "dimensions"
        yield f"{total} intruder {few} among {among}: {where}{more}."


def _intruded(layer: LayerComparison, side: str) -> str:
    one = layer.intruders[side]
    places = ", ".join(str(index + 1) for index in one.indices)
    beyond = "" if one.spans else "; its vectors before span a part of the space only"
    return f"{layer.name} (number {places}; {percent(one.energy)} of the energy{beyond})"


def _shifts(changed: Sequence[LayerComparison]) -> Iterator[str]:
    for name, called in _SHIFTS:
        moved = [(layer.shifts[name].shift, layer) for layer in changed if name in layer.shifts]
        known = [(shift, layer) for shift, layer in moved if shift is not None]
        if known:
            farthest, layer = max(known, key=lambda pair: abs(pair[0]))
            middle = median(shift for shift, _ in known)
            before = layer.shifts[name].before
            chance = layer.shifts[name].chance
            beside = "" if chance is None else f"; a random matrix has {chance:.3g}"
            yield (
                f"Of {called} the median shift is {middle:+.2g}; the largest {farthest:+.2g}, in {layer.name} "
                f"(from {before:.3g}{beside})."
            )


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
