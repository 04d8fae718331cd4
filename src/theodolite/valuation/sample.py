"""The numbers of single examples, collected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import namespace, to_numpy
from theodolite.numerics.blocks import NonFiniteError
from theodolite.numerics.factored import factored_inner, factored_singular_values
from theodolite.sources import GradientFactors
from theodolite.valuation.targets import GradientTarget, GradientTargets

NUCLEAR_NORM = "nuclear_norm"
EFFECTIVE_RANK = "effective_rank"

Key = tuple[str, str, str]
"""Id of a target, name of the number, id of what it is compared with (or nothing)."""


@dataclass(frozen=True, eq=False)
class Tally:
    """One number over all examples.

    Attributes
    ----------
    values : numpy.ndarray
        Of the examples that have it.
    examples : numpy.ndarray
        Which they are, counted from 0.
    total : int
        How many examples there were.
    reached : bool
        Whether any example gave the layer a gradient, be it zero.
    """

    values: NDArray[np.float64]
    examples: NDArray[np.int64]
    total: int
    reached: bool

    @property
    def mean(self) -> float | None:
        """The mean; None where no example has the number."""
        return float(np.mean(self.values)) if self.values.size else None

    @property
    def se(self) -> float | None:
        """Standard error of the mean over examples; None below two of them."""
        if self.values.size < 2:
            return None
        return float(np.std(self.values, ddof=1) / math.sqrt(self.values.size))


class GradientSample:
    """Nuclear norm, effective rank and cosines of the gradients that single examples make.

    Of every example the numbers are kept, and nothing of its gradients. Two samples merge into the one that all their
    examples together give.

    Parameters
    ----------
    targets : GradientTargets
        What is looked at.
    """

    def __init__(self, targets: GradientTargets) -> None:
        self.targets = targets
        self.count = 0
        self._reached: set[str] = set()
        self._found: dict[Key, list[tuple[int, float]]] = {}
        for target in targets.measured:
            for field in (NUCLEAR_NORM, EFFECTIVE_RANK):
                self._found[target.row.target, field, ""] = []
        for pair in targets.pairs:
            self._found[pair.target, pair.field, pair.against] = []

    def update(self, batch: Mapping[str, GradientFactors]) -> None:
        """Take the numbers of one example.

        Parameters
        ----------
        batch : mapping of str to GradientFactors
            Its gradients by layer, as `Recorder.examples` gives them.

        Raises
        ------
        ValueError
            If a gradient is not finite.
        """
        norms: dict[str, float] = {}
        parts: dict[str, GradientFactors] = {}
        for target in self.targets.measured:
            identity = target.row.target
            factors = batch.get(target.layer)
            if factors is not None:
                self._reached.add(identity)
                parts[identity] = factors = _part(factors, target)
            try:
                norms[identity] = self._shape_of(identity, factors)
            except NonFiniteError as error:
                seen = f"the gradient of example {self.count} at {identity} is not finite"
                raise ValueError(f"loss: {seen}; the loss may have no derivative there") from error
        for pair in self.targets.pairs:
            size = norms[pair.target] * norms[pair.against]
            if size > 0:
                first, second = parts[pair.target], parts[pair.against]
                inner = factored_inner(first.outputs, first.inputs, second.outputs, second.inputs)
                cosine = min(1.0, max(-1.0, float(to_numpy(inner)) / size))
                self._found[pair.target, pair.field, pair.against].append((self.count, cosine))
        self.count += 1

    def _shape_of(self, identity: str, factors: GradientFactors | None) -> float:
        """Enter nuclear norm and effective rank, and give the Frobenius norm."""
        singular = np.zeros(0) if factors is None else to_numpy(factored_singular_values(*_ordered(factors)))
        total = float(np.sum(singular))
        self._found[identity, NUCLEAR_NORM, ""].append((self.count, total))
        if total > 0:
            shares = singular[singular > 0] / total
            rank = max(1.0, math.exp(-float(np.sum(shares * np.log(shares)))))
            self._found[identity, EFFECTIVE_RANK, ""].append((self.count, rank))
        return float(np.linalg.norm(singular))

    def merge(self, other: GradientSample) -> None:
        """Add the examples of another sample behind those of this one.

        Parameters
        ----------
        other : GradientSample
            Of the same targets; it stays as it is.

        Raises
        ------
        ValueError
            If it looks at something else.
        """
        if other.targets != self.targets:
            raise ValueError("other: it looks at other gradients; samples of one model and one choice of layers merge")
        for key, found in other._found.items():
            self._found[key] += [(index + self.count, value) for index, value in found]
        self._reached |= other._reached
        self.count += other.count

    def state(self) -> dict[str, NDArray[Any]]:
        """Give everything that is kept as arrays, for a file.

        Returns
        -------
        dict of str to numpy.ndarray
            Values and the numbers of their examples, by target, field and what it is compared with.
        """
        state: dict[str, NDArray[Any]] = {"count": np.asarray(self.count)}
        for key, tally in self.view().items():
            name = "|".join(key)
            state[f"{name}|values"], state[f"{name}|examples"] = tally.values, tally.examples
        return state

    def view(self) -> dict[Key, Tally]:
        """Give every number over the examples so far.

        Returns
        -------
        dict
            From (target, field, against) to its `Tally`.
        """
        return {
            key: Tally(
                np.asarray([value for _, value in found], dtype=np.float64),
                np.asarray([index for index, _ in found], dtype=np.int64),
                self.count,
                key[0] in self._reached and (not key[2] or key[2] in self._reached),
            )
            for key, found in self._found.items()
        }


def _ordered(factors: GradientFactors) -> tuple[Any, Any]:
    return factors.outputs, factors.inputs


def _part(factors: GradientFactors, target: GradientTarget) -> GradientFactors:
    if not target.outputs:
        return factors
    library = namespace(factors.outputs)
    cut = [factors.outputs[:, part.start : part.stop : part.step] for part in target.outputs]
    return GradientFactors(cut[0] if len(cut) == 1 else library.concat(cut, axis=1), factors.inputs)
