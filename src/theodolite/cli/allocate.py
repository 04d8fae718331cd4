"""``theodolite allocate``: where a budget of adapter rank, of experts or of components goes, and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from theodolite.act import RankPlan, Trial, TrialSettings

USAGE = "theodolite allocate RUN --budget N [OPTIONS]"
EXAMPLES = """\
The methods, with --method

  proportional  ranks of adapters, in proportion to what --by says of each layer
  alphalora     experts for every block, by the mean exponent of its layers
  welore        how many components of each matrix stay, by one threshold

What the ranks are proportional to, with --by

  alpha           a power-law exponent: what is trained least gets most
  effective_rank  how many directions a matrix uses
  energy          how many components hold most of the squared singular values
  uniform         nothing: all alike

Examples

  theodolite allocate net.theodolite --budget 200000
  theodolite allocate ./bert --by effective_rank --budget 8 --unit mean_rank
  theodolite allocate ./bert --budget 200000 --format peft -o lora.json
  theodolite allocate ./bert --method alphalora --budget 30 --alpha released
  theodolite allocate ./bert --method welore --budget 0.5
  theodolite allocate ./bert --budget 200000 --try my_model:build data.npz

No rule here is known to beat uniform ranks on your task; --try measures it.
Exit codes: 0 ok, 2 wrong usage, 4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is shared out")
_FORM = Group.create_ordered("What comes out")
_TRIAL = Group.create_ordered("Against uniform ranks")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is shared out.

    Parameters
    ----------
    budget : float, optional
        How much there is.
    method : {"proportional", "alphalora", "welore"}
        The method.
    by : {"alpha", "effective_rank", "energy", "uniform"}, optional
        The score.
    unit : {"parameters", "mean_rank", "experts", "share"}, optional
        What the budget counts.
    alpha : {"hill", "released", "power_law"}, optional
        Which exponent.
    beta : float, optional
        The power of the score.
    floor : int
        The least for each.
    energy : float, optional
        The share of energy.
    min_share : float, optional
        When a matrix is a low-rank component.
    expert_rank : int, optional
        Rank of one expert.
    layers : str, optional
        Only tensors whose name or module matches.
    """

    budget: Annotated[float | None, Parameter(help="How much there is to share out, in the unit.")] = None
    method: Annotated[
        Literal["proportional", "alphalora", "welore"], Parameter(help="The method, see below.", show_default=True)
    ] = "proportional"
    by: Annotated[
        Literal["alpha", "effective_rank", "energy", "uniform"] | None,
        Parameter(help="What ranks are proportional to, see below. [default: alpha]"),
    ] = None
    unit: Annotated[
        Literal["parameters", "mean_rank", "experts", "share"] | None,
        Parameter(
            help="What the budget counts: trained parameters, the mean rank; experts (alphalora); the share of "
            "components that goes (welore). [default: parameters, experts, share]"
        ),
    ] = None
    alpha: Annotated[
        Literal["hill", "released", "power_law"] | None,
        Parameter(
            help="The exponent: Hill's over half of the spectrum, which the AlphaLoRA paper names; the search near the "
            "peak of the density that its released code makes; the best-fitting tail. [default: hill]"
        ),
    ] = None
    beta: Annotated[float | None, Parameter(help="The power of the score. [default: 1; alphalora 2.5]")] = None
    floor: Annotated[
        int, Parameter(help="The least rank, or number of experts, for each; 0 leaves layers out.", show_default=True)
    ] = 1
    energy: Annotated[float | None, Parameter(help="The share of energy, with --by energy. [default: 0.9]")] = None
    min_share: Annotated[
        float | None,
        Parameter(help="A low-rank component loses more than this share, with --method welore. [default: 0]"),
    ] = None
    expert_rank: Annotated[int | None, Parameter(help="Rank of one expert, with --method alphalora. [default: 8]")] = (
        None
    )
    layers: Annotated[
        str | None,
        Parameter(
            help="Only tensors whose name matches a pattern with * and ?; several with commas. [default: the linear "
            "layers inside the blocks]"
        ),
    ] = None

    def options(self) -> dict[str, Any]:
        """Give what was said as options of an allocation.

        Returns
        -------
        dict
            Field to value.

        Raises
        ------
        CommandError
            If there is no budget.
        """
        from theodolite.cli.exits import CommandError

        if self.budget is None:
            raise CommandError(
                "How much is there to share out?",
                "Give --budget: parameters, or with --unit mean_rank a rank; see theodolite allocate --help.",
            )
        return {**vars(self), "budget": self.budget}


@Parameter(name="*", group=_FORM)
@dataclass(frozen=True)
class Form:
    """What comes out.

    Parameters
    ----------
    format : {"peft", "json"}, optional
        The form of the plan.
    output : Path, optional
        The file.
    prefix : str
        What stands before the names.
    scaling : float
        Scaling of the adapters.
    jobs : int
        How many layers are looked at at once.
    """

    format: Annotated[
        Literal["peft", "json"] | None,
        Parameter(
            help="peft: options of peft.LoraConfig; json: the whole plan. To standard output, or with -o to a file."
        ),
    ] = None
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="The file. [format: json]")] = None
    prefix: Annotated[
        str, Parameter(help="What stands before the plan's names in the model that is adapted, such as bert. (dot).")
    ] = ""
    scaling: Annotated[float, Parameter(help="lora_alpha over the rank.", show_default=True)] = 1.0
    jobs: Annotated[
        int, Parameter(help="How many layers are looked at at once; -1: one per core.", show_default=True)
    ] = 1


@Parameter(name="*", group=_TRIAL)
@dataclass(frozen=True)
class Against:
    """Whether the plan beats uniform ranks.

    Parameters
    ----------
    attempt : tuple of str and Path, optional
        The model and the data.
    steps : int
        Steps of training.
    seeds : int
        How many times.
    batch_size : int
        Examples a step.
    learning_rate : float
        Of AdamW.
    hold_out : float
        Share of the examples.
    """

    attempt: Annotated[
        tuple[str, Path] | None,
        Parameter(
            name="--try",
            help="MODEL DATA: train the plan and uniform ranks on your data and compare. MODEL is a function that "
            "builds the torch model with its weights, as package.module:function; importing runs the module. DATA is "
            ".npz or .safetensors with the arrays inputs and targets.",
        ),
    ] = None
    steps: Annotated[int, Parameter(help="Steps of AdamW in each training.", show_default=True)] = 200
    seeds: Annotated[int, Parameter(help="How many times both are trained.", show_default=True)] = 5
    batch_size: Annotated[int, Parameter(help="Examples a step.", show_default=True)] = 32
    learning_rate: Annotated[float, Parameter(help="Peak of the rate of learning.", show_default=True)] = 1e-3
    hold_out: Annotated[float, Parameter(help="Share of the examples to judge on.", show_default=True)] = 0.25

    def settings(self, form: Form) -> TrialSettings:
        """Put the settings of the trial together.

        Parameters
        ----------
        form : Form
            Prefix and scaling.

        Returns
        -------
        TrialSettings
            The settings.
        """
        from theodolite.act import TrialSettings

        told = {name: value for name, value in vars(self).items() if name != "attempt"}
        return TrialSettings(**told, prefix=form.prefix, scaling=form.scaling)


_WHAT_BY_DEFAULT, _FORM_BY_DEFAULT, _AGAINST_BY_DEFAULT = What(), Form(), Against()


def allocate(
    path: Annotated[str, Parameter(name="RUN", help="A run folder of theodolite survey, or a checkpoint.")],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    form: Form = _FORM_BY_DEFAULT,
    against: Against = _AGAINST_BY_DEFAULT,
) -> int:
    """Share a budget of rank out among the layers of a model, and say why.

    The plan is a sentence for every layer, options for PEFT whose every key fits one module, or JSON. From a run it
    takes what was measured; from a checkpoint it measures what it needs.

    Parameters
    ----------
    path : str
        A run folder, or a checkpoint.
    what : What
        What is shared out.
    form : Form
        What comes out.
    against : Against
        Whether it beats uniform ranks.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.display import stderr, stdout
    from theodolite.cli.exits import Exit

    options = what.options()
    with _mendable():
        settings = against.settings(form)
        plan = _planned(path, options, form.jobs)
        if form.format == "peft":
            plan.to_peft(prefix=form.prefix, scaling=form.scaling)
        told = form.format is None and form.output is None
        where = stdout() if told or form.output is not None else stderr()
        where.print(plan.explain() if told else plan.headline(), soft_wrap=True)
        trial = None if against.attempt is None else _tried(plan, against.attempt, settings)
    if trial is not None:
        where.print(trial.describe(), soft_wrap=True)
    if not told:
        _write(plan, trial, form)
    elif plan.allocation.method != "welore":
        where.print(f"{'Next':<9}the same with --format peft -o lora.json writes it for PEFT", soft_wrap=True)
    return Exit.OK


def _planned(path: str, options: dict[str, Any], jobs: int) -> RankPlan:
    from theodolite.act import allocate as plan_of
    from theodolite.cli.display import progress_bar
    from theodolite.cli.exits import reading_input
    from theodolite.cli.report import is_run, read_runs
    from theodolite.sources import open_checkpoint

    if is_run(path):
        return plan_of(read_runs([path]), jobs=jobs, **options)
    with reading_input(), open_checkpoint(path) as checkpoint, progress_bar() as progress:
        return plan_of(checkpoint, jobs=jobs, progress=progress, **options)


def _tried(plan: RankPlan, attempt: tuple[str, Path], settings: TrialSettings) -> Trial:
    from theodolite.act import try_plan
    from theodolite.cli.display import progress_bar
    from theodolite.cli.exits import reading_input
    from theodolite.generalization.loading import load_data, load_factory

    with reading_input():
        data = load_data(attempt[1])
    factory = load_factory(attempt[0], folder=Path.cwd())
    with progress_bar() as progress:
        return try_plan(plan, factory, data, settings=settings, progress=progress)


def _write(plan: RankPlan, trial: Trial | None, form: Form) -> None:
    import json

    from theodolite.cli.display import machine_lines, say_path, stdout
    from theodolite.cli.report import writing
    from theodolite.files import replacing

    if form.format == "peft":
        record = plan.to_peft(prefix=form.prefix, scaling=form.scaling)
    else:
        record = {**plan.to_dict(), **({} if trial is None else {"trial": trial.to_dict()})}
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    if form.output is None:
        machine_lines([text])
        return
    with writing(form.output), replacing(form.output) as file:
        file.write(f"{text}\n".encode())
    say_path(stdout(), "Plan", form.output)
    if form.format == "peft":
        name = shlex.quote(form.output.name)
        stdout().print(f"{'Next':<9}peft.LoraConfig(**json.load(open({name!r})))", soft_wrap=True)


@contextmanager
def _mendable() -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.cli.exits import CommandError, Exit, by_option
    from theodolite.core import ParameterError

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("Stopped. Nothing was written.", "", Exit.INTERRUPTED) from None
    except ParameterError as error:
        text = by_option(str(error), {"factory": "--try", "data": "--try"})
        needs = "Install it with: pip install 'theodolite[peft]'" if _lacks(text) else ""
        raise CommandError(f"{text}.", needs or "See theodolite allocate --help") from error
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "peft"}:
            raise
        problem = f"A trial needs {error.name}, which is not installed."
        raise CommandError(problem, "Install it with: pip install 'theodolite[peft]'") from error


def _lacks(text: str) -> bool:
    return any(f"no module named {name!r}" in text for name in ("torch", "peft"))
