"""``theodolite update-check``: whether a new version of a model can take the place of the old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from theodolite.cli.exits import CommandError, Exit, by_option, sentence
from theodolite.cli.options import JSON

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.core import Estimate
    from theodolite.core.conditions import Condition
    from theodolite.updates import BackwardCompatibility, FlipCounts, UpdateCompatibility

USAGE = "theodolite update-check OLD NEW --data FILE [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite update-check old.npz new.npz --data labels.npz
  theodolite update-check old.pt new.pt --data test.npz --model nets:build
  theodolite update-check a b --data F --fail-if 'negative_flips >= 0.01'
  theodolite update-check a b --data f.npz --slices language
  theodolite update-check v1.npz v2.npz --data f.npz --json > check.json

OLD and NEW are files of answers (.npz, .safetensors, .npy) with the array
predictions (classes) or logits, and, if there are any, embeddings; or with
--model two checkpoints, which are run. FILE holds targets (and inputs).

Conditions of --fail-if compare names with numbers: negative_flips,
positive_flips, relative_negative_flips, inconsistency, change, old_accuracy,
new_accuracy, score_loss, score_gain, p_value; the same of the slices, as in
slices.negative_flips.max; with embeddings new_to_old.precision, .top1 (also
old_to_old, new_to_new, direct), gain, residual. Join with and, or, not.
Exit codes: 0 ok, 1 a condition of --fail-if holds, 2 wrong usage, 4 the input
can't be read, 130 interrupted."""

_OPTIONS = {"factory": "--model", "data": "--data", "condition": "--fail-if", "slices": "--slices", "layers": "--layer"}
_WHAT = Group.create_ordered("What is compared")
_OUT = Group.create_ordered("What is written, and when it fails")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is compared.

    Parameters
    ----------
    data : Path, optional
        The labels.
    model : str, optional
        The function that builds the model.
    old_model : str, optional
        The same for the old one.
    layer : str, optional
        The layer whose output is the embedding.
    slices : str, optional
        The array of groups.
    batch_size : int
        How many examples are run at a time.
    """

    data: Annotated[
        Path | None, Parameter(help="The right classes: .npz or .safetensors with targets, and inputs for --model.")
    ] = None
    model: Annotated[
        str | None,
        Parameter(help="Function that builds the torch model, as package.module:function; importing runs the module."),
    ] = None
    old_model: Annotated[str | None, Parameter(help="The same for OLD, where it is built otherwise.")] = None
    layer: Annotated[
        str | None, Parameter(help="With --model: the layer whose output is the embedding of an example.")
    ] = None
    slices: Annotated[str | None, Parameter(help="Name of an array in FILE: a group for each example, told apart.")] = (
        None
    )
    batch_size: Annotated[int, Parameter(help="How many examples are run at a time.", show_default=True)] = 256


@Parameter(name="*", group=_OUT)
@dataclass(frozen=True)
class Out:
    """What is written, and when it fails.

    Parameters
    ----------
    json : bool
        JSON on standard output.
    fail_if : str, optional
        A condition.
    """

    json: JSON = False
    fail_if: Annotated[str | None, Parameter(help="Exit with 1 if this condition holds, see below.")] = None


_WHAT_BY_DEFAULT, _OUT_BY_DEFAULT = What(), Out()


def update_check(
    old: Annotated[str, Parameter(name="OLD", help="Answers of the version in use, or its checkpoint.")],
    new: Annotated[str, Parameter(name="NEW", help="Answers of the version to come, or its checkpoint.")],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    out: Out = _OUT_BY_DEFAULT,
) -> int:
    """Ask whether a new version of a model can take the place of the old: what it breaks, what it can still find.

    Negative flips are answers that were right and are wrong now; a version may be better on the whole and make many.
    With embeddings: whether new ones can search a gallery that the old version filled, after a change of basis.

    Parameters
    ----------
    old, new : str
        The versions.
    what : What
        What is compared.
    out : Out
        What is written, and when it fails.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If they can't be compared.
    """
    import json as encoder

    from theodolite.cli.display import machine_lines, stderr, stdout
    from theodolite.cli.exits import reading_input
    from theodolite.core.conditions import Condition

    if what.data is None:
        raise CommandError("There are no labels: give --data FILE.", "It holds an array named targets.")
    with _mendable(), reading_input():
        gate = None if out.fail_if is None else Condition(out.fail_if)
        asked = () if gate is None else _checked(gate, what)
        flips, found = _compared(old, new, what)
        if asked and found is None:
            raise CommandError(f"--fail-if asks for {asked[0]}, and there are no embeddings.", _embedded(what))
    where = stderr() if out.json else stdout()
    if out.json:
        both = {"flips": flips.to_dict(), "retrieval": None if found is None else found.to_dict()}
        machine_lines([encoder.dumps(both, ensure_ascii=False, allow_nan=False)])
    else:
        _show(where, flips, found)
    if gate is None:
        return Exit.OK
    with _mendable():
        verdict = gate.judge(flips.quantities() | ({} if found is None else found.quantities()))
    where.print(f"{'Violated' if verdict.holds else 'Not violated'}: {out.fail_if}", style="bold", soft_wrap=True)
    for says in verdict.evidence:
        where.print(f"  {says}", soft_wrap=True)
    return Exit.GATE if verdict.holds else Exit.OK


def _checked(gate: Condition, what: What) -> tuple[str, ...]:
    """Refuse, before anything runs, names that will have no number; give those that embeddings are needed for."""
    from theodolite.core import ParameterError, closest
    from theodolite.core.conditions import AGGREGATES
    from theodolite.updates.flips import NUMBERS, SHARES
    from theodolite.updates.retrieval import NAMES

    flips = (*SHARES, *NUMBERS, "count")
    slices = [f"slices.{name}" for name in flips]
    needy = []
    for name in gate.names:
        whole, _, aggregate = name.rpartition(".")
        if name in NAMES:
            needy.append(name)
        elif name in slices or (whole in slices and aggregate in AGGREGATES):
            if what.slices is None:
                raise CommandError(f"--fail-if asks for {name}, and there are no slices.", "Add --slices NAME.")
        elif whole in slices:
            raise ParameterError(f"condition: {name!r} means nothing; behind {whole}, {closest(aggregate, AGGREGATES)}")
        elif name not in flips:
            known = [*flips, *(slices if what.slices is not None else ()), *NAMES]
            raise ParameterError(f"condition: unknown name {name!r}; {closest(name, known)}")
    if needy and what.model is not None and what.layer is None:
        raise CommandError(f"--fail-if asks for {needy[0]}, and there are no embeddings.", _embedded(what))
    return tuple(needy)


def _embedded(what: What) -> str:
    return "Add --layer NAME." if what.model is not None else "Both files need an array named embeddings."


def _compared(old: str, new: str, what: What) -> tuple[UpdateCompatibility, BackwardCompatibility | None]:
    from theodolite.cli.display import progress_bar
    from theodolite.updates import backward_compatibility, update_compatibility
    from theodolite.updates.files import labels_of, version_of, version_of_model

    assert what.data is not None  # noqa: S101 - asked for before
    labels, inputs, groups = labels_of(what.data, what.slices)
    if what.model is None:
        if what.layer is not None or what.old_model is not None:
            given = "--layer" if what.old_model is None else "--old-model"
            raise CommandError(f"{given} is given without --model.", "Files of answers are not run.")
        versions = [version_of(path, name) for path, name in ((old, "old"), (new, "new"))]
    else:
        if inputs is None:
            raise CommandError(f"{what.data} holds no inputs to run --model on.", "Give targets and inputs.")
        with progress_bar() as progress:
            versions = [
                version_of_model(
                    path,
                    factory,
                    (inputs, labels),
                    layer=what.layer,
                    batch_size=what.batch_size,
                    progress=progress,
                )
                for path, factory in ((old, what.old_model or what.model), (new, what.model))
            ]
    flips = update_compatibility(versions[0].answers, versions[1].answers, labels, slices=groups)
    embeddings = [version.embeddings for version in versions]
    if embeddings[0] is None or embeddings[1] is None:
        return flips, None
    kinds = labels if labels.ndim == 1 and (labels != -100).all() else None
    return flips, backward_compatibility(embeddings[0], embeddings[1], kinds)


@contextmanager
def _mendable() -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.core import ParameterError, Refusal
    from theodolite.generalization import LogitsError

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("Stopped.", "", Exit.INTERRUPTED) from None
    except Refusal as refusal:
        raise CommandError(f"{refusal.outcome.cause} ({refusal.detail})", refusal.outcome.remedy) from refusal
    except (ParameterError, LogitsError) as error:
        raise CommandError(sentence(by_option(str(error), _OPTIONS)), "See theodolite update-check --help") from error


def _show(where: Console, flips: UpdateCompatibility, found: BackwardCompatibility | None) -> None:
    from theodolite.cli.display import count, table

    where.print(
        f"{count(flips.examples, 'example')}: accuracy {_percent(flips.old_accuracy)} → "
        f"{_percent(flips.new_accuracy)} (change {_percent(flips.change, sign=True)}, p = {flips.p_value:.2g})",
        soft_wrap=True,
    )
    shown = table("", "negative flips", "positive flips", "of chance", "inconsistent", "p", right=())
    shown.add_row("all", *_cells(flips))
    for name, one in flips.slices.items():
        shown.add_row(f"{name} ({one.examples:,})", *_cells(one))
    where.print(shown)
    where.print(
        "\nnegative flips: right before, wrong now. of chance: against versions whose errors are independent (1).\n"
        "inconsistent: of what both get wrong, the share answered differently. In brackets the 95 % interval.",
        soft_wrap=True,
    )
    if flips.score_loss is not None:
        where.print(
            f"probability of the right class: falls by {flips.score_loss:.4f} and rises by {flips.score_gain:.4f} "
            "on average",
            soft_wrap=True,
        )
    if found is not None:
        _show_retrieval(where, found)


def _show_retrieval(where: Console, found: BackwardCompatibility) -> None:
    from theodolite.cli.display import table

    shown = table("query → gallery", "top 1", "mean average precision", right=("top 1", "mean average precision"))
    ways = {
        "old → old": found.old_to_old,
        "new → old, turned": found.new_to_old,
        "new → old, as it is": found.direct,
        "new → new": found.new_to_new,
    }
    for name, one in ways.items():
        if one is not None:
            shown.add_row(name, f"{one.top1:.4f} ± {one.top1_se:.4f}", f"{one.precision:.4f} ± {one.precision_se:.4f}")
    where.print()
    where.print(shown)
    extra = found.extra_dimensions()
    if extra is None:
        needs = "no number of further dimensions would bring that to 5%"
    elif extra == 0:
        needs = "less than 5% without further dimensions"
    else:
        needs = f"{extra} further dimension{'' if extra == 1 else 's'} could bring that below 5%"
    where.print(
        f"\nThe turned new embeddings miss {found.residual[0]:.1%} of the old ones; {needs}. By chance top 1 is "
        f"{found.chance:.4f}.\n"
        f"{'Compatible' if found.compatible else 'Not compatible'}: new → old finds "
        f"{found.gain:+.4f} ± {found.gain_se:.4f} against old → old. ±: one standard error.",
        soft_wrap=True,
    )


def _cells(counts: FlipCounts) -> tuple[str, ...]:
    relative = counts.relative_negative_flips
    return (
        _percent(counts.negative_flips),
        _percent(counts.positive_flips),
        "–" if relative is None else f"{relative:.2f}",
        "–" if counts.inconsistency is None else _percent(counts.inconsistency),
        f"{counts.p_value:.2g}",
    )


def _percent(estimate: Estimate, *, sign: bool = False) -> str:
    interval: Any = estimate.interval
    form = "{:+.2%}" if sign else "{:.2%}"
    return f"{form.format(estimate.value)} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"
