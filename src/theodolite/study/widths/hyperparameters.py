"""Learning rate and weight decay at another width, for AdamW under the maximal-update parameterisation."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from theodolite.core import ParameterError

SIGMA_EXPONENT = 0.75
"""The largest singular value grows as sqrt(eta/lambda) times the width to this power."""


@dataclass(frozen=True)
class ParameterClass:
    """Learning rate and weight decay of one class of parameters.

    Attributes
    ----------
    name : str
        The class.
    members : str
        What belongs to it.
    learning_rate, weight_decay : float
        What to give to AdamW.
    rule : str
        How they depend on the width d.
    source : str
        Where the rule is from.
    """

    name: str
    members: str
    learning_rate: float
    weight_decay: float
    rule: str
    source: str


@dataclass(frozen=True)
class TransferredHyperparameters:
    """Learning rates and weight decays at a target width.

    Attributes
    ----------
    width, target_width : float
        Where they were tuned, and where they are wanted.
    learning_rate, weight_decay : float
        What was tuned for matrices.
    classes : tuple of ParameterClass
        The target's, by class: matrix-like, vector-like, embedding, head.
    """

    width: float
    target_width: float
    learning_rate: float
    weight_decay: float
    classes: tuple[ParameterClass, ...]

    def __getitem__(self, name: str) -> ParameterClass:
        for each in self.classes:
            if each.name == name:
                return each
        raise KeyError(f"no class is named {name!r}; the classes are {', '.join(each.name for each in self.classes)}")

    @property
    def invariants(self) -> tuple[float, float]:
        """``sqrt(eta/lambda) d**0.75`` of the matrices at the two widths: equal, up to rounding."""
        there = self["matrix-like"]
        return (
            steady_scale(self.learning_rate, self.weight_decay, self.width),
            steady_scale(there.learning_rate, there.weight_decay, self.target_width),
        )

    def explain(self) -> str:
        """Say what to set and why, a line for each class.

        Returns
        -------
        str
            One sentence a line.
        """
        before, after = self.invariants
        lines = [f"AdamW from width {self.width:g} to width {self.target_width:g}."]
        lines += [
            f"{each.name} ({each.members}): lr={each.learning_rate:.6g}, weight_decay={each.weight_decay:.6g}; "
            f"{each.rule} ({each.source})."
            for each in self.classes
        ]
        lines.append(f"sqrt(eta/lambda) d^0.75 of the matrices: {before:.6g} before, {after:.6g} after.")
        lines.append(
            "weight_decay is that of torch.optim.AdamW, whose step multiplies the weights by 1 - lr * weight_decay."
        )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values.

        Returns
        -------
        dict
            Field to value, with ``"invariants"``.
        """
        return {**dataclasses.asdict(self), "invariants": list(self.invariants)}


def transfer_hyperparameters(
    learning_rate: float,
    weight_decay: float,
    *,
    width: float,
    target_width: float,
    vector_learning_rate: float | None = None,
    head: Literal["multiplier", "plain"] = "multiplier",
) -> TransferredHyperparameters:
    """Carry AdamW's learning rate and weight decay from a width where they were tuned to another width.

    Matrices, both of whose sides grow with the width d, get eta ~ 1/d (the maximal-update parameterisation, μP [2]_)
    and lambda ~ sqrt(d) [1]_, so that the steady level sqrt(eta/lambda) d^0.75 of their largest singular value stays
    where it was. Parameters with one side that grows, gains and biases among them, keep their learning rate and have
    no weight decay [1]_. μP counts embeddings and heads among these [2]_.

    Parameters
    ----------
    learning_rate, weight_decay : float
        What was tuned for the matrices at `width`; ``weight_decay`` as `torch.optim.AdamW` means it: each step
        multiplies the weights by ``1 - learning_rate * weight_decay``. An optimiser whose decay is not multiplied by
        the learning rate takes the product of the two.
    width : float
        Where they were tuned.
    target_width : float
        Where they are wanted.
    vector_learning_rate : float, optional
        That of vectors and embeddings, where it is another one.
    head : {"multiplier", "plain"}
        Whether the output of the model is divided by d, as μP does it, or the head is a plain matrix. A plain head
        learns at eta ~ 1/d.

    Returns
    -------
    TransferredHyperparameters
        By class of parameters.

    Raises
    ------
    ParameterError
        If a number is not positive. Without weight decay there is no steady state to hold.

    References
    ----------
    .. [1] Fan, Liu, Zhao, Yuan & Gu (2025), "Robust layerwise scaling rules by proper weight decay tuning",
       arXiv:2510.15262, abstract.
    .. [2] Yang et al. (2022), "Tensor programs V: Tuning large neural networks via zero-shot hyperparameter
       transfer", arXiv:2203.03466, tables 3 and 8.

    Examples
    --------
    >>> wide = transfer_hyperparameters(3e-3, 0.1, width=256, target_width=1024)
    >>> wide["matrix-like"].learning_rate, wide["matrix-like"].weight_decay
    (0.00075, 0.2)
    >>> wide["vector-like"].learning_rate, wide["vector-like"].weight_decay
    (0.003, 0.0)
    """
    vectors = learning_rate if vector_learning_rate is None else vector_learning_rate
    given = {"learning_rate": learning_rate, "weight_decay": weight_decay, "width": width, "target_width": target_width}
    for name, value in {**given, "vector_learning_rate": vectors}.items():
        if not (math.isfinite(value) and value > 0):
            why = "; without weight decay there is no steady state to hold" if name == "weight_decay" else ""
            raise ParameterError(f"{name}: got {value}; expected a positive number{why}")
    if head not in {"multiplier", "plain"}:
        raise ParameterError(f"head: got {head!r}; expected 'multiplier' or 'plain'")
    times = target_width / width
    law, mup = "arXiv:2510.15262", "arXiv:2203.03466"
    constant = "learning rate constant, no decay"
    plain = head == "plain"
    classes = (
        ParameterClass(
            "matrix-like",
            "weights with two sides that grow",
            learning_rate / times,
            weight_decay * math.sqrt(times),
            "learning rate ~ 1/d, weight decay ~ sqrt(d)",
            law,
        ),
        ParameterClass("vector-like", "gains and biases", vectors, 0.0, constant, law),
        ParameterClass(
            "embedding", "input embeddings", vectors, 0.0, f"vector-like: {constant}", f"{law}, its class by {mup}"
        ),
        ParameterClass(
            "head",
            "a plain output matrix" if plain else "output weights whose result is divided by d",
            vectors / times if plain else vectors,
            0.0,
            "learning rate ~ 1/d, no decay" if plain else f"vector-like: {constant}",
            mup if plain else f"{law}, its class by {mup}",
        ),
    )
    return TransferredHyperparameters(
        float(width), float(target_width), float(learning_rate), float(weight_decay), classes
    )


def steady_scale(learning_rate: float, weight_decay: float, width: float) -> float:
    """Give ``sqrt(eta/lambda) d**0.75``, to which the largest singular value of a matrix is proportional.

    Parameters
    ----------
    learning_rate, weight_decay, width : float
        Of the matrix; all positive.

    Returns
    -------
    float
        The scale.
    """
    return math.sqrt(learning_rate / weight_decay) * math.pow(width, SIGMA_EXPONENT)
