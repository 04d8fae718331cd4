"""Measures of two clouds as losses: how like the activations of two networks are, with a gradient."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self

from theodolite.adapters.errors import package
from theodolite.catalogue import measures
from theodolite.core import Estimate, Missing, Pair, ParameterError, Refusal, Result, closest
from theodolite.sources.activation_shapes import Shaping

__all__ = ["MeasureLoss"]


class MeasureLoss:
    """A differentiable measure of two clouds as a loss; a ``torch.nn.Module`` without parameters.

    Parameters
    ----------
    measure : Measure or functools.partial
        A measure of a pair that is a closed form (``runs="array"``); a partial fixes its keywords.
    target : {"similar", "dissimilar"} or float
        ``"similar"``: the loss is the distance, or one less the similarity, so that its minimum is 0.
        ``"dissimilar"``: the similarity, or the negative of the distance. A number: the squared difference between the
        measure and it.
    weight : float
        What the loss is multiplied by.
    field : str, optional
        Which number, for a measure that gives several.
    features : {"flatten", "positions"}
        What becomes of feature maps of shape (examples, channels, ...): one long row for each example, or a row for
        each position.
    tokens : {"mean", "each", "first", "last"}
        What becomes of tokens of shape (examples, tokens, features): their mean, a row for each, or the first or last
        of those that count.

    Raises
    ------
    ParameterError
        If the measure has no gradient or looks at something else than a pair; if a field or target is none that it has.

    Notes
    -----
    The measure is computed in float64; the loss has float32, or float64 where an input has it. Gradients reach both
    inputs; detach the one that is a reference. Singular values that are equal, or zero, do no harm to Procrustes: the
    gradient of their sum is the polar factor, which divides by no difference of theirs. At a distance of exactly 0 it
    is 0. The weights of `pwcca` are not defined where canonical correlations coincide, and neither is its gradient.

    A batch is the whole sample: what is biased by the number of rows (biased CKA, canonical correlations) is larger in
    small batches at the same likeness. A measure that declines a batch (of dead units, of too few rows) raises
    `Refusal`.

    Examples
    --------
    >>> import theodolite as td
    >>> loss = MeasureLoss(td.similarity.cka, target="similar", weight=0.1)  # doctest: +SKIP
    >>> total = task + loss(student_activations, teacher_activations.detach())  # doctest: +SKIP
    """

    if TYPE_CHECKING:

        def __call__(self, x: Any, y: Any, mask: Any | None = None) -> Any:
            """Compare two batches, as `forward`."""

    def __init__(
        self,
        measure: Any,
        *,
        target: Literal["similar", "dissimilar"] | float = "similar",
        weight: float = 1.0,
        field: str | None = None,
        features: Literal["flatten", "positions"] = "flatten",
        tokens: Literal["mean", "each", "first", "last"] = "mean",
    ) -> None:
        super().__init__()
        plain = _differentiable(measure)
        fields = plain.traits.fields
        if field is None and len(fields) > 1:
            raise ParameterError(f"field: {plain.__name__} gives {', '.join(fields)}; choose one")
        self.field = field or next(iter(fields))
        if self.field not in fields:
            raise ParameterError(f"field is {field!r}; {closest(str(field), fields)}")
        if str(features) == "shift-invariant":
            raise ParameterError("features is 'shift-invariant'; a measure of rows takes 'flatten' or 'positions'")
        self.measure = measure
        self.name = plain.__name__
        self.target = _target(target, self.name, self.field, fields)
        self.itself = fields[self.field].of_itself
        self.weight = weight
        self.shaping = Shaping(features=features, tokens=tokens)

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an object that is a module of PyTorch too, which is imported here."""
        made: Self = object.__new__(_joined(cls))  # type: ignore[arg-type]
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self).__bases__[0],), self.__dict__

    def value(self, x: Any, y: Any, mask: Any | None = None) -> Any:
        """Measure two batches.

        Parameters
        ----------
        x, y : torch.Tensor
            Activations; the first axis of both is that of the same examples.
        mask : torch.Tensor of shape (examples, tokens), optional
            True for tokens that count.

        Returns
        -------
        torch.Tensor of shape ()
            What the measure gives, float64, with its gradient.

        Raises
        ------
        Refusal
            If the measure declines.
        """
        found = self.measure(*self._rows(x, y, mask))
        part = getattr(found, self.field) if isinstance(found, Result) else found
        if isinstance(part, Missing):
            raise Refusal(part.outcome, part.detail, self.name)
        return part.value if isinstance(part, Estimate) else part

    def forward(self, x: Any, y: Any, mask: Any | None = None) -> Any:
        """Compare two batches.

        Parameters
        ----------
        x, y : torch.Tensor
            Activations; the first axis of both is that of the same examples.
        mask : torch.Tensor of shape (examples, tokens), optional
            True for tokens that count.

        Returns
        -------
        torch.Tensor of shape ()
            The loss.
        """
        value = self.value(x, y, mask)
        if not isinstance(self.target, str):
            loss = (value - self.target) ** 2
        elif self.target == "similar":
            loss = value if self.itself == 0.0 else 1.0 - value
        else:
            loss = -value if self.itself == 0.0 else value
        double = loss.dtype in {x.dtype, y.dtype}
        return self.weight * (loss if double else loss.float())

    def extra_repr(self) -> str:
        """Describe the loss in the printed form of a module.

        Returns
        -------
        str
            The measure, the target and the weight.
        """
        return f"{self.name}.{self.field}, target={self.target!r}, weight={self.weight:g}"

    def _rows(self, x: Any, y: Any, mask: Any | None) -> tuple[Any, Any]:
        if x.ndim and y.ndim and x.shape[0] != y.shape[0]:
            raise ValueError(f"y: it has {y.shape[0]} examples and x has {x.shape[0]}; give both for the same batch")
        shaped = [self.shaping.rows(given, len(given), mask) for given in (x, y)]
        kinds = [kind for _, kind in shaped]
        if kinds[0] != kinds[1]:
            raise ValueError(f"y: its rows are {kinds[1]} and those of x {kinds[0]}; give both one kind of rows")
        return shaped[0][0], shaped[1][0]


def _differentiable(measure: Any) -> Any:
    plain = measure
    while isinstance(plain, functools.partial):
        plain = plain.func
    traits = getattr(plain, "traits", None)
    if traits is None:
        raise ParameterError(f"measure: expected a measure of two clouds, got {plain!r}")
    if traits.views != (Pair,) or traits.variadic:
        seen = " and ".join(view.__name__ for view in traits.views)
        raise ParameterError(f"measure: {plain.__name__} looks at a {seen}, not at a Pair; choose {_choice()}")
    if traits.runs != "array":
        raise ParameterError(f"measure: {plain.__name__} runs on the host and has no gradient; choose {_choice()}")
    return plain


def _choice() -> str:
    known = {name: measure.traits for name, measure in measures().items()}
    return "one of " + ", ".join(
        sorted(name for name, traits in known.items() if traits.views == (Pair,) and traits.runs == "array")
    )


def _target(target: Any, name: str, field: str, fields: Mapping[str, Any]) -> Any:
    if isinstance(target, (int, float)) and not isinstance(target, bool):
        return float(target)
    if target not in {"similar", "dissimilar"}:
        raise ParameterError(f"target is {target!r}; give 'similar', 'dissimilar' or a number")
    if fields[field].of_itself not in {0.0, 1.0}:
        raise ParameterError(f"target: {name}.{field} is neither a distance nor a similarity; give a number to reach")
    return target


@cache
def _joined(cls: type[MeasureLoss]) -> type:
    module = package("torch", "torch").nn.Module
    return type(cls.__name__, (cls, module), {"__module__": cls.__module__, "__doc__": cls.__doc__})


def _blank(cls: type[MeasureLoss]) -> MeasureLoss:
    return cls.__new__(cls)
