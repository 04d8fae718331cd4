"""``theodolite record``: what the layers of a model give, written into one file that everything else reads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from theodolite.sources import Features

USAGE = "theodolite record MODEL DATA --model package.module:function -o FEATURES"
EXAMPLES = """\
Examples

  theodolite record m.pt x.npz --model n:f -o f.safetensors
  theodolite record m.pt x.npz --model n:f -o f.safetensors --layers 'layer*'
  theodolite record m.pt x.npz --model n:f -o f.safetensors --rows 0 --moments
  theodolite record m.pt x.npz --model n:f -o f.safetensors --features positions
  theodolite record ./bert ids.npz --model n:f -o f.safetensors --tokens each

A checkpoint holds no code, so --model names a function of yours that takes
nothing and gives the torch module; it is imported, also from the working
directory, and the weights of MODEL are put into what it gives. DATA holds the
array inputs, or arrays named as the model's keywords (input_ids,
attention_mask); targets and labels are left out.
The rows that are kept depend on their place in DATA and on --seed alone: files
of several models over the same DATA go together, row by row. --moments keeps
what pairs of layers need (cka, procrustes, cca) of all rows, in one pass.
Exit codes: 0 ok, 2 wrong usage, 4 the input can't be read, 130 interrupted."""

_WHAT = Group.create_ordered("What is recorded")
_ROWS = Group.create_ordered("What a row is")
_HOW = Group.create_ordered("Where and how")


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class What:
    """What is recorded.

    Parameters
    ----------
    model : str, optional
        A function that builds the module.
    layers : str, optional
        Which layers.
    rows : int
        How many rows are kept.
    moments : bool
        Whether moments of all rows are kept.
    folds : int
        Into how many groups moments are kept apart.
    """

    model: Annotated[
        str | None, Parameter(help="package.module:function, which builds the torch module of this architecture.")
    ] = None
    layers: Annotated[
        str | None,
        Parameter(
            help="Layers whose name matches: 'layer*', '*.mlp,output'. [default: repeated blocks, or all with weights]"
        ),
    ] = None
    rows: Annotated[int, Parameter(help="How many rows of each layer are kept; 0: none.", show_default=True)] = 4096
    moments: Annotated[
        bool, Parameter(help="Keep the moments of all rows, of each layer and of every pair of layers.")
    ] = False
    folds: Annotated[
        int, Parameter(help="Groups of examples whose moments are kept apart, for cross-validation.", show_default=True)
    ] = 1


@Parameter(name="*", group=_ROWS)
@dataclass(frozen=True)
class Rows:
    """What a row is.

    Parameters
    ----------
    features : {"flatten", "positions", "shift-invariant"}
        What becomes of maps.
    tokens : {"mean", "each", "first", "last"}
        What becomes of tokens.
    channels : {"first", "last"}
        Where the channels of maps lie.
    """

    features: Annotated[
        Literal["flatten", "positions", "shift-invariant"],
        Parameter(
            help="Maps of convolutions: one row an example, a row each position, or kept as maps.", show_default=True
        ),
    ] = "flatten"
    tokens: Annotated[
        Literal["mean", "each", "first", "last"],
        Parameter(
            help="Tokens that attention_mask counts: their mean, a row each, the first, the last.", show_default=True
        ),
    ] = "mean"
    channels: Annotated[
        Literal["first", "last"], Parameter(help="Where the channels of maps lie.", show_default=True)
    ] = "first"


@Parameter(name="*", group=_HOW)
@dataclass(frozen=True)
class How:
    """Where and how.

    Parameters
    ----------
    output : Path, optional
        The file.
    overwrite : bool
        Replace a file that is there.
    batch_size : int
        Examples that run together.
    seed : int
        Which rows are kept.
    stimuli : str
        What to call the data.
    device : str, optional
        Where the model runs.
    """

    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="The file, which ends in .safetensors.")] = (
        None
    )
    overwrite: Annotated[bool, Parameter(help="Replace the file if it is there.")] = False
    batch_size: Annotated[int, Parameter(help="Examples that run together.", show_default=True)] = 64
    seed: Annotated[int, Parameter(help="Which rows are kept, and who is in which fold.", show_default=True)] = 0
    stimuli: Annotated[
        str, Parameter(help="Name of the data, where models take the same stimuli in other forms. [default: a digest]")
    ] = ""
    device: Annotated[
        str | None, Parameter(help="Where the model runs: cpu, cuda, mps. [default: where the function puts it]")
    ] = None


_WHAT_BY_DEFAULT, _ROWS_BY_DEFAULT, _HOW_BY_DEFAULT = What(), Rows(), How()


def record(
    path: Annotated[
        str, Parameter(name="MODEL", help="A checkpoint: .safetensors, .npz, .pt, .pth, .bin, or a folder.")
    ],
    data: Annotated[Path, Parameter(name="DATA", help="A .npz or .safetensors file of what the model is shown.")],
    /,
    *,
    what: What = _WHAT_BY_DEFAULT,
    shape: Rows = _ROWS_BY_DEFAULT,
    how: How = _HOW_BY_DEFAULT,
) -> int:
    """Run a model over data and write what its layers give: a sample of rows, moments of all rows, or both.

    The file is what comparisons of representations read. It is there whole or not at all.

    Parameters
    ----------
    path : str
        A checkpoint.
    data : Path
        What the model is shown.
    what : What
        What is recorded.
    shape : Rows
        What a row is.
    how : How
        Where and how.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.display import progress_bar
    from theodolite.cli.exits import Exit, reading_input

    target = _checked(what, how)
    with _mendable(target), reading_input():
        from theodolite.sources import open_checkpoint, record_features
        from theodolite.sources.recording import RecordSettings
        from theodolite.sources.stimuli import load_stimuli

        options = {**asdict(shape), "rows": what.rows, "moments": what.moments, "folds": what.folds}
        options |= {"batch_size": how.batch_size, "seed": how.seed, "stimuli": how.stimuli}
        RecordSettings.of(**options)
        stimuli = load_stimuli(data)
        with open_checkpoint(path) as checkpoint:
            model, name = _loaded(str(what.model), checkpoint), checkpoint.model
        if how.device is not None:
            model = _moved(model, how.device)
        with progress_bar() as progress:
            features = record_features(model, stimuli, what.layers, name=name, progress=progress, **options)
        features.write(target, overwrite=how.overwrite)
    _show(features, target, moments=what.moments)
    return Exit.OK


def _checked(what: What, how: How) -> Path:
    """Refuse, before hours of work and not after, what can't end well."""
    from theodolite.cli.exits import CommandError
    from theodolite.cli.report import check_place

    if what.model is None:
        remedy = "Name a function of yours that takes nothing and gives the torch module."
        raise CommandError("A checkpoint holds no code: give --model package.module:function.", remedy)
    if how.output is None:
        raise CommandError("Where should the features go?", "Give -o FILE.safetensors.")
    if how.output.suffix != ".safetensors":
        raise CommandError(f"{how.output.name} does not end in .safetensors.", "Choose another -o.")
    if how.output.exists() and not how.overwrite:
        raise CommandError(f"{how.output} is there already.", "Choose another -o, or add --overwrite.")
    above = next(folder for folder in how.output.absolute().parents if folder.exists())
    if not above.is_dir():
        raise CommandError(f"{above.name} is a file, and {how.output} would lie in it.", "Choose another -o.")
    check_place(how.output)
    return how.output


def _loaded(named: str, checkpoint: Any) -> Any:
    from theodolite.cli.exits import CommandError
    from theodolite.generalization.loading import load_factory, load_model

    factory = load_factory(named, folder=Path.cwd())
    try:
        model = factory()
    except TypeError as error:
        raise CommandError(
            f"--model {named} can't be called without arguments: {error}.",
            "Name a function that takes nothing and gives the torch module.",
        ) from error
    return load_model(lambda: model, checkpoint)


def _moved(model: Any, device: str) -> Any:
    from theodolite.cli.exits import CommandError

    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise CommandError(f"--device {device}: {str(error).splitlines()[0]}.", "Try --device cpu.") from error


@contextmanager
def _mendable(target: Path) -> Iterator[None]:
    """Turn what the user can mend into a line and its remedy."""
    from theodolite.cli.exits import CommandError, Exit, sentence
    from theodolite.files import UNFINISHED

    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("Stopped. Nothing was written.", "", Exit.INTERRUPTED) from None
    except OSError as error:
        # What is written lies beside its place until it is whole, under a name that says nothing to anybody.
        named = error.filename is not None and not Path(str(error.filename)).name.startswith(UNFINISHED)
        problem = f"{error.filename if named else target} can't be written: {error.strerror or error}."
        raise CommandError(problem, "Free some space or choose another -o; nothing was written.") from error
    except (ValueError, TypeError) as error:
        text = str(error).replace("; moments=True", "; add --moments")
        if text.startswith("factory"):
            text = text.replace("factory", "--model", 1)
        remedy = "What belongs together: theodolite record --help. The tensors: theodolite inspect MODEL"
        raise CommandError(sentence(text), remedy) from error


def _show(features: Features, target: Path, *, moments: bool) -> None:
    from theodolite.cli.display import count, say_path, stdout, table

    where = stdout()
    seen = max(layer.rows.seen for layer in features.layers)
    kinds = ", ".join(dict.fromkeys(f"{layer.rows.seen:,} {layer.rows.kind}" for layer in features.layers))
    where.print(f"{features.origin.model}: {count(len(features), 'layer')}, {kinds}", soft_wrap=True)
    titles = ("rows kept", "a row", "of", "moments")
    shown = table("layer", *titles, right=titles[:2], wrap=("layer",))
    for layer in features.layers:
        rows = f"{layer.array.shape[0]:,}" if layer.array is not None else "none"
        shape = layer.array.shape[1:] if layer.array is not None else (features[layer.name].width,)
        shown.add_row(
            layer.name, rows, " x ".join(map(str, shape)), layer.rows.kind, f"{seen:,} rows" if moments else "none"
        )
    where.print(shown)
    say_path(where, "Features", target)
    where.print(f"{'Next':<9}theodolite similarity {shlex.quote(str(target))}", soft_wrap=True)
    if "rows" in features.has:
        where.print(f"{'':<9}theodolite dimension {shlex.quote(str(target))}", soft_wrap=True)
