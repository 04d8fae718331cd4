"""A training in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from theodolite.core.rows import MODEL

if TYPE_CHECKING:
    from theodolite.study.tracks.result import Curve, Track

_MOST_NAMED = 3
_EXPONENT = "power_law.alpha.mean"


def step_text(step: float) -> str:
    """Write a step for people.

    Parameters
    ----------
    step : float
        The step.

    Returns
    -------
    str
        Thousands apart.

    Examples
    --------
    >>> step_text(143000.0), step_text(0.5)
    ('143,000', '0.5')
    """
    return f"{step:,.10g}"


def sentences(track: Track) -> Iterator[str]:
    """Say what became of a model.

    Parameters
    ----------
    track : Track
        The training.

    Yields
    ------
    str
        A sentence.
    """
    yield _followed(track)
    if track.steps_are == "positions":
        yield "The names of the checkpoints give no step each, so that positions stand for steps; give them with steps."
    yield from _counted(track)
    yield from _exponent(track)
    yield from _moved(track)
    yield from _untrained(track)
    yield from _gaps(track)


def _followed(track: Track) -> str:
    whole = {name: rows for name, rows in track.layers.items() if rows[0] is not None and rows[-1] is not None}
    changed = sum(first.fingerprint != last.fingerprint for first, *_, last in whole.values() if first and last)
    kind = "position" if track.steps_are == "positions" else "step"
    ends = f"from {kind} {step_text(track.steps[0])} to {step_text(track.steps[-1])}"
    return (
        f"{len(track.steps)} checkpoints {ends}: the numbers of {changed} of {_matrices(len(whole))} differ between "
        "first and last."
    )


def _counted(track: Track) -> Iterator[str]:
    if not track.computed:
        return
    computed, reused = sum(track.computed), sum(track.reused)
    yield f"{_matrices(computed)} had to be measured; stored readings of the same content answered for {reused}."


def _exponent(track: Track) -> Iterator[str]:
    curve = next((one for one in track.curves if one.whole_model and one.metric == _EXPONENT), None)
    if curve is None:
        return
    known = [(value, step) for value, step in zip(curve.values, track.steps, strict=True) if value is not None]
    if len(known) < 2:
        return
    (first, _), (last, _) = known[0], known[-1]
    went = "fell" if last < first else "rose" if last > first else "stayed"
    said = f"The mean exponent alpha over the layers {went} from {first:.3g} to {last:.3g}"
    extremes = []
    for word, (value, step) in (("lowest", min(known)), ("highest", max(known))):
        if value not in (first, last):
            extremes.append(f"{word} {value:.3g} at {step_text(step)}")
    yield said + (f" ({', '.join(extremes)})." if extremes else ".")


def _moved(track: Track) -> Iterator[str]:
    from theodolite.study.tracks.result import moved_most

    judged = [curve for curve in track.curves if curve.beyond and not curve.whole_model]
    if not judged:
        without = "no metric has an interval or a chance level at both ends"
        yield f"Whether anything moved beyond chance can’t be said: {without}."
        return
    moved = moved_most(track.curves)
    if not moved:
        yield f"None of {len(judged)} curves with an interval or a chance level moved beyond it from first to last."
        return
    yield f"{len(moved)} of {len(judged)} curves moved from first to last beyond their intervals or their chance."
    named = [_move(curve) for curve in moved[:_MOST_NAMED]]
    yield f"Moved most, for its size: {'; '.join(named)}."


def _move(curve: Curve) -> str:
    first, last = curve.values[0], curve.values[-1]
    how = "intervals apart" if curve.beyond == "interval" else "across the edge of chance"
    return f"{curve.metric} of {curve.name}, {first:.3g} → {last:.3g} ({how})"


def _untrained(track: Track) -> Iterator[str]:
    first, last = track.untrained(0), track.untrained(-1)
    both = [name for name in first if name in last]
    if not both:
        return
    turned = [name for name in both if first[name] and not last[name]]
    back = [name for name in both if last[name] and not first[name]]
    still = sum(first[name] and last[name] for name in both)
    said = f"Of {sum(first[name] for name in both)} layers that look untrained at the first checkpoint, "
    yield said + (f"{len(turned)} no longer do at the last: {_names(turned)}." if turned else "none stopped doing so.")
    if still:
        yield f"{still} look untrained at both ends."
    if back:
        yield f"{len(back)} look untrained at the last alone: {_names(back)}."


def _gaps(track: Track) -> Iterator[str]:
    missing = track.missing
    if missing:
        name, steps = next(iter(missing.items()))
        listed = ", ".join(step_text(step) for step in steps[:_MOST_NAMED])
        listed += ", …" if len(steps) > _MOST_NAMED else ""
        rest = f", and {len(missing) - 1} more have gaps" if len(missing) > 1 else ""
        yield f"Not every checkpoint has every matrix: {name} is missing at {listed}{rest}."


def _matrices(count: int) -> str:
    return "1 matrix" if count == 1 else f"{count} matrices"


def _names(names: Sequence[str]) -> str:
    shown = [name for name in names if name != MODEL][:_MOST_NAMED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
