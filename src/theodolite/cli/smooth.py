"""``theodolite smooth``: a copy of a checkpoint that keeps the largest components of every matrix."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from theodolite.cli.evaluating import Works

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.act import Smoothed, Smoothing, SmoothPlan
    from theodolite.generalization import SmoothedAccuracy
    from theodolite.sources import Checkpoint

USAGE = "theodolite smooth PATH [-o OUT] [OPTIONS]"
EXAMPLES = """\
The rules, with --by

  trace_log   as many components as the trace-log condition counts
  spikes      those that stand out from the random bulk
  energy      the fewest that hold a share of the squared singular values
  rank        a number of them, or a fraction of the shorter side
  none        all of them: only traps are removed

Examples

  theodolite smooth model.safetensors --dry-run   what would stay, and why
  theodolite smooth model.safetensors -o smooth.safetensors
  theodolite smooth ./llama -o ./llama-smooth --jobs 2
  theodolite smooth m.pt -o m.safetensors --energy 0.9
  theodolite smooth m.pt -o m.safetensors --rank 0.25 --layers '*.mlp.*'
  theodolite smooth m.pt -o m.safetensors --by none --remove-traps
  theodolite smooth m.pt --dry-run --model nets:build --data test.npz

PATH is never changed, and OUT does not appear before it is complete. With
--model and --data the accuracy is said as it is and smoothed.
Exit codes: 0 ok, 2 wrong usage, 4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What stays")
_HOW = Group.create_ordered("Where and how")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What stays.

    Parameters
    ----------
    by : {"trace_log", "spikes", "energy", "rank", "none"}, optional
        The rule.
    energy : float, optional
        The share of energy that stays.
    rank : float, optional
        How many components stay.
    remove_traps : bool
        Whether huge single entries are removed first.
    layers : str, optional
        Only tensors whose name or module matches.
    seed : int
        Where the shuffles that find traps start.
    """

    by: Annotated[
        Literal["trace_log", "spikes", "energy", "rank", "none"] | None,
        Parameter(help="The rule, see below. [default: trace_log, or what --energy or --rank says]"),
    ] = None
    energy: Annotated[
        float | None, Parameter(help="The share of the squared singular values that stays. [default: 0.95]")
    ] = None
    rank: Annotated[
        float | None, Parameter(help="How many components stay; below 1, a fraction of the shorter side.")
    ] = None
    remove_traps: Annotated[
        bool, Parameter(help="First set huge single entries to zero that make a spike even when shuffled.")
    ] = False
    layers: Annotated[
        str | None, Parameter(help="Only tensors whose name matches a pattern with * and ?; several with commas.")
    ] = None
    seed: Annotated[int, Parameter(help="Where the shuffles that find traps start.", show_default=True)] = 0

    def smoothing(self) -> Smoothing:
        """Put the description together.

        Returns
        -------
        Smoothing
            What stays.

        Raises
        ------
        CommandError
            If options exclude each other, or a value is wrong.
        """
        from theodolite.act import Smoothing
        from theodolite.cli.exits import CommandError
        from theodolite.core import ParameterError

        meant = [name for name in ("energy", "rank") if getattr(self, name) is not None]
        try:
            return Smoothing.of(
                self.by or (meant[0] if meant else "trace_log"),
                energy=self.energy,
                rank=self.rank,
                remove_traps=self.remove_traps,
                layers=self.layers,
                seed=self.seed,
            )
        except ParameterError as error:
            raise CommandError(f"{error}.", "The rules: theodolite smooth --help") from error


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """Where and how.

    Parameters
    ----------
    output : Path, optional
        The copy.
    dry_run : bool
        Only say what would be done.
    json : bool
        The plan as JSON on standard output.
    overwrite : bool
        Replace an earlier copy.
    jobs : int
        How many tensors are worked on at once.
    """

    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The copy: a file if it ends in .safetensors, else a folder."),
    ] = None
    dry_run: Annotated[bool, Parameter(help="Say what would stay of every matrix and why; write nothing.")] = False
    json: Annotated[bool, Parameter(help="The plan to standard output as JSON; the rest to standard error.")] = False
    overwrite: Annotated[bool, Parameter(help="Replace an earlier copy at OUT.")] = False
    jobs: Annotated[
        int, Parameter(help="How many tensors are worked on at once; -1: one per core.", show_default=True)
    ] = 1


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT, _WORKS_BY_DEFAULT = What(), How(), Works()


def smooth(
    path: Annotated[
        str, Parameter(name="PATH", help="A checkpoint: .safetensors, .npz, .pt, .pth, .bin, or a folder.")
    ],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    works: Works = _WORKS_BY_DEFAULT,
) -> int:
    """Write a copy of a checkpoint that keeps the largest components of every matrix.

    Each matrix becomes its best approximation of lower rank, in the same type and layout; everything else is copied.
    The copy is safetensors: shards stay shards, and what lies beside the weights of a model folder comes along.

    Parameters
    ----------
    path : str
        A checkpoint.
    what : What
        What stays.
    how : How
        Where and how.
    works : Works
        What to run to see whether it still works.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.act import smooth_plan
    from theodolite.cli.display import progress_bar, stderr, stdout
    from theodolite.cli.exits import Exit, reading_input
    from theodolite.sources import open_checkpoint

    smoothing = what.smoothing()
    _check(how)
    with _mendable(how), reading_input(), open_checkpoint(path) as checkpoint:
        if how.output is not None and not how.dry_run:
            _check_place(checkpoint, how)
        loaded = works.loaded(checkpoint)
        with progress_bar() as progress:
            plan = smooth_plan(checkpoint, smoothing, jobs=how.jobs, progress=progress)
        found = works.smoothed(loaded, plan, how.jobs) if loaded is not None else None
        where = stderr() if how.json else stdout()
        if how.json:
            _as_json(plan, found)
        if how.dry_run or how.output is None:
            _explained(where, plan, how, found)
            return Exit.OK
        with progress_bar() as progress:
            done = plan.apply(checkpoint, how.output, overwrite=how.overwrite, jobs=how.jobs, progress=progress)
    _written(where, plan, done, found)
    return Exit.OK


def _check(how: How) -> None:
    from theodolite.cli.exits import CommandError, check_jobs

    if how.output is None and not how.dry_run:
        raise CommandError("Where should the copy go?", "Give -o OUT, or --dry-run to see what would be done.")
    check_jobs(how.jobs)


def _check_place(checkpoint: Checkpoint, how: How) -> None:
    """Refuse a place that can't be written to before hours of work, and not after."""
    from theodolite.act.smooth.applying import check_place
    from theodolite.cli.exits import CommandError

    if how.output is None:
        return
    above = next(folder for folder in how.output.absolute().parents if folder.exists())
    if not above.is_dir():
        raise CommandError(f"{above.name} is a file, and {how.output} would lie in it.", "Choose another -o.")
    check_place(checkpoint, how.output, overwrite=how.overwrite)


@contextmanager
def _mendable(how: How) -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.cli.exits import CommandError, Exit
    from theodolite.core import ParameterError

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("Stopped. Nothing was written.", "", Exit.INTERRUPTED) from None
    except FileExistsError as error:
        raise CommandError(f"{error}.", "Choose another -o, or add --overwrite.") from error
    except OSError as error:
        problem = f"{error.filename or how.output} can't be written: {error.strerror or error}."
        raise CommandError(problem, "Free some space or choose another -o; nothing was written.") from error
    except ParameterError as error:
        raise CommandError(f"{error}.", "See the tensors: theodolite inspect PATH") from error
    except ValueError as error:
        raise CommandError(f"{error}.", "Choose another -o.") from error


def _as_json(plan: SmoothPlan, found: SmoothedAccuracy | None) -> None:
    import json

    from theodolite.cli.display import machine_lines

    record = plan.to_dict() if found is None else {**plan.to_dict(), "evaluation": found.to_dict()}
    machine_lines([json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)])


def _say_accuracy(where: Console, found: SmoothedAccuracy | None) -> None:
    if found is not None:
        where.print(found.explain().splitlines()[0], soft_wrap=True)


def _explained(where: Console, plan: SmoothPlan, how: How, found: SmoothedAccuracy | None) -> None:
    if how.json:
        return
    where.print(plan.explain(), soft_wrap=True)
    _say_accuracy(where, found)
    where.print(f"{'Next':<9}the same with -o OUT in place of --dry-run writes it", soft_wrap=True)


def _written(where: Console, plan: SmoothPlan, done: Smoothed, found: SmoothedAccuracy | None) -> None:
    from theodolite.cli.display import count, say_path

    where.print(plan.headline(), soft_wrap=True)
    _say_accuracy(where, found)
    smoothed = [matrix.name for matrix in plan.matrices if matrix.rank < matrix.side]
    if done.changes and smoothed:
        far = max(done.changes, key=lambda change: change.error)
        rounded = max(change.rounding for change in done.changes)
        where.print(
            f"Farthest from what it was: {far.name}, by {far.error:.3g} of its norm; rounding to the stored type is "
            f"{rounded:.2g} at most.",
            soft_wrap=True,
        )
    if done.left_out:
        where.print(f"Left out: {count(len(done.left_out), 'tensor')} ({_reasons(done)}).", soft_wrap=True)
    say_path(where, "Copy", done.path)
    where.print(f"{'Next':<9}theodolite survey {shlex.quote(str(done.path))}", soft_wrap=True)


def _reasons(done: Smoothed) -> str:
    return "; ".join(dict.fromkeys(done.left_out.values()))
