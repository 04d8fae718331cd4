"""Feature maps of convolutions: at every position of every image, one value for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from theodolite.core.arrays import Array, is_array, namespace, to_numpy
from theodolite.core.clouds import LARGEST, SMALLEST, Cloud
from theodolite.core.fingerprint import digest, fingerprint
from theodolite.core.outcomes import Outcome, Refusal
from theodolite.core.traits import Move
from theodolite.core.views import View


@dataclass(frozen=True, eq=False, repr=False)
class FeatureMaps(View):
    """Images of features, channels last.

    Parameters
    ----------
    maps : array of shape (images, height, width, channels)
        Real numbers in any array library; they are upcast to float64.

    Attributes
    ----------
    centred : array of shape (images, height, width, channels)
        The maps, less the mean of each channel over all images and positions.
    total : array of shape ()
        Sum of the squares of that.

    Examples
    --------
    >>> import numpy as np
    >>> FeatureMaps(np.ones((5, 4, 4, 3)))
    FeatureMaps(5 images, 4 x 4, 3 channels)
    """

    maps: Any

    moves: ClassVar[tuple[Move, ...]] = ("scale", "translation", "rotation", "permutation", "order", "shift")

    def __post_init__(self) -> None:
        _check_maps(self.maps, "maps")

    @classmethod
    def coerce(cls, target: Any, *, name: str = "maps") -> FeatureMaps:
        """Make feature maps of an array.

        Parameters
        ----------
        target : FeatureMaps or array of shape (images, height, width, channels)
            What to look at.
        name : str
            Name of the argument in errors.

        Returns
        -------
        FeatureMaps
            `target` itself where it is one. What is no array of real floats is a `TypeError`, one that is not
            4-dimensional a `ValueError`, one without entries a `Refusal`.
        """
        if isinstance(target, FeatureMaps):
            return target
        _check_maps(target, name)
        return cls(target)

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        return frozenset({"maps"})

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, height, width and channels."""
        images, height, width, channels = (int(side) for side in self.maps.shape)
        return images, height, width, channels

    @property
    def centred(self) -> Array:
        """The maps, less the mean of each channel."""
        return self.once("centred", self._centre)

    def _centre(self) -> Array:
        library = namespace(self.maps)
        maps = library.astype(self.maps, library.float64, copy=False)
        finite = library.all(library.isfinite(maps), axis=(1, 2, 3))
        if not bool(library.all(finite)):
            wrong = int(library.sum(library.astype(~finite, library.int64)))
            raise Refusal(Outcome.NOT_FINITE_ROWS, f"{wrong} of {self.shape[0]} images")
        # About the first position: channels that are constant become exactly zero.
        places = maps - maps[:1, :1, :1, :]
        centred = places - library.mean(places, axis=(0, 1, 2), keepdims=True)
        largest = float(to_numpy(library.max(library.abs(centred))))
        if largest and not SMALLEST < largest < LARGEST:
            raise Refusal(Outcome.OUT_OF_RANGE, f"the largest deviation from the mean is {largest:.3g}")
        return centred

    @property
    def total(self) -> Array:
        """Sum of squares of the centred maps, 0-dimensional."""
        return self.once("total", lambda: namespace(self.centred).sum(self.centred**2))

    def cloud(self) -> Cloud:
        """Take every position of every image for a point.

        Returns
        -------
        Cloud
            Of shape (images x height x width, channels).
        """
        return self.once("cloud", lambda: Cloud(namespace(self.maps).reshape(self.maps, (-1, self.shape[3]))))

    def fingerprint(self) -> bytes | None:
        """Hash the maps, dtype and shape included.

        Returns
        -------
        bytes
            32 bytes of SHA-256.
        """
        return fingerprint(self.maps)

    def __repr__(self) -> str:
        images, height, width, channels = self.shape
        return f"FeatureMaps({images} images, {height} x {width}, {channels} channels)"


@dataclass(frozen=True, eq=False, repr=False)
class FeatureMapPair(View):
    """Feature maps of the same images in two layers of one height and width.

    Parameters
    ----------
    x, y : FeatureMaps or array of shape (images, height, width, channels)
        The maps; their channels may differ in number.
    """

    x: Any
    y: Any

    moves: ClassVar[tuple[Move, ...]] = (
        "scale",
        "separate_scale",
        "translation",
        "rotation",
        "permutation",
        "linear",
        "order",
        "shift",
        "exchange",
    )

    def __post_init__(self) -> None:
        pair = FeatureMaps.coerce(self.x, name="x"), FeatureMaps.coerce(self.y, name="y")
        object.__setattr__(self, "x", pair[0])
        object.__setattr__(self, "y", pair[1])
        shapes = [maps.shape[:3] for maps in pair]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"y: its images, height and width are {shapes[1]} and those of x {shapes[0]}; they must be the same: "
                "crop or pool the larger maps"
            )

    @classmethod
    def coerce(cls, target: Any, *, name: str = "pair") -> FeatureMapPair:
        """Take a pair for a pair.

        Parameters
        ----------
        target : FeatureMapPair
            What to look at.
        name : str
            Name of the argument in errors.

        Returns
        -------
        FeatureMapPair
            `target` itself.

        Raises
        ------
        TypeError
            If it is none.
        """
        if isinstance(target, FeatureMapPair):
            return target
        raise TypeError(f"{name}: expected feature maps of two layers (x, y), got one {type(target).__name__}")

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any], *, name: str) -> tuple[FeatureMapPair, int]:
        """Make a pair of one argument that is one, or of the maps of two layers.

        Parameters
        ----------
        arguments : sequence
            What is left of the arguments; at least one.
        name : str
            Name of the argument in errors.

        Returns
        -------
        pair : FeatureMapPair
            The pair.
        used : int
            1 or 2.
        """
        if isinstance(arguments[0], FeatureMapPair) or len(arguments) < 2:
            return cls.coerce(arguments[0], name=name), 1
        return cls(arguments[0], arguments[1]), 2

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        return frozenset({"maps"})

    def fingerprint(self) -> bytes | None:
        """Hash the maps of both layers.

        Returns
        -------
        bytes
            32 bytes of SHA-256.
        """
        return bytes.fromhex(digest(self.x.fingerprint(), self.y.fingerprint()))

    def __repr__(self) -> str:
        return f"FeatureMapPair({self.x!r}, {self.y!r})"


def _check_maps(target: Any, name: str) -> None:
    if not is_array(target):
        raise TypeError(
            f"{name}: expected a 4-D array (images x height x width x channels), got {type(target).__name__}; "
            "use numpy.asarray(...)"
        )
    shape = tuple(int(side) for side in target.shape)
    if len(shape) != 4:
        raise ValueError(
            f"{name}: expected a 4-D array (images x height x width x channels), got shape {shape}; "
            "channels that come second are moved by permuting the axes (0, 2, 3, 1)"
        )
    if 0 in shape:
        raise Refusal(Outcome.EMPTY, f"shape {shape}")
    if not str(target.dtype).rsplit(".", maxsplit=1)[-1].startswith(("float", "bfloat")):
        raise TypeError(f"{name}: expected real floating-point entries, got {target.dtype}; cast them first")
