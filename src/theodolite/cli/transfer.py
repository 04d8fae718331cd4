"""``theodolite transfer``: AdamW's learning rate and weight decay at another width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

USAGE = "theodolite transfer --lr LR --weight-decay DECAY --width FROM --to WIDTH [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite transfer --lr 3e-3 --weight-decay 0.1 --width 256 --to 2048
  theodolite transfer --lr 3e-3 --weight-decay 0.1 --width 256 --to 2048 --json

For matrices the learning rate goes as 1/width and the weight decay as the
square root of the width, so that sqrt(lr / weight decay) * width^0.75, and with
it the largest singular value, stays where it is. WEIGHT DECAY is that of
torch.optim.AdamW, which multiplies the weights by 1 - lr * weight decay at each
step. Whether it worked: theodolite width --help"""

_OPTIONS = {
    "learning_rate": "--lr",
    "weight_decay": "--weight-decay",
    "width": "--width",
    "target_width": "--to",
    "vector_learning_rate": "--vector-lr",
}
_TUNED = Group.create_ordered("What was tuned, and where to")


@Parameter(name="*", group=_TUNED)
@dataclass(frozen=True)
class Tuned:
    """What was tuned, and where to.

    Parameters
    ----------
    lr, weight_decay : float
        Of the matrices.
    width, to : float
        Where they were tuned, and where they are wanted.
    """

    lr: Annotated[float, Parameter(help="Learning rate of the matrices.")]
    weight_decay: Annotated[float, Parameter(help="Weight decay of the matrices.")]
    width: Annotated[float, Parameter(help="The width at which they were tuned.")]
    to: Annotated[float, Parameter(help="The width at which they are wanted.")]


def transfer(
    *,
    tuned: Tuned,
    vector_lr: Annotated[
        float | None, Parameter(help="Learning rate of gains, biases and embeddings. [default: that of the matrices]")
    ] = None,
    head: Annotated[
        Literal["multiplier", "plain"],
        Parameter(help="Whether the model's output is divided by the width, or not.", show_default=True),
    ] = "multiplier",
    json: Annotated[bool, Parameter(help="One JSON object on standard output.")] = False,
) -> int:
    """Carry AdamW's learning rate and weight decay to another width, for each class of parameters.

    Parameters
    ----------
    tuned : Tuned
        What was tuned, and where to.
    vector_lr : float, optional
        Learning rate of gains, biases and embeddings.
    head : {"multiplier", "plain"}
        Whether the model's output is divided by the width.
    json : bool
        One JSON object on standard output.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If a number is not positive.
    """
    import json as encoder

    from theodolite.cli.display import machine_lines, stdout, table
    from theodolite.cli.exits import CommandError, Exit, by_option
    from theodolite.core import ParameterError
    from theodolite.study import transfer_hyperparameters

    try:
        found = transfer_hyperparameters(
            tuned.lr,
            tuned.weight_decay,
            width=tuned.width,
            target_width=tuned.to,
            vector_learning_rate=vector_lr,
            head=head,
        )
    except ParameterError as error:
        raise CommandError(f"{by_option(str(error), _OPTIONS)}.", "See theodolite transfer --help") from error
    if json:
        machine_lines([encoder.dumps(found.to_dict(), ensure_ascii=False)])
        return Exit.OK
    where = stdout()
    shown = table(
        "class", "lr", "weight decay", "what it is", "rule", right=("lr", "weight decay"), wrap=("what it is", "rule")
    )
    for each in found.classes:
        rule = f"{each.rule} ({each.source})"
        shown.add_row(each.name, f"{each.learning_rate:.6g}", f"{each.weight_decay:.6g}", each.members, rule)
    where.print(shown)
    where.print()
    before, after = found.invariants
    where.print(
        f"sqrt(lr / weight decay) * width^0.75 of the matrices: {before:.6g} before, {after:.6g} after.", soft_wrap=True
    )
    return Exit.OK
