"""``theodolite survey``: measure checkpoints and write the report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from theodolite.cli.options import at_once

if TYPE_CHECKING:
    from theodolite.cli.running import Run
    from theodolite.sources import Checkpoint
    from theodolite.surveys import Survey

USAGE = "theodolite survey PATH... [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite survey model.safetensors             a summary and a report
  theodolite survey ./llama --jobs 4              a folder of shards, 4 at once
  theodolite survey a.safetensors b.safetensors   two models, one report
  theodolite survey m.pt -m stable_rank -m hill   these measures alone
  theodolite survey m.pt -m 'hill[k=20]'          a parameter (mind the quotes)
  theodolite survey m.pt -m 'with_interval(hill)' a bootstrap interval beside it
  theodolite survey m.pt --layers '*attention*'   the layers that match
  theodolite survey m.pt --json | jq .value       readings for programs
  theodolite survey big/ --shard 1/8 -o big.run   one of 8 jobs, one run folder

A survey that was stopped goes on where it was: run the same command again.
Exit codes: 0 ok, 2 wrong usage, 3 some readings failed or there is no number,
4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is measured")
_HOW = Group.create_ordered("Where and how")
_SHOWN = Group.create_ordered("What is shown")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is measured.

    Parameters
    ----------
    measure : tuple of str
        Measures, each with its own -m: a name, or a name with parameters.
    preset : {"quick", "standard", "full"}, optional
        A ready choice of measures; measures given with -m are added to it.
    layers : str, optional
        Only tensors whose name or module matches.
    convention : {"theodolite", "weightwatcher"}, optional
        How weights become matrices and how measures compute.
    view : {"unfold", "slices", "fft"}, optional
        How convolutions become matrices.
    seed : int, optional
        Where every random stream starts.
    config : Path, optional
        A TOML file that describes the survey; options given here go before it.
    """

    measure: Annotated[
        tuple[str, ...],
        Parameter(name=["--measure", "-m"], help="A measure, perhaps with parameters: -m hill -m 'hill[k=20]'."),
    ] = ()
    preset: Annotated[
        Literal["quick", "standard", "full"] | None,
        Parameter(
            help="quick: norms, ranks, power law; standard: also Hill, chance levels; full: also the random bulk and "
            "what stands out of it, traps, bootstrap intervals. [default: standard]"
        ),
    ] = None
    layers: Annotated[
        str | None, Parameter(help="Only tensors whose name matches a pattern with * and ?; several with commas.")
    ] = None
    convention: Annotated[
        Literal["theodolite", "weightwatcher"] | None,
        Parameter(help="weightwatcher computes what WeightWatcher 0.7.7 does. [default: theodolite]"),
    ] = None
    view: Annotated[
        Literal["unfold", "slices", "fft"] | None,
        Parameter(help="How a convolution becomes a matrix. [default: unfold]"),
    ] = None
    seed: Annotated[int | None, Parameter(help="Where every random stream starts. [default: 0]")] = None
    config: Annotated[
        Path | None, Parameter(help="A TOML file that describes the survey; options given here go before it.")
    ] = None

    def survey(self) -> Survey:
        """Put the description together.

        Returns
        -------
        Survey
            What to measure.

        Raises
        ------
        CommandError
            If a name or a value is wrong.
        """
        from theodolite.cli.exits import CommandError
        from theodolite.surveys import Survey
        from theodolite.surveys.run import check_measures

        overrides: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("layers", "convention", "view", "seed")
            if getattr(self, name) is not None
        }
        chosen = [*([self.preset] if self.preset else []), *self.measure]
        try:
            described: Any = chosen or "standard"
            if self.config is not None:
                described = Survey.from_toml(self.config)
                if chosen:
                    overrides["measures"] = Survey.of(chosen).measures
            made = Survey.of(described, **overrides)
            check_measures(made)
        except OSError as error:
            raise CommandError(f"{self.config} can't be read: {error.strerror or error}.", "Check --config.") from error
        except ValueError as error:
            remedy = "All measures: theodolite list. One of them: theodolite explain NAME"
            raise CommandError(str(error), remedy) from error
        return made


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """Where and how it is measured.

    Parameters
    ----------
    output : Path, optional
        The run folder.
    jobs : int
        How many tensors are measured at once.
    shard : str, optional
        Do the i-th of n equal shares of the work.
    fresh : bool
        Rename an old run and start anew.
    """

    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="The run folder. [default: ./MODEL.theodolite]")
    ] = None
    jobs: Annotated[int, at_once("tensors")] = 1
    shard: Annotated[
        str | None, Parameter(help="i/n: the i-th of n shares of the work, counted from 1; run folders may be shared.")
    ] = None
    fresh: Annotated[bool, Parameter(help="Rename an old run there, and start anew.")] = False


@Parameter(name="*", group=_SHOWN)
@dataclass(frozen=True)
class Shown:
    """What is shown of it.

    Parameters
    ----------
    no_report : bool
        Write no report.
    json : bool
        The readings as one JSON object a line on standard output.
    csv : bool
        The readings as a table on standard output.
    """

    no_report: Annotated[bool, Parameter(help="Write no report; `theodolite report RUN` does it later.")] = False
    json: Annotated[
        bool, Parameter(help="Readings to standard output, one JSON object a line; the rest to standard error.")
    ] = False
    csv: Annotated[bool, Parameter(help="Readings to standard output as CSV; the rest to standard error.")] = False


_WHAT_BY_DEFAULT, _HOW_BY_DEFAULT, _SHOWN_BY_DEFAULT = What(), How(), Shown()


def survey(
    *paths: Annotated[
        str, Parameter(name="PATH", required=True, help="Checkpoints: .safetensors, .npz, .pt, .pth, .bin, or folders.")
    ],
    what: What = _WHAT_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
    shown: Shown = _SHOWN_BY_DEFAULT,
) -> int:
    """Measure checkpoints: a summary, and a report.

    Readings go into a run folder. What is there already is not measured again, so a survey that was stopped goes on,
    and a second survey into the same folder adds to it.

    Parameters
    ----------
    *paths : str
        Checkpoints.
    what : What
        What is measured.
    how : How
        Where and how.
    shown : Shown
        What is shown.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.running import carry_out

    run = settings(how, shown)
    described = what.survey()
    checkpoints = opened(paths)
    _check_layers(checkpoints, described)
    return carry_out(checkpoints, described, run)


def _check_layers(checkpoints: list[Checkpoint], described: Survey) -> None:
    """Refuse a pattern that no tensor matches: it is misspelt, and the survey would be empty."""
    from theodolite.cli.exits import CommandError

    weights = [weight for checkpoint in checkpoints for weight in checkpoint.values()]
    if described.layers is not None and not any(described.keeps(each.name, each.module) for each in weights):
        raise CommandError(
            f"--layers is {described.layers!r}, and no tensor matches.", "See them: theodolite inspect PATH"
        )


def settings(how: How, shown: Shown) -> Run:
    """Check the options that say where and how.

    Parameters
    ----------
    how : How
        Where and how.
    shown : Shown
        What is shown.

    Returns
    -------
    Run
        The same, ready to be carried out.

    Raises
    ------
    CommandError
        If an option has a value that it can't have, or two exclude each other.
    """
    from theodolite.cli.exits import CommandError, check_jobs
    from theodolite.cli.running import Run

    if shown.json and shown.csv:
        raise CommandError("--json and --csv both want standard output.", "Choose one.")
    check_jobs(how.jobs)
    shard = None if how.shard is None else _shard(how.shard)
    if shard is not None and how.fresh:
        raise CommandError("--fresh would rename the run that other shards write to.", "Rename it once, by hand.")
    form: Literal["summary", "json", "csv"] = "json" if shown.json else "csv" if shown.csv else "summary"
    return Run(how.output, how.jobs, shard, how.fresh, not shown.no_report, form)


def _shard(text: str) -> tuple[int, int]:
    from theodolite.cli.exits import CommandError

    first, slash, of = text.partition("/")
    if slash and first.strip().isdecimal() and of.strip().isdecimal() and 1 <= int(first) <= int(of):
        return int(first), int(of)
    raise CommandError(f"--shard is {text!r}; write i/n with i from 1 to n, as in 2/8.", "")


def opened(paths: tuple[str, ...]) -> list[Checkpoint]:
    """Open checkpoints; only headers are read.

    Parameters
    ----------
    paths : tuple of str
        Where they lie.

    Returns
    -------
    list of Checkpoint
        In the same order, each once.
    """
    from theodolite.cli.exits import reading_input
    from theodolite.sources import open_checkpoint

    with reading_input():
        return [open_checkpoint(path) for path in dict.fromkeys(os.path.normpath(path) for path in paths)]
