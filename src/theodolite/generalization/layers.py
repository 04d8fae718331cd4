"""The matrices whose norms enter, each beside what it was before training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, Refusal, Spectrum, to_numpy
from theodolite.generalization.folding import Folding
from theodolite.generalization.settings import Convention
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, Matrix, Weight

Read = Callable[[], NDArray[np.float64]]


@dataclass(frozen=True)
class Layer:
    """One matrix, read when it is used.

    Attributes
    ----------
    name : str
        The tensor's name, with ``#part`` where it holds several matrices.
    tensor : str
        The tensor's name.
    size : int
        Number of entries.
    read : callable
        Gives the matrix, out x in, a batch normalisation after it folded in.
    start : callable or None
        Gives the same matrix before training.
    folded : bool
        Whether a batch normalisation was.
    """

    name: str
    tensor: str
    size: int
    read: Read
    start: Read | None
    folded: bool

    def way(self) -> NDArray[np.float64]:
        """Read how far the matrix has come.

        Returns
        -------
        numpy.ndarray
            The matrix less what it was before training.

        Raises
        ------
        ValueError
            If that is not known.
        """
        if self.start is None:
            raise ValueError(f"{self.name}: the initial weights are not known")
        return self.read() - self.start()


def layers_of(
    checkpoint: Checkpoint, init: Checkpoint | None, convention: Convention, foldings: tuple[Mapping[str, Folding], ...]
) -> list[Layer]:
    """List the matrices whose norms enter.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights.
    init : Checkpoint or None
        The weights before training.
    convention : {"theodolite", "authors"}
        ``"theodolite"``: every matrix that a survey measures, packed projections taken apart, tied ones once.
        ``"authors"``: every floating-point parameter whose name holds neither ``bias`` nor ``bn``, vectors as columns.
    foldings : tuple of mapping
        The batch normalisations of the weights and, where there is `init`, of the initial weights.

    Returns
    -------
    list of Layer
        In the checkpoint's order.

    Raises
    ------
    ParameterError
        If `init` lacks a tensor or holds it in another shape.
    """
    unity = {f"{folding.norm}.weight" for folding in foldings[0].values()}
    made = []
    for name, weight in checkpoint.items():
        if not _enters(weight, convention):
            continue
        if init is not None and (name not in init or init[name].shape != weight.shape):
            seen = f"{name} in the shape {init[name].shape}" if name in init else f"no {name}"
            raise ParameterError(f"init: {init.model} holds {seen}; {checkpoint.model} holds it in {weight.shape}")
        if name in unity:
            # What was folded away leaves a gain of one, which the released code counts like any other.
            ones = partial(np.ones, (weight.parameters, 1))
            made.append(Layer(name, name, weight.parameters, ones, None if init is None else ones, True))
            continue
        now = _matrices(weight, convention, foldings[0].get(name))
        before = {} if init is None else _matrices(init[name], convention, foldings[1].get(name), like=weight)
        for part, (size, read) in now.items():
            full = f"{name}#{part}" if part else name
            start = before[part][1] if part in before else None
            made.append(Layer(full, name, size, read, start, name in foldings[0]))
    return made


def _enters(weight: Weight, convention: Convention) -> bool:
    if convention == "theodolite":
        return weight.listed_because is None
    because = weight.listed_because or ""
    floating = weight.dtype.startswith(("F", "BF")) and weight.has_content and weight.tied_to is None
    parameter = floating and not because.startswith(("buffer", "optimizer"))
    return parameter and len(weight.shape) > 0 and 0 not in weight.shape and not _named_out(weight.name)


def _named_out(name: str) -> bool:
    return "bias" in name or "bn" in name


def _matrices(
    weight: Weight, convention: Convention, folding: Folding | None, like: Weight | None = None
) -> dict[str, tuple[int, Read]]:
    if convention == "authors":
        return {"": (weight.parameters, partial(_whole, weight, folding))}
    parts = weight.matrices()
    if like is not None and parts.keys() != like.matrices().keys():
        raise ParameterError(f"init: {weight.name} falls into the parts {[*parts]}, trained into {[*like.matrices()]}")
    return {part: (int(np.prod(matrix.shape)), partial(_read, matrix, folding)) for part, matrix in parts.items()}


def _read(matrix: Matrix, folding: Folding | None) -> NDArray[np.float64]:
    return _scaled(np.asarray(matrix, dtype=np.float64), folding)


def _whole(weight: Weight, folding: Folding | None) -> NDArray[np.float64]:
    array = np.asarray(weight.array(), dtype=np.float64)
    fits = folding is not None and folding.scale.size == array.shape[0]
    return _scaled(array.reshape(array.shape[0], -1), folding if fits else None)


def _scaled(matrix: NDArray[np.float64], folding: Folding | None) -> NDArray[np.float64]:
    return matrix if folding is None else matrix * folding.scale[:, None]


@dataclass(frozen=True)
class Norms:
    """Squared norms of the layers.

    Attributes
    ----------
    frobenius, spectral : tuple of float
        Sum and largest of the squared singular values, layer by layer.
    """

    frobenius: tuple[float, ...]
    spectral: tuple[float, ...]


def norms(layers: Iterable[Layer], *, of: Callable[[Layer], NDArray[np.float64]]) -> Norms:
    """Decompose every layer.

    Parameters
    ----------
    layers : iterable of Layer
        The layers.
    of : callable
        Gives the matrix of a layer: itself, or its way from the start.

    Returns
    -------
    Norms
        The squared norms.

    Raises
    ------
    Refusal
        If a matrix is not finite; it names the layer.
    """
    sums, largest = [], []
    for layer in layers:
        matrix = of(layer)
        try:
            with blas_threads(blas_threads_for(matrix.shape)):
                values = to_numpy(Spectrum(matrix).eigenvalues)
        except Refusal as refusal:
            raise Refusal(refusal.outcome, f"{layer.name}: {refusal.detail}") from None
        sums.append(float(values.sum()))
        largest.append(float(values[-1]))
    return Norms(tuple(sums), tuple(largest))
