"""``theodolite metrics``: the 28 generalisation metrics of one network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from theodolite.cli.evaluating import NETWORK_OPTIONS, Network

if TYPE_CHECKING:
    from theodolite.generalization import GeneralizationMetrics, Metric

USAGE = "theodolite metrics MODEL [OPTIONS]"
EXAMPLES = """\
What needs what

  weights alone    PARAM_NORM and the 12 means over layers
  --init           distances: FRO_DIST, DIST_SPEC_INIT
  --model          PATH_NORM
  --model --data   margins and PAC-Bayes bounds, some of them with --init

Examples

  theodolite metrics model.safetensors
  theodolite metrics model.safetensors --init step0.safetensors
  theodolite metrics m.pt --model nets:build --data train.npz --init m0.pt
  theodolite metrics m.pt --samples 50000 --json

A checkpoint holds no code, so --model names a function of yours that takes
nothing and gives the torch module; it is imported, also from the working
directory, and the weights of MODEL are put into what it gives. The file of
--data holds two arrays, inputs and targets: the numbers of classes, or -100
for none. What is missing for a metric is said in its place.
Exit codes: 0 ok, 2 wrong usage, 4 the input can't be read, 130 interrupted."""

_OPTIONS = NETWORK_OPTIONS | {name: f"--{name}" for name in ("init", "samples", "displacement", "seed")}
_WHAT = Group.create_ordered("What the metrics may look at")
_HOW = Group.create_ordered("How they are taken and shown")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What the metrics may look at.

    Parameters
    ----------
    init : str, optional
        The weights before training.
    """

    init: Annotated[str | None, Parameter(help="The weights before training: a checkpoint of the same tensors.")] = None


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """How they are taken and shown.

    Parameters
    ----------
    samples : int, optional
        The number of training samples.
    convention : {"theodolite", "authors"}
        Whose computation.
    displaced : {"accuracy", "loss"}, optional
        What noise displaces.
    displacement : float, optional
        How far.
    seed : int
        Where the noise starts.
    json : bool
        One JSON object a line.
    """

    samples: Annotated[
        int | None,
        Parameter(help="The number of training samples in the bounds. [default: that of the data, else 1]"),
    ] = None
    convention: Annotated[
        Literal["theodolite", "authors"],
        Parameter(help="authors: as the released code computes, where it differs.", show_default=True),
    ] = "theodolite"
    displaced: Annotated[
        Literal["accuracy", "loss"] | None,
        Parameter(help="What noise on the weights displaces. [default: loss for sequences, else accuracy]"),
    ] = None
    displacement: Annotated[float | None, Parameter(help="How far. [default: 0.1 of accuracy, 0.5 nats of loss]")] = (
        None
    )
    seed: Annotated[int, Parameter(help="Where the noise starts.", show_default=True)] = 0
    json: Annotated[bool, Parameter(help="One JSON object a line to standard output, the rest to standard error.")] = (
        False
    )


_WHAT_BY_DEFAULT, _NETWORK_BY_DEFAULT, _HOW_BY_DEFAULT = What(), Network(), How()


def metrics(
    path: Annotated[
        str, Parameter(name="MODEL", help="A checkpoint: .safetensors, .npz, .pt, .pth, .bin, or a folder.")
    ],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    network: Annotated[Network, Parameter(name="*", group=_WHAT)] = _NETWORK_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
) -> int:
    """Take the 28 metrics that have been asked how well a network will do on data it has not seen.

    Norms, distances, margins, bounds and shapes of spectra, by the names of Yang et al. (2023). Of each, lower has been
    said to be better; how far that holds is to be tested on models of your own kind.

    Parameters
    ----------
    path : str
        A checkpoint.
    what : What
        What the metrics may look at.
    network : Network
        What to run.
    how : How
        How they are taken and shown.

    Returns
    -------
    int
        The exit code.
    """
    import json as encoder

    from theodolite.cli.display import machine_lines, progress_bar
    from theodolite.cli.exits import Exit, reading_input
    from theodolite.generalization import generalization_metrics
    from theodolite.generalization.loading import load_data
    from theodolite.sources import open_checkpoint

    options = {name: getattr(how, name) for name in ("samples", "convention", "displaced", "displacement", "seed")}
    options["batch_size"] = network.batch_size
    with _mendable(), reading_input(), open_checkpoint(path) as checkpoint:
        data = None if network.data is None else load_data(network.data)
        model = network.built()
        with progress_bar() as progress:
            found = generalization_metrics(checkpoint, what.init, model, data, progress=progress, **options)
    if how.json:
        machine_lines(
            encoder.dumps({"model": found.model, **metric.to_dict()}, ensure_ascii=False) for metric in found.metrics
        )
    else:
        _show(found)
    return Exit.OK


@contextmanager
def _mendable() -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.cli.exits import CommandError, by_option
    from theodolite.core import ParameterError
    from theodolite.generalization import LogitsError

    try:
        yield
    except (ParameterError, LogitsError) as error:
        remedy = "What belongs together: theodolite metrics --help. The tensors: theodolite inspect MODEL"
        raise CommandError(f"{by_option(str(error), _OPTIONS)}.", remedy) from error


def _show(found: GeneralizationMetrics) -> None:
    from theodolite.cli.display import count, stdout, table

    where = stdout()
    sizes = f"{found.layers:,} {'matrix' if found.layers == 1 else 'matrices'} of {count(found.parameters, 'weight')}"
    where.print(f"{found.model}: {sizes}, {count(found.samples, 'sample')}", soft_wrap=True)
    if found.accuracy is not None and found.loss is not None and found.margin is not None:
        where.print(
            f"On the data: accuracy {found.accuracy:.4g}, loss {found.loss:.4g}, margin {found.margin:.4g}",
            soft_wrap=True,
        )
    shown = table("metric", "value", "kind", "of", right=("value",), wrap=("of",))
    for metric in found.metrics:
        if metric.value is not None:
            shown.add_row(metric.name, f"{metric.value:.6g}", metric.kind, _of(metric))
    where.print(shown)
    for reason in dict.fromkeys(metric.reason for metric in found.metrics if metric.reason):
        names = ", ".join(metric.name for metric in found.metrics if metric.reason == reason)
        where.print(f"\nNot taken: {names}\n{reason}", soft_wrap=True)


def _of(metric: Metric) -> str:
    if not metric.left_out:
        return "" if metric.layers is None else f"{metric.layers} layers"
    causes = ", ".join(sorted(set(metric.left_out.values())))
    return f"{metric.layers} layers, {len(metric.left_out)} left out ({causes})"
