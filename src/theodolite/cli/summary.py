"""The summary that a survey ends with on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core import Readings
    from theodolite.reports.answers import Answer
    from theodolite.reports.layers import Layer
    from theodolite.reports.questions import Judgement
    from theodolite.reports.summary import Summary

    Finding = tuple[Layer, Answer]

_HEADLINES = {
    "power_law.alpha": "alpha",
    "power_law.distance": "distance of the fit",
    "stable_rank": "stable rank",
    "effective_rank": "effective rank",
}
_NAMED = 5
_LONG_NAME = 44


def show_summary(where: Console, readings: Readings) -> None:
    """Print what a survey found: medians, verdicts, the most notable layers, and what is missing.

    Parameters
    ----------
    where : rich.console.Console
        Where to print.
    readings : Readings
        What the survey gave.
    """
    from theodolite.reports.summary import summary

    for found in summary(readings):
        _head(where, found)
        _medians(where, [each.layer for each in found.judgements])
        _verdicts(where, found)
        _notable(where, found.counted)
    _missing(where, readings)


def _head(where: Console, found: Summary) -> None:
    from rich.text import Text

    from theodolite.cli.display import count

    layers = [each.layer for each in found.judgements]
    parameters = sum(layer.target.parameters for layer in layers)
    dtypes = ", ".join(dict.fromkeys(layer.target.dtype for layer in layers))
    matrices = "1 matrix" if len(layers) == 1 else f"{len(layers):,} matrices"
    said = f"{matrices} measured ({_short(parameters)} parameters, {dtypes})" if layers else "nothing measured"
    where.print(Text(found.model, style="bold"))
    where.print(f"{said}; {count(found.listed, 'tensor')} not (theodolite inspect says why)" if found.listed else said)
    where.print()


def _short(amount: int) -> str:
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if amount >= size:
            return f"{amount / size:.3g} {sign}"
    return str(amount)


def _medians(where: Console, layers: Sequence[Layer]) -> None:
    from theodolite.cli.display import table
    from theodolite.reports.layers import number_text

    numbers = ("median", "lowest", "highest", "by chance")
    shown = table("", *numbers, right=numbers)
    for name, label in _HEADLINES.items():
        rows = [layer.rows[name] for layer in layers if layer.value(name) is not None]
        values = [row.value for row in rows if row.value is not None]
        chances = [row.chance for row in rows if row.chance is not None]
        if values:
            expected = number_text(median(chances)) if chances else "–"
            shown.add_row(
                label, number_text(median(values)), number_text(min(values)), number_text(max(values)), expected
            )
    if shown.row_count:
        where.print(shown)
        where.print()


def _verdicts(where: Console, found: Summary) -> None:
    if not found.counted:
        return
    where.print(found.headline, style="bold")
    # The layers of each verdict are named below, with their evidence.
    told = tuple(question.verdict.capitalize() for question in found.questions)
    for sentence in found.sentences:
        if not sentence.startswith((*told, "Listed")):
            where.print(sentence, style="dim")
    where.print()


def _notable(where: Console, judged: Iterable[Judgement]) -> None:
    from theodolite.cli.display import table

    found = [(each.layer, answer) for each in judged for answer in each.findings]
    if not found:
        return
    shown = table("most notable", "verdict", "evidence", wrap=("evidence",))
    for layer, answer in _varied(found):
        evidence = "; ".join(check.says for check in answer.checks)
        shown.add_row(_shortened(layer.name), answer.question.verdict, evidence)
    where.print(shown)
    where.print()


def _varied(found: Sequence[Finding]) -> list[Finding]:
    """Choose a few, the rarest verdict first and the verdicts in turn, so that none hides another."""
    groups: dict[str, list[Finding]] = {}
    for each in found:
        groups.setdefault(each[1].question.verdict, []).append(each)
    for group in groups.values():
        group.sort(key=_strength)
    queues = sorted(groups.values(), key=len)
    turns = max(map(len, queues))
    return [queue[turn] for turn in range(turns) for queue in queues if turn < len(queue)][:_NAMED]


def _strength(finding: Finding) -> float:
    """Order findings of one verdict, the most extreme first."""
    layer, answer = finding
    if answer.question.key == "low_rank":
        return (layer.value("effective_rank") or 0.0) / max(1, layer.eigenvalue_count)
    return layer.value("power_law.alpha") or float("inf")


def _shortened(name: str) -> str:
    """Keep the end of a long name, which is what tells layers apart."""
    return name if len(name) <= _LONG_NAME else f"…{name[1 - _LONG_NAME :]}"


def _missing(where: Console, readings: Readings) -> None:
    from theodolite.cli.display import count

    outcomes: dict[str, list[str]] = {}
    for row in readings.rows:
        if row.status in ("skipped", "failed"):
            outcomes.setdefault(row.outcome, []).append(readings.target(row.target).module)
    for outcome, modules in outcomes.items():
        first, *others = dict.fromkeys(modules)
        layers = f"in {_shortened(first)}" if not others else f"in {len(others) + 1} layers"
        said = f"{count(len(modules), 'number')} missing {layers}: {outcome}  (theodolite explain {outcome})"
        where.print(said, style="yellow", soft_wrap=True)
    if outcomes:
        where.print()
