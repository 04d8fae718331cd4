"""Features of many stimuli in several layers: recorded here, or read from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, CrossMoments, FeatureMapPair, Outcome, Pair, ParameterError, Refusal, closest
from theodolite.sources.stored import StoredTensor

EXAMPLES = "examples"


@dataclass(frozen=True, eq=False)
class RowSet:
    """Rows that several layers share.

    Attributes
    ----------
    kind : str
        What a row stands for: ``"examples"``, ``"tokens"``, ``"positions 8 x 8"``.
    seen : int
        How many rows there were.
    index : numpy.ndarray of int, optional
        Which of them are kept, ascending; None where nothing is known of it.
    moments : callable, optional
        Gives the `CrossMoments` of all of them.
    """

    kind: str
    seen: int
    index: NDArray[np.int64] | None = None
    moments: Callable[[], CrossMoments] | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer.

    Attributes
    ----------
    name : str
        Its name.
    rows : RowSet
        What its rows are.
    array : StoredTensor, optional
        The rows that are kept.
    """

    name: str
    rows: RowSet
    array: StoredTensor | None = None


@dataclass(frozen=True)
class Origin:
    """Where features come from.

    Attributes
    ----------
    model : str
        Name of the model, or of the file.
    stimuli : str
        Digest of what the model was shown, or the name that was given to it; empty where nothing is known of it.
    seed : int
        Which rows were kept, and which went into which fold.
    features, tokens, channels : str
        How what layers gave became rows; see `ActivationRecorder`.
    """

    model: str = ""
    stimuli: str = ""
    seed: int = 0
    features: str = ""
    tokens: str = ""
    channels: str = "first"


class Features(Mapping[str, Cloud]):
    """Layers by name, each a cloud of points; nothing is read before it is asked for.

    Parameters
    ----------
    layers : iterable of Layer
        What there is.
    origin : Origin
        Where it comes from.
    path : Path, optional
        The file.

    Attributes
    ----------
    origin : Origin
        Where the features come from.
    path : Path or None
        The file that holds them.
    """

    def __init__(self, layers: list[Layer], origin: Origin, path: Path | None = None) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self.origin = origin
        self.path = path

    @property
    def names(self) -> tuple[str, ...]:
        """The layers, in the order of the model."""
        return tuple(self._layers)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What is known of each layer."""
        return tuple(self._layers.values())

    @property
    def has(self) -> frozenset[str]:
        """What every layer has: ``"rows"``, ``"moments"`` (and ``"folds"``)."""
        given = {"rows"} if all(layer.array is not None for layer in self.layers) else set()
        moments = [layer.rows.moments for layer in self.layers]
        if all(each is not None for each in moments):
            given.add("moments")
            if all(each().folds > 1 for each in moments if each is not None):
                given.add("folds")
        return frozenset(given)

    def __getitem__(self, name: str) -> Cloud:
        layer = self._layer(name)
        if layer.array is not None:
            return Cloud(_Flat.of(layer.array))
        return _moments(layer).cloud(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def kind(self, name: str) -> str:
        """Say what a row of a layer stands for.

        Parameters
        ----------
        name : str
            The layer.

        Returns
        -------
        str
            ``"examples"``, ``"tokens"`` or ``"positions 8 x 8"``; two layers of one kind have the same rows.
        """
        return self._layer(name).rows.kind

    def array(self, name: str) -> StoredTensor:
        """Give the rows of a layer as they are stored, to be read in slices.

        Parameters
        ----------
        name : str
            The layer.

        Returns
        -------
        StoredTensor
            With ``shape``, ``dtype`` and ``[start:stop]``.

        Raises
        ------
        Refusal
            If only moments were kept.
        """
        layer = self._layer(name)
        if layer.array is None:
            raise Refusal(Outcome.NEEDS_ROWS, f"layer {name!r}")
        return layer.array

    def maps(self, name: str) -> NDArray[Any]:
        """Read the maps of a layer, for measures that shift them.

        Parameters
        ----------
        name : str
            The layer.

        Returns
        -------
        numpy.ndarray of shape (examples, height, width, channels)
            Its maps.

        Raises
        ------
        ParameterError
            If its rows are no maps.
        """
        array = self.array(name)
        if array.ndim != 4:
            said = " x ".join(map(str, array.shape))
            raise ParameterError(f"layer {name!r} holds no maps but {said}; record it with features='shift-invariant'")
        # What is recorded here lies with the channels last, whatever the model does.
        turned = self.origin.features != "shift-invariant" and self.origin.channels == "first"
        read = array.read()
        return np.ascontiguousarray(np.moveaxis(read, 1, -1)) if turned else read

    def pair(
        self, x: str, y: str, other: Features | None = None, *, of: Literal["rows", "moments"] | None = None
    ) -> Pair:
        """Look at two layers together.

        Parameters
        ----------
        x : str
            A layer of these features.
        y : str
            Another, or one of `other`.
        other : Features, optional
            Features of another model over the same stimuli.
        of : {"rows", "moments"}, optional
            What to look at where both were recorded; the rows where it isn't said.

        Returns
        -------
        Pair
            The two clouds, or their cross-moments.

        Raises
        ------
        ParameterError
            If the two are of different stimuli, their rows are not the same, or there are no moments of both together.
        Refusal
            If there are no rows of one of them.
        """
        first, second = self._matching(x, y, other)
        rows = first.array is not None and second.array is not None
        together = first.rows is second.rows and first.rows.moments is not None
        if together and (of == "moments" or not rows):
            return _moments(first).pair(x, y)
        if of == "moments":
            raise ParameterError(f"of: no moments of {x!r} and {y!r} together were recorded; record both with moments")
        if not rows:
            raise Refusal(Outcome.RECORDED_APART, f"layers {x!r} and {y!r}")
        kept = _common(first, second)
        clouds = (_Flat.of(self.array(x)), _Flat.of((other or self).array(y)))
        one, two = (each if mask is None else each.read()[mask] for each, mask in zip(clouds, kept, strict=True))
        return Pair(one, two)

    def pair_of_maps(self, x: str, y: str, other: Features | None = None) -> FeatureMapPair:
        """Look at the maps of two layers together.

        Parameters
        ----------
        x : str
            A layer of these features.
        y : str
            Another, or one of `other`.
        other : Features, optional
            Features of another model over the same stimuli.

        Returns
        -------
        FeatureMapPair
            For measures that shift maps.
        """
        kept = _common(*self._matching(x, y, other))
        maps = (self.maps(x), (other or self).maps(y))
        first, second = (each if mask is None else each[mask] for each, mask in zip(maps, kept, strict=True))
        return FeatureMapPair(first, second)

    def _matching(self, x: str, y: str, other: Features | None) -> tuple[Layer, Layer]:
        first, second = self._layer(x), (other or self)._layer(y)  # noqa: SLF001 - of the same class
        if other is not None and other is not self:
            _check_same_stimuli(self, other)
        _check_same_kind(first, second)
        return first, second

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write everything into one safetensors file, which is there whole or not at all.

        Parameters
        ----------
        path : path
            Ends in ``.safetensors``.
        overwrite : bool
            Whether a file that is there may be replaced.

        Returns
        -------
        Path
            The file.
        """
        from theodolite.sources.feature_files import write_features

        return write_features(self, Path(path), overwrite=overwrite)

    def _layer(self, name: str) -> Layer:
        if name not in self._layers:
            raise KeyError(f"the features of {self.origin.model} have no layer {name!r}; {closest(name, self._layers)}")
        return self._layers[name]

    def __repr__(self) -> str:
        what = " and ".join(sorted(self.has)) or "nothing of all layers"
        return f"Features({self.origin.model!r}, {len(self)} layers, {what})"


def _moments(layer: Layer) -> CrossMoments:
    if layer.rows.moments is None:
        raise Refusal(Outcome.NEEDS_ROWS, f"layer {layer.name!r}")
    return layer.rows.moments()


def _check_same_stimuli(one: Features, other: Features) -> None:
    ours, theirs = one.origin.stimuli, other.origin.stimuli
    if ours and theirs and ours != theirs:
        raise ParameterError(
            f"the features of {one.origin.model} and {other.origin.model} are of different stimuli ({ours[:12]} and "
            f"{theirs[:12]}); record both on the same data, or give the data one name where models take them in "
            "different forms: stimuli='…', --stimuli"
        )


def _check_same_kind(one: Layer, other: Layer) -> None:
    if one.rows is other.rows or "" in (one.rows.kind, other.rows.kind):
        return
    if one.rows.kind != other.rows.kind:
        raise ParameterError(
            f"the rows of {one.name!r} are {one.rows.kind} and those of {other.name!r} are {other.rows.kind}; record "
            "them so that a row is one example: features='flatten', tokens='mean'"
        )
    if one.rows.seen != other.rows.seen:
        raise ParameterError(
            f"{one.name!r} was recorded over {one.rows.seen} {one.rows.kind} and {other.name!r} over {other.rows.seen};"
            " record both on the same data"
        )


def _common(one: Layer, other: Layer) -> list[NDArray[np.bool_] | None]:
    """Say which rows both kept: the smaller sample lies within the larger one where the seeds are the same."""
    indices = [layer.rows.index for layer in (one, other) if layer.rows.index is not None]
    if one.rows is other.rows or len(indices) < 2:
        return [None, None]
    shared = np.intersect1d(indices[0], indices[1], assume_unique=True)
    if len(shared) < min(map(len, indices)):
        raise ParameterError(
            f"{one.name!r} and {other.name!r} were recorded with different seeds, so that other rows were kept: "
            f"{len(shared)} of {min(map(len, indices))} are the same; record both with one seed"
        )
    return [None if len(each) == len(shared) else np.isin(each, shared, assume_unique=True) for each in indices]


@dataclass(frozen=True, eq=False, repr=False)
class _Flat(StoredTensor):
    """Rows with everything behind the first axis flattened, whole numbers as float64."""

    source: StoredTensor
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    @classmethod
    def of(cls, source: StoredTensor) -> StoredTensor:
        return source if source.ndim == 2 and source.dtype.kind not in "iub" else cls(source)

    def __post_init__(self) -> None:
        shape = self.source.shape
        object.__setattr__(self, "shape", (shape[0], self.source.size // max(1, shape[0])))
        kind = self.source.dtype
        object.__setattr__(self, "dtype", np.dtype(np.float64) if kind.kind in "iub" else kind)

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        read = self.source.rows(start, stop).reshape(stop - start, -1)
        return read.astype(self.dtype) if read.dtype != self.dtype else read
