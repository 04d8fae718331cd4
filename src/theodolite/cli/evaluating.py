"""What a command needs to run a model on data: a function that builds it, and a file of examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from theodolite.act import SmoothPlan
    from theodolite.generalization import SmoothedAccuracy
    from theodolite.sources import Checkpoint

NETWORK_OPTIONS = {"factory": "--model", "data": "--data", "batch_size": "--batch-size"}
"""What the parameters of a model and data are called on the command line."""

_WORKS = Group.create_ordered("Whether it still works")


@Parameter(name="*")
@dataclass(frozen=True)
class Network:
    """A model and data to run it on, as every command names them.

    Parameters
    ----------
    model : str, optional
        The function that builds the model.
    data : Path, optional
        The examples.
    batch_size : int
        How many examples are looked at at a time.
    """

    model: Annotated[
        str | None,
        Parameter(help="Function that builds the torch model, as package.module:function; importing runs the module."),
    ] = None
    data: Annotated[
        Path | None, Parameter(help="Examples: .npz or .safetensors with the arrays inputs and targets.")
    ] = None
    batch_size: Annotated[int, Parameter(help="How many examples are run at a time.", show_default=True)] = 256

    def built(self) -> Any:
        """Build the model, without any weights of a checkpoint.

        Returns
        -------
        torch.nn.Module or None
            What the function gave; None where none was named.

        Raises
        ------
        ParameterError
            If the function can't be found, or gives something else.
        """
        from theodolite.core import ParameterError
        from theodolite.generalization.loading import load_factory
        from theodolite.sources.running import check_module

        if self.model is None:
            return None
        model = load_factory(self.model, folder=Path.cwd())()
        try:
            check_module(model)
        except TypeError:
            given = type(model).__name__
            raise ParameterError(f"factory {self.model!r}: it gave {given}; expected a torch.nn.Module") from None
        return model


@Parameter(name="*", group=_WORKS)
@dataclass(frozen=True)
class Works(Network):
    """A model and data that tell whether a copy still works."""

    def loaded(self, checkpoint: Checkpoint) -> tuple[Any, Any] | None:
        """Build the model with the weights of a checkpoint, and read the examples.

        Parameters
        ----------
        checkpoint : Checkpoint
            The weights.

        Returns
        -------
        model : torch.nn.Module
            In evaluation mode.
        batches : Batches
            The examples. Nothing at all where neither was asked for.

        Raises
        ------
        CommandError
            If one is given without the other, or doesn't fit.
        """
        from theodolite.cli.exits import CommandError

        if self.model is None and self.data is None:
            return None
        if self.model is None or self.data is None:
            given, lacks = ("--model", "--data") if self.data is None else ("--data", "--model")
            raise CommandError(f"{given} is given without {lacks}.", "Give both to see whether the copy still works.")
        with _as_a_line():
            from theodolite.generalization.batches import Batches
            from theodolite.generalization.loading import load_data, load_factory, load_model

            batches = Batches(load_data(self.data), batch_size=self.batch_size)
            return load_model(load_factory(self.model, folder=Path.cwd()), checkpoint), batches

    def smoothed(self, loaded: tuple[Any, Any], plan: SmoothPlan, jobs: int) -> SmoothedAccuracy:
        """Run the model and its smoothed copy.

        Parameters
        ----------
        loaded : tuple
            What `loaded` gave.
        plan : SmoothPlan
            What to keep.
        jobs : int
            How many tensors are worked on at once.

        Returns
        -------
        SmoothedAccuracy
            How both do.
        """
        from theodolite.cli.display import progress_bar
        from theodolite.generalization import smoothed_accuracy

        model, batches = loaded
        with _as_a_line(), progress_bar() as progress:
            return smoothed_accuracy(model, batches, by=plan, jobs=jobs, progress=progress)


@contextmanager
def _as_a_line() -> Iterator[None]:
    from theodolite.cli.exits import CommandError, by_option, sentence
    from theodolite.core import ParameterError
    from theodolite.generalization import LogitsError

    try:
        yield
    except (ParameterError, LogitsError) as error:
        text = by_option(str(error), NETWORK_OPTIONS)
        needs = "Install torch with: pip install 'theodolite[torch]'" if "named 'torch'" in text else ""
        raise CommandError(sentence(text), needs or "See theodolite smooth --help") from error
